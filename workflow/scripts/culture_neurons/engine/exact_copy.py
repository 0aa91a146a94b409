"""A float32 copy of a model's first layers, on which the trial (trial.py) runs."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from culture_neurons.logs import logger
from culture_neurons.model.checkpoints import Checkpoint


def make_exact(checkpoint: Checkpoint) -> Checkpoint:
    """Make a float32 copy of a model's first layers; a model in float32 is taken as it is.

    The copy has every kind of layer that the decoder has, two layers at least. Where a GPU has no
    room for it, it is made on the CPU.
    """
    model = checkpoint.model
    if model.dtype == torch.float32:
        return checkpoint
    decoder, config = model.get_decoder(), model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or [None] * len(decoder.layers)
    known = [(type(layer), kind) for layer, kind in zip(decoder.layers, kinds, strict=False)]
    count = max(2, 1 + max(known.index(kind) for kind in set(known)))
    with _cut_layers(decoder, count):
        try:
            cut = copy.deepcopy(model).float()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            cut = _copy_to_cpu(model).float()
    config = cut.config.get_text_config()
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:count]
    logger.info("trial in float32 on the first %d of %d layers", count, len(known))
    return replace(checkpoint, model=cut)


@contextmanager
def _cut_layers(decoder: nn.Module, count: int) -> Iterator[None]:
    whole = decoder.layers
    decoder.layers = whole[:count]
    try:
        yield
    finally:
        decoder.layers = whole


def _copy_to_cpu(model: nn.Module) -> nn.Module:
    """Copy a model tensor by tensor to the CPU, without a second copy on its device."""
    known = {id(weight): nn.Parameter(weight.cpu(), False) for weight in model.parameters()}
    known |= {id(buffer): buffer.cpu() for buffer in model.buffers()}
    return copy.deepcopy(model, known)
