"""Record activation statistics while a model runs: K, S, Q per token scope and neuron.

Nothing but sums leaves the device: small matmuls of a (scopes x tokens) matrix with the activations
per layer, one copy to the host per cell.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.neurons import SUMS

# Activations are read several times, so they are taken in parts: on a CPU such as stay in its
# cache; elsewhere large enough for few launches, small beside a batch's activations.
PART_VALUES = {"cpu": 2**18, "cuda": 2**24}

Sums = Mapping[str, Tensor]  # column of SUMS -> sums over tokens, (scopes, units)


def make_sums(layers: HookedLayers, scopes: int, device: torch.device | str = "cpu") -> Sums:
    """Begin a cell: zeros (scopes, units), in the types in which sums are added up."""
    shape = (scopes, len(layers.axis))
    return {
        name: torch.zeros(shape, dtype=getattr(torch, kind.added), device=device)
        for name, kind in SUMS.items()
    }


@contextmanager
def capture(layers: HookedLayers, sums: Sums, weights: Tensor) -> Iterator[None]:
    """Add the activations of one forward, which this block runs, to `sums`; all of it or nothing.

    K counts g > 0. Weights and booleans are multiplied in float32, exact below 2**24 tokens per
    batch, and added up in int64; S and Q are added up in float64 over batches.

    Args:
        layers: Where to read.
        sums: What to add to, once the block has ended without an error.
        weights: (scopes, rows, tokens), 1 where a token counts.

    Raises:
        HookpointError: A layer's module did not run.
    """
    flat = weights.flatten(1)  # (scopes, rows * tokens)
    values = PART_VALUES.get(weights.device.type, PART_VALUES["cuda"])
    of_layers: dict[int, Tensor] = {}

    def make_hook(layer: int, width: int):
        step = max(1, values // width)  # tokens

        def hook(activation: Tensor) -> None:  # (rows, tokens, coordinates)
            gates = layers.hookpoint.value(activation.detach()).flatten(0, 1)
            found = flat.new_zeros(len(SUMS), len(flat), width)
            for weight, part in zip(flat.split(step, 1), gates.split(step), strict=True):
                part = part.float()  # (step, width)
                for place, kind in enumerate(SUMS.values()):
                    found[place].addmm_(weight, kind.of(part).float())
            of_layers[layer] = found

        return hook

    handles = []
    try:
        for layer, width in enumerate(layers.axis.widths):
            handles.append(layers.register(layer, make_hook(layer, width)))
        yield
        layers.require_fired(range(len(layers.modules)), of_layers)
        whole = torch.cat([of_layers[layer] for layer in sorted(of_layers)], dim=-1)
        for name, added in zip(SUMS, whole, strict=True):  # (scopes, units)
            counts = sums[name].dtype == torch.int64
            sums[name] += (added.round() if counts else added).to(sums[name].dtype)
    finally:
        for handle in handles:
            handle.remove()


def find_bad_layers(layers: HookedLayers, sums: Sums) -> list[int]:
    """List the layers with NaN or infinite sums."""
    finite = torch.stack([total.isfinite().all(0) for total in sums.values()]).all(0)  # (units,)
    parts = layers.axis.split_layers(finite.cpu().numpy())
    return [layer for layer, part in enumerate(parts) if not part.all()]
