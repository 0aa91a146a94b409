"""What a mask costs its culture over pictures of other cultures, where its own is not seen.

Over such pictures fewer answers are right, so there is less to lose. What is compared is the share
of right answers that a mask costs: with the culture's pictures, and with the others.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks
from culture_neurons.evaluate.pairing import PairedAnswers, pair_scorer
from culture_neurons.evaluate.resampling import (
    draw_flips,
    find_interval,
    resample_changes,
    resample_mean,
)
from culture_neurons.evaluate.summaries import list_measure
from culture_neurons.outcomes import ACCURACY
from culture_neurons.storage.tables import to_columns

LESS_SWAPPED = "relative_less_swapped"
ABOVE_CHANCE = "swapped_above_chance"


def pair_swapped(
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    cultures: Sequence[str],
    outcome: str = ACCURACY,
) -> PairedAnswers | None:
    """Pair the answers over swapped pictures; None where a culture has no picture to swap with.

    Args:
        questions: The evaluate questions; those whose picture has no other were not asked.
        outcomes: Table `swapped_outcomes`.
        cultures: Names of the masks.
        outcome: What is paired.
    """
    asked = questions.filter(pl.col("question_id").is_in(outcomes["question_id"].implode()))
    if set(asked["culture"]) != set(cultures):
        return None
    return pair_scorer(asked, outcomes, cultures, 0, outcome)


def measure_swapped(swapped: PairedAnswers) -> dict[str, np.ndarray]:
    """Make the columns of table `effects` that tell what is lost without seeing the culture.

    Args:
        swapped: Answers over swapped pictures, of each mask to its own culture's questions; the
            cells of other cultures are null.
    """
    diagonal = np.eye(len(swapped.cultures), dtype=bool)
    asked = swapped.tally(1.0)[diagonal]
    columns = {}
    for name, values in (("swapped_before", swapped.before), ("swapped_delta", swapped.gained)):
        cells = np.full(diagonal.shape, None)
        cells[diagonal] = swapped.tally(values)[diagonal] / asked
        columns[name] = cells.ravel()
    return columns


def summarise_swapped(
    paired: PairedAnswers,
    swapped: PairedAnswers,
    broken: np.ndarray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make the rows of table `summaries` that compare with pictures of other cultures.

    LESS_SWAPPED is the relative change of the right answers, self / accuracy before, less the same
    over swapped pictures. Below 0, a mask costs a larger share where the culture is seen. It is
    NaN where there is no right answer to lose; the mean is a difference of ratios of means, in
    which such a culture counts as well. ABOVE_CHANCE is the unmodified model's accuracy over
    swapped pictures less that of guessing: was there anything to lose?

    Args:
        paired: Answers under the masks of all cultures, in ACCURACY.
        swapped: The same over swapped pictures, of each mask to its own culture's questions.
        broken: See `find_broken`.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kept = choose_masks(broken)
    seen, unseen, above = (
        _resample_share(answers, values, right, kept, flips, resamples=resamples, seed=seed)
        for answers, values, right, flips in zip(
            (paired, swapped, swapped),
            (paired.take_own(), swapped.take_own(), swapped.before - swapped.chance),
            (paired.before, swapped.before, np.ones(len(swapped.before))),
            np.split(draw_flips(resamples, 3 * (len(paired.cultures) + 1), seed), 3, axis=1),
            strict=True,
        )
    )
    less = [first - second for first, second in zip(seen, unseen, strict=True)]
    rows = []
    for measure, (each, parts, flips) in ((LESS_SWAPPED, less), (ABOVE_CHANCE, above)):
        mean = resample_mean(parts[0], parts[1:], seed) + flips
        bounds = find_interval(np.column_stack([each[1:], mean]), confidence)
        value = np.append(each[0], parts[0].mean())
        unknown = np.full(value.shape, np.nan)  # signs of a broken model
        rows += list_measure(paired, measure, [value, unknown, unknown], bounds, broken)
    return to_columns("summaries", rows)


def _resample_share(
    answers: PairedAnswers,
    values: np.ndarray,
    right: np.ndarray,
    kept: np.ndarray,
    flips: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resample the mean of values over the mean of right, both (questions,).

    Args:
        answers: Of which questions.
        values: What is counted.
        right: What it is a share of.
        kept: Indices of the cultures that the mean is taken of.
        flips: Of single questions (resamples, cultures + 1): of each culture, and of the mean.
        resamples: Bootstrap resamples of images.
        seed: Seed of the bootstrap.

    Returns:
        Each culture's share, and its part in the mean's, (1 + resamples, cultures) each, the
        first row as observed; and what flips add to the mean (resamples,).
    """
    questions = np.bincount(answers.culture)
    count, of = (resample_changes(answers, each, resamples, seed) for each in (values, right))
    single, mean = of[0], of[0, kept].mean()
    each = _linearise(count, of, single)
    each[1:] += flips[:, :-1] / questions / np.where(single == 0, np.nan, single)
    parts = _linearise(count[:, kept], of[:, kept], mean)
    size = (1 / questions[kept]).mean() / len(kept) / (mean or np.nan)
    return each, parts, flips[:, -1] * size


def _linearise(count: np.ndarray, of: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Linearise count / of at the first row, whose `of` has the size that is given.

    A resampled ratio has no bound where little was right; its linear part has, and the mean of
    parts of a mean is the ratio of the means (Davison and Hinkley 1997, section 2.7). NaN where
    the size is 0.
    """
    size = np.where(np.equal(size, 0), np.nan, size)
    ratio = count[0] / size if size.ndim else count[0].mean() / size
    return ratio + (count - ratio * of) / size
