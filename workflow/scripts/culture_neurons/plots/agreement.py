"""Do scores and masks of one scorer agree, from other questions, by another formula, or model?"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from culture_neurons.plots.parts.dots import (
    Estimate,
    draw_band,
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
from culture_neurons.plots.parts.wording import count_compared

TITLES = {
    "halves": "Agreement of scores and masks from two halves of the images",
    "scopes": "Agreement of some tokens' scores and masks with the study's own",
    "variants": "Agreement of other formulas' scores and masks with the study's own",
    "models": "Agreement of two models' scores and masks",
}


@in_style
def plot_agreement(panels: Mapping[str, pl.DataFrame], analysis: str) -> Figure:
    """Draw overlap and rank correlation per scorer and setting, a panel per model.

    Args:
        panels: Model, or pair of models -> rows of table `reliability` or `model_pairs`, of one
            rate.
        analysis: Key of TITLES.
    """
    panels = {name: frame for name, frame in panels.items() if frame.height}
    if not panels:
        return empty_figure("No agreement to show: nothing was compared.")
    rows = list(
        dict.fromkeys(
            key
            for frame in panels.values()
            for key in frame.select("scorer", "setting").iter_rows()
        )
    )
    labels = [f"{scorer}: {setting}" if setting else scorer for scorer, setting in rows]
    figure, axes_list = model_panels(list(panels), labels, "overlap; rank correlation")
    looks = scorer_looks([scorer for scorer, _ in rows])
    for axes, frame in zip(axes_list, panels.values(), strict=True):
        axes.axvline(0, color="0.85", linewidth=0.6, zorder=0.4)
        axes.set_xlim(min(-0.03, 1.05 * _lowest(panels)), 1.03)
        for row, (scorer, setting) in enumerate(rows):
            cultures = frame.filter(scorer=scorer, setting=setting)
            chance = cultures["chance"].mean()
            if chance is not None:
                draw_band(axes, row, False, chance, chance)
            for second, column in enumerate(("overlap", "spearman")):
                draw_estimate(axes, row, bool(second), looks[scorer], average(cultures, column))
    handles = [
        legend_dot("overlap of masks (Jaccard)", second=False),
        legend_dot("rank correlation of scores (Spearman)", second=True),
        legend_cultures(),
        Patch(color="0.75", label="overlap by chance"),
    ]
    add_legend(figure, handles)
    set_title(figure, TITLES[analysis])
    add_note(figure, count_compared(panels.values()))
    return figure


def average(rows: pl.DataFrame, column: str) -> Estimate:
    """Average over draws, then over cultures; the line runs over all cultures."""
    single = rows.group_by("culture", maintain_order=True).agg(pl.col(column).mean())[column]
    values = single.drop_nulls().to_numpy()
    if not len(values):
        return Estimate(*[float("nan")] * 3, np.empty(0))
    return Estimate(values.mean(), values.min(), values.max(), values)


def _lowest(panels: Mapping[str, pl.DataFrame]) -> float:
    lowest = [frame["spearman"].min() for frame in panels.values()]
    return min((value for value in lowest if value is not None), default=0.0)
