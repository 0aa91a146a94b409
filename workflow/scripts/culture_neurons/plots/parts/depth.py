"""Axes of layers, 0 to L - 1, with relative depth above: the same place in every model."""

import numpy as np
from matplotlib.axes import Axes

from culture_neurons.plots.parts.style import SMALL


def label_layers(axes: Axes, layers: int, middle: float) -> None:
    """Number layers below the axes, at most seven of them; `middle` is the place of layer 0."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if layers <= 7 * step)
    numbers = np.arange(0, layers, step)
    axes.set_xticks(numbers + middle, numbers)


def add_depth(axes: Axes, layers: int, middle: float) -> None:
    """Add relative depth above the axes: 0 at the first layer, 1 at the last."""
    last = max(layers - 1, 1)
    depth = axes.secondary_xaxis(
        "top", functions=(lambda x: (x - middle) / last, lambda share: share * last + middle)
    )
    depth.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    depth.set_xlabel("relative depth", size=SMALL)
