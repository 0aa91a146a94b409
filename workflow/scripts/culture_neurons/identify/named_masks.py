"""Masks of files that name their classes: another study's tables, safetensors, CULNIG's JSON."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from culture_neurons.identify.mask_files import MaskFile, MaskFileError, find_class_units
from culture_neurons.identify.mask_tables import read_masks
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import read_facts

FACTS = "culture_neurons"  # entry of a safetensors file's metadata: JSON
# CULNIG's names of the modules whose output has a hookpoint's neurons, as their last part.
_MODULES = {"act_fn", "gate_proj"}


def read_parquet(path: str | Path, axis: NeuronAxis) -> MaskFile:
    """Read a table `masks`, of this study or another: a scorer's own masks, not a control's.

    Raises:
        MaskFileError: Its neurons are not the model's, or its masks are a control's draws.
        TableError: It is damaged or no table of masks.
    """
    facts = read_facts(path, "masks")
    sizes = read_sizes(facts)
    if any(name.draw is not None for name in sizes):
        raise MaskFileError(f"{path}: holds a control's draws; expected one mask for each class")
    units = []
    for name, by_layer in read_masks(path, sizes).items():
        layers = [layer for layer, neurons in by_layer.items() for _ in neurons]
        neurons = [neuron for neurons in by_layer.values() for neuron in neurons]
        units.append(find_class_units(axis, layers, neurons, f"{path}: class {name}"))
    return MaskFile(path, units, [name.culture for name in sizes], facts)


def read_safetensors(path: str | Path, axis: NeuronAxis) -> MaskFile:
    """Read a tensor for each class: pairs [neurons, 2] of layer and neuron, or bool marks.

    Marks are [layers, width]. Facts that an export of this workflow wrote beside them are kept.

    Raises:
        MaskFileError: The file cannot be read, or a tensor is neither.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            says = json.loads((file.metadata() or {}).get(FACTS, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError, TypeError) as error:
        raise MaskFileError(f"{path}: cannot be read ({error}); fetch the file again") from error
    units = []
    for name, tensor in tensors.items():
        where = f"{path}: class {name!r}"
        shape = (len(axis.widths), max(axis.widths))
        if tensor.dtype == bool and tensor.shape == shape:
            layers, neurons = np.nonzero(tensor)
        elif np.issubdtype(tensor.dtype, np.integer) and tensor.shape[1:] == (2,):
            layers, neurons = tensor.T
        else:
            raise MaskFileError(
                f"{where} is {list(tensor.shape)} of {tensor.dtype}; expected integers [neurons, "
                f"2], pairs of layer and neuron, or bool {list(shape)}"
            )
        units.append(find_class_units(axis, layers, neurons, where))
    return MaskFile(path, units, list(tensors), says)


def read_json(path: str | Path, axis: NeuronAxis) -> MaskFile:
    """Read CULNIG's lists: `top_neurons`, each with module_name, layer_idx, and neuron_idx.

    A file holds one list, without a name, or one for each class: {"JPN": {"top_neurons": ...}}.

    Raises:
        MaskFileError: The file cannot be read, an entry lacks a key, or its module is another.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MaskFileError(f"{path}: cannot be read as JSON ({error})") from error
    named = isinstance(content, dict) and "top_neurons" not in content
    classes = content if named else {"": content}
    units = [_read_list(found, axis, f"{path}: class {name!r}") for name, found in classes.items()]
    return MaskFile(path, units, list(classes) if named else None)


def _read_list(found: object, axis: NeuronAxis, where: str) -> np.ndarray:
    entries = found.get("top_neurons") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise MaskFileError(f"{where} has no list `top_neurons`; expected one")
    pairs = []
    for number, entry in enumerate(entries):
        try:
            module = str(entry["module_name"])
            pairs.append((int(entry["layer_idx"]), int(entry["neuron_idx"])))
        except (KeyError, TypeError, ValueError) as error:
            raise MaskFileError(
                f"{where}, entry {number} is {entry!r}; expected module_name, layer_idx, and "
                "neuron_idx"
            ) from error
        if module.rpartition(".")[2] not in _MODULES:
            raise MaskFileError(
                f"{where}, entry {number} is of module {module!r}; expected {sorted(_MODULES)}, "
                "whose outputs are the neurons of hookpoint mlp.gate_act: take the others out"
            )
    layers, neurons = zip(*pairs, strict=True) if pairs else ((), ())
    return find_class_units(axis, layers, neurons, where)
