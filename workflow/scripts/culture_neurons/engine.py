"""Run a model over cells of questions: letter logits under masks, activation sums.

A plain engine: pictures are prepared once per batch, masks take turns on it. A batch never
crosses a cell, and its make-up depends on the cell and the token budget alone, so results do
not depend on how cells are spread over jobs.
"""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import torch
from torch import Tensor

from culture_neurons.capture import Sums, capture, require_finite
from culture_neurons.checkpoints import Checkpoint
from culture_neurons.hookpoints import HookedLayers
from culture_neurons.interventions import AffineMap, intervene
from culture_neurons.pictures import PictureError
from culture_neurons.prompts import (
    SCOPES,
    EncodedPrompt,
    PromptError,
    Question,
    collate,
    encode_prompt,
)

UNMODIFIED = ("", AffineMap({}, gain=1.0))


@dataclass(frozen=True)
class Response:
    """A model's answer to one question under one mask; indices and logprobs by option."""

    mask: str
    question_id: str
    predicted: int
    correct: bool
    option_logprobs: tuple[float, ...]
    non_letter_mass: float


@dataclass(frozen=True)
class CellSums:
    """Activation sums of one cell, on the host; rows of `sums` follow `scopes`."""

    culture: str
    fold: int
    scopes: tuple[str, ...]
    questions: int
    tokens: tuple[int, ...]  # T per scope
    sums: Sums


def group_cells(questions: Iterable[Question]) -> list[tuple[tuple[str, int], list[Question]]]:
    """Group questions by cell (culture, fold), both levels sorted."""
    ordered = sorted(questions, key=lambda q: (q.culture, q.fold, q.question_id))
    return [
        (cell, list(members))
        for cell, members in groupby(ordered, key=lambda q: (q.culture, q.fold))
    ]


def pack_batches(
    prompts: Sequence[tuple[Question, EncodedPrompt]], batch_tokens: int
) -> Iterator[list[tuple[Question, EncodedPrompt]]]:
    """Pack one cell's prompts by length so that rows x longest stays within the budget.

    A prompt longer than the budget goes alone.
    """
    ordered = sorted(prompts, key=lambda item: (item[1].tokens, item[0].question_id))
    batch: list[tuple[Question, EncodedPrompt]] = []
    for item in ordered:  # ascending: the newest is the longest
        if batch and (len(batch) + 1) * item[1].tokens > batch_tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def encode_cell(
    checkpoint: Checkpoint, questions: Sequence[Question]
) -> list[tuple[Question, EncodedPrompt]]:
    """Encode a cell's questions.

    Raises:
        PromptError: A question cannot be encoded; the message names it.
    """
    encoded = []
    for question in questions:
        try:
            encoded.append((question, encode_prompt(checkpoint.processor, question)))
        except (PictureError, PromptError) as error:
            raise PromptError(f"question {question.question_id}: {error}") from error
    return encoded


@dataclass(frozen=True)
class Batch:
    """A batch on the device; pictures are encoded once, however often the batch is run."""

    inputs: dict[str, object]
    last: Tensor  # (rows, 1) position of each prompt's last token


def prepare_batch(checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt]) -> Batch:
    """Collate prompts on the model's device and encode their pictures.

    Interventions act on the decoder, so all masks share the pictures' features. A model class
    whose forward takes no ready features gets the pixels instead: the same results, more slowly.
    """
    model = checkpoint.model
    inputs = collate(prompts, checkpoint.processor.tokenizer.pad_token_id or 0)
    for key, value in inputs.items():
        kind = {"dtype": model.dtype} if value.is_floating_point() else {}
        inputs[key] = value.to(model.device, **kind)
    if "mm_encoder_outputs" in inspect.signature(model.forward).parameters:
        known = inspect.signature(model.get_image_features).parameters
        pictures = {key: value for key, value in inputs.items() if key in known}
        with torch.inference_mode():
            features = model.get_image_features(**pictures, return_dict=True)
        del inputs["pixel_values"]
        inputs["mm_encoder_outputs"] = {"image": features}
    last = torch.tensor([[prompt.tokens - 1] for prompt in prompts], device=model.device)
    return Batch(inputs, last)


def run_batch(checkpoint: Checkpoint, batch: Batch) -> Tensor:
    """Run a batch once; return the next-token logits after each prompt, (rows, vocabulary)."""
    with torch.inference_mode():
        output = checkpoint.model(**batch.inputs, use_cache=False, logits_to_keep=batch.last)
    return output.logits[:, 0].float()  # (rows, 1, vocabulary) -> (rows, vocabulary)


