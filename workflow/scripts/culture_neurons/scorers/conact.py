"""ConAct: the name of CAS in the second version of arXiv 2510.24942."""

import numpy as np

from culture_neurons.identify.statistics import Statistics
from culture_neurons.scorers.cas import cas


def conact(statistics: Statistics) -> np.ndarray:
    """Score as CAS does."""
    return cas(statistics)
