"""Run a model over cells of questions and sum its activations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from culture_neurons.engine.batches import Asked, pack_prompts
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.whole_prompts import run_plain
from culture_neurons.hooks.capture import Sums, capture, find_bad_layers, make_sums
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.logs import progress
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import EncodedPrompt, mark_tokens


class ActivationError(Exception):
    """Activations that are not numbers."""


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
        scopes: Stored scope -> the token scopes (prompts.SCOPES) it unites.

    Raises:
        ActivationError: NaN or infinite activations; names the checkpoint, layers, and question.
    """
    for (culture, fold), images in feed_cells(checkpoint, feed):
        asked = [item for image in images for item in image]
        sums = make_sums(layers, len(scopes), checkpoint.model.device)

        def add(packed: Sequence[Asked], sums: Sums = sums) -> list:
            prompts = [prompt for _, prompt in packed]
            weights = scope_weights(prompts, scopes)  # (scopes, rows, tokens)
            with capture(layers, sums, weights.to(checkpoint.model.device)):
                run_plain(checkpoint, prompts)
            return []

        for packed in pack_prompts(asked, feed.budget):
            feed.budget.run(add, packed)
        host = {name: total.to("cpu") for name, total in sums.items()}
        if find_bad_layers(layers, host):
            raise ActivationError(_describe_bad(checkpoint, layers, asked))
        tokens = scope_weights([prompt for _, prompt in asked], scopes).sum((1, 2)).long()
        yield CellSums(culture, fold, tuple(scopes), len(asked), tuple(tokens.tolist()), host)


def _describe_bad(checkpoint: Checkpoint, layers: HookedLayers, asked: Sequence[Asked]) -> str:
    """Run a cell's questions one by one to name the first with bad activations, and its layers."""
    where = f"a batch of culture {asked[0][0].culture}, fold {asked[0][0].fold}"
    bad: list[int] = []
    for question, prompt in asked:
        sums = make_sums(layers, 1, checkpoint.model.device)
        with capture(layers, sums, torch.ones(1, 1, prompt.tokens, device=checkpoint.model.device)):
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
