"""Outcomes under masks beside the unmodified model's of the same job, question by question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.dataset.assignment import mark_asked
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import ACCURACY, LOGP
from culture_neurons.storage.facts import (
    SELECTOR_FACTS,
    join_facts,
    read_facts,
    read_other_dataset,
)
from culture_neurons.storage.frames import read_frame

MASK = {"mask_culture": pl.String, "draw": pl.UInt32}  # whose mask: see neurons.MaskName
UNMODIFIED = MaskName(None)
RESPONSE = ["question_id", "predicted", "correct", "option_logprobs", "non_letter_mass"]


class EffectError(Exception):
    """Outcomes that do not make a complete matrix."""


@dataclass(frozen=True)
class PairedAnswers:
    """Changes from the unmodified answers; arrays are (masks, questions) unless noted.

    Questions are sorted by culture and id. Where `asked` is False, values do not count.
    """

    outcome: str  # what `before` and `gained` are of
    cultures: tuple[str, ...]  # sorted
    culture: np.ndarray  # (questions,) index into `cultures`
    image: np.ndarray  # (questions,) image number
    before: np.ndarray  # (questions,) without a mask: correct, or nats
    chance: np.ndarray  # (questions,) probability that a guess is correct
    asked: np.ndarray  # was asked
    gained: np.ndarray  # after - before; of accuracy -1, 0, 1
    switched: np.ndarray  # another option was chosen
    non_letter_mass: np.ndarray  # change
    letter_entropy: np.ndarray  # change

    def tally(self, values: np.ndarray | float) -> np.ndarray:
        """Add up values (..., masks, questions) over those asked: (..., masks, cultures)."""
        first = np.searchsorted(self.culture, np.arange(len(self.cultures)))  # of each culture
        return np.add.reduceat(values * self.asked, first, axis=-1, dtype=float)

    def average(self, values: np.ndarray) -> np.ndarray:
        """Average values (..., masks, questions) over the questions asked of each culture."""
        return self.tally(values) / self.tally(1.0)

    def size_flip(self) -> np.ndarray:
        """Size one question's flip, (masks, cultures): 1 of accuracy, else the largest change."""
        if self.outcome == ACCURACY:
            return np.ones((len(self.asked), len(self.cultures)))
        first = np.searchsorted(self.culture, np.arange(len(self.cultures)))
        return np.maximum.reduceat(np.abs(self.gained) * self.asked, first, axis=-1)

    def take_own(self) -> np.ndarray:
        """Take the change of each question under its own culture's mask, (questions,)."""
        return self.gained[self.culture, np.arange(len(self.culture))]

    def sum_images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sum each image's questions: culture (images,); asked, gained (masks, images) each."""
        order = np.lexsort((self.image, self.culture))
        pairs = np.stack([self.culture, self.image])[:, order]
        first = np.flatnonzero(np.diff(pairs, prepend=-1).any(axis=0))  # question of each image
        values = (self.asked, self.gained * self.asked)
        asked, net = (np.add.reduceat(v[:, order], first, axis=1, dtype=float) for v in values)
        return pairs[0, first], asked, net

    def count_images(self) -> np.ndarray:
        """Count images asked, lost, and won, (3, masks, cultures).

        An image is lost where more of its questions turn wrong than right, won where fewer do.
        """
        culture, asked, net = self.sum_images()
        member = np.arange(len(self.cultures)) == culture[:, None]  # (images, cultures)
        return np.stack([asked > 0, net < 0, net > 0]).astype(int) @ member.astype(int)


def read_study(
    kinds: Mapping[str | Path, str], outcomes: Sequence[str | Path], wildcards: Mapping[str, str]
) -> tuple[dict[str | Path, Mapping], dict[str, object]]:
    """Read what one study's files say: the facts of each selector's outcomes, and those of all.

    Args:
        kinds: Other files of the study -> their kinds.
        outcomes: Tables `outcomes`, named for their selectors.
        wildcards: What the step's path says of all of them.

    Raises:
        TableError: A file is of another study, or of another path than it stands at.
    """
    selectors = {
        path: read_facts(path, "outcomes", {**wildcards, "selector": Path(path).stem})
        for path in outcomes
    }
    shared = {path: read_facts(path, kind, wildcards) for path, kind in kinds.items()}
    return selectors, join_facts(shared | selectors, own=SELECTOR_FACTS)


