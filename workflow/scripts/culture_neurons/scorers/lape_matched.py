"""LAPE with masks of equal size: each neuron belongs to the culture on which it is most active."""

import numpy as np

from culture_neurons.identify.entropy import activity_entropy
from culture_neurons.identify.statistics import Statistics


def lape_matched(statistics: Statistics, *, quantile: float) -> np.ndarray:
    """Score -H for the culture with the largest P, if that P is above the activity bar.

    Exact LAPE keeps r of the neurons over all cultures together, other scorers r per culture;
    without this variant a comparison of the two may show only the size of their masks.
    """
    probability, entropy, theta = activity_entropy(statistics, quantile)
    best = probability.argmax(axis=0)
    belongs = np.arange(len(probability))[:, None] == best
    return np.where(belongs & (probability > theta), -entropy, -np.inf)
