"""How a neuron's activity is spread over cultures: what LAPE and its matched variant share."""

import numpy as np

from culture_neurons.identify.statistics import Statistics


def activity_entropy(
    statistics: Statistics, quantile: float
) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """Compute P (cultures, units), entropy H (units,), and the activity bar theta.

    P = Z / n; Q = P / sum_c P (silent neurons: 0); H = -sum_c Q ln Q with 0 ln 0 = 0.
    theta = the k-th smallest of all P, k = round(quantile * number), counted from 1.
    """
    tokens = statistics.tokens.astype(np.float32)[:, None]
    probability = statistics.active.astype(np.float32) / tokens
    total = np.zeros_like(probability[0])
    for row in probability:
        total += row
    entropy = np.zeros_like(total)
    for row in probability:
        share = np.divide(row, total, out=np.zeros_like(row), where=total > 0)
        entropy -= share * np.log(share, out=np.zeros_like(share), where=share > 0)
    place = round(quantile * probability.size)
    theta = np.partition(probability, max(place - 1, 0), axis=None)[max(place - 1, 0)]
    return probability, entropy, theta
