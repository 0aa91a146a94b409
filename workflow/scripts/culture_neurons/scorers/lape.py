"""LAPE: neurons whose activity is concentrated on few cultures (Tang et al. 2024)."""

from typing import Annotated

import numpy as np

from culture_neurons.identify.entropy import activity_entropy
from culture_neurons.identify.statistics import Statistics


def lape(statistics: Statistics, *, quantile: Annotated[float, "0 <= quantile < 1"]) -> np.ndarray:
    """Score -H of the activity's distribution over cultures, where the culture is active enough.

    Multi-label: a neuron counts for every culture with P_c > theta. Meant to be selected
    `overall`: the m smallest entropies of all neurons, whatever their culture.

    Source: Tang et al. 2024 (arXiv 2402.16438), float32 as in the published algorithm.
    """
    probability, entropy, theta = activity_entropy(statistics, quantile)
    return np.where(probability > theta, -entropy, -np.inf)
