"""Change activations while a model runs: one affine map per row, layer, and neuron.

g' = gain * g + offset. To silence, scale, shift, and replace activations are settings of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.neurons import MaskName


@dataclass(frozen=True)
class AffineMap:
    """g' = gain * g + offset on the named neurons; every other neuron is left untouched.

    `neurons[layer]` are indices, `offset[layer]` the same number of values (zero if absent): of
    heads (neurons, coordinates of a block).
    """

    neurons: Mapping[int, Tensor]
    gain: float
    offset: Mapping[int, Tensor] = field(default_factory=dict)


UNMODIFIED = AffineMap({}, gain=1.0)


def ablate(neurons: Mapping[int, Tensor]) -> AffineMap:
    """Silence neurons: g' = 0 * g."""
    return AffineMap(neurons, gain=0.0)


def scale(neurons: Mapping[int, Tensor], strength: float) -> AffineMap:
    """Scale neurons: g' = (1 + strength) * g; strength = -1 is ablation."""
    return AffineMap(neurons, gain=1.0 + strength)


def shift(
    neurons: Mapping[int, Tensor], values: Mapping[int, Tensor], strength: float
) -> AffineMap:
    """Shift neurons: g' = g + strength * values[layer][neuron]; values: (width[, block])."""
    offset = {layer: strength * values[layer][index] for layer, index in neurons.items()}
    return AffineMap(neurons, gain=1.0, offset=offset)


def replace_by(
    neurons: Mapping[int, Tensor], values: Mapping[int, Tensor], strength: float = 1.0
) -> AffineMap:
    """Move neurons to values: g' = (1 - strength) * g + strength * values[layer][neuron]."""
    return AffineMap(neurons, 1.0 - strength, shift(neurons, values, strength).offset)


@contextmanager
def intervene(
    layers: HookedLayers, maps: Sequence[AffineMap], where: Sequence[Tensor] | None = None
) -> Iterator[None]:
    """Apply affine maps while the block runs, each to an equal share of a batch's tokens.

    Map m acts on the m-th block of consecutive rows: one map serves all rows, as many maps as
    rows serve one each. Of a single row, and of patches that stand in none, it acts on the m-th
    block of consecutive tokens. Layers that no map names get no hook and other neurons are not
    touched, so an empty map changes nothing, bit for bit. Activations are changed in place, at a
    cost that grows with the masks and not with the width. Own hooks are removed on the way out,
    also after an error; hooks of others stay.

    Args:
        layers: Where.
        maps: One or more.
        where: Of each layer the tokens at which a map acts, bool, in the shape of a map's block:
            (rows of a map, tokens), or of a single row (1, tokens of a map); None: all.

    Raises:
        ValueError: A map names a layer or a neuron that the hookpoint does not have.
        HookpointError: A changed layer's module did not run in the block.
    """
    changed = sorted({layer for affine in maps for layer in affine.neurons})
    fired: set[int] = set()
    handles = []
    try:
        for layer in changed:
            if not 0 <= layer < len(layers.modules):
                raise ValueError(
                    f"{layers.name}: a mask names layer {layer}, "
                    f"but the model has layers 0 to {len(layers.modules) - 1}"
                )
            marks = None if where is None else where[layer]
            change = _make_change(len(maps), marks, *_list_changes(layers, maps, layer))
            handles.append(layers.register(layer, _note_pass(change, fired, layer)))
        yield
        if changed:
            layers.require_fired(changed, fired)
    finally:
        for handle in handles:
            handle.remove()


def _note_pass(change: Callable[[Tensor], None], fired: set[int], layer: int):
    def hook(activation: Tensor) -> None:
        change(activation)
        fired.add(layer)

    return hook


