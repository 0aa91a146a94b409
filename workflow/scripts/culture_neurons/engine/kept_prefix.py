"""Ask questions on an image under many masks that act behind its picture alone.

No mask changes the prompt's prefix then (chat template and image), so it is run once for all of
them. The questions of all masks follow it in one row: each token attends to the prefix and, up to
itself, to its own question under its own mask. So the picture's keys and values stand in memory
once. Whether a model can be run so is tried first (trial.py).
"""

import copy
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from culture_neurons.engine.batches import ImageGroup
from culture_neurons.engine.shared_prefix import read_decoder_call
from culture_neurons.engine.shortcuts import change_pass, run_last_mlp_at
from culture_neurons.engine.whole_prompts import place_inputs, place_marks
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import AffineMap
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import run_to_logits
from culture_neurons.model.prompts import collate


class KeptPrefix:
    """The prefix of one image, run once, and the questions on the image, to be run under maps."""

    @torch.inference_mode()
    def __init__(self, checkpoint: Checkpoint, group: ImageGroup, tokens: Collection[str]):
        """Run the prefix.

        Args:
            checkpoint: The model.
            group: The image and its questions; its prefix is `kept`.
            tokens: Token scopes at which maps act.
        """
        model, prompts = checkpoint.model, [prompt for _, prompt in group.asked]
        inputs = place_inputs(collate([prompts[0].take_first(group.shared)], 0), model)
        inputs.pop("attention_mask", None)  # nothing is padded
        call = read_decoder_call(model, inputs) | {"use_cache": True, "past_key_values": None}
        decoder, nothing = model.get_decoder(), torch.empty(1, 0, dtype=torch.long)
        with run_last_mlp_at(decoder, nothing.to(model.device)):
            self._cache = decoder(**call).past_key_values
        self._model, self._shared = model, group.shared
        own = [prompt.ids[group.shared :] for prompt in prompts]
        lengths = torch.tensor([len(ids) for ids in own])
        self._ids = torch.cat(own).to(model.device)[None]  # (1, tokens of all questions)
        self._question = torch.arange(len(own)).repeat_interleave(lengths).to(model.device)
        self._last = (lengths.cumsum(0) - 1).to(model.device)  # (questions,)
        steps = torch.cat([torch.arange(length) for length in lengths]).to(model.device)
        positions = call.get("position_ids")  # ([axes,] 1, tokens); text goes on from the largest
        if positions is None:
            positions = torch.arange(group.shared, device=model.device)[None]
        self._positions = (positions.amax() + 1 + steps).expand(*positions.shape[:-1], -1)
        scopes = [torch.cat([prompt.scopes[group.shared :] for prompt in prompts])]
        self._marks = place_marks(model, scopes, tokens)

    @torch.inference_mode()
    def run(self, layers: HookedLayers | None, maps: Sequence[AffineMap]) -> Tensor:
        """Run all questions under maps; (maps, questions, vocabulary)."""
        count, tokens = len(maps), self._ids.shape[1]
        blocks = torch.arange(count, device=self._ids.device)[:, None]
        last = (blocks * tokens + self._last).flatten()[None]  # (1, maps x questions)
        inputs = {
            "input_ids": self._ids.repeat(1, count),  # one row: map by map, question by question
            "position_ids": torch.cat([self._positions] * count, dim=-1),
            "attention_mask": self._see((blocks * len(self._last) + self._question).flatten()),
            "past_key_values": copy.deepcopy(self._cache),  # the questions' tokens are added to it
            "use_cache": True,
        }
        with change_pass(self._model, layers, maps, self._marks, last):
            logits = run_to_logits(self._model, inputs, last)
        return logits.unflatten(1, (count, -1))[0]

    def _see(self, block: Tensor) -> Tensor:
        """Let tokens attend to the prefix and, backward, to their block: (1, 1, tokens, all)."""
        own = (block[:, None] == block).tril()
        seen = torch.cat([own.new_ones(len(block), self._shared), own], dim=1)
        mask = torch.zeros(seen.shape, dtype=self._model.dtype, device=seen.device)
        return mask.masked_fill(~seen, torch.finfo(self._model.dtype).min)[None, None]
