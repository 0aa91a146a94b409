"""The headline: what masks do to their own culture and to the others, in every model."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from culture_neurons.plots.dots import (
    Estimate,
    draw_band,
    draw_estimate,
    legend_cultures,
    legend_dot,
    model_panels,
)
from culture_neurons.plots.style import empty_figure, in_style, scorer_looks, set_title

_MEASURES = ("self", "cross_by_mask")


@in_style
def plot_self_cross(
    summaries: Mapping[tuple[str, str], pl.DataFrame],
    ranks: Mapping[tuple[str, str], pl.DataFrame],
    control: str,
) -> Figure:
    """Draw mean accuracy change on own and other cultures per model and scorer.

    Args:
        summaries: (Model, scorer) -> its summaries table. The row without a culture is the mean.
        ranks: (Model, scorer) -> its ranks table.
        control: The control whose band is drawn, where a scorer has it.
    """
    models = list(dict.fromkeys(model for model, _ in summaries))
    scorers = list(dict.fromkeys(scorer for _, scorer in summaries))
    shown = pl.col("measure").is_in(_MEASURES) & pl.col("value").is_finite()
    if not any(frame.filter(shown).height for frame in summaries.values()):
        return empty_figure("No accuracy change to show: no mask was evaluated.")
    figure, panels = model_panels(models, scorers, "accuracy change (% points)")
    looks = scorer_looks(scorers)
    for axes, model in zip(panels, models, strict=True):
        axes.axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
        for row, scorer in enumerate(scorers):
            if (model, scorer) not in summaries:
                continue
            for second, measure in enumerate(_MEASURES):
                estimate = read_measure(summaries[model, scorer], measure)
                band = read_band(ranks[model, scorer], measure, control)
                draw_band(axes, row, bool(second), *band)
                draw_estimate(axes, row, bool(second), looks[scorer], estimate)
    figure.legend(
        handles=[
            legend_dot("the mask's own culture (self)", second=False),
            legend_dot("the other cultures (cross)", second=True),
            legend_cultures(),
            Patch(color="0.75", label=f"{control} masks (all draws)"),
        ],
        loc="outside lower center",
        ncols=4,
        columnspacing=1.2,
        handletextpad=0.4,
    )
    set_title(figure, "Accuracy change on a mask's own culture and on the others")
    return figure


def read_measure(summaries: pl.DataFrame, measure: str) -> Estimate:
    """Return a measure's estimate in percentage points; what is absent is NaN."""
    rows = summaries.filter(pl.col("measure") == measure).sort("culture")
    single = rows.filter(pl.col("culture").is_not_null())["value"].to_numpy()
    mean = rows.filter(pl.col("culture").is_null())
    value, low, high = (100 * _cell(mean, name) for name in ("value", "ci_low", "ci_high"))
    return Estimate(value, low, high, 100 * single)


def read_band(ranks: pl.DataFrame, measure: str, control: str) -> tuple[float, float]:
    """Return a control's smallest and largest mean, in percentage points; absent is NaN."""
    mean = ranks.filter(pl.col("culture").is_null(), measure=measure, control=control)
    return 100 * _cell(mean, "control_low"), 100 * _cell(mean, "control_high")


def _cell(frame: pl.DataFrame, column: str) -> float:
    value = frame[column][0] if frame.height else None
    return float("nan") if value is None else value
