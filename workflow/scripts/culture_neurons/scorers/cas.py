"""CAS: by how much a neuron's most active culture leads the next one (contrastive selection)."""

import numpy as np

from culture_neurons.statistics import Statistics


def cas(statistics: Statistics) -> np.ndarray:
    """Score P(1) - P(2) for the culture with the largest P, 0 for all others.

    P(1) >= P(2) are the two largest activation probabilities over cultures, so a neuron belongs
    to one culture at most. Source: arXiv 2510.24942 (named ConAct in its second version).
    """
    probability = statistics.probability
    top = np.partition(probability, -2, axis=0)[-2:]  # (2, layers, width): P(2), P(1)
    best = probability.argmax(axis=0)
    belongs = np.arange(len(probability))[:, None, None] == best
    return np.where(belongs, top[1] - top[0], 0.0)
