"""Specificity: masks exchanged between cultures, on the same questions; rows of table `ranks`.

A mask that costs every culture the same share says nothing of its own. So a culture's own mask is
ranked among the other cultures' masks on this culture's questions, and the mean over cultures
among other assignments of masks to cultures. An assignment counts each mask and each culture once:
that one mask is strong, or one culture easily turned, changes all assignments alike.
"""

from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np

from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.ranks import list_ranks
from culture_neurons.storage.schemas import EXCHANGED

ASSIGNMENTS = 40_319  # all others of 8 cultures; of more cultures, so many random ones


def rank_exchanged(
    paired: PairedAnswers, kept: np.ndarray, seed: int, raises: bool = False
) -> dict[str, list]:
    """Rank each culture's gap among those that the other cultures' masks would have.

    The gap is by target here, on the questions that all masks were asked: delta[c, c] less the
    mean of delta[m, c] over m != c. Its mean over cultures is that of the gap by mask.

    Args:
        paired: Answers under the masks of all cultures.
        kept: Indices of the masks that means over cultures are taken of.
        seed: Seed of the random assignments.
        raises: Rank gains, not losses.

    Returns:
        Columns of table `ranks`; draws are the other masks, or the other assignments.
    """
    common = replace(paired, asked=np.broadcast_to(paired.asked.all(axis=0), paired.asked.shape))
    delta = common.average(paired.gained)  # (masks, cultures)
    gaps = _measure_gaps(delta)
    other = ~np.eye(len(gaps), dtype=bool)
    keys = {"outcome": paired.outcome, "measure": "gap", "control": EXCHANGED}
    columns = list_ranks(
        paired.cultures,
        keys,
        np.diagonal(gaps),
        gaps.T[other].reshape(len(gaps), -1).T,  # (other masks, cultures)
        raises=raises,
    )
    gaps = _measure_gaps(delta[np.ix_(kept, kept)])
    assigned = assign_masks(len(gaps), seed)
    drawn = gaps[assigned, np.arange(len(gaps))].mean(axis=1, keepdims=True)
    value = np.diagonal(gaps).mean(keepdims=True)
    mean = list_ranks([None], keys, value, drawn, raises=raises)
    return {name: columns[name] + mean[name] for name in columns}


def assign_masks(cultures: int, seed: int) -> np.ndarray:
    """Assign masks to cultures in other ways than to their own, (assignments, cultures).

    Every way where there are at most ASSIGNMENTS; else so many random ones.
    """
    if factorial(cultures) - 1 <= ASSIGNMENTS:
        return np.array(list(permutations(range(cultures)))[1:], dtype=int).reshape(-1, cultures)
    order = np.tile(np.arange(cultures), (ASSIGNMENTS, 1))
    return np.random.default_rng([seed, cultures]).permuted(order, axis=1)


def _measure_gaps(delta: np.ndarray) -> np.ndarray:
    """Measure delta[m, c] less the mean of the other masks' delta on culture c."""
    count = len(delta)
    return (count * delta - delta.sum(axis=0)) / (count - 1)
