"""Each measure per culture and as the mean over cultures, with intervals: table `summaries`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from culture_neurons.evaluate.collapse import choose_masks
from culture_neurons.evaluate.measures import MEASURES, contrast, share_out
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import (
    bootstrap_cells,
    find_interval,
    resample_mean,
    smooth_cells,
)
from culture_neurons.storage.tables import to_columns

SWAPPED = "self_less_swapped"  # self - self over other cultures' pictures
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
    kept = np.ix_(masks := choose_masks(broken), masks)
    means = [contrast(values[kept], cross) for values in cells]
    parts = share_out(means[0])
    spread_parts = share_out(contrast(resampled[:, *kept], cross))
    # Measured on one culture's questions, which all masks may turn alike.
    smoothed = contrast(smooth, cross)
    few = {name: smoothed[name] for name in ("self", "cross_by_target")}
    single = {**spread, **few, "gap": few["self"] - spread[f"cross_{cross}"]}
    rows = []
    for measure in MEASURES:
        mean = resample_mean(parts[measure], spread_parts[measure], seed)
        bounds = find_interval(np.column_stack([single[measure], mean]), confidence)
        values = [
            np.append(each[measure], all_[measure].mean())
            for each, all_ in zip(observed, means, strict=True)
        ]
        rows += _list_measure(paired.cultures, measure, values, bounds, broken)
    return to_columns("summaries", rows)


def summarise_swapped(
    paired: PairedAnswers,
    swapped: PairedAnswers,
    broken: np.ndarray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make the rows of table `summaries` of self - self over swapped pictures.

    Below 0, a mask costs its culture more where the culture is seen. The difference is taken
    question by question; resampled are images.

    Args:
        paired: Answers under the masks of all cultures.
        swapped: The same over swapped pictures, of each mask to its own culture's questions.
        broken: See `find_broken`.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    own_mask = paired.culture, np.arange(len(paired.culture))  # of each question
    kinds = {
        name: (getattr(paired, name) - getattr(swapped, name))[own_mask][None]  # (1, questions)
        for name in ("gained", "non_letter_mass", "letter_entropy")
    }
    difference = replace(paired, asked=np.ones_like(paired.asked[:1]), **kinds)
    observed = [difference.average(values)[0] for values in kinds.values()]
    resampled = bootstrap_cells(difference, resamples, seed)
    smooth = smooth_cells(resampled, difference.tally(1.0), seed)
    kept = choose_masks(broken)
    mean = resample_mean(observed[0][kept], resampled[:, 0, kept], seed)
    bounds = find_interval(np.column_stack([smooth[:, 0], mean]), confidence)
    values = [np.append(each, each[kept].mean()) for each in observed]
    return to_columns("summaries", _list_measure(paired.cultures, SWAPPED, values, bounds, broken))


def _list_measure(
    cultures: Sequence[str],
    measure: str,
    observed: Sequence[np.ndarray],
    bounds: np.ndarray,
    broken: np.ndarray,
) -> list[dict[str, object]]:
    """List a measure's rows: each culture's values and bounds, and those of the mean, last."""
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
