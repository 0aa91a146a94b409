"""MAD: how far a culture's mean activation lies from the other cultures' means."""

from typing import Literal

import numpy as np

from culture_neurons.statistics import Statistics

EPSILON = 1e-6  # keeps the quotients finite on neurons that never vary


def mad(
    statistics: Statistics,
    *,
    variant: Literal["z", "diff", "rel", "abs"],
    activity_floor: float | None,
) -> np.ndarray:
    """Score the deviation of mu_c = S_c / T_c from the mean over cultures.

    z: (mu_c - mean) / (std + eps), population std; diff: mu_c - mean of the others;
    rel: (mu_c - mean) / (|mean| + eps); abs: |mu_c - mean| / mean_k |mu_k - mean|.
    z saturates at sqrt(C - 1) on nearly silent neurons, so neurons whose largest P over cultures
    is not above the `activity_floor` quantile of all P are never selected (None: no floor).

    Source: arXiv 2510.24942 names the method and prints no formula; z is our default reading.
    """
    mean = statistics.mean
    centre = mean.mean(axis=0)
    deviation = mean - centre
    if variant == "z":
        score = deviation / (mean.std(axis=0) + EPSILON)
    elif variant == "diff":
        cultures = len(mean)
        score = deviation * cultures / (cultures - 1)  # mu_c - (C mean - mu_c) / (C - 1)
    elif variant == "rel":
        score = deviation / (np.abs(centre) + EPSILON)
    else:
        spread = np.abs(deviation).mean(axis=0)
        score = np.divide(np.abs(deviation), spread, out=np.zeros_like(deviation), where=spread > 0)
    if activity_floor is None:
        return score
    probability = statistics.probability
    enough = probability.max(axis=0) > np.quantile(probability, activity_floor)
    return np.where(enough, score, -np.inf)
