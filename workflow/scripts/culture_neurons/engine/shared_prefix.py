"""Ask several questions on an image under many masks and compute what they share once.

The picture is encoded once for all masks (once for each where masks work on pictures), the prompt's
prefix (chat template and image) once per mask, and only the questions' own tokens once per question
and mask. How an architecture hands pictures and positions to its decoder is observed, not known:
the model runs up to its decoder, and the call is taken from there. Whether a model can be run so is
tried first (trial.py). Within a pass, what no mask has changed yet is computed for one of them, and
what nobody reads not at all (shortcuts.py).
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from culture_neurons.engine.batches import ImageGroup
from culture_neurons.engine.shortcuts import change_pass
from culture_neurons.engine.whole_prompts import place_inputs, place_marks
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import UNMODIFIED, AffineMap, intervene
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import run_to_logits
from culture_neurons.model.prompts import SCOPES, collate


class _DecoderReached(Exception):  # noqa: N818 - a signal, no error
    def __init__(self, arguments: dict[str, object]):
        self.arguments = arguments


def read_decoder_call(model: torch.nn.Module, inputs: Mapping[str, object]) -> dict[str, object]:
    """Run a model up to its text decoder; return the arguments that the decoder would get."""

    def stop(_module, args, kwargs):
        if args:
            raise TypeError(f"{type(model).__name__} calls its decoder with positional arguments")
        raise _DecoderReached(kwargs)

    handle = model.get_decoder().register_forward_pre_hook(stop, with_kwargs=True)
    try:
        model(**inputs, use_cache=True)
    except _DecoderReached as reached:
        return reached.arguments
    finally:
        handle.remove()
    raise TypeError(f"{type(model).__name__} does not call the decoder that get_decoder() names")


def repeat_call(call: Mapping[str, object], rows: int, times: int) -> dict[str, object]:
    """Repeat the `rows` rows of a decoder's call `times` times."""

    def repeat(value: object, before: int = 0) -> object:
        if isinstance(value, Mapping):
            return {key: repeat(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(repeat(part) for part in value)
        if not isinstance(value, Tensor) or value.dim() < 2:
            return value  # numbers, flags
        if value.shape[before] == 1 and rows > 1:
            return value  # one for all rows
        return torch.cat([value] * times, dim=before)

    # Axes of multimodal rotary positions stand before the rows.
    return {
        key: repeat(value, value.dim() - 2 if key == "position_ids" and value is not None else 0)
        for key, value in call.items()
    }


class SharedPrefix:
    """The prefix of some images, encoded once, to be run under any masks.

    All images share equally many tokens with their questions.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        groups: Sequence[ImageGroup],
        tokens: Collection[str] = SCOPES,
    ):
        """Take the prefix of each image, and its questions' own tokens.

        Args:
            checkpoint: The model.
            groups: The images, and the questions on each.
            tokens: Token scopes at which maps act.
        """
        self._model, self._images = checkpoint.model, len(groups)
        device = self._model.device
        self._shared = shared = groups[0].shared
        self._first = [group.asked[0][1].take_first(shared) for group in groups]
        prompts = [(row, p) for row, group in enumerate(groups) for _, p in group.asked]
        tails = [prompt.ids[shared:] for _, prompt in prompts]
        own = [prompt.scopes[shared:] for _, prompt in prompts]
        self._marks_first = place_marks(self._model, [p.scopes for p in self._first], tokens)
        self._marks_tails = place_marks(self._model, own, tokens)
        self._owner = torch.tensor([row for row, _ in prompts], device=device)  # (questions,)
        self._tails = pad_sequence(tails, batch_first=True).to(device)  # (questions, tokens)
        self._last = torch.tensor([[len(tail) - 1] for tail in tails], device=device)

    @cached_property
    def _call(self) -> dict[str, object]:
        """What the decoder gets where no mask works on pictures: the same for all masks."""
        return self._encode(1)

    @torch.inference_mode()
    def _encode(self, count: int) -> dict[str, object]:
        """Encode the pictures and embed the prefixes, each `count` times; rows: count x images."""
        inputs = place_inputs(collate(self._first * count, 0), self._model)
        # No row is padded, and without a mask attention is the plain causal, fastest kind.
        inputs.pop("attention_mask", None)
        return read_decoder_call(self._model, inputs)

    def _call_under(
        self, layers: HookedLayers | None, maps: Sequence[AffineMap]
    ) -> dict[str, object]:
        """Make the decoder's call under maps; those of neurons that work on pictures act here."""
        if layers is None or not layers.hookpoint.on_pictures:
            return repeat_call(self._call, self._images, len(maps))
        with intervene(layers, maps):
            return self._encode(len(maps))

    def _continue_positions(self, positions: Tensor | None) -> Tensor:
        """Number the questions' own tokens, ([axes,] questions, tokens).

        Text goes on by one from the largest position so far, however many a picture took.

        Args:
            positions: Of the prefixes, ([axes,] rows, tokens); the images are the first rows, or
                one row stands for all.
        """
        steps = torch.arange(self._tails.shape[1], device=self._tails.device)
        if positions is None:
            return (self._shared + steps).expand(len(self._owner), -1)
        positions = positions[..., : self._images, :]
        start = positions.amax(dim=(*range(positions.dim() - 2), -1)) + 1  # (images,), or one
        own = start.expand(self._images)[self._owner, None] + steps
        return own.expand(*positions.shape[:-2], -1, -1)

    @torch.inference_mode()
    def run(self, layers: HookedLayers | None, maps: Sequence[AffineMap]) -> Tensor:
        """Run the prefixes and all questions under masks; (maps, questions, vocabulary)."""
        count = len(maps)
        call = self._call_under(layers, maps) | {"use_cache": True, "past_key_values": None}
        positions = self._continue_positions(call.get("position_ids"))
        if layers is not None and layers.hookpoint.on_pictures:  # all that they do is in the call
            layers, maps = None, [UNMODIFIED] * count
        read = self._last.new_empty(count * self._images, 0)
        with change_pass(self._model, layers, maps, self._marks_first, read):
            cache = self._model.get_decoder()(**call).past_key_values  # rows: maps x images
        del call
        if len(self._owner) > self._images:  # an image's cache, once for each question
            blocks = torch.arange(count, device=self._owner.device)[:, None] * self._images
            cache.batch_select_indices((blocks + self._owner).flatten())
        last = self._last.repeat(count, 1)
        with change_pass(self._model, layers, maps, self._marks_tails, last):
            tails = {
                "input_ids": self._tails.repeat(count, 1),  # rows: maps x questions
                "position_ids": torch.cat([positions] * count, dim=-2),
                "past_key_values": cache,
                "use_cache": True,
            }
            logits = run_to_logits(self._model, tails, last)[:, 0]
        return logits.unflatten(0, (count, -1))
