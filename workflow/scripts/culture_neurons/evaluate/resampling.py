"""Bootstrap: images within a culture, cultures for means over them, flips too rare to be seen."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from culture_neurons.evaluate.pairing import PairedAnswers


def bootstrap_cells(
    paired: PairedAnswers, resamples: int, seed: int, apart: int | None = None
) -> np.ndarray:
    """Resample each culture's images with replacement; accuracy changes.

    Questions of one image stay together: they are no independent draws. Masks that are asked the
    same questions of a culture share its resamples, and so do all calls with one seed: differences
    between masks and between scorers are paired.

    Args:
        paired: Answers before and under the masks.
        resamples: Number of resamples.
        seed: Seed of the draws.
        apart: A number of images that are drawn apart from those of the study, from 1 on.

    Returns:
        (resamples, masks, cultures); NaN of cells in which nothing was asked.
    """
    result = np.empty((resamples, len(paired.asked), len(paired.cultures)))
    for culture in range(len(paired.cultures)):
        members = np.flatnonzero(paired.culture == culture)
        for number, (masks, asked) in enumerate(_group_masks(paired.asked[:, members])):
            questions = members[asked]
            if not len(questions):
                result[:, masks, culture] = np.nan
                continue
            _, image = np.unique(paired.image[questions], return_inverse=True)
            sizes = np.bincount(image)  # questions per image
            sums = np.zeros((len(sizes), len(masks)))  # (images, masks)
            np.add.at(sums, image, paired.gained[np.ix_(masks, questions)].T)
            words = [seed, culture, number] + ([] if apart is None else [apart])
            generator = np.random.default_rng(words)
            weights = draw_weights(len(sizes), resamples, generator)
            result[:, masks, culture] = (weights @ sums) / (weights @ sizes)[:, None]
    return result


def resample_changes(
    answers: PairedAnswers, values: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Average values (questions,) over cultures, as observed and over resampled images.

    The images are the same in all calls of one seed.

    Returns:
        (1 + resamples, cultures), the first row as observed.
    """
    single = replace(answers, asked=np.ones((1, len(values)), dtype=bool), gained=values[None])
    drawn = bootstrap_cells(single, resamples, seed)
    return np.vstack([single.average(single.gained), drawn[:, 0]])


def draw_flips(resamples: int, count: int, seed: int) -> np.ndarray:
    """Draw questions gained less questions lost, Poisson(1) each, (resamples, count).

    Few changes were seen, or none: resamples of these alone vary too little. Each interval gets
    one question lost and one gained of its own (Bonett and Price 2012, doi
    10.3102/1076998611411915): times what one question changes, they are added to its resamples.
    Poisson's one is what drawing one of many with replacement makes of it.
    """
    generator = np.random.default_rng([seed, count, 1])  # no culture's, nor that of their means
    gained, lost = generator.poisson(1.0, (2, resamples, count))
    return (gained - lost).astype(float)


def resample_mean(values: np.ndarray, resampled: np.ndarray, seed: int) -> np.ndarray:
    """Resample the mean over cultures hierarchically: cultures, then images; (resamples,).

    Cultures are drawn as deviations from their mean, shrunk to the variance between cultures that
    resampled images do not explain, and images as in `resampled`. Drawing whole cultures and
    images again in each would count the images' variance twice. So few cultures hardly tell the
    variance s^2 of their values: each resample draws it as (cultures - 1) s^2 / chi^2, with
    cultures - 1 degrees of freedom, which makes of a normal interval Student's.

    Args:
        values: (cultures,), two or more.
        resampled: (resamples, cultures), from resampled images.
        seed: Seed of the cultures' draws.

    Source: Davison and Hinkley 1997, section 3.8; for the variance Gelman et al. 2013, section 3.2.
    """
    count = len(values)
    generator = np.random.default_rng([seed, count])
    weights = draw_weights(count, len(resampled), generator)
    spread = values.std(ddof=1) or 1.0
    deviations = weights @ ((values - values.mean()) / spread) / (count - 1)
    total = values.var(ddof=1) * (count - 1) / generator.chisquare(count - 1, len(resampled))
    images = (resampled - values).var(axis=1, ddof=1).mean()
    return resampled.mean(axis=1) + np.sqrt(np.maximum(0, total - images)) * deviations


def draw_weights(units: int, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Count how often each of n units is drawn with replacement in n - 1 draws.

    Resampled means then vary by s^2 / n, as means of samples do; n draws give (n - 1) / n of it,
    too little where images or cultures are few.

    Returns:
        (resamples, units).

    Source: Hesterberg 2015, doi 10.1080/00031305.2015.1089789.
    """
    drawn = generator.integers(units, size=(resamples, max(units - 1, 1)))
    drawn += units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units)


def find_interval(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Take the percentile interval of samples (resamples, ...): (2, ...)."""
    tail = (1 - confidence) / 2
    return np.quantile(samples, [tail, 1 - tail], axis=0)


def _group_masks(asked: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield masks that are asked the same questions, with these; the most questions first."""
    patterns, group = np.unique(asked, axis=0, return_inverse=True)
    for index in np.argsort(-patterns.sum(axis=1), kind="stable"):
        yield np.flatnonzero(group.ravel() == index), np.flatnonzero(patterns[index])
