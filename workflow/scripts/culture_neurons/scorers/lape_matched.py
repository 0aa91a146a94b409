"""LAPE with masks of equal size: each neuron belongs to the culture on which it is most active."""

from typing import Annotated

import numpy as np

from culture_neurons.identify.entropy import activity_entropy
from culture_neurons.identify.statistics import Statistics

_ROUNDING = 1e-6  # of the largest entropy, in float32


def lape_matched(
    statistics: Statistics, *, quantile: Annotated[float, "0 <= quantile < 1"] | None
) -> np.ndarray:
    """Score -H for the culture with the largest P, if that P is above the activity bar.

    Exact LAPE keeps r of the neurons over all cultures together, other scorers r per culture;
    without this variant a comparison of the two may show only the size of their masks. A neuron on
    which cultures tie for the largest P belongs to none of them, and one of the largest entropy,
    ln C, to no culture more than to another. With a bar few neurons may be left, and masks fall
    short; without one (None) a neuron needs to be active at all.
    """
    probability, entropy, theta = activity_entropy(statistics, quantile or 0.0)
    largest = probability.max(axis=0)
    belongs = probability == largest
    belongs &= belongs.sum(axis=0) == 1
    belongs &= entropy < (1 - _ROUNDING) * np.log(len(probability))
    bar = 0.0 if quantile is None else theta
    return np.where(belongs & (probability > bar), -entropy, -np.inf)
