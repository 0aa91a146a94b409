"""In which layers of one model the scorers find their neurons."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from culture_neurons.plots.heatmaps import add_colorbar, draw_cells, label_rows, spare_axes
from culture_neurons.plots.style import WIDE, empty_figure, in_style, scorer_looks, set_title

_COLUMNS = 3
_MARGIN_HEIGHT = 0.45  # inches


@in_style
def plot_layers(masks: Mapping[str, pl.DataFrame], cultures: Sequence[str], layers: int) -> Figure:
    """Draw selected neurons per culture and layer, a panel per scorer, with the sum on top.

    Args:
        masks: Scorer -> its masks table.
        cultures: All cultures, also those whose masks are empty.
        layers: Number of the model's decoder layers.

    Raises:
        ValueError: A mask has a neuron outside the cultures or layers.
    """
    cultures = sorted(cultures)
    counts = {scorer: count_neurons(frame, cultures, layers) for scorer, frame in masks.items()}
    if not any(count.any() for count in counts.values()):
        return empty_figure("No layers to show: all masks are empty.")
    figure, panels, spare = _layer_grid(len(counts), len(cultures))
    colors = matplotlib.colormaps["magma_r"]
    # square root, because exact LAPE's masks are C times smaller than the others
    norm = PowerNorm(0.5, vmin=0, vmax=max(count.max() for count in counts.values()))
    looks = scorer_looks(list(counts))
    for index, ((margin, cells), (scorer, count)) in enumerate(
        zip(panels, counts.items(), strict=True)
    ):
        _draw_panel(margin, cells, count, colors, norm, looks[scorer].color)
        margin.set_title(scorer, loc="left")
        first_column, lowest = index % _COLUMNS == 0, index + _COLUMNS >= len(counts)
        label_rows(cells, cultures if first_column else [""] * len(cultures))
        if first_column:
            margin.set_ylabel("all\ncultures", size=7)
        if lowest:
            cells.set_xlabel("layer")
    add_colorbar(
        figure,
        [axes for panel in panels for axes in panel],
        spare,
        colors,
        norm,
        "neurons of a culture in a layer\n(square-root colours)",
    )
    set_title(figure, "Layers of the selected neurons")
    return figure


def count_neurons(masks: pl.DataFrame, cultures: Sequence[str], layers: int) -> np.ndarray:
    """Count neurons per culture and layer.

    Returns:
        Counts [culture, layer] in the order of the cultures.

    Raises:
        ValueError: A mask has a neuron outside the cultures or layers.
    """
    counts = np.zeros((len(cultures), layers), int)
    index = {culture: row for row, culture in enumerate(cultures)}
    for culture, layer, neurons in masks.group_by("culture", "layer").len().iter_rows():
        if culture not in index or layer >= layers:
            raise ValueError(
                f"a neuron of culture {culture!r} in layer {layer}, expected layers below "
                f"{layers} and one of {list(cultures)}"
            )
        counts[index[culture], layer] = neurons
    return counts


def _layer_grid(panels: int, cultures: int) -> tuple[Figure, list[tuple[Axes, Axes]], Axes | None]:
    """Make pairs of axes, the sum over the cells, and the place left over."""
    columns = min(panels, _COLUMNS)
    rows = -(-panels // columns)
    cells_height = max(0.8, cultures * (0.15 if cultures <= 12 else 0.115))
    height = rows * (cells_height + _MARGIN_HEIGHT + 0.45) + 1.2
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    figure.get_layout_engine().set(hspace=0, h_pad=0.03)
    grid = GridSpec(
        2 * rows, columns, figure=figure, height_ratios=[_MARGIN_HEIGHT, cells_height] * rows
    )
    axes = []
    for index in range(panels):
        row, column = divmod(index, columns)
        cells = figure.add_subplot(grid[2 * row + 1, column])
        axes.append((figure.add_subplot(grid[2 * row, column], sharex=cells), cells))
    left_over = [grid[2 * rows - 1, column] for column in range(panels % columns, columns)]
    return figure, axes, spare_axes(figure, left_over if panels % columns else [])


def _draw_panel(
    margin: Axes, cells: Axes, counts: np.ndarray, colors: Colormap, norm: Normalize, color: str
) -> None:
    layers = counts.shape[1]
    draw_cells(cells, counts, colors, norm)
    margin.bar(np.arange(layers) + 0.5, counts.sum(0), width=0.9, color=color)
    margin.set_ylim(0, max(1, 1.05 * counts.sum(0).max()))
    margin.tick_params(axis="x", bottom=False, labelbottom=False)
    margin.locator_params(axis="y", nbins=2, integer=True)
    shown = np.unique(np.linspace(0, layers - 1, min(layers, 5)).round().astype(int))
    cells.set_xticks(shown + 0.5, shown)
    last = max(layers - 1, 1)
    depth = margin.secondary_xaxis(
        "top", functions=(lambda x: (x - 0.5) / last, lambda share: share * last + 0.5)
    )
    depth.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    depth.set_xlabel("relative depth", size=7)