def answer_questions(
    checkpoint: Checkpoint,
    questions: Sequence[Question],
    letter_tokens: Sequence[Sequence[int]],
    batch_tokens: int,
    layers: HookedLayers | None = None,
    masks: Sequence[tuple[str, AffineMap]] = (UNMODIFIED,),
) -> Iterator[list[Response]]:
    """Answer questions under every mask; yields one batch of responses (all masks) at a time.

    Args:
        checkpoint: The model.
        questions: Any number of questions of any cells.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        batch_tokens: Rows x longest prompt of one forward pass.
        layers: Where the masks apply; None where no mask names a neuron.
        masks: (name, map); an empty map is the unmodified model.
    """
    for _, members in group_cells(questions):
        for packed in pack_batches(encode_cell(checkpoint, members), batch_tokens):
            batch = prepare_batch(checkpoint, [prompt for _, prompt in packed])
            asked = [question for question, _ in packed]
            responses = []
            for name, affine in masks:
                with intervene(layers, [affine]):
                    logits = run_batch(checkpoint, batch)
                responses += read_responses(name, asked, logits, letter_tokens)
            yield responses


def tabulate_responses(responses: Sequence[Response]) -> dict[str, list]:
    """Turn responses into columns, sorted by mask and question."""
    ordered = sorted(responses, key=lambda response: (response.mask, response.question_id))
    names = [field.name for field in fields(Response)]
    return {name: [getattr(response, name) for response in ordered] for name in names}


def read_responses(
    mask: str,
    questions: Sequence[Question],
    logits: Tensor,
    letter_tokens: Sequence[Sequence[int]],
) -> list[Response]:
    """Read option probabilities off next-token logits (rows, vocabulary).

    A letter's probability is the sum over its token forms; letters beyond a question's number of
    options count as non-letter mass.

    Raises:
        PromptError: Logits are NaN or infinite.
    """
    if not bool(logits.isfinite().all()):
        raise PromptError(f"mask {mask!r}: the model's logits are NaN or infinite")
    logprobs = logits.log_softmax(-1)
    letters = torch.stack(
        [logprobs[:, list(ids)].logsumexp(-1) for ids in letter_tokens], dim=1
    ).cpu()  # (rows, letters)
    responses = []
    for row, question in enumerate(questions):
        by_option = [0.0] * len(question.option_order)
        for shown, option in enumerate(question.option_order):
            by_option[option] = float(letters[row, shown])
        count = len(question.option_order)
        predicted = question.option_order[int(letters[row, :count].argmax())]
        letter_mass = float(letters[row, :count].exp().sum())
        responses.append(
            Response(
                mask,
                question.question_id,
                predicted,
                predicted == question.answer,
                tuple(by_option),
                max(0.0, 1.0 - letter_mass),
            )
        )
    return responses


def capture_cells(
    checkpoint: Checkpoint,
    questions: Sequence[Question],
    batch_tokens: int,
    layers: HookedLayers,
    scopes: dict[str, Sequence[str]],
) -> Iterator[CellSums]:
    """Sum activations over the tokens of each cell, one cell at a time.

    Args:
        checkpoint: The model.
        questions: The questions that count.
        batch_tokens: Rows x longest prompt of one forward pass.
        layers: Where to read.
        scopes: Stored scope -> the token scopes (prompts.SCOPES) it unites.

    Raises:
        ActivationError: NaN or infinite activations.
    """
    device = checkpoint.model.device
    for (culture, fold), members in group_cells(questions):
        sums = Sums.zeros(layers, len(scopes)).to(device)
        tokens = torch.zeros(len(scopes), dtype=torch.int64)
        with capture(layers, sums):
            for packed in pack_batches(encode_cell(checkpoint, members), batch_tokens):
                prompts = [prompt for _, prompt in packed]
                weights = scope_weights(prompts, scopes)  # (scopes, rows, tokens)
                tokens += weights.sum((1, 2)).long()
                sums.weights = weights.to(device)
                run_batch(checkpoint, prepare_batch(checkpoint, prompts))
        host = sums.to("cpu")
        require_finite(host, f"culture {culture}, fold {fold}")
        yield CellSums(culture, fold, tuple(scopes), len(members), tuple(tokens.tolist()), host)


def take_shard(cells: Iterable[tuple[str, int]], index: int, count: int) -> list[tuple[str, int]]:
    """Take every `count`-th of the sorted cells, from the `index`-th on (0-based): whole cells."""
    return sorted(set(cells))[index::count]


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


def scope_weights(prompts: Sequence[EncodedPrompt], scopes: dict[str, Sequence[str]]) -> Tensor:
    """Mark each stored scope's tokens with 1, others and padding with 0: (scopes, rows, tokens)."""
    longest = max(prompt.tokens for prompt in prompts)
    weights = torch.zeros(len(scopes), len(prompts), longest)
    for row, prompt in enumerate(prompts):
        for index, members in enumerate(scopes.values()):
            wanted = torch.tensor([SCOPES.index(name) for name in members], dtype=torch.int8)
            weights[index, row, : prompt.tokens] = torch.isin(prompt.scopes, wanted).float()
    return weights
