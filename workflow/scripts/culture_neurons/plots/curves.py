"""Lines per scorer: agreement by number of questions and by layer, effects by rate."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.plots.parts.depth import add_depth, label_layers
from culture_neurons.plots.parts.inputs import choose_outcome
from culture_neurons.plots.parts.style import (
    WIDE,
    Look,
    add_legend,
    add_note,
    empty_figure,
    in_style,
    scorer_looks,
    set_title,
    wrap_title,
)
from culture_neurons.plots.parts.wording import (
    count_compared,
    count_questions,
    label_change,
    name_change,
)

_KINDS = {
    ("overlap", "disjoint"): "overlap of masks:\ntwo disjoint sets",
    ("overlap", "nested"): "overlap of masks:\na set against all",
    ("spearman", "disjoint"): "rank correlation:\ntwo disjoint sets",
    ("spearman", "nested"): "rank correlation:\na set against all",
}
_MEASURES = {"self": "own culture (self)", "cross_by_mask": "others (cross)", "gap": "gap"}


@in_style
def plot_samples(reliability: Mapping[str, pl.DataFrame]) -> Figure:
    """Draw agreement by number of questions, a row per model; lines are means over cultures.

    Args:
        reliability: Model -> rows of table `reliability` at one rate.
    """
    scorers = _list_scorers(reliability)
    if not scorers:
        return empty_figure("No sample size to show: nothing was compared.")
    figure, grid = curve_grid(list(reliability), list(_KINDS.values()))
    looks = scorer_looks(scorers)
    for row, frame in zip(grid, reliability.values(), strict=True):
        for axes, (measure, analysis) in zip(row, _KINDS, strict=True):
            axes.set_xticks(sorted(frame.filter(analysis=analysis)["questions"].unique()))
            for number, scorer in enumerate(scorers):
                rows = frame.filter(scorer=scorer, analysis=analysis)
                draws = rows.group_by("questions", "draw").agg(pl.col(measure).mean())
                x, *points = _range_over_draws(draws.drop_nulls(measure), measure)
                x = x + _dodge(number, scorers) * x.min(initial=1) / 2
                draw_curve(axes, x, *points, looks[scorer], scorer)
    lowest = min(frame["spearman"].min() or 0 for frame in reliability.values())
    grid[0][0].set_ylim(min(-0.03, lowest), 1.03)
    for axes in grid[-1]:
        axes.set_xlabel("questions per culture")
    _add_legend(figure, grid)
    set_title(figure, "Agreement of scores and masks by number of questions")
    add_note(figure, count_compared(reliability.values()))
    return figure


@in_style
def plot_layer_agreement(reliability: Mapping[str, pl.DataFrame]) -> Figure:
    """Draw overlap of masks from two halves of the images by layer, a row per model.

    Args:
        reliability: Model -> rows `layers` of table `reliability` at one rate.
    """
    scorers = _list_scorers(reliability)
    if not scorers:
        return empty_figure("No layers to show: nothing was compared.")
    titles = ["overlap of masks from two halves", "selected neurons (%)"]
    # Each model's layers fill the width, so that relative depth is one axis for all.
    figure, grid = curve_grid(list(reliability), titles, share_x=False, share_y="col")
    looks = scorer_looks(scorers)
    grid[0][0].set_ylim(-0.03, 1.03)
    for (overlaps, shares), frame in zip(grid, reliability.values(), strict=True):
        for number, scorer in enumerate(scorers):
            layer, overlap, share = pool_layers(frame.filter(scorer=scorer))
            layer = layer + _dodge(number, scorers)
            nowhere = np.full(len(layer), np.nan)  # pooled over cultures and draws: no interval
            draw_curve(overlaps, layer, overlap, nowhere, nowhere, looks[scorer], scorer)
            draw_curve(shares, layer, 100 * share, nowhere, nowhere, looks[scorer], scorer)
        layers = (frame["layer"].max() or 0) + 1
        for axes in (overlaps, shares):
            axes.set_xlim(-0.5, layers - 0.5)
            label_layers(axes, layers, 0)
            if overlaps is grid[0][0]:
                add_depth(axes, layers, 0)
    grid[0][1].set_ylim(0, 1.1 * grid[0][1].get_ylim()[1])
    for axes in grid[-1]:
        axes.set_xlabel("layer")
    _add_legend(figure, grid)
    set_title(figure, "Agreement of masks from two halves of the images, by layer")
    add_note(figure, count_compared(reliability.values()))
    return figure


@in_style
def plot_rates(
    rates: Mapping[str, pl.DataFrame],
    effects: Iterable[pl.DataFrame],
    asked: Mapping[str, int | None],
    outcome: str = ACCURACY,
) -> Figure:
    """Draw self, cross, and gap by the share of neurons that is selected, a row per model.

    Args:
        rates: Model -> its rows of one split; columns: see `tabulate_rates` of
            sensitivity/settings.py.
        effects: Tables `effects` of the models, which tell how many questions there are.
        asked: What the control was asked: see `count_questions`.
        outcome: What changes.
    """
    rates, scale = choose_outcome(rates, outcome), OUTCOMES[outcome].scale
    scorers = _list_scorers(rates)
    if not scorers:
        return empty_figure("No rates to show: no mask was evaluated.")
    figure, grid = curve_grid(list(rates), list(_MEASURES.values()))
    looks = scorer_looks(scorers)
    for row, frame in zip(grid, rates.values(), strict=True):
        for axes, measure in zip(row, _MEASURES, strict=True):
            axes.set_xscale("log")
            axes.axhline(0, color="0.4", linewidth=0.8, zorder=0.8)
            _draw_bands(axes, frame.filter(measure=measure), scale)
            for number, scorer in enumerate(scorers):
                rows = frame.filter(measure=measure, scorer=scorer).sort("rate")
                rate, *points = rows.select("rate", "value", "ci_low", "ci_high").to_numpy().T
                points = [scale * values for values in points]
                rate = 100 * rate * 1.5 ** _dodge(number, scorers)  # the axis is logarithmic
                draw_curve(axes, rate, *points, looks[scorer], scorer)
            marks = np.unique(100 * frame["rate"].to_numpy())
            axes.set_xticks(marks, [f"{mark:g}" for mark in marks], minor=False)
            axes.minorticks_off()
    for axes in grid[-1]:
        axes.set_xlabel("selected neurons (%)")
    figure.supylabel(label_change(outcome), size=8)
    name = next((n for frame in rates.values() for n in frame["control"].drop_nulls()), None)
    _add_legend(figure, grid, [Patch(color="0.8", label=f"{name} masks (all draws)")])
    set_title(figure, f"{name_change(outcome)} by share of selected neurons")
    add_note(figure, count_questions(effects, **asked))
    return figure


def curve_grid(
    models: Sequence[str],
    titles: Sequence[str],
    share_x: bool | str = "col",
    share_y: bool | str = True,
) -> tuple[Figure, list[list[Axes]]]:
    """Make a row of axes per model, titled on top; axes are shared so that models compare."""
    figure = Figure(figsize=(WIDE, 1.45 * len(models) + 1.1), layout="constrained")
    grid = figure.subplots(len(models), len(titles), squeeze=False, sharex=share_x, sharey=share_y)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, loc="left")
    for row, model in zip(grid, models, strict=True):
        row[0].set_ylabel(wrap_title(model, 1.4))
    return figure, [list(row) for row in grid]


def draw_curve(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    look: Look,
    label: str,
) -> None:
    """Draw a scorer's line with its intervals; NaN is not drawn."""
    axes.vlines(x, low, high, color=look.color, linewidth=0.8)
    axes.plot(
        x,
        values,
        color=look.color,
        marker=look.marker,
        markersize=3.2,
        linewidth=0.9,
        label=label,
    )


