"""Outcomes under one scorer's masks -> table `effects`, and with summaries.py table `summaries`.

delta[m, c] is the accuracy on culture c's questions under culture m's mask minus that of the
unmodified model on the same questions. Every cell is kept, whatever its sign.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks, find_broken
from culture_neurons.evaluate.pairing import PairedAnswers, pair_scorer
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.evaluate.significance import adjust_p, mcnemar, smallest_drop
from culture_neurons.evaluate.summaries import summarise_effects
from culture_neurons.evaluate.swapped import measure_swapped, pair_swapped, summarise_swapped


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
) -> tuple[PairedAnswers, np.ndarray, dict[str, np.ndarray], dict[str, list]]:
    """Measure one scorer's effects.

    Args:
        questions: The evaluate questions: question_id, image_id, culture.
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
        The paired answers, the indices of the masks that means over cultures are taken of, and
        the columns of tables `effects` and `summaries`.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    paired = pair_scorer(questions, outcomes, cultures, other_questions)
    resampled = bootstrap_cells(paired, resamples, seed)
    swapped = pair_swapped(questions, swapped_outcomes, cultures)
    effects = tabulate_effects(paired, resampled, confidence, seed, alpha, power)
    broken = find_broken(paired, collapse)
    draws = {"confidence": confidence, "seed": seed}
    summaries = summarise_effects(paired, resampled, broken, cross=cross, **draws)
    effects |= dict.fromkeys(("swapped_before", "swapped_delta"), [None] * len(effects["delta"]))
    if swapped:
        effects |= measure_swapped(swapped)
        less_swapped = summarise_swapped(paired, swapped, broken, resamples=resamples, **draws)
        summaries = {name: summaries[name] + less_swapped[name] for name in summaries}
    return paired, choose_masks(broken), effects, summaries


def tabulate_effects(
    paired: PairedAnswers,
    resampled: np.ndarray,
    confidence: float,
    seed: int,
    alpha: float,
    power: float,
) -> dict[str, np.ndarray]:
    """Make table `effects`, less `measure_swapped`'s part, of a whole culture x culture matrix.

    p is the exact McNemar test of images lost against images won, while correct->wrong and its
    like count questions; q is Benjamini-Hochberg over the masks' own cells, and over the others:
    what a few own cells show is not to be lost among the many. `smallest_drop` is of p at the
    level alpha / cells of the family, which passes the adjustment whatever the other cells are.
    The interval is a bootstrap over images.

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Resampled cells (resamples, masks, cultures).
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        alpha: False discovery rate of each family of cells.
        power: Power at which `smallest_drop` is stated.
    """
    images, lost, won = paired.count_images()  # (masks, cultures) each
    both_wrong = ~paired.before & (paired.gained == 0)
    before = paired.average(paired.before)
    delta = paired.average(paired.gained)
    flips = draw_flips(len(resampled), len(paired.cultures), seed)[:, None]  # of one question
    low, high = find_interval(resampled + flips / paired.tally(1.0), confidence)
    p = mcnemar(lost, won)
    names, count = np.array(paired.cultures), len(paired.cultures)
    churn = _measure_churn(won, images)
    q, drops = np.empty((2, count, count))
    own = np.eye(count, dtype=bool)
    for family in (own, ~own):
        q[family] = adjust_p(p[family])
        level = alpha / family.sum()
        shown = {n: smallest_drop(n, churn, level, power) for n in np.unique(images[family])}
        drops[family] = [shown[n] for n in images[family]]
    columns = {
        "mask_culture": np.repeat(names, count),
        "culture": np.tile(names, count),
        "questions": paired.tally(1.0).astype(int),
        "accuracy_before": before,
        "accuracy_after": before + delta,
        "delta": delta,
        "ci_low": low,
        "ci_high": high,
        "correct_to_wrong": paired.tally(paired.gained < 0).astype(int),
        "wrong_to_correct": paired.tally(paired.gained > 0).astype(int),
        "wrong_to_wrong": paired.tally(paired.switched & both_wrong).astype(int),
        "p": p,
        "q": q,
        "smallest_drop": drops,
        "non_letter_mass_change": paired.average(paired.non_letter_mass),
        "letter_entropy_change": paired.average(paired.letter_entropy),
    }
    return {name: column.ravel() for name, column in columns.items()}


def _measure_churn(won: np.ndarray, images: np.ndarray) -> float:
    """Share of images that are won under other cultures' masks: flips without an effect."""
    other = ~np.eye(len(won), dtype=bool)
    return float(won[other].sum() / images[other].sum())
