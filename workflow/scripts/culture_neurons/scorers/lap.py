"""LAP: how often a neuron is active for a culture. The baseline: it finds always-active neurons."""

from typing import Literal

import numpy as np

from culture_neurons.identify.statistics import Statistics

NO_PROBABILITY = {"statistic": ["mean", "rms"]}


def lap(statistics: Statistics, *, statistic: Literal["probability", "mean", "rms"]) -> np.ndarray:
    """Score by P = K / T, by the mean activation mu = S / T, or by its size, sqrt(Q / T).

    Source: arXiv 2510.24942; its formula is K / T, one summary of it says "mean activation".
    """
    return getattr(statistics, statistic)
