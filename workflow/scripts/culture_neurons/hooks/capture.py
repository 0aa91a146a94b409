"""Record activation statistics while a model runs: K, S, Q per token scope, layer, and neuron.

Nothing but sums leaves the device: small matmuls of a (scopes x tokens) matrix with the activations
per layer, one copy to the host per cell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from culture_neurons.hooks.hookpoints import HookedLayers

# Activations are read several times, so they are taken in parts: on a CPU such as stay in its
# cache; elsewhere large enough for few launches, small beside a batch's activations.
PART_VALUES = {"cpu": 2**18, "cuda": 2**24}


@dataclass(frozen=True)
class Sums:
    """Sums over the tokens of one cell; every tensor is (layers, scopes, width)."""

    active: Tensor  # K, int64
    total: Tensor  # S, float64
    total_squares: Tensor  # Q, float64

    @classmethod
    def zeros(cls, layers: HookedLayers, scopes: int, device: torch.device | str = "cpu") -> "Sums":
        """Begin a cell."""
        shape = (len(layers.modules), scopes, layers.width)
        kinds = (torch.int64, torch.float64, torch.float64)
        return cls(*(torch.zeros(shape, dtype=kind, device=device) for kind in kinds))

    def to(self, device: torch.device | str) -> "Sums":
        """Move the sums to a device."""
        return Sums(self.active.to(device), self.total.to(device), self.total_squares.to(device))


@contextmanager
def capture(layers: HookedLayers, sums: Sums, weights: Tensor) -> Iterator[None]:
    """Add the activations of one forward, which this block runs, to `sums`; all of it or nothing.

    K counts g > 0. Weights and booleans are multiplied in float32, exact below 2**24 tokens per
    batch, and added up in int64; S and Q are added up in float64 over batches.

    Args:
        layers: Where to read.
        sums: What to add to, once the block has ended without an error.
        weights: (scopes, rows, tokens), 1 where a token counts.
    """
    flat = weights.flatten(1)  # (scopes, rows * tokens)
    values = PART_VALUES.get(weights.device.type, PART_VALUES["cuda"])
    step = max(1, values // layers.width)  # tokens
    scratch = torch.empty(step, layers.width, device=weights.device)  # fresh memory is slow
    found: dict[int, Tensor] = {}

    def make_hook(layer: int):
        def hook(_module, _inputs, activation: Tensor) -> None:  # (rows, tokens, width)
            sums = flat.new_zeros(3, len(flat), layers.width)  # K, S, Q
            parts = activation.detach().flatten(0, 1).split(step)  # (step, width) each
            for weight, part in zip(flat.split(step, 1), parts, strict=True):
                gates, space = part.float(), scratch[: len(part)]
                sums[0].addmm_(weight, torch.gt(gates, 0, out=space))
                sums[1].addmm_(weight, gates)
                sums[2].addmm_(weight, torch.square(gates, out=space))
            found[layer] = sums

        return hook

    handles = []
    try:
        for layer, module in enumerate(layers.modules):
            handles.append(module.register_forward_hook(make_hook(layer)))
        yield
        for layer, (active, total, squares) in found.items():
            sums.active[layer] += active.round().long()
            sums.total[layer] += total.double()
            sums.total_squares[layer] += squares.double()
    finally:
        for handle in handles:
            handle.remove()


def find_bad_layers(sums: Sums) -> list[int]:
    """List the layers with NaN or infinite sums."""
    finite = (sums.total.isfinite() & sums.total_squares.isfinite()).flatten(1).all(1)
    return (~finite).nonzero().flatten().tolist()
