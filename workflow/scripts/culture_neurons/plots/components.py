"""At which depth of a model, and of each of its components, a scorer finds its neurons."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from culture_neurons.plots.parts.style import (
    WIDE,
    add_note,
    empty_figure,
    in_style,
    set_title,
    wrap_title,
)
from culture_neurons.plots.parts.wording import list_names

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
    """Draw at which relative depth one scorer's neurons lie: a row per component, models beside it.

    Args:
        densities: (Model, component) -> neurons of each layer, chance is 1. A component of one
            layer has no depth, and one without neurons none that is known.
    """
    deep = {key: of for key, of in densities.items() if len(of) > 1 and np.isfinite(of).all()}
    if not deep:
        return empty_figure("No depth to show: all masks are empty, or of one layer.")
    models = list(dict.fromkeys(model for model, _ in deep))
    components = list(dict.fromkeys(component for _, component in deep))
    titles = [wrap_title(model, (WIDE - 1.2) / len(models) - 0.1) for model in models]
    height = 0.62 * len(components) + 0.13 * max(title.count("\n") for title in titles) + 0.9
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    figure.get_layout_engine().set(hspace=0, h_pad=0.02)
    shape = (len(components), len(models))
    panels = figure.subplots(*shape, sharex=True, sharey="row", squeeze=False)
    for row, component in zip(panels, components, strict=True):
        drawn = []
        for axes, model in zip(row, models, strict=True):
            axes.set_axis_off()
            if (model, component) in deep:
                _draw_density(axes, deep[model, component])
                drawn.append(axes)
        drawn[0].set_ylabel(component.replace(", ", ",\n"), rotation=0, ha="right", va="center")
        drawn[0].tick_params(axis="y", labelleft=True)
        drawn[0].set_ylim(bottom=0)
        drawn[0].locator_params(axis="y", nbins=2)
    for column, title in zip(panels.T, titles, strict=True):
        column[0].set_title(title, loc="left")
        last = [axes for axes in column if axes.axison][-1]
        last.tick_params(axis="x", labelbottom=True)
        last.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        last.set_xlabel("relative depth")
    set_title(figure, word_depth(deep))
    add_note(figure, "Neurons of each layer, as a multiple of what chance would put there (line)")
    return figure


def _draw_density(axes: Axes, density: np.ndarray) -> None:
    axes.set_axis_on()
    depth = np.linspace(0, 1, len(density))
    axes.bar(depth, density, width=1 / max(3, len(density) - 1), color="0.6", linewidth=0)
    axes.axhline(1, color="0.2", linewidth=0.8)


def word_depth(densities: Mapping[ModelComponent, np.ndarray]) -> str:
    """Say of which components the neurons lie early or late in every model.

    Early is a mean relative depth below _EARLY, late one above 1 - _EARLY, as if layers were
    equally wide.
    """
    depths: dict[str, list[float]] = {}
    for (_, component), density in densities.items():
        depth = np.average(np.linspace(0, 1, len(density)), weights=density)
        depths.setdefault(component, []).append(float(depth))
    models = len({model for model, _ in densities})
    known = {name: values for name, values in depths.items() if len(values) == models}
    early = [name for name, values in known.items() if max(values) < _EARLY]
    late = [name for name, values in known.items() if min(values) > 1 - _EARLY]
    parts = [
        f"{where} at {list_names(names)}"
        for names, where in ((early, "early"), (late, "late"))
        if names
    ]
    if not parts:
        return "Selected neurons lie early or late in no component of every model"
    return f"Selected neurons lie {' and '.join(parts)} in every model"
