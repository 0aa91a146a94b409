"""The demo's positive control: how many of the planted neurons each scorer finds."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from culture_neurons.evaluate.shares import clustered_wilson
from culture_neurons.plots.parts.dots import (
    Estimate,
    draw_estimate,
    legend_cultures,
    legend_dot,
    model_panels,
)
from culture_neurons.plots.parts.style import (
    add_legend,
    add_note,
    empty_figure,
    in_style,
    scorer_looks,
    set_title,
)
from culture_neurons.plots.parts.wording import form_count, list_names

_OF = {"precision": "selected", "recall": "planted"}  # hits are divided by


@in_style
def plot_recovery(recovery: Mapping[str, pl.DataFrame], confidence: float) -> Figure:
    """Draw precision and recall of planted neurons per model and scorer.

    Args:
        recovery: Model -> its recovery table.
        confidence: Coverage of the intervals.
    """
    scorers = list(dict.fromkeys(name for frame in recovery.values() for name in frame["scorer"]))
    if not scorers:
        return empty_figure("No recovery to show: no planted model was scored.")
    figure, panels = model_panels(list(recovery), scorers, "share of neurons")
    looks = scorer_looks(scorers)
    half_found = dict.fromkeys(scorers, True)
    for axes, frame in zip(panels, recovery.values(), strict=True):
        axes.set_xlim(-0.06, 1.06)  # room for markers at 0 and 1
        for row, scorer in enumerate(scorers):
            rows = frame.filter(pl.col("scorer") == scorer).sort("culture")
            for second, trials in enumerate(_OF.values()):
                estimate = estimate_share(rows, trials, confidence)
                draw_estimate(axes, row, bool(second), looks[scorer], estimate)
                half_found[scorer] &= estimate.low > 0.5
    handles = [
        legend_dot("precision (planted among selected)", second=False),
        legend_dot("recall (selected among planted)", second=True),
        legend_cultures(),
    ]
    add_legend(figure, handles)
    set_title(figure, _word_title([name for name in scorers if half_found[name]]))
    planted = pl.concat(frame.select("culture", "planted") for frame in recovery.values())
    cultures = form_count("culture", [planted["culture"].n_unique()])
    neurons = form_count("planted neuron", planted["planted"])
    add_note(figure, f"n = {cultures} with {neurons} each")
    return figure


def _word_title(finders: Sequence[str]) -> str:
    """Name the scorers that find most of the neurons in every model, as their intervals show."""
    control = "The demo's positive control: "
    if not finders:
        return control + "planted neurons that each scorer finds"
    return f"{control}most planted neurons are found by {list_names(finders)}"


def estimate_share(rows: pl.DataFrame, trials: str, confidence: float) -> Estimate:
    """Return hits / trials over all cultures, its interval clustered by culture, and each's own.

    Args:
        rows: Recovery rows of one model and scorer.
        trials: Column that the hits are divided by.
        confidence: Coverage of the interval.
    """
    hits, sizes = rows["hits"].to_numpy(), rows[trials].to_numpy()
    single = np.divide(hits, sizes, out=np.full(len(hits), np.nan), where=sizes > 0)
    return Estimate(*clustered_wilson(hits, sizes, confidence), single)