def read_evaluate_questions(
    path: str | Path, outcomes: pl.DataFrame, facts: Mapping[str, object]
) -> pl.DataFrame:
    """Read the evaluate questions: those that a job's unmodified model was asked.

    Args:
        path: Table `questions`.
        outcomes: Of one job.
        facts: What the job's file says of itself.

    Returns:
        Columns question_id, image_id, culture, category, answer, fold.

    Raises:
        EffectError: They are not as many as the job was to ask.
    """
    columns = ["question_id", "image_id", "culture", "category", "answer", "fold"]
    asked = select_mask(outcomes, UNMODIFIED).select("question_id")
    questions = read_frame(path, "questions", columns).join(asked, on="question_id", how="semi")
    if not len(questions) == len(asked) == facts["evaluate_questions"]:
        raise EffectError(
            f"{len(asked)} outcomes of the unmodified model to {len(questions)} questions of "
            f"{path}; expected {facts['evaluate_questions']} of each: delete the outcomes file and "
            "run again"
        )
    return questions


def read_elsewhere(
    questions: str | Path, outcomes: str | Path, wildcards: Mapping[str, str]
) -> tuple[dict[str, object], pl.DataFrame, pl.DataFrame]:
    """Read the answers to another dataset's questions: facts, questions, and outcomes.

    Args:
        questions: Table `questions` of the other dataset.
        outcomes: Table `outcomes` of a scorer's masks.
        wildcards: What the step's path says of both: other_dataset, scorer, and the study.

    Raises:
        TableError: A file is of another study or dataset, or of another path than it stands at.
        EffectError: As of `read_evaluate_questions`.
    """
    facts = read_facts(outcomes, "outcomes", {**wildcards, "selector": wildcards["scorer"]})
    asked = {"other_dataset": read_other_dataset(questions, wildcards["other_dataset"])}
    facts = join_facts({questions: asked, outcomes: facts})
    answers = read_outcomes(outcomes)
    return facts, read_evaluate_questions(questions, answers, facts), answers


def pair_scorer(
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    cultures: Sequence[str],
    other_questions: int | None,
    outcome: str = ACCURACY,
) -> PairedAnswers:
    """Pair the outcomes of one scorer's own masks, one per culture.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    masks = [MaskName(culture) for culture in sorted(cultures)]
    paired = pair_outcomes(questions, outcomes, masks, other_questions, outcome)
    if list(paired.cultures) != sorted(cultures):
        raise EffectError(f"questions of cultures {paired.cultures}, but masks of {cultures}")
    return paired


def pair_outcomes(
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    masks: Sequence[MaskName],
    other_questions: int | None = None,
    outcome: str = ACCURACY,
    own_questions: int | None = None,
) -> PairedAnswers:
    """Join outcomes under masks with the unmodified model's.

    Args:
        questions: The evaluate questions: question_id, image_id, culture; of LOGP also answer.
        outcomes: The columns MASK and RESPONSE of one job's table: under masks, and of the
            unmodified model in the same passes.
        masks: The masks' names, in the order of the result's rows.
        other_questions: Questions of each culture other than a mask's own; None: all. More are
            ignored.
        own_questions: The same of the mask's own culture.
        outcome: What `before` and `gained` are of.

    Raises:
        EffectError: A question lacks its answer, or a mask lacks a question.
    """
    base = select_mask(outcomes, UNMODIFIED)
    base = questions.join(base, on="question_id").sort("culture", "question_id")
    if len(base) != len(questions):
        raise EffectError(
            f"{len(questions)} evaluate questions, but {len(base)} outcomes of the unmodified "
            "model; delete the outcomes file and run again"
        )
    asked = mark_asked(
        [mask.culture for mask in masks],
        base["question_id"].to_list(),
        base["culture"].to_list(),
        other_questions,
        own_questions,
        base["image_id"].to_list(),
    )
    rows = name_masks(masks).with_row_index("row")
    answer = ["answer"] if outcome == LOGP else []
    columns = base.select("question_id", *answer).with_row_index("column")
    table = outcomes.join(rows, on=list(MASK), nulls_equal=True).join(columns, on="question_id")
    cells = table["row"].to_numpy(), table["column"].to_numpy()
    _check_complete(cells, asked, masks)

    def change(read: Callable[[pl.DataFrame], np.ndarray]) -> np.ndarray:
        result = np.zeros(asked.shape)
        result[cells] = read(table) - read(base)[cells[1]]
        return result

    measure = _MEASURE[outcome]
    return PairedAnswers(
        outcome=outcome,
        cultures=tuple(base["culture"].unique().sort()),
        culture=base["culture"].rank("dense").to_numpy().astype(np.int64) - 1,
        image=base["image_id"].rank("dense").to_numpy().astype(np.int64) - 1,
        before=measure(base),
        chance=1 / base["option_logprobs"].list.len().to_numpy(),
        asked=asked,
        gained=change(lambda frame: measure(frame).astype(float)),
        switched=change(lambda frame: frame["predicted"].to_numpy().astype(float)) != 0,
        non_letter_mass=change(lambda frame: frame["non_letter_mass"].to_numpy().astype(float)),
        letter_entropy=change(lambda frame: letter_entropy(frame["option_logprobs"])),
    )


def name_masks(masks: Sequence[MaskName]) -> pl.DataFrame:
    """List masks as the columns MASK."""
    return pl.DataFrame([(mask.culture, mask.draw) for mask in masks], MASK, orient="row")


def read_outcomes(path: str | Path, kind: str = "outcomes") -> pl.DataFrame:
    """Read whose mask it was and what was answered, from a table of `kind`."""
    return read_frame(path, kind, [*MASK, *RESPONSE])


def select_mask(outcomes: pl.DataFrame, mask: MaskName) -> pl.DataFrame:
    """Select one mask's rows of a table of outcomes, without the columns MASK."""
    culture, draw = (pl.col(name) for name in MASK)
    here = culture.eq_missing(mask.culture), draw.eq_missing(mask.draw)
    return outcomes.filter(*here).drop(MASK)


