"""Masks of a .pth file as Tang et al. (2024) publish theirs: tensors by class, then by layer."""

import pickle
from pathlib import Path

import torch

from culture_neurons.identify.mask_files import MaskFile, MaskFileError, find_class_units
from culture_neurons.neurons import NeuronAxis

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def read_torch(path: str | Path, axis: NeuronAxis) -> MaskFile:
    """Read masks of torch.save: of each class, index or bool tensors [neurons] by layer.

    Only tensors and plain containers are read (`weights_only`); a pickle that would run code is
    refused and nothing of it runs. A class may also be one bool tensor [layers, neurons].

    Raises:
        MaskFileError: The file cannot be read, or it is not a list of classes, each with one
            tensor for each layer: of distinct indices below its width, or bool and as wide.
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
    units = []
    for index, found in enumerate(classes):
        where = f"{path}: class {index}"
        by_layer = _read_class(found, axis, where)
        layers = [layer for layer, neurons in enumerate(by_layer) for _ in neurons]
        neurons = [neuron for neurons in by_layer for neuron in neurons]
        units.append(find_class_units(axis, layers, neurons, where))
    return MaskFile(path, units)


def _read_class(found: object, axis: NeuronAxis, where: str) -> list[list[int]]:
    layers = len(axis.widths)
    if isinstance(found, torch.Tensor) and found.dtype == torch.bool and found.dim() == 2:
        found = list(found)
    if not isinstance(found, (list, tuple)) or len(found) != layers:
        raise MaskFileError(
            f"{where} is {_describe(found)}; expected a list of {layers} index tensors, one for "
            "each layer: the masks are of another model"
        )
    return [
        _read_layer(tensor, width, f"{where}, layer {layer}")
        for layer, (tensor, width) in enumerate(zip(found, axis.widths, strict=True))
    ]


def _read_layer(tensor: object, width: int, where: str) -> list[int]:
    is_plain = (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided  # not sparse
        and tensor.device.type == "cpu"  # a "meta" tensor has no values
        and tensor.dtype in (torch.bool, *_INTEGERS)
        and tensor.dim() == 1
    )
    if not is_plain:
        raise MaskFileError(
            f"{where} is {_describe(tensor)}; expected a dense tensor of integers, or of bool, "
            "with one dimension"
        )
    if tensor.dtype == torch.bool:
        if len(tensor) != width:
            raise MaskFileError(
                f"{where} marks {len(tensor)} neurons; expected {width}: the masks are of another "
                "model"
            )
        return tensor.nonzero()[:, 0].tolist()
    if tensor.numel() > width:  # a few bytes can stand for more numbers than memory holds
        raise MaskFileError(
            f"{where} has {tensor.numel()} neurons; expected at most {width}: the masks are of "
            "another model"
        )
    return tensor.tolist()


def _describe(found: object) -> str:
    if isinstance(found, torch.Tensor):
        kind = [found.dtype, found.layout, found.device.type]
        unusual = [str(part) for part in kind if str(part) not in ("torch.strided", "cpu")]
        return f"a tensor {list(found.shape)} of {', '.join(unusual)}"
    size = f" of {len(found)}" if isinstance(found, (list, tuple, dict)) else ""
    return f"{type(found).__name__}{size}"
