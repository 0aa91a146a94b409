"""One checkpoint under two prompts: answers, masks in common, their depth, and what they matter."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from culture_neurons.outcomes import OUTCOMES, Outcome
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import (
    WIDE,
    add_legend,
    add_note,
    empty_figure,
    fit_height,
    in_style,
    set_title,
)
from culture_neurons.plots.parts.wording import form_count, label_change

_COLORS = ("#0072B2", "#D55E00")  # of the model that is asked, and of the other
_SHIFT = 0.17  # rows, between a row's two estimates


class _Panel(NamedTuple):
    """What a panel shows, by its measures in table `prompts`."""

    own: str
    other: str | None
    by_outcome: bool = True


_PANELS = (
    _Panel("answers", "answers_other"),
    _Panel("overlap", None, by_outcome=False),
    _Panel("depth", "depth_other", by_outcome=False),
    _Panel("self", "self_lent"),
)


@in_style
def plot_prompts(
    prompts: pl.DataFrame,
    model: str,
    lender: str,
    of: str,
    unchanged: float,
    outcome: str,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw a model beside itself under another prompt, by culture, language, and country.

    Args:
        prompts: Table `prompts` of the model.
        model: Which is asked.
        lender: The same checkpoint under another prompt, whose masks it is asked under.
        of: The scorer that found them.
        unchanged: The largest difference that counts as none, as tables hold it.
        outcome: What answers are measured by.
        names: Code of a culture -> its name.
    """
    groups = list(dict.fromkeys(prompts.select("by", "name", "cultures").rows()))
    if not groups:
        return empty_figure("Nothing to compare: no culture has masks under both prompts.")
    height = fit_height(len(groups), usual=0.19, least=0.13, rest=1.4)
    figure = Figure(figsize=(WIDE, height * len(groups) + 1.1), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    words = (OUTCOMES[outcome], label_change(outcome))
    labels = (_label_level(words[0]), "masks in common", "mean depth of masks", words[1])
    for panel, place, label in zip(_PANELS, axes, labels, strict=True):
        rows = prompts.filter(outcome=outcome) if panel.by_outcome else prompts
        scale = OUTCOMES[outcome].scale if panel.by_outcome else 1
        _draw_panel(place, rows, panel, groups, scale)
        place.set_xlabel(label.replace(" (", "\n("))  # a unit has a line of its own
    axes[1].set_xlim(-0.05, 1.05)
    axes[2].set_xlim(-0.05, 1.05)
    axes[3].axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
    _label_rows(axes[0], groups, names)
    _add_legend(figure, model, lender)
    set_title(
        figure, _word_title(prompts.filter(outcome=outcome, by="all"), of, unchanged, outcome)
    )
    add_note(figure, f"n = {form_count('culture', [groups[0][2]])}; bold: means of several")
    return figure


def _label_rows(axes: Axes, groups: list[tuple], names: Mapping[str, str] | None) -> None:
    """Name the groups and cultures from top to bottom; in bold what is a mean of several."""
    cultures = [name for by, name, _ in groups if by == "culture"]
    labels = dict(zip(cultures, label_cultures(cultures, names), strict=True))
    rows = [
        labels[name] if by == "culture" else name if by == "all" else f"{name} ({count})"
        for by, name, count in groups
    ]
    axes.set_yticks(range(len(groups)), rows)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    for label, (by, *_) in zip(axes.get_yticklabels(), groups, strict=True):
        label.set_weight("normal" if by == "culture" else "bold")


def _label_level(outcome: Outcome) -> str:
    """Name an axis of an outcome itself; accuracy is drawn in per cent."""
    return f"{outcome.words} (%)" if outcome.scale == 100 else f"{outcome.words} ({outcome.unit})"


def _draw_panel(
    axes: Axes, prompts: pl.DataFrame, panel: _Panel, groups: list[tuple], scale: int
) -> None:
    cells = {(row["by"], row["name"], row["measure"]): row for row in prompts.iter_rows(named=True)}
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    measures = [name for name in (panel.own, panel.other) if name]
    for row, (by, name, _) in enumerate(groups):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color="0.96", linewidth=0, zorder=0.1)
        for index, measure in enumerate(measures):
            cell = cells[by, name, measure]
            y = row + (_SHIFT * (2 * index - 1) if len(measures) > 1 else 0)
            _draw_cell(axes, cell, y, index, scale)
        chance = cells.get((by, name, f"{panel.own}_chance"))
        if chance is not None:
            axes.plot(chance["value"], row, marker="|", color="0.5", markersize=7, zorder=1)


def _draw_cell(axes: Axes, cell: dict, y: float, index: int, scale: int) -> None:
    color = _COLORS[index]
    if cell["ci_low"] is not None:
        bounds = [scale * cell["ci_low"], scale * cell["ci_high"]]
        axes.plot(bounds, [y, y], color=color, linewidth=1.2)
    axes.plot(
        scale * cell["value"],
        y,
        linestyle="none",
        marker="o" if index == 0 else "s",
        markersize=4,
        color=color,
        markerfacecolor="white" if index else color,
    )


def _add_legend(figure: Figure, model: str, lender: str) -> None:
    looks = (
        (model, {"marker": "o", "markersize": 4, "color": _COLORS[0]}),
        (
            f"{lender}, or its masks",
            {"marker": "s", "markersize": 4, "color": _COLORS[1], "markerfacecolor": "white"},
        ),
        ("overlap of random masks", {"marker": "|", "markersize": 7, "color": "0.5"}),
    )
    handles = [Line2D([], [], linestyle="none", label=label, **look) for label, look in looks]
    add_legend(figure, handles)


def _word_title(overall: pl.DataFrame, of: str, unchanged: float, outcome: str) -> str:
    """Say whether the other prompt's masks matter here as the own ones do."""
    rows = {row["measure"]: row for row in overall.iter_rows(named=True)}
    own, less = rows["self"], rows["lent_less_self"]
    opening = OUTCOMES[outcome].opening
    if not own["ci_high"] < 0:
        title = f"{opening}it is not shown that masks of {of} hurt their own culture"
    elif less["ci_low"] > 0:
        title = f"{opening}masks of {of} found under the other prompt hurt less than own ones"
    elif less["ci_high"] < 0:
        title = f"{opening}masks of {of} found under the other prompt hurt more than own ones"
    elif -unchanged <= less["ci_low"] and less["ci_high"] <= unchanged:
        title = f"{opening}masks of {of} found under the other prompt hurt as own ones do"
    else:
        title = f"{opening}masks of {of} found under either prompt are not shown to differ"
    return title[0].upper() + title[1:]
