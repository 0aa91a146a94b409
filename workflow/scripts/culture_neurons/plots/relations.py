"""Culture or language? Masks in common with related cultures, and what masks cost these."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.plots.parts.style import (
    PLANTED,
    WIDE,
    Look,
    add_legend,
    add_note,
    empty_figure,
    in_style,
    set_title,
)
from culture_neurons.plots.parts.wording import label_change, list_names

_LOOKS = {  # relation -> how it is drawn, in this order
    "same language": Look("#D55E00", "o"),
    "same country": Look("#009E73", "^"),
    "both": Look("#CC79A7", "D"),
    "neither": Look("#777777", "s"),
}
_RELATED = {
    "same language": "of the same language",
    "same country": "of the same country",
    "both": "of the same language and country",
}


@in_style
def plot_relations(relations: Mapping[str, pl.DataFrame], outcome: str) -> Figure:
    """Draw one model's masks by what their cultures share with others.

    Args:
        relations: Scorer -> its table `relations`.
        outcome: What changes.
    """
    named = relations.items()
    stacked = pl.concat(frame.with_columns(scorer=pl.lit(name)) for name, frame in named)
    found = [name for name in _LOOKS if name in stacked["relation"]]
    if set(found) <= {"neither"}:
        return empty_figure("No two of the cultures share a language or a country.")
    figure = Figure(figsize=(WIDE, 0.5 * len(relations) + 1.1), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    scale = OUTCOMES[outcome].scale
    for axes, measure, factor in zip(panels, ("overlap", "cross"), (1, scale), strict=True):
        rows = stacked.filter(measure=measure)
        if measure == "cross":
            rows = rows.filter(outcome=outcome)
        _draw_panel(axes, rows, list(relations), found, factor)
    panels[0].set_xlabel("masks in common")
    panels[0].set_xlim(left=0)
    panels[1].set_xlabel(label_change(outcome))
    panels[1].axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
    panels[0].set_yticks(range(len(relations)), relations)
    panels[0].set_ylim(len(relations) - 0.5, -0.5)
    pairs = dict(stacked.select("relation", "pairs").iter_rows())
    marks = [Line2D([], [], linestyle="none", label=name, **_mark(name)) for name in found]
    add_legend(figure, marks)
    set_title(figure, _word_title(stacked.filter(outcome=outcome), outcome))
    add_note(figure, "pairs of cultures: " + ", ".join(f"{pairs[name]:,} {name}" for name in found))
    return figure


def _draw_panel(
    axes: Axes, rows: pl.DataFrame, scorers: list[str], found: list[str], scale: int
) -> None:
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)  # so that numbers do not meet
    for row in rows.filter(pl.col("value").is_not_null()).iter_rows(named=True):
        step = found.index(row["relation"]) - (len(found) - 1) / 2
        y = scorers.index(row["scorer"]) + 0.6 * step / len(found)
        if row["ci_low"] is not None:
            bounds = [scale * row["ci_low"], scale * row["ci_high"]]
            axes.plot(bounds, [y, y], color=_LOOKS[row["relation"]].color, linewidth=1.2)
        axes.plot(
            scale * row["value"], y, linestyle="none", clip_on=False, **_mark(row["relation"])
        )


def _mark(relation: str) -> dict[str, object]:
    look = _LOOKS[relation]
    return {"marker": look.marker, "color": look.color, "markersize": 5}


def _word_title(effects: pl.DataFrame, outcome: str) -> str:
    """Say which masks cost related cultures more than others: the interval lies below 0."""
    less = effects.filter(
        pl.col("scorer") != PLANTED, pl.col("ci_high") < 0, measure="cross_beyond"
    )
    opening = OUTCOMES[outcome].opening
    shown = dict.fromkeys(less["relation"])
    if not shown:
        title = f"{opening}it is not shown that masks hurt related cultures more than others"
    else:
        hurt: dict[str, list[str]] = {}  # masks -> cultures
        for relation in shown:
            masks = _name_masks(effects, less.filter(relation=relation))
            hurt.setdefault(masks, []).append(_RELATED[relation])
        parts = [f"{masks} hurt cultures {list_names(found)}" for masks, found in hurt.items()]
        title = f"{opening}{', '.join(parts)} more than unrelated ones"
    return title[0].upper() + title[1:]


def _name_masks(effects: pl.DataFrame, found: pl.DataFrame) -> str:
    """Name the masks of the scorers that are found, or of all."""
    every, names = set(effects["scorer"]) - {PLANTED}, found["scorer"].to_list()
    return "masks" if set(names) == every else f"masks of {list_names(names)}"
