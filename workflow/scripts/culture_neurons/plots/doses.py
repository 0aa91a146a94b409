"""Steering by strength: a panel per culture, and of the means of all and of the lower half."""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import (
    WIDE,
    Look,
    add_legend,
    add_note,
    fit_height,
    in_style,
    set_title,
)
from culture_neurons.plots.parts.wording import form_number, label_change, name_change
from culture_neurons.storage.schemas import ALL_CULTURES, LOWER_HALF, OWN

_COLUMNS = 4  # panels side by side
_LABELS = 6  # of strengths below a panel; with more, every second or third has one
_MEANS = (LOWER_HALF, ALL_CULTURES)
_CURVES = {
    "self": (Look("#D55E00", "o"), "own masks"),
    "cross_by_mask": (Look("#0072B2", "v"), "the others under these masks"),
    "cross_by_target": (Look("#009E73", "s"), "other cultures' masks"),
}


@in_style
def plot_doses(
    doses: pl.DataFrame, scorer: str, outcome: str, names: Mapping[str, str] | None = None
) -> Figure:
    """Draw one scorer's effects by strength, beside a band of random masks and what was chosen.

    Args:
        doses: Table `doses` of one model and scorer.
        scorer: Whose masks they are.
        outcome: What changes.
        names: Code of a culture -> its name.
    """
    rows = doses.filter(outcome=outcome)
    cultures = sorted(set(rows["group"]) - set(_MEANS))
    groups = [*cultures, *(name for name in _MEANS if name in rows["group"])]
    lines = math.ceil(len(groups) / _COLUMNS)
    height = fit_height(lines, usual=1.25, least=0.9, rest=1.1)
    figure = Figure(figsize=(WIDE, height * lines + 0.75), layout="constrained")
    grid = figure.subplots(lines, _COLUMNS, squeeze=False, sharex=True, sharey=True)
    strengths = rows["strength"].drop_nulls().unique().sort().to_list()
    labels = dict(zip(cultures, label_cultures(cultures, names), strict=True))
    for axes, group in zip(grid.flat, groups, strict=False):
        _draw_panel(axes, rows.filter(group=group), strengths, OUTCOMES[outcome].scale)
        count = rows.filter(group=group)["cultures"][0]
        title = labels.get(group, f"{group} ({count})")
        axes.set_title(title, loc="left", weight="bold" if group in _MEANS else "normal")
    for axes in grid.flat[len(groups) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(0, len(groups) - _COLUMNS) : len(groups)]:  # lowest of its column
        axes.tick_params(labelbottom=True)
    figure.supylabel(label_change(outcome), size=8)
    _add_legend(figure, rows)
    set_title(figure, f"{name_change(outcome)} by strength, masks of {scorer}")
    return figure


def _draw_panel(axes: Axes, rows: pl.DataFrame, strengths: list[float], scale: int) -> None:
    """Draw one group of cultures: strengths in their order at equal distances, then the chosen."""
    places = {strength: place for place, strength in enumerate(strengths)}
    step, last = math.ceil(len(strengths) / _LABELS), len(strengths) - 1
    places[None] = last + 1.3 * step
    axes.axhline(0, color="0.4", linewidth=0.8, zorder=0.8)
    axes.axvline(last + 0.65 * step, color="0.8", linewidth=0.6, zorder=0.4)
    for control in sorted(set(rows["masks"]) - {OWN}):
        band = rows.filter(masks=control, measure="self")
        x, _, low, high = _read(band, places, scale)
        axes.fill_between(x[:-1], low[:-1], high[:-1], color="0.8", linewidth=0.8, zorder=0.5)
        axes.bar(x[-1], high[-1] - low[-1], 0.5 * step, low[-1], color="0.8", zorder=0.5)
    for number, (measure, (look, label)) in enumerate(_CURVES.items()):
        x, values, low, high = _read(rows.filter(masks=OWN, measure=measure), places, scale)
        x = x + 0.12 * step * (number - 1)
        axes.vlines(x, low, high, color=look.color, linewidth=0.8)
        style = {"color": look.color, "marker": look.marker, "markersize": 3.2, "linewidth": 0.9}
        axes.plot(x[:-1], values[:-1], label=label, **style)
        axes.plot(x[-1:], values[-1:], **style)
    labels = [form_number(strength) for strength in strengths]
    shown = [label if place % step == 0 else "" for place, label in enumerate(labels)]
    axes.set_xticks(list(places.values()), [*shown, "chosen"])


def _read(rows: pl.DataFrame, places: dict[float | None, float], scale: int) -> np.ndarray:
    """Read place, value, and interval of each strength, the chosen one last: (4, strengths)."""
    order = [(places[row["strength"]], row) for row in rows.iter_rows(named=True)]
    columns = ("value", "ci_low", "ci_high")
    points = sorted((place, *(scale * row[name] for name in columns)) for place, row in order)
    return np.array(points).T


def _add_legend(figure: Figure, rows: pl.DataFrame) -> None:
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, markersize=3.2, label=label)
        for look, label in _CURVES.values()
    ]
    controls = sorted(set(rows["masks"]) - {OWN})
    handles += [Patch(color="0.8", label=f"{name} masks (all draws)") for name in controls]
    add_legend(figure, handles)
    add_note(
        figure,
        "From left to right: strengths; then what other questions chose, each mask's own. "
        "Intervals are of these cultures' images.",
    )
