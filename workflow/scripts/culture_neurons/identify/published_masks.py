"""Masks that others published: a .pth file of neuron indices."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch

from culture_neurons.neurons import NeuronAxis


class MaskFileError(Exception):
    """A file that does not hold masks of this model's size."""


def read_mask_file(path: str | Path, axis: NeuronAxis) -> list[list[list[int]]]:
    """Read masks as Tang et al. (2024) publish theirs: index tensors by class, then by layer.

    Only tensors and plain containers are read (`weights_only`); a pickle that would run code is
    refused and nothing of it runs.

    Args:
        path: Written by torch.save.
        axis: The model's neurons.

    Returns:
        [classes][layers], each the sorted neurons of a layer.

    Raises:
        MaskFileError: The file cannot be read, or it is not a list of classes, each with one
            tensor [neurons] of distinct indices below its width for each layer.
    """
    try:
        classes = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise MaskFileError(
            f"{path}: holds more than tensors and lists, or is no file of torch.save; nothing of "
            "it was run; expected index tensors by class and layer: ask its authors for these, or "
            "save them anew where you trust the file"
        ) from error
    except Exception as error:  # torch raises nearly anything on damaged bytes
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise MaskFileError(f"{path}: cannot be read ({text}); fetch the file again") from error
    if not isinstance(classes, (list, tuple)) or not classes:
        raise MaskFileError(
            f"{path}: holds {_describe(classes)}; expected a list of classes, each a list of "
            f"{len(axis.widths)} index tensors"
        )
    return [
        _read_class(found, axis, f"{path}: class {index}") for index, found in enumerate(classes)
    ]


def _read_class(found: object, axis: NeuronAxis, where: str) -> list[list[int]]:
    layers = len(axis.widths)
    if not isinstance(found, (list, tuple)) or len(found) != layers:
        raise MaskFileError(
            f"{where} is {_describe(found)}; expected a list of {layers} index tensors, one for "
            "each layer: the masks are of another model"
        )
    return [
        _read_layer(indices, width, f"{where}, layer {layer}")
        for layer, (indices, width) in enumerate(zip(found, axis.widths, strict=True))
    ]


def _read_layer(indices: object, width: int, where: str) -> list[int]:
    kinds = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    is_plain = (
        isinstance(indices, torch.Tensor)
        and indices.layout is torch.strided  # not sparse
        and indices.device.type == "cpu"  # a "meta" tensor has no values
        and indices.dtype in kinds
        and indices.dim() == 1
    )
    if not is_plain:
        raise MaskFileError(
            f"{where} is {_describe(indices)}; expected a dense tensor of integers with one "
            "dimension"
        )
    if indices.numel() > width:  # a few bytes can stand for more numbers than memory holds
        raise MaskFileError(
            f"{where} has {indices.numel()} neurons; expected at most {width}: the masks are of "
            "another model"
        )
    neurons = sorted(indices.tolist())
    if neurons and not 0 <= neurons[0] <= neurons[-1] < width:
        raise MaskFileError(
            f"{where} has neurons {neurons[0]} to {neurons[-1]}; expected 0 to {width - 1}: the "
            "masks are of another model"
        )
    if len(set(neurons)) < len(neurons):
        raise MaskFileError(f"{where} names a neuron twice; expected each once")
    return neurons


def _describe(found: object) -> str:
    if isinstance(found, torch.Tensor):
        kind = [found.dtype, found.layout, found.device.type]
        unusual = [str(part) for part in kind if str(part) not in ("torch.strided", "cpu")]
        return f"a tensor {list(found.shape)} of {', '.join(unusual)}"
    size = f" of {len(found)}" if isinstance(found, (list, tuple, dict)) else ""
    return f"{type(found).__name__}{size}"


def tabulate_masks(
    path: str | Path,
    masks: Sequence[Sequence[Sequence[int]]],
    names: Sequence[str | None],
    cultures: Sequence[str],
) -> dict[str, list]:
    """Turn a file's masks into a table with one mask per culture of the study.

    Args:
        path: The file, to name it.
        masks: [classes][layers], as read_mask_file returns them.
        names: Culture of each class; None: of no culture.
        cultures: The study's; other classes are left out.

    Returns:
        Columns of table `masks`, ranked by layer and neuron, which the file leaves open.

    Raises:
        MaskFileError: The number of classes is not that of `names`, or a culture has no class.
    """
    if len(masks) != len(names):
        raise MaskFileError(
            f"{path}: has {len(masks)} classes, but the config names {len(names)} cultures; "
            "expected one for each class in the file's order, null for a class of no culture"
        )
    missing = [culture for culture in cultures if culture not in names]
    if missing:
        raise MaskFileError(
            f"{path}: has no mask for {', '.join(missing)}; expected one for each culture of the "
            "study: leave these cultures out of dataset.cultures, or leave out these masks"
        )
    columns = {name: [] for name in ("culture", "draw", "layer", "neuron", "rank")}
    for culture in cultures:
        rows = [
            (layer, neuron)
            for layer, neurons in enumerate(masks[names.index(culture)])
            for neuron in neurons
        ]
        columns["culture"] += [culture] * len(rows)
        columns["draw"] += [None] * len(rows)
        columns["layer"] += [layer for layer, _ in rows]
        columns["neuron"] += [neuron for _, neuron in rows]
        columns["rank"] += range(len(rows))
    return columns
