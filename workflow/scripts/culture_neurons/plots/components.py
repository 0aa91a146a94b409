"""At which depth of a model, and of each of its components, a scorer finds its neurons."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from culture_neurons.plots.parts.style import (
    WIDE,
    Look,
    add_legend,
    empty_figure,
    in_style,
    model_looks,
    set_title,
    wrap_title,
)
from culture_neurons.plots.parts.wording import list_names

_COLUMNS = 3
_EARLY = 0.4  # of relative depth

ModelComponent = tuple[str, str]  # model, component
Value = TypeVar("Value")


def name_components(values: Mapping[tuple[str, str, str], Value]) -> dict[ModelComponent, Value]:
    """Name hookpoint and rate, as paths write it, in one: "attn.head, 10 %".

    Args:
        values: By model, hookpoint, and rate.
    """
    return {
        (model, f"{hookpoint}, {100 * float(rate.removeprefix('r')):g} %"): value
        for (model, hookpoint, rate), value in values.items()
    }


def measure_density(masks: pl.DataFrame, widths: Sequence[int]) -> np.ndarray:
    """Divide each layer's share of the masks' neurons by its share of all neurons: (layers,).

    Where chance chooses neurons it is 1 on average; without any neuron NaN.

    Args:
        masks: Table `masks`, of all cultures.
        widths: Neurons of each layer.
    """
    counts = np.bincount(masks["layer"].to_numpy(), minlength=len(widths))
    shares = np.divide(counts, len(masks), out=np.full(len(widths), np.nan), where=len(masks) > 0)
    return shares / (np.array(widths) / sum(widths))


@in_style
def plot_depth(densities: Mapping[ModelComponent, np.ndarray]) -> Figure:
    """Draw at which relative depth one scorer's neurons lie, per model and component.

    Args:
        densities: (Model, component) -> neurons of each layer, chance is 1. A component of one
            layer has no depth, and one without neurons none that is known.
    """
    deep = {key: of for key, of in densities.items() if len(of) > 1 and np.isfinite(of).all()}
    if not deep:
        return empty_figure("No depth to show: all masks are empty, or of one layer.")
    models = list(dict.fromkeys(model for model, _ in deep))
    components = list(dict.fromkeys(component for _, component in deep))
    columns = min(len(models), _COLUMNS)
    rows = -(-len(models) // columns)
    titles = [wrap_title(model, WIDE / columns - 0.4) for model in models]
    figure = Figure(figsize=(WIDE, 1.8 * rows + 0.9), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    looks = model_looks(components)
    for axes, model, title in zip(panels, models, titles, strict=False):
        _draw_model(axes, {name: deep[model, name] for m, name in deep if m == model}, looks)
        axes.set_title(title, loc="left")
        axes.set_xlabel("relative depth")
    for axes in panels[len(models) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel("neurons / chance")
    panels[0].set_ylim(bottom=0)
    handles = [
        Line2D([], [], color=looks[name].color, marker=looks[name].marker, label=name)
        for name in components
    ]
    add_legend(figure, handles)
    set_title(figure, word_depth(deep))
    return figure


def _draw_model(axes: Axes, densities: Mapping[str, np.ndarray], looks: Mapping[str, Look]) -> None:
    axes.axhline(1, color="0.6", linewidth=0.8, zorder=0.8)
    for component, density in densities.items():
        axes.plot(
            np.linspace(0, 1, len(density)),
            density,
            color=looks[component].color,
            marker=looks[component].marker,
            markersize=3.5,
            linewidth=1,
            clip_on=False,  # marks at 0, and at the first and the last layer
        )


def word_depth(densities: Mapping[ModelComponent, np.ndarray]) -> str:
    """Say of which components the neurons lie early or late in every model.

    Early is a mean relative depth below _EARLY, late one above 1 - _EARLY, as if layers were
    equally wide.
    """
    depths: dict[str, list[float]] = {}
    for (_, component), density in densities.items():
        depth = np.average(np.linspace(0, 1, len(density)), weights=density)
        depths.setdefault(component, []).append(float(depth))
    early = [name for name, values in depths.items() if max(values) < _EARLY]
    late = [name for name, values in depths.items() if min(values) > 1 - _EARLY]
    parts = [
        f"{where} at {list_names(names)}"
        for names, where in ((early, "early"), (late, "late"))
        if names
    ]
    if not parts:
        return "Selected neurons lie early or late in no component of every model"
    return f"Selected neurons lie {' and '.join(parts)} in every model"