def letter_entropy(option_logprobs: pl.Series) -> np.ndarray:
    """Entropy of the distribution over a question's letters, as a share of its largest: 0 to 1.

    Args:
        option_logprobs: One list per answer, of the letters' log probabilities among all tokens.
    """
    logs = _normalise(option_logprobs)
    shares = np.exp(logs)
    terms = np.multiply(shares, logs, out=np.zeros_like(logs), where=shares > 0)
    return -terms.sum(axis=1) / np.log(np.maximum(option_logprobs.list.len().to_numpy(), 2))


def right_logp(option_logprobs: pl.Series, answer: pl.Series) -> np.ndarray:
    """Log-probability of the right option among a question's options, in nats.

    Args:
        option_logprobs: One list per answer, of the options' log probabilities among all tokens.
        answer: Index of the right option.
    """
    logs = _normalise(option_logprobs)
    return logs[np.arange(len(logs)), answer.to_numpy()]


def _normalise(option_logprobs: pl.Series) -> np.ndarray:
    """Renormalise lists of log probabilities to sum to 1: (answers, options), -inf beyond."""
    lengths = option_logprobs.list.len().to_numpy()
    padded = np.full((len(lengths), lengths.max(initial=1)), -np.inf)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = option_logprobs.explode().to_numpy()
    logs = padded - padded.max(axis=1, keepdims=True)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))


_MEASURE: dict[str, Callable[[pl.DataFrame], np.ndarray]] = {
    ACCURACY: lambda frame: frame["correct"].to_numpy(),
    LOGP: lambda frame: right_logp(frame["option_logprobs"], frame["answer"]),
}


def _check_complete(
    cells: tuple[np.ndarray, np.ndarray], asked: np.ndarray, masks: Sequence[MaskName]
) -> None:
    answers = np.zeros(asked.shape, dtype=np.int64)
    np.add.at(answers, cells, 1)
    for mask, questions, counts in zip(masks, asked, answers, strict=True):
        if (questions > counts).any() or (counts > 1).any():
            raise EffectError(
                f"mask of {mask}: {counts[questions].sum()} answers for {questions.sum()} evaluate "
                "questions; "
                "delete its outcomes file and run again"
            )
