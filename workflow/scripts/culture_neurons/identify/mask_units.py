"""A scorer's masks as units of the axis of neurons, culture by culture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from culture_neurons.identify.mask_tables import read_masks
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import join_facts, read_facts


def read_culture_units(
    path: str | Path, facts: Mapping[str, object], axis: NeuronAxis
) -> dict[str, np.ndarray]:
    """Read the units of each culture's mask, also of an empty one.

    Args:
        path: A table `masks`.
        facts: Of the outcomes under these masks.
        axis: The model's neurons.

    Raises:
        TableError: The file is damaged, or says other masks than those that were asked.
    """
    known = read_facts(path, "masks")
    join_facts({path: {"masks": known["masks"]}, "its outcomes": {"masks": facts["masks"]}})
    masks = read_masks(path, read_sizes(known))
    none = np.empty(0, dtype=np.int64)
    return {
        name.culture: np.concatenate([none, *(axis.starts[at] + by[at] for at in by)])
        for name, by in masks.items()
    }
