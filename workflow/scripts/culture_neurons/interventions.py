"""Change activations while a model runs: one affine map per row, layer, and neuron.

g' = gain * g + offset. Ablate, steer, and mean-ablate are three settings of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from culture_neurons.hookpoints import HookedLayers


@dataclass(frozen=True)
class AffineMap:
    """g' = gain * g + offset on the named neurons; every other neuron is left untouched.

    `neurons[layer]` are indices, `offset[layer]` the same number of values (zero if absent).
    """

    neurons: Mapping[int, Tensor]
    gain: float
    offset: Mapping[int, Tensor] = field(default_factory=dict)


def ablate(neurons: Mapping[int, Tensor]) -> AffineMap:
    """Silence neurons: g' = 0 * g."""
    return AffineMap(neurons, gain=0.0)


def steer(neurons: Mapping[int, Tensor], alpha: float) -> AffineMap:
    """Scale neurons: g' = (1 + alpha) * g; alpha = -1 is ablation."""
    return AffineMap(neurons, gain=1.0 + alpha)


def mean_ablate(neurons: Mapping[int, Tensor], means: Mapping[int, Tensor]) -> AffineMap:
    """Replace neurons by their mean activation: g' = means[layer][neuron]; means: (width,)."""
    offset = {layer: means[layer][index] for layer, index in neurons.items()}
    return AffineMap(neurons, gain=0.0, offset=offset)


@contextmanager
def intervene(layers: HookedLayers, rows: list[AffineMap]) -> Iterator[None]:
    """Apply one affine map per batch row (or one for all rows) while the block runs.

    Layers that no map names get no hook, so an empty map changes nothing, bit for bit. Own hooks
    are removed on the way out, also after an error; hooks of others stay.

    Raises:
        ValueError: A map names a layer or a neuron that the hookpoint does not have.
    """
    handles = []
    try:
        for layer in sorted({layer for row in rows for layer in row.neurons}):
            if not 0 <= layer < len(layers.modules):
                raise ValueError(
                    f"{layers.name}: a mask names layer {layer}, "
                    f"but the model has layers 0 to {len(layers.modules) - 1}"
                )
            hook = _make_hook(*_dense(layers, rows, layer))
            handles.append(layers.modules[layer].register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _dense(layers: HookedLayers, rows: list[AffineMap], layer: int) -> tuple[Tensor, ...]:
    touched = torch.zeros(len(rows), 1, layers.width, dtype=torch.bool)  # (rows, 1, width)
    gain = torch.ones(len(rows), 1, layers.width)
    offset = torch.zeros(len(rows), 1, layers.width)
    for index, row in enumerate(rows):
        if layer not in row.neurons:
            continue
        neurons = row.neurons[layer].long()
        if len(neurons) and not 0 <= int(neurons.min()) <= int(neurons.max()) < layers.width:
            raise ValueError(
                f"{layers.name}: a mask names neuron {int(neurons.max())} of layer {layer}, "
                f"but the layer has neurons 0 to {layers.width - 1}"
            )
        touched[index, 0, neurons] = True
        gain[index, 0, neurons] = row.gain
        if layer in row.offset:
            offset[index, 0, neurons] = row.offset[layer].float()
    return touched, gain, offset


def _make_hook(touched: Tensor, gain: Tensor, offset: Tensor):
    def hook(_module, _inputs, activation: Tensor) -> Tensor:  # (rows, tokens, width)
        nonlocal touched, gain, offset
        if gain.dtype != activation.dtype or gain.device != activation.device:
            touched = touched.to(activation.device)
            gain, offset = gain.to(activation), offset.to(activation)
        # where, not a bare product: untouched neurons stay bit-identical, -0.0 and NaN included.
        return torch.where(touched, gain * activation + offset, activation)

    return hook
