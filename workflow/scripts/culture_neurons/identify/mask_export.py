"""Masks -> files that others read: torch's and safetensors' tensors, and CULNIG's JSON."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from culture_neurons.identify.named_masks import FACTS
from culture_neurons.neurons import MaskName, NeuronAxis
from culture_neurons.storage.writing import atomic_path

Masks = Mapping[MaskName, Mapping[int, Sequence[int]]]  # name -> layer -> neurons
MODULE = "act_fn"  # whose output the neurons are, as CULNIG names modules


def write_torch(path: str | Path, masks: Masks, axis: NeuronAxis) -> None:
    """Write index tensors by class, then by layer, as Tang et al. (2024) do; classes in order."""
    layers = range(len(axis.widths))
    classes = [
        [torch.tensor(list(by_layer.get(n, ())), dtype=torch.int64) for n in layers]
        for by_layer in masks.values()
    ]
    buffer = io.BytesIO()  # an archive is named for its file, whose temporary name is random
    torch.save(classes, buffer)
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(buffer.getvalue())


def write_safetensors(path: str | Path, masks: Masks, says: Mapping[str, str]) -> None:
    """Write a tensor for each class, [neurons, 2]: layer and neuron; `says` are its facts."""
    tensors = {
        name.culture: torch.tensor(_list_pairs(by_layer), dtype=torch.int64).reshape(-1, 2)
        for name, by_layer in masks.items()
    }
    # As one entry: of several, safetensors writes another one first each time.
    metadata = {FACTS: json.dumps(dict(says), sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def write_json(path: str | Path, masks: Masks) -> None:
    """Write CULNIG's `top_neurons` for each class."""
    content = {
        name.culture: {
            "top_neurons": [
                {"module_name": MODULE, "layer_idx": layer, "neuron_idx": neuron}
                for layer, neuron in _list_pairs(by_layer)
            ]
        }
        for name, by_layer in masks.items()
    }
    with atomic_path(path) as temporary:
        Path(temporary).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _list_pairs(by_layer: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    return [(layer, int(neuron)) for layer in sorted(by_layer) for neuron in by_layer[layer]]
