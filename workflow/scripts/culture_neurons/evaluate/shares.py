"""Interval of a share whose trials come in clusters; not for means over cultures or draws."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np


def clustered_wilson(
    hits: Sequence[int] | np.ndarray, sizes: Sequence[int] | np.ndarray, confidence: float
) -> tuple[float, float, float]:
    """Return a share and its Wilson interval at the effective number of trials.

    The number of trials is divided by the design effect: squared residuals of whole clusters over
    squared residuals of single trials, at least 1 (Kish 1965; Wilson 1927). Where all trials agree
    there are no residuals to show clustering, and it is 1.

    Args:
        hits: Successes of each cluster.
        sizes: Trials of each cluster.
        confidence: Coverage of the interval.

    Returns:
        Share, lower, and upper bound; three NaN without trials.
    """
    hits, sizes = np.asarray(hits, float), np.asarray(sizes, float)
    trials = sizes.sum()
    if trials == 0:
        return (float("nan"),) * 3
    share = hits.sum() / trials
    single = trials * share * (1 - share)
    clustered = ((hits - share * sizes) ** 2).sum()
    effective = trials / max(1.0, clustered / single) if single > 0 else trials
    z = NormalDist().inv_cdf((1 + confidence) / 2)  # two-sided
    scale = 1 + z**2 / effective
    center = (share + z**2 / (2 * effective)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2))
    return float(share), float(max(0.0, center - half)), float(min(1.0, center + half))
