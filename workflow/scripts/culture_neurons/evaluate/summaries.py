"""Each measure per culture and as the mean over cultures, with intervals: table `summaries`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

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
_SUMMARY = ("value", "ci_low", "ci_high", "non_letter_mass_change", "letter_entropy_change")


def summarise_effects(
    paired: PairedAnswers,
    resampled: np.ndarray,
    smooth: np.ndarray,
    *,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make table `summaries`: each measure per culture and as the mean over cultures.

    Beside each accuracy measure stands the same measure of the mass on tokens that are no letter
    and of the letters' entropy: a model that no longer answers is not one that lost a culture.
    The mean's interval holds for cultures like these, not for these alone.

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Resampled cells (resamples, masks, cultures).
        smooth: The same, smoothed: for what is measured on one culture's questions alone.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    observed = [contrast(paired.average(values), cross) for values in kinds]
    spread = contrast(resampled, cross)
    parts, spread_parts = share_out(observed[0]), share_out(spread)
    # Measured on one culture's questions, which all masks may turn alike.
    smoothed = contrast(smooth, cross)
    few = {name: smoothed[name] for name in ("self", "cross_by_target")}
    single = {**spread, **few, "gap": few["self"] - spread[f"cross_{cross}"]}
    rows = []
    for measure in MEASURES:
        mean = resample_mean(parts[measure], spread_parts[measure], seed)
        bounds = find_interval(np.column_stack([single[measure], mean]), confidence)
        rows += _list_measure(paired.cultures, measure, [v[measure] for v in observed], bounds)
    return to_columns("summaries", rows)


def summarise_swapped(
    paired: PairedAnswers, swapped: PairedAnswers, *, resamples: int, confidence: float, seed: int
) -> dict[str, list]:
    """Make the rows of table `summaries` of self - self over swapped pictures.

    Below 0, a mask costs its culture more where the culture is seen. The difference is taken
    question by question; resampled are images.

    Args:
        paired: Answers under the masks of all cultures.
        swapped: The same over swapped pictures, of each mask to its own culture's questions.
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
    mean = resample_mean(observed[0], resampled[:, 0], seed)
    bounds = find_interval(np.column_stack([smooth[:, 0], mean]), confidence)
    return to_columns("summaries", _list_measure(paired.cultures, SWAPPED, observed, bounds))


def _list_measure(
    cultures: Sequence[str], measure: str, observed: Sequence[np.ndarray], bounds: np.ndarray
) -> list[dict[str, object]]:
    """List a measure's rows: each culture's values and bounds, and those of the mean, last."""
    value, *signs = ([*values.tolist(), values.mean()] for values in observed)
    rows = zip([*cultures, None], value, *bounds.tolist(), *signs, strict=True)
    return [
        {"culture": culture, "measure": measure, **dict(zip(_SUMMARY, numbers, strict=True))}
        for culture, *numbers in rows
    ]
