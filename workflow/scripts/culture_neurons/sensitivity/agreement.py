"""Do two sets of scores, or two masks, agree? Rank correlation; overlap beside that of chance."""

import numpy as np


def describe_overlap(first: int, second: int, shared: int, neurons: int) -> dict[str, object]:
    """Describe how far two masks overlap: the columns that tables have for it.

    Args:
        first: Size of a mask.
        second: Size of the other.
        shared: Neurons in both.
        neurons: Number of neurons that masks are taken from.
    """
    first, second, shared = int(first), int(second), int(shared)
    union = first + second - shared
    by_chance = first * second / neurons
    return {
        "first": first,
        "second": second,
        "shared": shared,
        "overlap": shared / union if union else None,
        "chance": by_chance / (first + second - by_chance) if union else None,
    }


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Correlate the ranks of two arrays (n,); None where one of them does not vary."""
    ranks = [rank_evenly(values) for values in (first, second)]
    centred = [rank - rank.mean() for rank in ranks]
    scale = np.sqrt(np.prod([centre @ centre for centre in centred]))
    return float(centred[0] @ centred[1] / scale) if scale > 0 else None


def rank_evenly(values: np.ndarray) -> np.ndarray:
    """Rank values (n,) from 1, ties at their mean rank; -inf is a value like others."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