def pool_layers(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool cultures: layers, the overlap in each (NaN where no neuron is), its share of neurons."""
    sums = rows.group_by("layer").agg(pl.col("first", "second", "shared").sum()).sort("layer")
    first, second, shared = sums.select("first", "second", "shared").cast(pl.Float64).to_numpy().T
    union = first + second - shared
    overlap = np.divide(shared, union, out=np.full(len(union), np.nan), where=union > 0)
    return sums["layer"].to_numpy(), overlap, (first + second) / max(1, (first + second).sum())


def _dodge(number: int, scorers: Sequence[str]) -> float:
    """Shift a scorer sideways, so that equal values stay visible."""
    return 0.08 * (number - (len(scorers) - 1) / 2)


def _range_over_draws(draws: pl.DataFrame, column: str) -> tuple[np.ndarray, ...]:
    value = pl.col(column)
    points = draws.group_by("questions").agg(
        value.mean().alias("mean"), value.min().alias("low"), value.max().alias("high")
    )
    return tuple(points.sort("questions").cast(pl.Float64).to_numpy().T)


def _draw_bands(axes: Axes, rows: pl.DataFrame, scale: int) -> None:
    """Draw one band around the controls of all scorers."""
    bands = rows.group_by("rate").agg(pl.col("control_low").min(), pl.col("control_high").max())
    rate, low, high = bands.sort("rate").to_numpy().T
    axes.fill_between(100 * rate, scale * low, scale * high, color="0.8", linewidth=0.8, zorder=0.5)


def _list_scorers(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    return list(dict.fromkeys(name for frame in frames.values() for name in frame["scorer"]))


def _add_legend(figure: Figure, grid: Sequence[Sequence[Axes]], more: Sequence[Patch] = ()) -> None:
    handles = {}
    for axes in (axes for row in grid for axes in row):
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    add_legend(figure, [*handles.values(), *more])