def _list_changes(layers: HookedLayers, maps: Sequence[AffineMap], layer: int) -> list[Tensor]:
    """List one layer's changes as columns: map, coordinate, gain, offset."""
    columns, width = [], layers.axis.widths[layer]
    for index, affine in enumerate(maps):
        neurons = affine.neurons.get(layer, torch.empty(0)).long()
        if len(neurons) and not 0 <= int(neurons.min()) <= int(neurons.max()) < width:
            raise ValueError(
                f"{layers.name}: a mask names neuron {int(neurons.max())} of layer {layer}, "
                f"but the layer has neurons 0 to {width - 1}"
            )
        coordinates = layers.list_coordinates(neurons)
        gain = torch.full(coordinates.shape, affine.gain)
        offset = affine.offset.get(layer, torch.zeros(coordinates.shape)).float().flatten()
        columns.append((torch.full_like(coordinates, index), coordinates, gain, offset))
    return [torch.cat(parts) for parts in zip(*columns, strict=True)]


def _make_change(
    maps: int,
    marks: Tensor | None,
    which: Tensor,
    coordinates: Tensor,
    gain: Tensor,
    offset: Tensor,
):
    shifts = bool(offset.any())
    gain, offset = gain[:, None], offset[:, None]  # (changes, 1)

    def change(activation: Tensor) -> None:  # (rows, tokens, coordinates), or without rows
        nonlocal which, coordinates, gain, offset
        if gain.dtype != activation.dtype or gain.device != activation.device:
            which, coordinates = which.to(activation.device), coordinates.to(activation.device)
            gain, offset = gain.to(activation), offset.to(activation)
        # (maps, tokens of a map, coordinates)
        blocks = activation.view(maps, -1, activation.shape[-1])
        known = blocks[which, :, coordinates]  # (changes, tokens of a map)
        changed = known * gain
        if shifts:  # adding a zero would turn -0.0 into 0.0
            changed = changed + offset
        if marks is not None:
            changed = changed.where(marks.flatten(), known)
        blocks[which, :, coordinates] = changed

    return change


def make_interventions(
    masks: Mapping[MaskName, Mapping[int, object]],
    intervention: Mapping[str, object],
    means: Mapping[str | None, object] | None = None,
) -> dict[MaskName, AffineMap]:
    """Turn masks into affine maps by name, each into one per strength where there are several.

    Args:
        masks: Name -> layer -> neurons, as arrays of int64.
        intervention: An entry of the config's `intervene` or `steer`: kind, strength or strengths.
        means: Culture -> mean activations of each layer's neurons, as arrays; None: over all
            cultures' tokens. For kinds that shift or replace activations.
    """
    maps = {}
    strengths = intervention.get("strengths")
    for name, by_layer in masks.items():
        neurons = {layer: torch.from_numpy(index) for layer, index in by_layer.items()}
        kind, values = intervention["kind"], {}
        if kind not in ("ablate", "scale"):
            aim = find_aim(kind, name.culture, means)
            values = {layer: torch.from_numpy(aim[layer]) for layer in neurons}
        if strengths is None:
            maps[name] = make_map(kind, neurons, values, intervention["strength"])
        else:
            maps |= {
                name._replace(strength=strength): make_map(kind, neurons, values, strength)
                for strength in strengths
            }
    return maps


def make_map(
    kind: str,
    neurons: Mapping[int, Tensor],
    values: Mapping[int, Tensor],
    strength: float | None,
) -> AffineMap:
    """Make one map of a kind; values are what `find_aim` finds, strength is none of ablations."""
    if kind == "ablate":
        return ablate(neurons)
    if kind == "scale":
        return scale(neurons, strength)
    if kind in ("add", "diffmean"):
        return shift(neurons, values, strength)
    return replace_by(neurons, values, 1.0 if kind == "mean_ablate" else strength)


def find_aim(kind: str, culture: str, means: Mapping[str | None, Sequence]) -> Sequence:
    """Find what a kind of intervention shifts a culture's neurons by or to, layer by layer.

    mean_ablate: the mean over all cultures' tokens; add and replace: the culture's mean; diffmean:
    that less the mean of the other cultures' means.
    """
    if kind == "mean_ablate":
        return means[None]
    if kind != "diffmean":
        return means[culture]
    others = [values for name, values in means.items() if name not in (None, culture)]
    parts = zip(means[culture], *others, strict=True)  # layer by layer
    return [own - sum(rest) / len(rest) for own, *rest in parts]
