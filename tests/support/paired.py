"""Paired answers whose masks change nothing, but for what a test says."""

import numpy as np

from culture_neurons.evaluate.pairing import PairedAnswers


def pair_answers(culture, image, **said):
    """Pair answers under a mask of each culture; all questions were asked and answered rightly.

    Args:
        culture: (questions,) sorted indices.
        image: (questions,) indices.
        said: Fields of PairedAnswers that differ.
    """
    cultures, count = culture.max() + 1, len(culture)
    nothing = np.zeros((cultures, count))
    usual = {
        "outcome": "accuracy",
        "cultures": tuple("abcdefghijklmnopqrstuvwxyz"[:cultures]),
        "culture": culture,
        "image": image,
        "before": np.ones(count, dtype=bool),
        "chance": np.full(count, 0.25),
        "asked": np.ones(nothing.shape, dtype=bool),
        "gained": nothing,
        "switched": nothing != 0,
        "non_letter_mass": nothing,
        "letter_entropy": nothing,
    }
    return PairedAnswers(**usual | said)
