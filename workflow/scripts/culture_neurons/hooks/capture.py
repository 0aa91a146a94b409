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

# Column of SUMS -> what is summed, written into a tensor that is used again: new ones take longer.
TERMS = {
    "active": lambda g, out: torch.gt(g, 0, out=out),
    "total": lambda g, _out: g,
    "total_squares": lambda g, out: torch.mul(g, g, out=out),
}

# Column of SUMS -> sums over tokens, (scopes, units); "tokens" -> their number T, (scopes,).
Sums = Mapping[str, Tensor]


def make_sums(layers: HookedLayers, scopes: int, device: torch.device | str = "cpu") -> Sums:
    """Begin a cell: zeros (scopes, units), in the types in which sums are added up."""
    shape = (scopes, len(layers.axis))
    sums = {
        name: torch.zeros(shape, dtype=getattr(torch, kind.added), device=device)
        for name, kind in SUMS.items()
    }
    return sums | {"tokens": torch.zeros(scopes, dtype=torch.int64, device=device)}


@contextmanager
def capture(layers: HookedLayers, sums: Sums, weights: Tensor | None) -> Iterator[None]:
    """Add the activations of one forward, which this block runs, to `sums`; all of it or nothing.

    K counts g > 0, and nothing where no neuron is ever silent (heads). Weights and booleans are
    multiplied in float32, exact below 2**24 tokens per batch, and added up in int64; S and Q are
    added up in float64 over batches.

    Args:
        layers: Where to read.
        sums: What to add to, once the block has ended without an error.
        weights: (scopes, rows, tokens), 1 where a token counts; None: every patch counts.

    Raises:
        HookpointError: A layer's module did not run.
    """
    flat = None if weights is None else weights.flatten(1)  # (scopes, tokens of all rows)
    of_layers: dict[int, Tensor] = {}

    def make_hook(layer: int):
        def hook(activation: Tensor) -> None:  # ([rows,] tokens, coordinates)
            nonlocal flat
            values = layers.read_values(activation.detach())  # (tokens of all rows, neurons)
            if flat is None:  # the first layer says how many patches there are
                flat = torch.ones(1, len(values), device=values.device)
            of_layers[layer] = _sum(values, flat, layers.hookpoint.counted)

        return hook

    handles = []
    try:
        for layer in range(len(layers.modules)):
            handles.append(layers.register(layer, make_hook(layer)))
        yield
        layers.require_fired(range(len(layers.modules)), of_layers)
        whole = torch.cat([of_layers[layer] for layer in sorted(of_layers)], dim=-1)
        for name, added in zip(SUMS, whole, strict=True):  # (scopes, units)
            counts = sums[name].dtype == torch.int64
            sums[name] += (added.round() if counts else added).to(sums[name].dtype)
        sums["tokens"] += flat.long().sum(1)
    finally:
        for handle in handles:
            handle.remove()


def _sum(values: Tensor, weights: Tensor, counted: bool) -> Tensor:
    """Sum TERMS of values over tokens: (sums, scopes, neurons).

    Args:
        values: Of one layer, (tokens, neurons).
        weights: (scopes, tokens).
        counted: Whether neurons are active or not; else K stays 0.
    """
    step = PART_VALUES.get(values.device.type, PART_VALUES["cuda"])
    step = max(1, step // values.shape[1])  # tokens
    found = weights.new_zeros(len(SUMS), len(weights), values.shape[1])
    out = weights.new_empty(min(step, len(values)), values.shape[1])
    for weight, part in zip(weights.split(step, 1), values.split(step), strict=True):
        part = part.float()  # (step, neurons)
        for place, name in enumerate(SUMS):
            if counted or name != "active":
                found[place].addmm_(weight, TERMS[name](part, out[: len(part)]))
    return found


def find_bad_layers(layers: HookedLayers, sums: Sums) -> list[int]:
    """List the layers with NaN or infinite sums."""
    finite = torch.stack([sums[name].isfinite().all(0) for name in SUMS]).all(0)  # (units,)
    parts = layers.axis.split_layers(finite.cpu().numpy())
    return [layer for layer, part in enumerate(parts) if not part.all()]
