"""Intervals of self, cross, and gap: of single cultures, and of means over cultures."""

from collections.abc import Mapping

import numpy as np

from culture_neurons.evaluate.measures import MEASURES, contrast, share_out
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import draw_flips, find_interval, resample_mean

Measures = Mapping[str, np.ndarray]  # by name

_CROSSES = ("cross_by_mask", "cross_by_target")


def bound_singles(
    paired: PairedAnswers, resampled: np.ndarray, cross: str, confidence: float, seed: int
) -> dict[str, np.ndarray]:
    """Find the intervals of each measure of single cultures: measure -> (2, cultures).

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Accuracy changes (resamples, masks, cultures).
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    flips = draw_flips(len(resampled), 2 * len(paired.cultures), seed)
    own, other = np.split(flips, 2, axis=1)  # (resamples, cultures)
    samples = _add_flips(contrast(resampled, cross), own, other, size_flips(paired), cross)
    return {measure: find_interval(samples[measure], confidence) for measure in MEASURES}


def bound_means(
    paired: PairedAnswers,
    resampled: np.ndarray,
    kept: np.ndarray,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, np.ndarray]:
    """Find the interval of each measure's mean over cultures: measure -> (2,).

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Accuracy changes (resamples, masks, cultures).
        kept: Indices of the masks that the means are taken of.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    grid = np.ix_(kept, kept)
    parts = share_out(contrast(paired.average(paired.gained)[grid], cross))
    spread = share_out(contrast(resampled[:, *grid], cross))
    sizes = {name: size[kept] for name, size in size_flips(paired).items()}
    samples = resample_means(parts, spread, sizes, cross, seed)
    return {measure: find_interval(samples[measure], confidence) for measure in MEASURES}


def resample_means(
    parts: Measures, spread: Measures, sizes: Measures, cross: str, seed: int
) -> Measures:
    """Resample each measure's mean over cultures: measure -> (resamples,).

    Args:
        parts: Measure -> each culture's part (`share_out`).
        spread: The same, resampled: (resamples, cultures).
        sizes: What a question's flip changes (`size_flips`).
        cross: The measure that `gap` subtracts.
        seed: Seed of the bootstrap.
    """
    samples = {name: resample_mean(parts[name], spread[name], seed) for name in parts}
    # In a mean over all masks a question counts under each that flips it, as for its own culture.
    means = dict.fromkeys(_CROSSES, sizes["cross_by_target"]) | {"self": sizes["self"]}
    means = {name: size.mean() / len(size) for name, size in means.items()}
    own, other = draw_flips(len(samples["self"]), 2, seed).T
    return _add_flips(samples, own, other, means, cross)


def size_flips(paired: PairedAnswers) -> dict[str, np.ndarray]:
    """Size what one question's flip changes in each measure of a culture, (cultures,) each.

    Under the other cultures' masks a question may flip once or under many masks at a time.

    Args:
        paired: Answers under the masks of all cultures.
    """
    others = len(paired.cultures) - 1
    other = paired.culture != np.arange(others + 1)[:, None]  # (masks, questions)
    sizes = paired.size_flip()
    alike = count_alike(paired.gained * paired.asked * other / (sizes.max() or 1.0), others)
    cells = contrast(sizes / paired.tally(1.0), "by_mask")  # of a flip in one cell
    return {
        "self": cells["self"],
        "cross_by_mask": cells["cross_by_mask"] / others,
        "cross_by_target": cells["cross_by_target"] * alike / others,
    }


def count_alike(changes: np.ndarray, masks: int) -> float:
    """Count under how many masks a question that flips under one of them does, 1 to `masks`.

    Those that did flip tell: their sums over masks, squared, are as many times the sum of single
    squares as masks flip together. What was seen is averaged with one question that flips under
    them all.

    Args:
        changes: (masks, questions), in units of one flip; 0 where a mask does not count.
        masks: That count for a question.
    """
    together = (changes.sum(axis=0) ** 2).sum() + masks**2
    return float(np.clip(together / ((changes**2).sum() + masks), 1, masks))


def _add_flips(
    samples: Measures, own: np.ndarray, other: np.ndarray, sizes: Measures, cross: str
) -> Measures:
    """Add flips under own masks, and under other masks, to the resamples of each measure."""
    added = {"self": own * sizes["self"]}
    added |= {name: other * sizes[name] for name in _CROSSES}
    added["gap"] = added["self"] - added[f"cross_{cross}"]
    return {name: samples[name] + added[name] for name in samples}
