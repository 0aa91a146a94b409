"""Run a model over cells of questions and sum its activations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from culture_neurons.engine.batches import Asked, pack_prompts
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.whole_prompts import run_plain
from culture_neurons.hooks.capture import Sums, capture, find_bad_layers, make_sums
from culture_neurons.hooks.hookpoints import HookedLayers, HookpointError
from culture_neurons.logs import progress
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import EncodedPrompt, mark_tokens


class ActivationError(Exception):
    """Activations that are not numbers."""


# Inputs of a processor that pads pictures, and what they say of patches that are padding.
_PADDING = {"pixel_attention_mask": 0, "image_position_ids": -1}


@dataclass(frozen=True)
class CellSums:
    """Activation sums of one cell, on the host; rows of `sums` follow `scopes`."""

    culture: str
    fold: int
    scopes: tuple[str, ...]
    questions: int
    tokens: tuple[int, ...]  # T per scope
    sums: Sums


def capture_cells(
    checkpoint: Checkpoint,
    feed: Feed,
    layers: HookedLayers,
    scopes: Mapping[str, Sequence[str]],
) -> Iterator[CellSums]:
    """Sum activations over the tokens of each cell, one cell at a time.

    Args:
        checkpoint: The model.
        feed: The questions that count.
        layers: Where to read.
        scopes: Stored scope -> the token scopes (prompts.SCOPES) it unites; of neurons that work on
            pictures one, whose tokens are all patches.

    Raises:
        ActivationError: NaN or infinite activations; names the checkpoint, layers, and question.
        HookpointError: A layer's module did not run, or pictures are padded.
    """
    for (culture, fold), images in feed_cells(checkpoint, feed):
        asked = [item for image in images for item in image]
        require_plain_pictures(layers, [prompt for _, prompt in asked])
        sums = make_sums(layers, len(scopes), checkpoint.model.device)

        def add(packed: Sequence[Asked], sums: Sums = sums) -> list:
            prompts = [prompt for _, prompt in packed]
            weights = None
            if not layers.hookpoint.on_pictures:  # (scopes, rows, tokens)
                weights = scope_weights(prompts, scopes).to(checkpoint.model.device)
            with capture(layers, sums, weights):
                run_plain(checkpoint, prompts)
            return []

        for packed in pack_prompts(asked, feed.budget):
            feed.budget.run(add, packed)
        host = {name: total.to("cpu") for name, total in sums.items()}
        if find_bad_layers(layers, host):
            raise ActivationError(_describe_bad(checkpoint, layers, asked))
        tokens = tuple(host.pop("tokens").tolist())
        yield CellSums(culture, fold, tuple(scopes), len(asked), tokens, host)


def _describe_bad(checkpoint: Checkpoint, layers: HookedLayers, asked: Sequence[Asked]) -> str:
    """Run a cell's questions one by one to name the first with bad activations, and its layers."""
    where = f"a batch of culture {asked[0][0].culture}, fold {asked[0][0].fold}"
    bad: list[int] = []
    for question, prompt in asked:
        sums = make_sums(layers, 1, checkpoint.model.device)
        weights = None
        if not layers.hookpoint.on_pictures:
            weights = torch.ones(1, 1, prompt.tokens, device=checkpoint.model.device)
        with capture(layers, sums, weights):
            run_plain(checkpoint, [prompt])
        bad = find_bad_layers(layers, sums)
        if bad:
            where = f"question {question.question_id} ({question.culture}, fold {question.fold})"
            break
    return (
        f"checkpoint {checkpoint.model.name_or_path}: {where}: activations of layers {bad} are NaN "
        "or infinite; expected numbers: the weights or the dtype are at fault (set the model's "
        "`dtype` to bfloat16 or float32, or fetch the checkpoint again)"
    )


def require_plain_pictures(layers: HookedLayers, prompts: Sequence[EncodedPrompt]) -> None:
    """Refuse pictures with padding, where patches are recorded: it would count as patches.

    Raises:
        HookpointError: With the processor's input that tells.
    """
    for name, mark in _PADDING.items() if layers.hookpoint.on_pictures else ():
        found = [p.picture_inputs[name] for p in prompts if name in p.picture_inputs]
        # Pictures of other sizes are padded to the largest of a batch.
        if len({values.shape[2:] for values in found}) > 1 or any(
            bool((values == mark).any()) for values in found
        ):
            raise HookpointError(
                f"{layers.model}: hookpoint {layers.name!r}: its processor pads pictures (input "
                f"{name!r}); expected patches of the picture alone: padding would be recorded as "
                "patches, so this model cannot be used with this hookpoint"
            )


def tabulate_cells(
    checkpoint: Checkpoint,
    feed: Feed,
    layers: HookedLayers,
    scopes: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, object]]:
    """Yield the rows of table `activations`, a chunk per cell and stored scope, with progress.

    See `capture_cells` for the arguments and what is raised.
    """
    with progress(len(feed.questions), "questions", "activations") as bar:
        for cell in capture_cells(checkpoint, feed, layers, scopes):
            for index, scope in enumerate(cell.scopes):
                yield {
                    "culture": cell.culture,
                    "fold": cell.fold,
                    "scope": scope,
                    "questions": cell.questions,
                    "tokens": cell.tokens[index],
                    "layer": layers.axis.layer,
                    "neuron": layers.axis.neuron,
                    **{name: total[index].numpy() for name, total in cell.sums.items()},
                }
            bar.update(cell.questions)


def scope_weights(prompts: Sequence[EncodedPrompt], scopes: Mapping[str, Sequence[str]]) -> Tensor:
    """Mark each stored scope's tokens with 1, others and padding with 0: (scopes, rows, tokens)."""
    of_tokens = [prompt.scopes for prompt in prompts]
    return torch.stack([mark_tokens(of_tokens, members) for members in scopes.values()]).float()
