"""Panels of models with a row per scorer and two estimates in each row; not for their meaning."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from culture_neurons.plots.parts.style import WIDE, Look, add_legend, wrap_title

_COLUMNS = 3
_OFFSETS = (-0.2, 0.2)  # rows; the first estimate stands above the second
_BELOW = 0.12  # rows; single cultures stand under their mean, not under its interval's line


class Estimate(NamedTuple):
    """A mean with its interval and the single cultures' values; NaN is not drawn."""

    value: float
    low: float
    high: float
    cultures: np.ndarray


def model_panels(
    models: Sequence[str], scorers: Sequence[str], x_label: str
) -> tuple[Figure, list[Axes]]:
    """Make one panel per model, with the scorers as rows and common limits."""
    columns = min(len(models), _COLUMNS)
    rows = -(-len(models) // columns)
    width = (WIDE - 0.3 - 0.06 * max(map(len, scorers))) / columns - 0.1
    titles = [wrap_title(model, width) for model in models]
    title_height = 0.13 * max(title.count("\n") + 1 for title in titles)
    height = rows * (0.36 * len(scorers) + 0.42 + title_height) + 0.85
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels[len(models) :]:
        axes.set_axis_off()
    for index, (axes, title) in enumerate(zip(panels, titles, strict=False)):
        axes.set_title(title, loc="left")
        axes.set_yticks(range(len(scorers)), scorers)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=5)  # so that numbers of two panels do not meet
        if index + columns >= len(models):
            axes.tick_params(axis="x", labelbottom=True)
            axes.set_xlabel(x_label)
    panels[0].set_ylim(len(scorers) - 0.5, -0.5)
    return figure, list(panels[: len(models)])


def spread_small(panels: Sequence[Axes], small: float) -> bool:
    """Let small changes be seen beside large ones: logarithmic beyond +-small, if any is.

    Args:
        panels: Drawn ones, which share their limits.
        small: A change that has to be seen, in their unit.

    Returns:
        Whether the scale was changed, which the reader must be told.
    """
    low, high = panels[0].get_xlim()
    if max(-low, high) <= 10 * small:
        return False
    # The margin around the largest change, which would be narrow on this scale.
    low, high = (1.5 * bound if abs(bound) > small else bound for bound in (low, high))
    steps = [small * step for step in (1, 5, 25)]
    ticks = [-step for step in reversed(steps)] + [0.0, *steps]
    for axes in panels:
        axes.set_xscale("symlog", linthresh=small, linscale=0.7)
        axes.set_xlim(low, high)
        axes.set_xticks([tick for tick in ticks if low <= tick <= high])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.axvspan(-small, small, color="0.95", linewidth=0, zorder=0.1)
    return True


def draw_estimate(axes: Axes, row: int, second: bool, look: Look, estimate: Estimate) -> None:
    """Draw an estimate: filled if it is the row's first, open if it is the second."""
    y = row + _OFFSETS[second]
    single = estimate.cultures[np.isfinite(estimate.cultures)]
    axes.plot(
        single,
        np.full(len(single), y + _BELOW),
        linestyle="none",
        marker="o",
        markersize=2.5,
        markeredgewidth=0,
        color=look.color,
        alpha=0.3,
    )
    axes.plot([estimate.low, estimate.high], [y, y], color=look.color, linewidth=1.2)
    axes.plot(
        estimate.value,
        y,
        linestyle="none",
        marker=look.marker,
        markersize=5,
        color=look.color,
        markerfacecolor="white" if second else look.color,
    )


def draw_band(axes: Axes, row: int, second: bool, low: float, high: float) -> None:
    """Draw the control's band behind an estimate; a band of no width stays visible as a line."""
    if np.isfinite(low) and np.isfinite(high):
        axes.fill_betweenx(
            [row + _OFFSETS[second] - 0.15, row + _OFFSETS[second] + 0.17],
            low,
            high,
            color="0.75",
            linewidth=0.8,
            zorder=0.5,
        )


def legend_dot(label: str, second: bool) -> Line2D:
    """Make the legend's mark of a first or second estimate."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker="o",
        markersize=5,
        color="0.3",
        markerfacecolor="white" if second else "0.3",
        label=label,
    )


def legend_effects(figure: Figure, singles: str, control: str | None) -> None:
    """Add the legend of self and cross; `singles` says what the small dots are."""
    handles = [
        legend_dot("the mask's own culture (self)", second=False),
        legend_dot("the other cultures (cross)", second=True),
        legend_cultures(singles),
        Patch(color="0.75", label=f"{control} masks (all draws)"),
    ]
    add_legend(figure, handles)


def legend_cultures(label: str = "single cultures") -> Line2D:
    """Make the legend's mark of the single cultures."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker="o",
        markersize=2.5,
        markeredgewidth=0,
        color="0.3",
        alpha=0.5,
        label=label,
    )
