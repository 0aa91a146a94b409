"""Tests: of a cell, of many cells together, against a control; and what a cell's test can show."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr, ndtri  # scipy.stats takes over a second to import in each small job

_ROUNDING = 1e-12  # values that differ by no more are equal


def mcnemar(lost: np.ndarray, won: np.ndarray) -> np.ndarray:
    """Exact two-sided McNemar test over images: does a mask lose them as often as it wins them?

    An image counts once, by the sign of the net change of its questions: they are no independent
    draws. p = P(as uneven a split of lost + won fair coins). With one question per image this is
    McNemar's exact test of correct->wrong against wrong->correct.
    """
    lost, won = np.asarray(lost), np.asarray(won)
    return np.minimum(1.0, 2 * bdtr(np.minimum(lost, won), lost + won, 0.5))


def sign_flip(sums: np.ndarray, flips: int, seed: Sequence[int]) -> np.ndarray:
    """Two-sided permutation test over images: would a change's sign be as likely the other?

    p = (1 + random signs whose sum is as far from 0) / (1 + flips); NaN is as far as any.

    Args:
        sums: Changes of each image (images, ...).
        flips: Number of random assignments of signs; the same for all columns.
        seed: Of the signs.

    Source: Fisher 1935; Phipson and Smyth 2010 for the one that is added.
    """
    observed = np.abs(sums.sum(axis=0))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (flips, len(sums)))
    nearer = np.abs(np.tensordot(signs, sums, axes=1)) < observed * (1 - _ROUNDING)
    return (1 + (~nearer).sum(axis=0)) / (1 + flips)


def adjust_p(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for the false discovery rate (Benjamini and Hochberg 1995)."""
    order = np.argsort(p)[::-1]  # largest first
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(p[order] * len(p) / ranks)
    return adjusted


def rank_p(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """One-sided p-value for a drop: (1 + draws with a value as low or lower) / (1 + draws).

    What cannot be compared (NaN) counts against the drop.

    Args:
        values: (...).
        draws: (draws, ...), of a control.
    """
    return (1 + (~(draws > values + _ROUNDING)).sum(axis=0)) / (1 + len(draws))


def bootstrap_p(samples: np.ndarray) -> np.ndarray:
    """Two-sided p-value of the hypothesis 0, from resamples of a difference (resamples, ...).

    Twice the share of resamples on 0's far side, 0 itself, NaN, and one more sample included.
    """
    sides = [(~(samples > _ROUNDING)).sum(axis=0), (~(samples < -_ROUNDING)).sum(axis=0)]
    return np.minimum(1.0, 2 * (1 + np.minimum(*sides)) / (1 + len(samples)))


def smallest_drop(images: int, churn: float, alpha: float, power: float) -> float:
    """Smallest true drop in accuracy that the McNemar test of a cell shows with a given power.

    The questions of an image are taken to turn together, the case of fewest independent draws: an
    image is lost with probability drop + churn and won with probability churn, each on its own.
    Alpha is that of one test: of several, the level at which one passes their adjustment.

    Args:
        images: Number of images.
        churn: Share of images that are won, 0 to 0.5.
        alpha: Level of the two-sided test.
        power: Share of samples in which a loss is significant.

    Returns:
        A fraction, to 1e-6; NaN where even the largest possible drop is not shown.
    """
    discordant = np.arange(images + 1)
    won = np.arange(images // 2 + 1)
    # the largest number of gains that is significant, -1 where none is: (images + 1,)
    significant = (2 * bdtr(won, discordant[:, None], 0.5) <= alpha) & (won <= discordant[:, None])
    critical = significant.sum(axis=1) - 1

    def shown(drop: float) -> float:
        changed = drop + 2 * churn
        share = np.diff(bdtr(discordant, images, changed), prepend=0.0)
        tail = bdtr(np.maximum(critical, 0), discordant, churn / changed)
        return float(share[critical >= 0] @ tail[critical >= 0])

    low, high = 0.0, 1 - 2 * churn
    if high <= 0 or shown(high) < power:
        return float("nan")
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) >= power else (middle, high)
    return high


def smallest_mean(
    error: np.ndarray, images: np.ndarray, alpha: np.ndarray | float, power: float
) -> np.ndarray:
    """Smallest true mean m that `sign_flip` shows with a given power, by the normal approximation.

    m = z_power e + z_(1 - alpha / 2) sqrt(e^2 + m^2 / n): flipped signs take the mean for spread.

    Args:
        error: e, standard errors of the mean over images.
        images: n, numbers of images.
        alpha: Level of the test; see `smallest_drop`.
        power: Share of samples in which the mean is significant.

    Returns:
        Of the sizes' shape; NaN where no mean is shown.
    """
    level, shown = ndtri(1 - np.asarray(alpha) / 2), ndtri(power)
    left = np.where(level**2 < images, 1 - level**2 / images, np.nan)
    return error * (shown + np.sqrt(shown**2 + left * (level**2 - shown**2))) / left
