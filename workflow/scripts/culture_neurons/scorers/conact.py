"""ConAct: the name of CAS in the second version of arXiv 2510.24942."""

from typing import Literal

import numpy as np

from culture_neurons.identify.statistics import Statistics
from culture_neurons.scorers.cas import cas

NO_PROBABILITY = {"statistic": ["mean", "rms"]}


def conact(
    statistics: Statistics, *, statistic: Literal["probability", "mean", "rms"] = "probability"
) -> np.ndarray:
    """Score as CAS does."""
    return cas(statistics, statistic=statistic)
