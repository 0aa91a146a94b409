"""A scorer's masks as units of the axis of neurons, culture by culture."""

from pathlib import Path

import numpy as np

from culture_neurons.identify.mask_tables import read_masks
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import read_facts


def read_culture_units(path: str | Path, axis: NeuronAxis) -> dict[str, np.ndarray]:
    """Read the units of each culture's mask, also of an empty one.

    Raises:
        TableError: The file is damaged or no table of masks.
    """
    masks = read_masks(path, read_sizes(read_facts(path, "masks")))
    none = np.empty(0, dtype=np.int64)
    return {
        name.culture: np.concatenate([none, *(axis.starts[at] + by[at] for at in by)])
        for name, by in masks.items()
    }
