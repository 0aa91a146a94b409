"""Bootstrap intervals: images within a culture, cultures for means over them."""

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats takes over a second to import

from culture_neurons.pairing import Paired


def bootstrap_cells(
    paired: Paired, resamples: int, seed: int, *, smooth: bool = False
) -> np.ndarray:
    """Resample each culture's images with replacement; accuracy changes.

    Questions of one image stay together: they are no independent draws. Masks that are asked the
    same questions of a culture share its resamples, and so do all calls with one seed: differences
    between masks and between scorers are paired.

    Args:
        paired: Answers before and under the masks.
        resamples: Number of resamples.
        seed: Seed of the draws.
        smooth: Add to each cell one question lost and one gained. Without them a cell that saw
            few changes has an interval that is far too short (Bonett and Price 2012, doi
            10.3102/1076998611411915); for intervals of single cells, not of means over them.

    Returns:
        (resamples, masks, cultures).
    """
    result = np.empty((resamples, len(paired.asked), len(paired.cultures)))
    for culture in range(len(paired.cultures)):
        here = np.flatnonzero(paired.culture == culture)
        for number, (masks, asked) in enumerate(_group_masks(paired.asked[:, here])):
            questions = here[asked]
            _, image = np.unique(paired.image[questions], return_inverse=True)
            sizes = np.bincount(image)  # questions per image
            sums = np.zeros((len(sizes), len(masks)))  # (images, masks)
            np.add.at(sums, image, paired.gained[np.ix_(masks, questions)].T)
            if smooth:
                sizes = np.append(sizes, [1, 1])
                sums = np.vstack([sums, np.full_like(sums[:1], -1), np.full_like(sums[:1], 1)])
            generator = np.random.default_rng([seed, culture, number])
            weights = draw_weights(len(sizes), resamples, generator)
            result[:, masks, culture] = (weights @ sums) / (weights @ sizes)[:, None]
    return result


def _group_masks(asked: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield masks that are asked the same questions, with these; the most questions first."""
    patterns, group = np.unique(asked, axis=0, return_inverse=True)
    for index in np.argsort(-patterns.sum(axis=1), kind="stable"):
        yield np.flatnonzero(group.ravel() == index), np.flatnonzero(patterns[index])


def draw_weights(units: int, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Count how often each unit is drawn with replacement, (resamples, units)."""
    drawn = generator.integers(units, size=(resamples, units))
    drawn += units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units)


def find_interval(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Take the percentile interval of samples (resamples, ...): (2, ...)."""
    tail = (1 - confidence) / 2
    return np.quantile(samples, [tail, 1 - tail], axis=0)


def resample_mean(
    values: np.ndarray, resampled: np.ndarray, confidence: float, seed: int
) -> np.ndarray:
    """Resample the mean over cultures hierarchically: cultures, then images; (resamples,).

    Cultures are drawn as deviations from their mean, shrunk to the variance that resampled images
    do not explain, and images as in `resampled`. Drawing whole cultures and images again in each
    would count the images' variance twice. The deviations are widened to Student's t.

    Args:
        values: (cultures,).
        resampled: (resamples, cultures), from resampled images.
        confidence: Coverage of the interval that is to be taken.
        seed: Seed of the cultures' draws.

    Source: Davison and Hinkley 1997, section 3.8; the variance is estimated by moments.
    """
    count = len(values)
    images = (resampled - values).var(axis=1, ddof=1).mean()
    between = max(0.0, values.var(ddof=1) - images)
    if between == 0:
        return resampled.mean(axis=1)
    upper = (1 + confidence) / 2
    widen = stdtrit(count - 1, upper) / ndtri(upper)
    deviations = (values - values.mean()) * widen * np.sqrt(between / values.var())
    weights = draw_weights(count, len(resampled), np.random.default_rng([seed, count]))
    return resampled.mean(axis=1) + weights @ deviations / count
