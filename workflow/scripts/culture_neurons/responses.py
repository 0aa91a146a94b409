"""Logits -> answers: what a model says to which question under which mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from culture_neurons.prompts import PromptError, Question


@dataclass(frozen=True)
class Responses:
    """Answers of some questions under some masks, on the host."""

    masks: tuple[int, ...]  # indices
    questions: tuple[str, ...]  # ids
    letters: np.ndarray  # (masks, questions, letters) float32, log probability
    outside: np.ndarray  # (masks, questions) float32, probability of no option's letter


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
    if not bool(total.isfinite().all()):
        bad = (~total.isfinite()).flatten(1).any(0).nonzero().flatten().tolist()
        raise PromptError(
            f"question {questions[bad[0]].question_id}: the model's logits are NaN or infinite; "
            "the checkpoint or its dtype is at fault (try bfloat16 or float32)"
        )
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


class ResponseTable:
    """All answers of a job in a few arrays: memory grows by bytes, not objects, per answer."""

    def __init__(self, masks: Sequence[str], questions: Sequence[Question]):
        """Make room for every mask's answer to every question."""
        self.masks = list(masks)
        self.questions = sorted(questions, key=lambda question: question.question_id)
        self._place = {q.question_id: place for place, q in enumerate(self.questions)}
        most = max((len(question.options) for question in questions), default=0)
        shape = (len(self.masks), len(self.questions))
        self._letters = np.full((*shape, most), np.nan, dtype=np.float32)
        self._outside = np.full(shape, np.nan, dtype=np.float32)

    def add(self, responses: Responses) -> None:
        """Take in a batch's answers."""
        columns = [self._place[question_id] for question_id in responses.questions]
        where = np.ix_(responses.masks, columns)
        self._letters[where] = responses.letters[..., : self._letters.shape[-1]]
        self._outside[where] = responses.outside

    def tabulate(self) -> Iterator[dict[str, object]]:
        """Yield the rows of table `outcomes`, one mask at a time, sorted by mask and question.

        Raises:
            ValueError: An answer is missing.
        """
        missing = int(np.isnan(self._outside).sum())
        if missing:
            raise ValueError(f"{missing} of {self._outside.size} answers are missing")
        orders = [np.array(question.option_order) for question in self.questions]
        answers = np.array([question.answer for question in self.questions])
        ids = [question.question_id for question in self.questions]
        for index in sorted(range(len(self.masks)), key=self.masks.__getitem__):
            by_option, predicted = [], []
            for order, letters in zip(orders, self._letters[index], strict=True):
                options = np.empty(len(order), dtype=np.float32)
                options[order] = letters[: len(order)]  # letter i shows option order[i]
                by_option.append(options)
                predicted.append(order[letters[: len(order)].argmax()])
            yield {
                "mask": [self.masks[index]] * len(ids),
                "question_id": ids,
                "predicted": np.array(predicted, dtype=np.uint8),
                "correct": np.array(predicted) == answers,
                "option_logprobs": by_option,
                "non_letter_mass": self._outside[index],
            }
