"""Labelled matrices in a grid of panels, and their colour bar; not for what the numbers mean."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from culture_neurons.plots.parts.style import LINE, SMALL, SMALLEST, WIDE, fit_height, wrap_title

ANNOTATED = 10  # cultures; numbers in more cells than 10 x 10 cannot be read
_CHARACTER = 0.057  # inches, the width of one of small text


def matrix_grid(
    rows: Sequence[Sequence[str]],
    columns: Sequence[Sequence[str]],
    side: int,
    kinds: tuple[str, str] = ("", ""),
) -> tuple[Figure, list[Axes], Axes | None]:
    """Make axes for matrices, with names: once for panels in a line that have the same ones.

    Args:
        rows: Of each panel, the names of its rows.
        columns: Of each panel, the names of its columns.
        side: Panels side by side.
        kinds: What rows are, and columns.

    Returns:
        Figure; one axes per panel; the place left over in the grid, if there is one.
    """
    side = min(side, len(rows))
    lines = -(-len(rows) // side)
    most = max(map(len, rows))
    indent = 0.4 + _CHARACTER * max(len(name) for names in rows for name in names)
    width = (WIDE - indent) / side - 0.15
    named = find_named(columns, side)
    labels = [
        max(measure_columns(names, width) for names in columns[line * side : (line + 1) * side])
        for line in range(lines)
        if named[line * side]
    ]
    usual, least = (0.18, 0.15) if most <= ANNOTATED else (0.115, LINE)
    rest = 1.2 + 0.22 * lines + sum(labels)  # colour bar, title; panels' titles; columns' names
    height = max(0.6, most * fit_height(most * lines, usual, least, rest + 0.4))
    figure = Figure(figsize=(WIDE, lines * height + rest), layout="constrained")
    grid = GridSpec(lines, side, figure=figure)
    cells = [grid[divmod(index, side)] for index in range(lines * side)]
    axes = [figure.add_subplot(cell) for cell in cells[: len(rows)]]
    for index, place in enumerate(axes):
        first = index % side == 0 or rows[index] != rows[index - 1]
        label_rows(place, rows[index], first)
        place.set_ylabel(kinds[0] if first else "")
        label_columns(place, columns[index], width, named[index])
        place.set_xlabel(kinds[1] if named[index] else "")
    return figure, axes, spare_axes(figure, cells[len(rows) :])


def culture_grid(
    rows: Sequence[Sequence[str]],
    columns: Sequence[Sequence[str]],
    kinds: tuple[str, str] = ("", ""),
) -> tuple[Figure, list[Axes], Axes | None]:
    """Make axes for matrices of cultures: two side by side with numbers, or three without."""
    side = 2 if max(map(len, rows)) <= ANNOTATED else 3
    return matrix_grid(rows, columns, side, kinds)


def find_named(columns: Sequence[Sequence[str]], side: int) -> list[bool]:
    """Say whose columns have names below: a line of panels of which any has other ones below it."""
    last = [
        index + side >= len(columns) or names != columns[index + side]
        for index, names in enumerate(columns)
    ]
    return [any(last[index - index % side :][:side]) for index in range(len(columns))]


def spare_axes(figure: Figure, places: Sequence[SubplotSpec]) -> Axes | None:
    """Make invisible axes of the last place left over in a grid, if there is one."""
    if not places:
        return None
    axes = figure.add_subplot(places[-1])
    axes.set_axis_off()
    return axes


def draw_cells(axes: Axes, matrix: np.ndarray, colors: Colormap, norm: Normalize) -> QuadMesh:
    """Draw a matrix with its first row on top; a NaN is a grey cell."""
    axes.set_facecolor("0.85")
    axes.spines[:].set_visible(False)
    mesh = axes.pcolormesh(np.ma.masked_invalid(matrix), cmap=colors, norm=norm, antialiased=False)
    axes.set_ylim(matrix.shape[0], 0)
    return mesh


def label_rows(axes: Axes, names: Sequence[str], shown: bool = True) -> None:
    """Name the rows of a matrix, in smaller text where they are many."""
    axes.set_yticks(np.arange(len(names)) + 0.5, names if shown else [""] * len(names))
    axes.tick_params(axis="y", length=0, labelsize=choose_size(len(names)))


def count_tiers(names: Sequence[str], width: float) -> int:
    """Count the tiers of names below a matrix of this width; 0: in a line, not upright."""
    room = width / max(1, len(names))  # inches
    if (max(map(len, names), default=0) + 1) * _CHARACTER <= room:
        return 0
    return 1 if room >= LINE else 2


def measure_columns(names: Sequence[str], width: float) -> float:
    """Measure the height of names below a matrix of this width, in inches."""
    longest = max(map(len, names), default=0)
    return max(LINE, count_tiers(names, width) * longest * _CHARACTER) + 0.15


def label_columns(axes: Axes, names: Sequence[str], width: float, shown: bool) -> None:
    """Name the columns of a matrix: in a line, upright, or upright in two tiers, as is room."""
    places, tiers = np.arange(len(names)) + 0.5, count_tiers(names, width)
    style = {"labelrotation": 90 if tiers else 0, "labelsize": choose_size(len(names))}
    axes.tick_params(axis="x", which="both", length=0, labelbottom=shown, **style)
    axes.set_xticks(places[:: max(1, tiers)], names[:: max(1, tiers)])
    if tiers == 2:
        axes.set_xticks(places[1::2], names[1::2], minor=True)
        longest = max(map(len, names[::2]))
        axes.tick_params(axis="x", which="minor", pad=5 + 5 * longest)  # points, below the first


def choose_size(names: int) -> float:
    """Choose the size of names that stand in a row, in points."""
    return SMALL if names <= ANNOTATED else SMALLEST


def annotate_cells(
    axes: Axes,
    matrix: np.ndarray,
    colors: Colormap,
    norm: Normalize,
    form: Callable[[float], str],
) -> None:
    """Write each finite number into its cell, dark on light and light on dark."""
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            red, green, blue, _ = colors(norm(value))
            bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
            axes.text(
                column + 0.5,
                row + 0.5,
                form(value),
                color="black" if bright else "white",
                size=SMALL,
                ha="center",
                va="center_baseline",
            )


def list_root_ticks(largest: float) -> list[float]:
    """List round numbers that stand well apart on a scale of square roots from 0 on."""
    digits = 10.0 ** np.floor(np.log10(largest) - np.arange(2))
    steps = sorted(step * digit for digit in digits for step in (1, 2, 5))
    return [0, *(step for step in steps if largest / 12 <= step <= largest)]


def form_change(value: float, digits: int) -> str:
    """Write a change to so many digits behind the point."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")  # z: no -0


def add_colorbar(
    figure: Figure,
    axes: Sequence[Axes],
    spare: Axes | None,
    colors: Colormap,
    norm: Normalize,
    label: str,
    ticks: Sequence[float] | None = None,
) -> None:
    """Add the panels' common colour bar: in the spare place if there is one, else below."""
    scale = ScalarMappable(norm, colors)
    if spare is None:
        bar = figure.colorbar(scale, ax=axes, location="bottom", pad=0.01, shrink=0.5, aspect=30)
    else:
        bar = figure.colorbar(
            scale, cax=spare.inset_axes((0.1, 0.5, 0.8, 0.07)), orientation="horizontal"
        )
    if ticks is not None:
        bar.set_ticks(ticks)
    bar.outline.set_visible(False)
    wide = 4 if spare is None else (WIDE - 1) / spare.get_subplotspec().get_gridspec().ncols
    bar.set_label(wrap_title(label, wide))
