"""Tables of masks and means -> what interventions are made of: neurons by mask and layer."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from culture_neurons.storage.facts import TableError
from culture_neurons.storage.tables import read_table


def read_masks(path: str | Path, sizes: Mapping[str, int]) -> dict[str, dict[int, np.ndarray]]:
    """Read masks: name -> layer -> neuron indices, for every mask, also the empty ones."""
    table = read_table(path, "masks", ["mask", "layer", "neuron"])
    names = np.asarray(table["mask"].to_pylist(), dtype=object)
    layers, neurons = table["layer"].to_numpy(), table["neuron"].to_numpy()
    masks = {}
    for name, size in sizes.items():
        here = names == name
        if here.sum() != size:
            raise TableError(
                f"{path}: mask {name!r} has {here.sum()} neurons, its metadata says {size}; "
                "delete it and run again"
            )
        masks[name] = {
            int(layer): neurons[here & (layers == layer)].astype(np.int64)
            for layer in np.unique(layers[here])
        }
    return masks


def read_means(path: str | Path) -> dict[int, np.ndarray]:
    """Read mean activations over all cultures' tokens, S / T, as layer -> (width,)."""
    table = read_table(path, "statistics", ["culture", "layer", "neuron", "tokens", "total"])
    grouped = table.group_by(["layer", "neuron"]).aggregate([("total", "sum"), ("tokens", "sum")])
    grouped = grouped.sort_by([("layer", "ascending"), ("neuron", "ascending")])
    layers = grouped["layer"].to_numpy()
    means = grouped["total_sum"].to_numpy() / grouped["tokens_sum"].to_numpy()
    return {int(layer): means[layers == layer] for layer in np.unique(layers)}
