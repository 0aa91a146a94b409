"""Effects by the questions' category: does a mask cost accuracy in one kind of question alone?

A category has few questions of each culture, so questions of all cultures are pooled; a mean over
cultures is in summaries.py.
"""

import numpy as np

from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import draw_weights, find_interval


def measure_categories(
    paired: PairedAnswers, categories: np.ndarray, *, resamples: int, confidence: float, seed: int
) -> dict[str, list]:
    """Measure one scorer's self, cross_by_mask, and gap on the questions of each category.

    self is the mean change over questions under their own culture's mask, cross the mean over
    questions and the other cultures' masks that were asked them. Intervals are percentiles of
    resampled images, among which are one question lost and one gained: they hold for these
    cultures.

    Args:
        paired: Answers under the masks of all cultures.
        categories: Category of each question, (questions,).
        resamples: Bootstrap resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Columns of table `categories` but for `scorer`.
    """
    own_mask = paired.culture == np.arange(len(paired.cultures))[:, None]  # (masks, questions)
    flip = paired.size_flip().max()
    rows = []
    for number, category in enumerate(sorted(set(categories))):
        members = np.flatnonzero(categories == category)
        _, image = np.unique(paired.image[members], return_inverse=True)
        units = image.max() + 3  # images, a loss, a gain
        drawn = draw_weights(units, resamples, np.random.default_rng([seed, number]))
        observed = np.append(np.ones(units - 2), [0, 0])
        weights = np.vstack([observed, drawn])
        sides = []
        for side in (own_mask, paired.asked & ~own_mask):
            gained = np.bincount(image, (paired.gained * side)[:, members].sum(axis=0))
            asked = np.bincount(image, side[:, members].sum(axis=0))
            sides.append(_divide(weights @ [*gained, -flip, flip], weights @ [*asked, 1, 1]))
        samples = np.column_stack([*sides, sides[0] - sides[1]])  # (1 + resamples, measures)
        low, high = find_interval(samples[1:], confidence)
        for column, measure in enumerate(("self", "cross_by_mask", "gap")):
            rows.append(
                {
                    "category": category,
                    "outcome": paired.outcome,
                    "measure": measure,
                    "questions": len(members),
                    "cultures": len(np.unique(paired.culture[members])),
                    "value": samples[0, column],
                    "ci_low": low[column],
                    "ci_high": high[column],
                }
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _divide(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Divide; NaN where there was nothing to ask."""
    return np.divide(sums, sizes, out=np.full(len(sums), np.nan), where=sizes > 0)
