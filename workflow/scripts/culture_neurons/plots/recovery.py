"""The demo's positive control: how many of the planted neurons each scorer finds."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from culture_neurons.plots.dots import (
    Estimate,
    draw_estimate,
    legend_cultures,
    legend_dot,
    model_panels,
)
from culture_neurons.plots.intervals import clustered_wilson
from culture_neurons.plots.style import empty_figure, in_style, scorer_looks, set_title

_OF = {"precision": "selected", "recall": "planted"}  # hits are divided by


@in_style
def plot_recovery(recovery: Mapping[str, pl.DataFrame]) -> Figure:
    """Draw precision and recall of planted neurons per model and scorer.

    Args:
        recovery: Model -> its recovery table.
    """
    scorers = list(dict.fromkeys(name for frame in recovery.values() for name in frame["scorer"]))
    if not scorers:
        return empty_figure("No recovery to show: no planted model was scored.")
    figure, panels = model_panels(list(recovery), scorers, "share of neurons")
    looks = scorer_looks(scorers)
    for axes, frame in zip(panels, recovery.values(), strict=True):
        axes.set_xlim(-0.03, 1.03)
        for row, scorer in enumerate(scorers):
            rows = frame.filter(pl.col("scorer") == scorer).sort("culture")
            for second, trials in enumerate(_OF.values()):
                estimate = estimate_share(rows, trials)
                draw_estimate(axes, row, bool(second), looks[scorer], estimate)
    figure.legend(
        handles=[
            legend_dot("precision (planted among selected)", second=False),
            legend_dot("recall (selected among planted)", second=True),
            legend_cultures(),
        ],
        loc="outside lower center",
        ncols=3,
        columnspacing=1.2,
        handletextpad=0.4,
    )
    set_title(figure, "The demo's positive control: planted neurons that each scorer finds")
    return figure


def estimate_share(rows: pl.DataFrame, trials: str) -> Estimate:
    """Return hits / trials over all cultures, its interval clustered by culture, and each's own.

    Args:
        rows: Recovery rows of one model and scorer.
        trials: Column that the hits are divided by.
    """
    hits, sizes = rows["hits"].to_numpy(), rows[trials].to_numpy()
    single = np.divide(hits, sizes, out=np.full(len(hits), np.nan), where=sizes > 0)
    return Estimate(*clustered_wilson(hits, sizes), single)
