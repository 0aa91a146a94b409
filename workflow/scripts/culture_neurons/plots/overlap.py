"""How far masks of one model share neurons: between cultures, and between scorers."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import polars as pl
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from culture_neurons.plots.parts.heatmaps import (
    ANNOTATED,
    add_colorbar,
    annotate_cells,
    draw_cells,
    label_columns,
    label_rows,
    matrix_grid,
)
from culture_neurons.plots.parts.style import add_note, empty_figure, in_style, set_title
from culture_neurons.plots.parts.wording import form_count

Neurons = frozenset[tuple[int, int]]  # (layer, neuron)


@in_style
def plot_overlap(masks: Mapping[str, pl.DataFrame], cultures: Sequence[str]) -> Figure:
    """Draw Jaccard indices between cultures, a panel per scorer, and between scorers.

    Args:
        masks: Scorer -> its masks table.
        cultures: All cultures, also those whose masks are empty.
    """
    cultures = sorted(cultures)
    neurons = {scorer: neuron_sets(frame, cultures) for scorer, frame in masks.items()}
    if not any(mask for sets in neurons.values() for mask in sets):
        return empty_figure("No overlap to show: all masks are empty.")
    titles = [*neurons, "between scorers (mean over cultures)"]
    matrices = [jaccard_matrix(sets, sets) for sets in neurons.values()]
    matrices.append(scorer_overlap(list(neurons.values())))
    labels = [cultures] * len(neurons) + [list(neurons)]
    figure, panels, spare = matrix_grid(len(matrices), len(cultures))
    colors, norm = matplotlib.colormaps["magma_r"], Normalize(0, 1)
    for axes, title, matrix, names in zip(panels, titles, matrices, labels, strict=True):
        draw_cells(axes, matrix, colors, norm)
        if len(names) <= ANNOTATED:
            annotate_cells(axes, matrix, colors, norm, form_index)
        label_rows(axes, names)
        label_columns(axes, names)
        axes.set_title(title, loc="left")
    label = "Jaccard index (shared / all neurons of two masks)\ngrey: both masks are empty"
    add_colorbar(figure, panels, spare, colors, norm, label)
    set_title(figure, "Overlap of masks between cultures and between scorers")
    sizes = form_count("neuron", (len(mask) for sets in neurons.values() for mask in sets))
    add_note(figure, f"n = {form_count('culture', [len(cultures)])}, {sizes} in a mask")
    return figure


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
