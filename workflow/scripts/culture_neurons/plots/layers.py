"""In which layers of one model the scorers find their neurons."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from culture_neurons.plots.parts.depth import add_depth, label_layers
from culture_neurons.plots.parts.heatmaps import (
    add_colorbar,
    draw_cells,
    label_rows,
    list_root_ticks,
    spare_axes,
)
from culture_neurons.plots.parts.inputs import ModelMasks
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import (
    LINE,
    PLANTED,
    SMALL,
    WIDE,
    add_note,
    empty_figure,
    fit_height,
    in_style,
    scorer_looks,
    set_title,
)
from culture_neurons.plots.parts.wording import form_count

_COLUMNS = 3
_MIDDLE = 0.5  # of a cell: layer 0 is drawn from 0 to 1
_MARGIN_HEIGHT = 0.45  # inches


@in_style
def plot_layers(
    models: Mapping[str, ModelMasks], name: str, names: Mapping[str, str] | None = None
) -> Figure:
    """Draw one model's selected neurons per culture and layer, a panel per scorer, sums on top.

    Colours and sums have the same limits in all panels, and in the figures of all models.

    Args:
        models: Model -> its masks.
        name: The model that is drawn.
        names: Code of a culture -> its name.

    Raises:
        ValueError: A mask has a neuron outside the cultures or layers.
    """
    counts = {other: count_model(masks) for other, masks in models.items()}
    by_scorer, cultures = counts[name], sorted(models[name].cultures)
    if not any(count.any() for count in by_scorer.values()):
        return empty_figure("No layers to show: all masks are empty.")
    figure, panels, spare = _layer_grid(len(by_scorer), len(cultures))
    labels = label_cultures(cultures, names)
    colors = matplotlib.colormaps["magma_r"]
    every = [(scorer, count) for model in counts.values() for scorer, count in model.items()]
    # square root, because exact LAPE's masks are C times smaller than the others
    norm = PowerNorm(0.5, vmin=0, vmax=max(count.max() for _, count in every))
    looks = scorer_looks(list(by_scorer))
    largest = max(1, 1.05 * max(count.sum(0).max() for _, count in every))
    for index, ((margin, cells), (scorer, count)) in enumerate(
        zip(panels, by_scorer.items(), strict=True)
    ):
        _draw_cells(cells, count, colors, norm)
        _draw_sums(margin, count.sum(0), largest, looks[scorer].color)
        if index < _COLUMNS:
            add_depth(margin, count.shape[1], _MIDDLE)
        margin.set_title(scorer, loc="left")
        first_column, lowest = index % _COLUMNS == 0, index + _COLUMNS >= len(by_scorer)
        label_rows(cells, labels, first_column)
        if first_column:
            margin.set_ylabel("neurons", size=SMALL)
        if lowest:
            cells.set_xlabel("layer")
    both = [axes for panel in panels for axes in panel]
    label = "neurons of a culture in a layer\n(square-root colours)"
    ticks = [tick for tick in list_root_ticks(norm.vmax) if tick % 1 == 0]  # whole neurons
    add_colorbar(figure, both, spare, colors, norm, label, ticks)
    set_title(figure, word_title(by_scorer))
    sizes = form_count("neuron", (size for count in by_scorer.values() for size in count.sum(1)))
    add_note(figure, f"n = {form_count('culture', [len(cultures)])}, {sizes} in a mask")
    return figure


def word_title(counts: Mapping[str, np.ndarray]) -> str:
    """Say where half of the scorers' neurons lie; planted ones are no scorer's.

    Args:
        counts: Scorer -> counts [culture, layer].
    """
    sums = {scorer: count.sum(0) for scorer, count in counts.items() if count.any()}
    sums = {scorer: count for scorer, count in sums.items() if scorer != PLANTED} or sums
    middles = [int(np.searchsorted(np.cumsum(count), count.sum() / 2)) for count in sums.values()]
    layers = len(next(iter(sums.values())))
    low, high = min(middles), max(middles)
    where = f"layer {low}" if low == high else f"layers {low} to {high}, by scorer,"
    return f"The median selected neuron lies in {where} of 0 to {layers - 1}"


def count_model(model: ModelMasks) -> dict[str, np.ndarray]:
    """Count the neurons of each scorer's masks, [culture, layer], cultures by alphabet."""
    cultures = sorted(model.cultures)
    return {
        scorer: count_neurons(masks, cultures, model.layers)
        for scorer, masks in model.masks.items()
    }


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
    cells_height = max(0.8, cultures * fit_height(cultures * rows, 0.15, LINE, rows * 0.8 + 1.6))
    height = rows * (cells_height + _MARGIN_HEIGHT + 0.35) + 1.2
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


def _draw_cells(cells: Axes, counts: np.ndarray, colors: Colormap, norm: Normalize) -> None:
    draw_cells(cells, counts, colors, norm)
    cells.hlines(range(1, len(counts)), 0, counts.shape[1], color="white", linewidth=0.6)
    label_layers(cells, counts.shape[1], _MIDDLE)


def _draw_sums(margin: Axes, sums: np.ndarray, limit: float, color: str) -> None:
    margin.bar(np.arange(len(sums)) + _MIDDLE, sums, width=0.9, color=color)
    margin.set_ylim(0, limit)
    margin.tick_params(axis="x", bottom=False, labelbottom=False)
    margin.locator_params(axis="y", nbins=2, integer=True)
