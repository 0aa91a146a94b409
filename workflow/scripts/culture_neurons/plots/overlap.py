"""How far masks of one model share neurons: between cultures, and between scorers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure

from culture_neurons.plots.parts.heatmaps import (
    ANNOTATED,
    add_colorbar,
    annotate_cells,
    culture_grid,
    draw_cells,
    list_root_ticks,
)
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import SMALL, add_note, empty_figure, in_style, set_title
from culture_neurons.plots.parts.wording import form_count, list_names

Neurons = frozenset[tuple[int, int]]  # (layer, neuron)


@in_style
def plot_overlap(
    masks: Mapping[str, pl.DataFrame],
    cultures: Sequence[str],
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw Jaccard indices between cultures, a panel per scorer, and between scorers.

    The index is symmetric: one triangle is drawn, with the masks' sizes on the diagonal. Scorers
    whose masks share no neuron at all are named and need no panel.

    Args:
        masks: Scorer -> its masks table.
        cultures: All cultures, also those whose masks are empty.
        names: Code of a culture -> its name.
    """
    cultures = sorted(cultures)
    neurons = {scorer: neuron_sets(frame, cultures) for scorer, frame in masks.items()}
    if not any(mask for sets in neurons.values() for mask in sets):
        return empty_figure("No overlap to show: all masks are empty.")
    panels, apart = choose_panels(neurons, cultures)
    if not panels:
        return empty_figure(f"No overlap to show: masks of {list_names(apart)} share no neuron.")
    columns = [list(panel.names) for panel in panels]
    labels = label_cultures(cultures, names)
    rows = [labels if codes == cultures else codes for codes in columns]
    figure, places, spare = culture_grid(rows, columns)
    # square root, because masks that share little can be told apart
    colors, norm = matplotlib.colormaps["magma_r"], PowerNorm(0.5, 0, 1)
    for axes, panel in zip(places, panels, strict=True):
        _draw_panel(axes, panel, colors, norm)
    label = "Jaccard index (shared / all neurons of two masks)\n"
    label += "square-root colours; grey: both are empty"
    add_colorbar(figure, places, spare, colors, norm, label, list_root_ticks(1))
    set_title(figure, "Overlap of masks between cultures and between scorers")
    sizes = form_count("neuron", (len(mask) for sets in neurons.values() for mask in sets))
    note = f"n = {form_count('culture', [len(cultures)])}, {sizes} in a mask"
    if apart:
        note += f". No two cultures share a neuron: {list_names(apart)}"
    add_note(figure, note)
    return figure


class Panel(NamedTuple):
    """A symmetric matrix of masks."""

    title: str
    names: Sequence[str]
    indices: np.ndarray
    sizes: Sequence[str]  # as they stand on the diagonal


def choose_panels(
    neurons: Mapping[str, Sequence[Neurons]], cultures: Sequence[str]
) -> tuple[list[Panel], list[str]]:
    """Choose what is drawn, and name the scorers whose masks share no neuron.

    Args:
        neurons: Scorer -> its masks, in the order of the cultures.
        cultures: Names of the masks.
    """
    panels, apart = [], []
    for scorer, sets in neurons.items():
        indices = jaccard_matrix(sets, sets)
        if np.nansum(np.tril(indices, -1)) > 0:
            sizes = [f"{len(mask):,}" for mask in sets]
            panels.append(Panel(scorer, cultures, indices, sizes))
        elif any(sets):
            apart.append(scorer)
    if len(neurons) > 1:
        overlap = scorer_overlap(list(neurons.values()))
        means = [f"{np.mean([len(mask) for mask in sets]):,.4g}" for sets in neurons.values()]
        title = "between scorers\n(mean over cultures)"
        panels.append(Panel(title, list(neurons), overlap, means))
    return panels, apart


def _draw_panel(axes: Axes, panel: Panel, colors: Colormap, norm: Normalize) -> None:
    """Draw a matrix below its diagonal, on which sizes stand."""
    below = np.where(np.tri(len(panel.names), k=-1, dtype=bool), panel.indices, np.nan)
    draw_cells(axes, below, colors, norm)
    for row in range(len(panel.names)):  # no cell of theirs: neither grey nor empty
        axes.broken_barh([(row, len(panel.names) - row)], (row, 1), facecolor="white")
    if len(panel.names) <= ANNOTATED:
        annotate_cells(axes, below, colors, norm, form_index)
        style = {"ha": "center", "va": "center_baseline", "size": SMALL, "color": "0.35"}
        for place, size in enumerate(panel.sizes):
            axes.text(place + 0.5, place + 0.5, size, **style)
    axes.set_title(panel.title, loc="left")


def form_index(index: float) -> str:
    """Write two digits; 0 and 1 without them, and nothing else as if it were 0 or 1."""
    if index in (0, 1):
        return f"{index:.0f}"
    if index < 0.005:
        return "<0.01"
    return ">0.99" if index > 0.995 else f"{index:.2f}"


def jaccard(first: Neurons, second: Neurons) -> float:
    """Return |A and B| / |A or B|; NaN for two empty masks."""
    union = len(first | second)
    return len(first & second) / union if union else float("nan")


def jaccard_matrix(first: Sequence[Neurons], second: Sequence[Neurons]) -> np.ndarray:
    """Return the Jaccard index of each of the first masks with each of the second."""
    return np.array([[jaccard(one, other) for other in second] for one in first])


def scorer_overlap(masks: Sequence[Sequence[Neurons]]) -> np.ndarray:
    """Return the mean over cultures of the Jaccard index of two scorers' masks of one culture.

    Cultures where both masks are empty do not count; NaN where none is left.

    Args:
        masks: Per scorer, the masks of the same cultures in the same order.
    """
    matrix = np.full((len(masks), len(masks)), np.nan)
    for row, first in enumerate(masks):
        for column, second in enumerate(masks):
            indices = [jaccard(one, other) for one, other in zip(first, second, strict=True)]
            numbers = [index for index in indices if index == index]  # NaN differs from itself
            if numbers:
                matrix[row, column] = sum(numbers) / len(numbers)
    return matrix


def neuron_sets(masks: pl.DataFrame, cultures: Sequence[str]) -> list[Neurons]:
    """Return the neurons of each culture's mask, in the order of the cultures."""
    sets = {
        culture: frozenset(group.select("layer", "neuron").iter_rows())
        for (culture,), group in masks.group_by("culture")
    }
    return [sets.get(culture, frozenset()) for culture in cultures]
