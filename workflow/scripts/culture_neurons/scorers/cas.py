"""CAS: by how much a neuron's most active culture leads the next one (contrastive selection)."""

import numpy as np

from culture_neurons.identify.statistics import Statistics


def cas(statistics: Statistics) -> np.ndarray:
    """Score P(1) - P(2) for the culture with the largest P, 0 for all others.

    P(1) >= P(2) are the two largest activation probabilities over cultures, so a neuron belongs
    to one culture at most. Source: arXiv 2510.24942 (named ConAct in its second version).
    """
    probability = statistics.probability
    best = probability.argmax(axis=0)[None]  # (1, units)
    first = np.take_along_axis(probability, best, axis=0)
    np.put_along_axis(probability, best, -np.inf, axis=0)  # in place: as large as memory gets
    lead = first - probability.max(axis=0)  # P(1) - P(2)
    probability[:] = 0
    np.put_along_axis(probability, best, lead, axis=0)
    return probability
