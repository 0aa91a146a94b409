"""Labelled matrices in a grid of panels, and their colour bar; not for what the numbers mean."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from culture_neurons.plots.parts.style import SMALL, WIDE

ANNOTATED = 10  # cultures; numbers in more cells than 10 x 10 cannot be read
_COLUMNS = 2


def matrix_grid(panels: int, cultures: int) -> tuple[Figure, list[Axes], Axes | None]:
    """Make axes for matrices of cultures.

    Returns:
        Figure; one axes per panel; the place left over in the grid, if there is one.
    """
    rows = -(-panels // _COLUMNS)
    matrix_height = cultures * (0.18 if cultures <= ANNOTATED else 0.1)
    figure = Figure(
        figsize=(WIDE, rows * (max(matrix_height, 0.6) + 0.6) + 1.1), layout="constrained"
    )
    grid = GridSpec(rows, _COLUMNS, figure=figure)
    cells = [grid[index // _COLUMNS, index % _COLUMNS] for index in range(rows * _COLUMNS)]
    axes = [figure.add_subplot(cell) for cell in cells[:panels]]
    return figure, axes, spare_axes(figure, cells[panels:])


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


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of a matrix."""
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.tick_params(axis="y", length=0)


def label_columns(axes: Axes, names: Sequence[str]) -> None:
    """Name the columns of a matrix, upright where all the names in a line would collide."""
    crowded = len(names) * (max(map(len, names)) + 1) > 44  # characters of small text in a panel
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90 if crowded else 0)
    axes.tick_params(axis="x", length=0)


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
) -> None:
    """Add the panels' common colour bar: in the spare place if there is one, else below."""
    scale = ScalarMappable(norm, colors)
    if spare is None:
        bar = figure.colorbar(scale, ax=axes, location="bottom", pad=0.01, shrink=0.5, aspect=30)
    else:
        bar = figure.colorbar(
            scale, cax=spare.inset_axes((0.1, 0.5, 0.8, 0.07)), orientation="horizontal"
        )
    bar.outline.set_visible(False)
    bar.set_label(label)
