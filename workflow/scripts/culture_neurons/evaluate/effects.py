"""Outcomes under one scorer's masks -> table `effects`, and with summaries.py table `summaries`.

delta[m, c] is the mean of an outcome over culture c's questions under culture m's mask minus that
of the unmodified model on the same questions. Every cell is kept, whatever its sign.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks, find_broken
from culture_neurons.evaluate.pairing import PairedAnswers, pair_scorer
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.evaluate.significance import (
    adjust_p,
    mcnemar,
    sign_flip,
    smallest_drop,
    smallest_mean,
)
from culture_neurons.evaluate.summaries import summarise_effects
from culture_neurons.evaluate.swapped import measure_swapped, pair_swapped, summarise_swapped
from culture_neurons.outcomes import ACCURACY, OUTCOMES

Columns = dict[str, np.ndarray | list]

_FLIPS = ("correct_to_wrong", "wrong_to_correct", "wrong_to_wrong")  # counted for accuracy alone
_SWAPPED = ("swapped_before", "swapped_delta")


def measure_effects(
    *,
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    swapped_outcomes: pl.DataFrame,
    cultures: Sequence[str],
    other_questions: int | None,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
    alpha: float,
    power: float,
    collapse: float,
) -> tuple[dict[str, PairedAnswers], np.ndarray, list[Columns], list[Columns]]:
    """Measure one scorer's effects in every outcome.

    Args:
        questions: The evaluate questions: question_id, image_id, culture, answer.
        outcomes: Answers of the unmodified model and under the scorer's masks, one mask per
            culture, named for it.
        swapped_outcomes: The same over pictures of other cultures, of each mask's own culture.
            Where a culture has none, the rows and columns that compare with them are left out.
        cultures: Names of the masks.
        other_questions: Questions of each culture other than a mask's own; None: all.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        alpha: False discovery rate of the cells' tests.
        power: Power at which the smallest drop of a cell is stated.
        collapse: See `find_broken`.

    Returns:
        Outcome -> the paired answers, the indices of the masks that means over cultures are taken
        of, and the columns of tables `effects` and `summaries` in parts, one or more per outcome.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    answers = {
        name: pair_scorer(questions, outcomes, cultures, other_questions, name) for name in OUTCOMES
    }
    broken = find_broken(answers[ACCURACY], collapse)
    draws = {"confidence": confidence, "seed": seed}
    effects, summaries = [], []
    for name, paired in answers.items():
        resampled = bootstrap_cells(paired, resamples, seed)
        tests = {"alpha": alpha, "power": power}
        cells = tabulate_effects(paired, resampled, paired.cultures, **draws, **tests)
        swapped = pair_swapped(questions, swapped_outcomes, cultures, name)
        cells |= measure_swapped(swapped) if swapped else fill_swapped(len(cells["delta"]))
        effects.append(cells)
        summaries.append(summarise_effects(paired, resampled, broken, cross=cross, **draws))
        if swapped and name == ACCURACY:
            less = summarise_swapped(paired, swapped, broken, resamples=resamples, **draws)
            summaries.append(less)
    return answers, choose_masks(broken), effects, summaries


def tabulate_effects(
    paired: PairedAnswers,
    resampled: np.ndarray,
    masks: Sequence[str],
    confidence: float,
    seed: int,
    alpha: float,
    power: float,
) -> Columns:
    """Make table `effects`, less `measure_swapped`'s part, of a whole mask x culture matrix.

    q is Benjamini-Hochberg over the masks' own cells, and over the others: what a few own cells
    show is not to be lost among the many. `smallest_drop` is of p at the level alpha / cells of
    the family, which passes the adjustment whatever the other cells are. The interval is a
    bootstrap over images.

    Args:
        paired: Answers under the masks.
        resampled: Resampled cells (resamples, masks, cultures).
        masks: Cultures of the masks, in the order of the rows.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap and of the tests.
        alpha: False discovery rate of each family of cells.
        power: Power at which `smallest_drop` is stated.
    """
    names, cultures = np.array(masks), np.array(paired.cultures)
    own = names[:, None] == cultures
    families = np.where(own, own.sum(), (~own).sum())  # cells of each cell's family
    before = paired.average(paired.before)
    delta = paired.average(paired.gained)
    flips = draw_flips(len(resampled), len(cultures), seed)[:, None] * paired.size_flip()
    low, high = find_interval(resampled + flips / paired.tally(1.0), confidence)
    if paired.outcome == ACCURACY:
        tests = _test_accuracy(paired, own, alpha / families, power)
    else:
        tests = _test_logp(paired, resampled, alpha / families, power, seed)
    q = np.empty(own.shape)
    for family in (own, ~own):
        q[family] = adjust_p(tests["p"][family])
    columns = {
        "mask_culture": np.repeat(names, len(cultures)),
        "culture": np.tile(cultures, len(names)),
        "outcome": np.repeat(paired.outcome, own.size),
        "questions": paired.tally(1.0).astype(int),
        "before": before,
        "after": before + delta,
        "delta": delta,
        "ci_low": low,
        "ci_high": high,
        **tests,
        "q": q,
        "non_letter_mass_change": paired.average(paired.non_letter_mass),
        "letter_entropy_change": paired.average(paired.letter_entropy),
    }
    cells = {name: column.ravel() for name, column in columns.items()}
    return _fill(_FLIPS, own.size) | cells


def fill_swapped(cells: int) -> Columns:
    """Make the columns of what was not asked over pictures of other cultures."""
    return _fill(_SWAPPED, cells)


def _fill(names: Sequence[str], cells: int) -> Columns:
    """Make columns of what was not measured."""
    return {name: [None] * cells for name in names}


def _test_accuracy(
    paired: PairedAnswers, own: np.ndarray, level: np.ndarray, power: float
) -> dict[str, np.ndarray]:
    """Test each cell by McNemar's exact test of images lost against images won, and count flips.

    Correct->wrong and its like count questions.

    Args:
        paired: Answers under the masks.
        own: Whether a cell is a mask's own, (masks, cultures).
        level: At which a cell passes the adjustment, (masks, cultures).
        power: See `tabulate_effects`.
    """
    images, lost, won = paired.count_images()  # (masks, cultures) each
    both_wrong = ~paired.before & (paired.gained == 0)
    churn = float(won[~own].sum() / images[~own].sum())  # flips without an effect
    find_drop = cache(lambda count, at: smallest_drop(count, churn, at, power))  # few differ
    flips = (paired.gained < 0, paired.gained > 0, paired.switched & both_wrong)
    return {
        **dict(zip(_FLIPS, (paired.tally(flip).astype(int) for flip in flips), strict=True)),
        "p": mcnemar(lost, won),
        "smallest_drop": np.vectorize(find_drop)(images, level),
    }


def _test_logp(
    paired: PairedAnswers, resampled: np.ndarray, level: np.ndarray, power: float, seed: int
) -> dict[str, np.ndarray]:
    """Test each cell by flipping the signs of images' changes; arguments: see `_test_accuracy`."""
    culture, asked, net = paired.sum_images()
    p, images = np.empty((2, *level.shape))
    for number in range(len(paired.cultures)):
        own = culture == number
        p[:, number] = sign_flip(net[:, own].T, len(resampled), [seed, number])
        images[:, number] = (asked[:, own] > 0).sum(axis=1)
    error = resampled.std(axis=0, ddof=1)
    return {"p": p, "smallest_drop": smallest_mean(error, images, level, power)}
