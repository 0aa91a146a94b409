"""CAS: by how much a neuron's most active culture leads the next one (contrastive selection)."""

from typing import Literal

import numpy as np

from culture_neurons.identify.statistics import Statistics

NO_PROBABILITY = {"statistic": ["mean", "rms"]}
EPSILON = 1e-6  # keeps the quotient finite on neurons that are silent for all


def cas(
    statistics: Statistics, *, statistic: Literal["probability", "mean", "rms"] = "probability"
) -> np.ndarray:
    """Score the lead of the culture with the largest statistic m, 0 for all others.

    Of probabilities P = K / T: P(1) - P(2), where P(1) >= P(2) are the two largest over cultures.
    Of means S / T and of rms sqrt(Q / T) relative to |mean over cultures|, or neurons of large
    values would win: (m(1) - m(2)) / (|mean| + eps). A neuron belongs to one culture at most.
    Source: arXiv 2510.24942 (named ConAct in its second version) has the probabilities' alone.
    """
    values = getattr(statistics, statistic)
    scale = 1.0 if statistic == "probability" else np.abs(values.mean(axis=0)) + EPSILON
    best = values.argmax(axis=0)[None]  # (1, units)
    first = np.take_along_axis(values, best, axis=0)
    np.put_along_axis(values, best, -np.inf, axis=0)  # in place: as large as memory gets
    lead = (first - values.max(axis=0)) / scale
    values[:] = 0
    np.put_along_axis(values, best, lead, axis=0)
    return values
