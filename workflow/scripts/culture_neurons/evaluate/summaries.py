"""Each measure per culture and as the mean over cultures, with intervals: table `summaries`."""

from collections.abc import Sequence

import numpy as np

from culture_neurons.evaluate.collapse import choose_masks
from culture_neurons.evaluate.intervals import bound_means, bound_singles
from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.storage.tables import to_columns

_SUMMARY = (
    *("value", "ci_low", "ci_high"),
    *("non_letter_mass_change", "letter_entropy_change", "broken", "left_out"),
)


def summarise_effects(
    paired: PairedAnswers,
    resampled: np.ndarray,
    broken: np.ndarray,
    *,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make table `summaries`: each measure per culture and as the mean over cultures.

    Beside each measure stands the same measure of the mass on tokens that are no letter
    and of the letters' entropy: a model that no longer answers is not one that lost a culture.
    The mean's interval holds for cultures like these, not for these alone. See `choose_masks` for
    the masks that it is taken of.

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Resampled cells (resamples, masks, cultures).
        broken: See `find_broken`.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    cells = [paired.average(values) for values in kinds]
    observed = [contrast(values, cross) for values in cells]
    kept = choose_masks(broken)
    means = [contrast(values[np.ix_(kept, kept)], cross) for values in cells]
    draws = {"cross": cross, "confidence": confidence, "seed": seed}
    singles = bound_singles(paired, resampled, **draws)
    overall = bound_means(paired, resampled, kept, **draws)
    rows = []
    for measure in MEASURES:
        bounds = np.column_stack([singles[measure], overall[measure]])  # (2, cultures + 1)
        values = [
            np.append(each[measure], all_[measure].mean())
            for each, all_ in zip(observed, means, strict=True)
        ]
        rows += list_measure(paired, measure, values, bounds, broken)
    return to_columns("summaries", rows)


def list_measure(
    paired: PairedAnswers,
    measure: str,
    observed: Sequence[np.ndarray],
    bounds: np.ndarray,
    broken: np.ndarray,
) -> list[dict[str, object]]:
    """List rows of table `summaries`: of each culture, and of the mean over cultures.

    Args:
        paired: Answers of these cultures in the outcome that is measured.
        measure: What is measured.
        observed: Its values, and the changes of non-letter mass and letter entropy that go with
            it: each culture's, then the mean.
        bounds: Of the interval, (2, cultures + 1).
        broken: See `find_broken`.
    """
    value, *signs = (values.tolist() for values in observed)
    left_out = ~np.isin(np.arange(len(broken)), choose_masks(broken))
    counts = (
        [None if np.isnan(count) else int(count) for count in [*marks, marks.sum()]]
        for marks in (broken, left_out)
    )
    keys = {"outcome": paired.outcome, "measure": measure}
    rows = zip([*paired.cultures, None], value, *bounds.tolist(), *signs, *counts, strict=True)
    return [
        {"culture": culture, **keys, **dict(zip(_SUMMARY, numbers, strict=True))}
        for culture, *numbers in rows
    ]
