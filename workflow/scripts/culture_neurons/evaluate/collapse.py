"""Masks that break the model: what they cost is no loss of culture."""

import numpy as np

from culture_neurons.evaluate.pairing import PairedAnswers

TOLERATED = 0.1  # largest share of broken masks that means leave out; with more they keep all


def find_broken(paired: PairedAnswers, collapse: float) -> np.ndarray:
    """Find the masks that break the model, each by its own changes.

    The signs are how far mass moves to or from tokens that are no letter, on the mask's own and
    on other cultures' questions, and how far the entropy of other cultures' letters moves: up by
    guessing, down by one answer to all. A sign is the mean size of a mask's cells, so that
    changes in opposite directions do not cancel out.

    Args:
        paired: Answers under the masks of all cultures.
        collapse: The largest change that breaks nothing, 0 to 1.

    Returns:
        (masks,): 1 where a mask breaks the model, 0 where it does not, NaN where a sign was not
        measured.
    """
    mass = np.abs(paired.average(paired.non_letter_mass))  # (masks, cultures)
    entropy = np.abs(paired.average(paired.letter_entropy))
    own = np.diagonal(mass)
    others = [
        (cells.sum(axis=1) - np.diagonal(cells)) / (len(cells) - 1) for cells in (mass, entropy)
    ]
    largest = np.max([own, *others], axis=0)  # NaN where one is
    return np.where(np.isnan(largest), np.nan, largest > collapse)


def choose_masks(broken: np.ndarray) -> np.ndarray:
    """Choose the masks that means over cultures are taken of, as indices.

    Broken masks are left out where they are few. Where they are many nothing is shown, and means
    keep all masks to say what was seen.
    """
    left_out = broken == 1
    return np.flatnonzero(~left_out) if left_out.mean() <= TOLERATED else np.arange(len(broken))
