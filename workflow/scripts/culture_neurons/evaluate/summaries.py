"""Each measure per culture and as the mean over cultures, with intervals: table `summaries`."""

from collections.abc import Sequence

import numpy as np

from culture_neurons.evaluate.collapse import choose_masks
from culture_neurons.evaluate.measures import MEASURES, contrast, share_out
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import (
    find_interval,
    resample_mean,
)
from culture_neurons.storage.tables import to_columns

_SUMMARY = (
    *("value", "ci_low", "ci_high"),
    *("non_letter_mass_change", "letter_entropy_change", "broken", "left_out"),
)


def summarise_effects(
    paired: PairedAnswers,
    resampled: np.ndarray,
    smooth: np.ndarray,
    broken: np.ndarray,
    *,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make table `summaries`: each measure per culture and as the mean over cultures.

    Beside each accuracy measure stands the same measure of the mass on tokens that are no letter
    and of the letters' entropy: a model that no longer answers is not one that lost a culture.
    The mean's interval holds for cultures like these, not for these alone. See `choose_masks` for
    the masks that it is taken of.

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Resampled cells (resamples, masks, cultures).
        smooth: The same, smoothed: for what is measured on one culture's questions alone.
        broken: See `find_broken`.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    cells = [paired.average(values) for values in kinds]
    observed, spread = [contrast(values, cross) for values in cells], contrast(resampled, cross)
    masks = choose_masks(broken)
    means = [contrast(values[np.ix_(masks, masks)], cross) for values in cells]
    intervals = bound_means(cells[0], resampled, masks, cross, confidence, seed)
    # Measured on one culture's questions, which all masks may turn alike.
    smoothed = contrast(smooth, cross)
    few = {name: smoothed[name] for name in ("self", "cross_by_target")}
    single = {**spread, **few, "gap": few["self"] - spread[f"cross_{cross}"]}
    rows = []
    for measure in MEASURES:
        bounds = find_interval(single[measure], confidence)
        bounds = np.column_stack([bounds, intervals[measure]])  # (2, cultures + 1)
        values = [
            np.append(each[measure], all_[measure].mean())
            for each, all_ in zip(observed, means, strict=True)
        ]
        rows += list_measure(paired.cultures, measure, values, bounds, broken)
    return to_columns("summaries", rows)


def bound_means(
    cells: np.ndarray,
    resampled: np.ndarray,
    kept: np.ndarray,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, np.ndarray]:
    """Find the interval of each measure's mean over cultures: measure -> (2,).

    Args:
        cells: Accuracy changes (masks, cultures).
        resampled: The same, resampled (resamples, masks, cultures).
        kept: Indices of the masks that the means are taken of.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    grid = np.ix_(kept, kept)
    parts = share_out(contrast(cells[grid], cross))
    spread = share_out(contrast(resampled[:, *grid], cross))
    return {
        measure: find_interval(resample_mean(parts[measure], spread[measure], seed), confidence)
        for measure in MEASURES
    }


def list_measure(
    cultures: Sequence[str],
    measure: str,
    observed: Sequence[np.ndarray],
    bounds: np.ndarray,
    broken: np.ndarray,
) -> list[dict[str, object]]:
    """List rows of table `summaries`: of each culture, and of the mean over cultures.

    Args:
        cultures: Names.
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
    rows = zip([*cultures, None], value, *bounds.tolist(), *signs, *counts, strict=True)
    return [
        {"culture": culture, "measure": measure, **dict(zip(_SUMMARY, numbers, strict=True))}
        for culture, *numbers in rows
    ]
