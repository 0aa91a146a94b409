"""Is a model's accuracy beyond that of guessing? An exact test."""

from collections import Counter
from collections.abc import Iterable
from math import lgamma

import numpy as np

LEVEL = 0.05  # with a larger p, answers may be guesses


def find_guess_p(correct: int, options: Iterable[int]) -> float:
    """Find the probability that guesses get as many questions right, or more.

    The number of right guesses is a sum of binomials, one for each number of options.

    Args:
        correct: Number of right answers.
        options: Number of options of each question, two or more; each is a draw of its own.
    """
    chances = np.ones(1)  # of 0, 1, ... right guesses
    for count, questions in sorted(Counter(options).items()):
        right = np.arange(questions + 1)
        factorials = np.array([lgamma(number + 1) for number in right])  # their logarithms
        logs = factorials[-1] - factorials - factorials[::-1]
        logs += right * np.log(1 / count) + right[::-1] * np.log(1 - 1 / count)
        chances = np.convolve(chances, np.exp(logs))
    return float(min(1.0, chances[correct:].sum()))
