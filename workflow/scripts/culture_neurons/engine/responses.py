"""Logits -> answers: what a model says to which question under which mask."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from culture_neurons.dataset.question import Question
from culture_neurons.model.prompts import PromptError
from culture_neurons.neurons import MaskName


@dataclass(frozen=True)
class Responses:
    """Answers of some questions under some masks, on the host."""

    masks: tuple[int, ...]  # indices
    questions: tuple[str, ...]  # ids
    letters: np.ndarray  # (masks, questions, letters) float32, log probability
    outside: np.ndarray  # (masks, questions) float32, probability of no option's letter


class AskedTogether(NamedTuple):
    """Masks, as indices, and the ids of the questions that each of them is asked."""

    masks: Sequence[int]
    questions: Collection[str]


def read_responses(
    masks: Sequence[int],
    questions: Sequence[Question],
    logits: Tensor,
    letter_tokens: Sequence[Sequence[int]],
) -> Responses:
    """Read option probabilities off next-token logits (masks, questions, vocabulary).

    A letter's probability is the sum over its token forms; letters beyond a question's number of
    options count as non-letter mass.

    Raises:
        PromptError: Logits are NaN or infinite.
    """
    total = logits.float().logsumexp(-1, keepdim=True)  # (masks, questions, 1)
    require_numbers(total, questions)
    letters = torch.stack(
        [logits[..., list(ids)].float().logsumexp(-1) for ids in letter_tokens], dim=-1
    )
    letters = (letters - total).cpu()  # (masks, questions, letters)
    offered = torch.tensor([len(question.options) for question in questions])
    inside = torch.arange(len(letter_tokens)) < offered[:, None]  # (questions, letters)
    mass = letters.exp().where(inside, 0.0).sum(-1)  # (masks, questions)
    return Responses(
        tuple(masks),
        tuple(question.question_id for question in questions),
        letters.numpy(),
        (1 - mass).clamp(min=0).numpy(),
    )


def require_numbers(values: Tensor, questions: Sequence[Question]) -> None:
    """Refuse values (masks, questions, n) of which one is NaN or infinite, by its question.

    Raises:
        PromptError: With what to do.
    """
    bad = ~values.isfinite().all(-1).all(0)  # (questions,)
    if bool(bad.any()):
        raise PromptError(
            f"question {questions[int(bad.nonzero()[0])].question_id}: the model's logits are NaN "
            "or infinite; the checkpoint or its dtype is at fault (try bfloat16 or float32)"
        )


class ResponseTable:
    """All answers of a job in a few arrays: memory grows by bytes, not objects, per answer."""

    def __init__(
        self,
        masks: Sequence[MaskName],
        questions: Sequence[Question],
        asked: Mapping[MaskName, Collection[str]] | None = None,
    ):
        """Make room for every mask's answer to every question, or to those it is `asked`."""
        self.masks = list(masks)
        self.questions = sorted(questions, key=lambda question: question.question_id)
        self._column = {q.question_id: column for column, q in enumerate(self.questions)}
        most = max((len(question.options) for question in questions), default=0)
        shape = (len(self.masks), len(self.questions))
        self._letters = np.full((*shape, most), np.nan, dtype=np.float32)
        self._outside = np.full(shape, np.nan, dtype=np.float32)
        self._asked = np.ones(shape, dtype=bool)
        for row, mask in enumerate(self.masks if asked is not None else []):
            self._asked[row] = [question.question_id in asked[mask] for question in self.questions]

    def list_rounds(self, questions: Sequence[str]) -> list[AskedTogether]:
        """List masks that are asked the same of some questions (by id), with these questions."""
        columns = [self._column[question_id] for question_id in questions]
        patterns, group = np.unique(self._asked[:, columns], axis=0, return_inverse=True)
        ids = np.array(questions, dtype=object)
        return [
            AskedTogether(np.flatnonzero(group.ravel() == index).tolist(), frozenset(ids[pattern]))
            for index, pattern in enumerate(patterns)
            if pattern.any()
        ]

    def __len__(self) -> int:
        """Count the answers that are asked for."""
        return int(self._asked.sum())

    def add(self, responses: Responses) -> None:
        """Take in a batch's answers."""
        columns = [self._column[question_id] for question_id in responses.questions]
        where = np.ix_(responses.masks, columns)
        self._letters[where] = responses.letters[..., : self._letters.shape[-1]]
        self._outside[where] = responses.outside

    def tabulate_answers(self) -> dict[str, object]:
        """Make the columns of a table of one mask's answers, by question id."""
        ((_, columns),) = self._read_masks()
        return columns

    def tabulate_outcomes(self) -> Iterator[dict[str, object]]:
        """Yield the rows of table `outcomes`, one mask at a time, sorted by mask and question."""
        for mask, columns in self._read_masks():
            named = {"mask_culture": mask.culture, "draw": mask.draw, "strength": mask.strength}
            yield {**named, **columns}

    def _read_masks(self) -> Iterator[tuple[MaskName, dict[str, object]]]:
        """Yield each mask's answers.

        Raises:
            ValueError: An answer is missing.
        """
        missing = int((np.isnan(self._outside) & self._asked).sum())
        if missing:
            raise ValueError(f"{missing} of {len(self)} answers are missing")
        for row, mask in sorted(enumerate(self.masks), key=lambda item: item[1].order):
            columns = np.flatnonzero(self._asked[row])
            yield mask, self._read_answers(row, columns)

    def _read_answers(self, row: int, columns: np.ndarray) -> dict[str, object]:
        questions = [self.questions[column] for column in columns]
        by_option, predicted = [], []
        for question, letters in zip(questions, self._letters[row, columns], strict=True):
            order = np.array(question.option_order)
            options = np.empty(len(order), dtype=np.float32)
            options[order] = letters[: len(order)]  # letter i shows option order[i]
            by_option.append(options)
            predicted.append(order[letters[: len(order)].argmax()])
        return {
            "question_id": [question.question_id for question in questions],
            "predicted": np.array(predicted, dtype=np.uint8),
            "correct": np.array(predicted) == [question.answer for question in questions],
            "option_logprobs": by_option,
            "non_letter_mass": self._outside[row, columns],
        }
