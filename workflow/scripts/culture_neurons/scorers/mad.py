"""MAD: how far a culture's mean activation lies from the other cultures' means."""

from typing import Annotated, Literal

import numpy as np

from culture_neurons.identify.statistics import Statistics

NO_PROBABILITY = {"statistic": ["mean", "rms"], "activity_floor": [None]}
EPSILON = 1e-6  # keeps the quotients finite on neurons that never vary


def mad(
    statistics: Statistics,
    *,
    variant: Literal["z", "diff", "rel", "abs"],
    activity_floor: Annotated[float, "0 <= activity_floor < 1"] | None,
    statistic: Literal["probability", "mean", "rms"] = "mean",
) -> np.ndarray:
    """Score the deviation of mu_c = S_c / T_c, or another statistic, from the mean over cultures.

    z: (mu_c - mean) / (std + eps), population std; diff: mu_c - mean of the others;
    rel: (mu_c - mean) / (|mean| + eps); abs: |mu_c - mean| / mean_k |mu_k - mean|.
    z saturates at sqrt(C - 1) on nearly silent neurons, so neurons whose largest P over cultures
    is not above the `activity_floor` quantile of all P are never selected (None: no floor).

    Source: arXiv 2510.24942 names the method and prints no formula; z is our default reading.
    """
    score = getattr(
        statistics, statistic
    )  # changed in place from here on: it is as large as memory gets
    centre, deviation = score.mean(axis=0), score.std(axis=0)
    score -= centre
    if variant == "z":
        score /= deviation + EPSILON
    elif variant == "diff":
        cultures = len(score)
        score *= cultures / (cultures - 1)  # mu_c - (C mean - mu_c) / (C - 1)
    elif variant == "rel":
        score /= np.abs(centre) + EPSILON
    else:
        np.abs(score, out=score)
        spread = score.mean(axis=0)
        np.divide(score, spread, out=score, where=spread > 0)  # where 0, so is the score
    if activity_floor is not None:
        probability = statistics.probability
        largest = probability.max(axis=0)
        enough = largest > np.quantile(probability, activity_floor, overwrite_input=True)
        score[:, ~enough] = -np.inf
    return score
