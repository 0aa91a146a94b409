"""Run a model over cells of questions and sum its activations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from culture_neurons.batches import Asked, pack_prompts
from culture_neurons.capture import Sums, capture, require_finite
from culture_neurons.checkpoints import Checkpoint
from culture_neurons.feeding import Feed, feed_cells
from culture_neurons.forward import run_plain
from culture_neurons.hookpoints import HookedLayers
from culture_neurons.prompts import SCOPES, EncodedPrompt


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
        ActivationError: NaN or infinite activations.
    """
    for (culture, fold), images in feed_cells(checkpoint, feed):
        asked = [item for image in images for item in image]
        sums = Sums.zeros(layers, len(scopes), checkpoint.model.device)

        def add(packed: Sequence[Asked], sums: Sums = sums) -> list:
            prompts = [prompt for _, prompt in packed]
            weights = scope_weights(prompts, scopes)  # (scopes, rows, tokens)
            with capture(layers, sums, weights.to(sums.total.device)):
                run_plain(checkpoint, prompts)
            return []

        for packed in pack_prompts(asked, feed.budget):
            feed.budget.run(add, packed)
        host = sums.to("cpu")
        require_finite(host, f"culture {culture}, fold {fold}")
        tokens = scope_weights([prompt for _, prompt in asked], scopes).sum((1, 2)).long()
        yield CellSums(culture, fold, tuple(scopes), len(asked), tuple(tokens.tolist()), host)


def tabulate_cell(cell: CellSums) -> Iterator[dict[str, object]]:
    """Yield a cell's rows of table `activations`, one chunk per stored scope."""
    layers, _, width = cell.sums.active.shape
    rows = layers * width
    for index, scope in enumerate(cell.scopes):
        yield {
            "culture": [cell.culture] * rows,
            "fold": [cell.fold] * rows,
            "scope": [scope] * rows,
            "questions": [cell.questions] * rows,
            "tokens": [cell.tokens[index]] * rows,
            "layer": torch.arange(layers).repeat_interleave(width).numpy(),
            "neuron": torch.arange(width).repeat(layers).numpy(),
            "active": cell.sums.active[:, index].flatten().numpy(),
            "total": cell.sums.total[:, index].flatten().numpy(),
            "total_squares": cell.sums.total_squares[:, index].flatten().numpy(),
        }


def scope_weights(prompts: Sequence[EncodedPrompt], scopes: Mapping[str, Sequence[str]]) -> Tensor:
    """Mark each stored scope's tokens with 1, others and padding with 0: (scopes, rows, tokens)."""
    longest = max(prompt.tokens for prompt in prompts)
    weights = torch.zeros(len(scopes), len(prompts), longest)
    for row, prompt in enumerate(prompts):
        for index, members in enumerate(scopes.values()):
            wanted = torch.tensor([SCOPES.index(name) for name in members], dtype=torch.int8)
            weights[index, row, : prompt.tokens] = torch.isin(prompt.scopes, wanted).float()
    return weights
