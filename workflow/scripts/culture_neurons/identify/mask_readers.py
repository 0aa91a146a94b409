"""Files of masks, read by their suffix."""

from collections.abc import Callable
from pathlib import Path

from culture_neurons.identify.mask_files import MaskFile, MaskFileError
from culture_neurons.identify.named_masks import read_json, read_parquet, read_safetensors
from culture_neurons.identify.torch_masks import read_torch
from culture_neurons.neurons import NeuronAxis

READERS: dict[str, Callable[[str | Path, NeuronAxis], MaskFile]] = {
    ".pth": read_torch,
    ".pt": read_torch,
    ".parquet": read_parquet,
    ".safetensors": read_safetensors,
    ".json": read_json,
}


def read_mask_file(path: str | Path, axis: NeuronAxis) -> MaskFile:
    """Read a file of masks.

    Args:
        path: The file; its suffix is one of READERS.
        axis: The model's neurons.

    Raises:
        MaskFileError: The suffix is another, the file cannot be read, or its neurons are not
            distinct ones of the model; nothing of it is run.
        TableError: A Parquet file is damaged or no table of masks.
    """
    suffix = Path(path).suffix
    if suffix not in READERS:
        raise MaskFileError(
            f"{path}: expected a file of masks that ends in one of {', '.join(READERS)}; see "
            "select.imported in config/config.yaml"
        )
    return READERS[suffix](path, axis)
