"""Run a model on whole prompts, as the library does, up to the logits of the next token."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import run_to_logits
from culture_neurons.model.prompts import SCOPES, EncodedPrompt, collate, mark_tokens


def place_inputs(inputs: Mapping[str, Tensor], model: torch.nn.Module) -> dict[str, Tensor]:
    """Move inputs to the model's device, pictures in its dtype; from pinned memory if on a GPU."""
    placed = {}
    for key, value in inputs.items():
        if value.is_floating_point():
            value = value.to(model.dtype)
        if model.device.type == "cuda":
            value = value.pin_memory()
        placed[key] = value.to(model.device, non_blocking=True)
    return placed


def place_marks(
    model: torch.nn.Module, scopes: Sequence[Tensor], names: Collection[str]
) -> Tensor | None:
    """Mark the tokens of some scopes on the model's device; None if they are of all scopes."""
    return None if set(names) == set(SCOPES) else mark_tokens(scopes, names).to(model.device)


@dataclass(frozen=True)
class WholePrompts:
    """Prompts on the device; pictures are encoded once, however often the batch is run."""

    inputs: dict[str, object]
    last: Tensor  # (rows, 1) position of each prompt's last token


@torch.inference_mode()
def prepare_prompts(
    checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt], encode: bool = True
) -> WholePrompts:
    """Collate prompts on the model's device and encode their pictures.

    Masks of the decoder share the pictures' features. Those of what works on pictures have their
    own: not to be encoded here. A model class whose forward takes no ready features gets the pixels
    instead: the same results, more slowly.
    """
    model = checkpoint.model
    inputs = place_inputs(collate(prompts, checkpoint.processor.tokenizer.pad_token_id or 0), model)
    # The class itself may name fewer arguments than the model within, to which it hands them on.
    encoders = [part for part in (model, model.base_model) if hasattr(part, "get_image_features")]
    ready = "mm_encoder_outputs" in inspect.signature(model.forward).parameters
    if encode and prompts[0].picture_inputs and encoders and ready:
        known = set()
        for part in encoders:
            known |= set(inspect.signature(part.get_image_features).parameters)
        pictures = {key: inputs[key] for key in prompts[0].picture_inputs if key in known}
        features = encoders[0].get_image_features(**pictures, return_dict=True)
        for key in pictures:
            if inputs[key].is_floating_point():  # pixels; what tells their sizes stays
                del inputs[key]
        inputs["mm_encoder_outputs"] = {"image": features}
    last = torch.tensor([[prompt.tokens - 1] for prompt in prompts], device=model.device)
    return WholePrompts(inputs, last)


@torch.inference_mode()
def run_prompts(checkpoint: Checkpoint, batch: WholePrompts) -> Tensor:
    """Run prepared prompts once; the next-token logits after each, (rows, vocabulary)."""
    return run_to_logits(checkpoint.model, {**batch.inputs, "use_cache": False}, batch.last)[:, 0]


def run_plain(checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt]) -> Tensor:
    """Run whole prompts once, nothing shared; (rows, vocabulary)."""
    return run_prompts(checkpoint, prepare_prompts(checkpoint, prompts))
