"""Tests against the statistics library and slow enumeration."""

import numpy as np
import pytest
from scipy import stats

from culture_neurons.evaluate.significance import (
    adjust_p,
    bootstrap_p,
    mcnemar,
    rank_p,
    smallest_drop,
)


def test_p_values_equal_those_of_the_statistics_library():
    lost, won = (grid.ravel() for grid in np.meshgrid(range(0, 30, 3), range(0, 12, 2)))
    expected = [
        stats.binomtest(int(n), int(n + k)).pvalue if n + k else 1.0
        for n, k in zip(lost, won, strict=True)
    ]
    np.testing.assert_allclose(mcnemar(lost, won), expected, rtol=1e-12)
    p = np.random.default_rng(0).random(200) ** 3
    p[10:20] = p[10]  # ties
    np.testing.assert_allclose(adjust_p(p), stats.false_discovery_control(p), rtol=1e-12)


def test_rank_counts_draws_as_low_or_lower():
    draws = np.array([[-0.3, 0.0], [-0.2, 0.0], [0.1, 0.0]])
    assert rank_p(np.array([-0.2, 0.1]), draws).tolist() == [3 / 4, 1.0]
    assert rank_p(np.array([-0.4, 0.0]), draws).tolist() == [1 / 4, 1.0]
    # What was not measured is no drop.
    assert rank_p(np.array([-0.4, np.nan]), np.where(draws > 0, np.nan, draws)).tolist() == [0.5, 1]
    # A value that differs by rounding alone counts as equal.
    assert rank_p(np.array(0.1 + 0.2), np.array([0.3])) == 1.0


def test_bootstrap_p_is_twice_the_smaller_side():
    samples = np.array([-2.0, -1.0, -1.0, -1.0, 0.0, 1.0, 2.0, -3.0, -4.0])
    assert bootstrap_p(samples) == pytest.approx(2 * 4 / 10)
    assert bootstrap_p(samples - 9) == pytest.approx(2 / 10)
    assert bootstrap_p(np.zeros(9)) == 1.0
    assert bootstrap_p(np.full(9, np.nan)) == 1.0


def enumerate_power(questions, drop, churn, alpha):
    """Probability of a significant loss, summed over all outcomes with the library's own test."""
    chances = [drop + churn, churn, 1 - drop - 2 * churn]
    total = 0.0
    for lost in range(questions + 1):
        for won in range(min(lost, questions - lost + 1)):
            if stats.binomtest(lost, lost + won).pvalue <= alpha:
                counts = [lost, won, questions - lost - won]
                total += stats.multinomial.pmf(counts, questions, chances)
    return total


@pytest.mark.parametrize(("questions", "churn"), [(20, 0.0), (32, 0.03), (25, 0.1)])
def test_the_smallest_drop_has_the_power_that_was_asked_for(questions, churn):
    drop = smallest_drop(questions, churn, 0.05, 0.8)
    assert enumerate_power(questions, drop, churn, 0.05) == pytest.approx(0.8, abs=1e-4)


def test_more_questions_show_smaller_drops_and_few_show_none():
    drops = [smallest_drop(n, 0.02, 0.05, 0.8) for n in (10, 20, 50, 100, 400)]
    assert drops == sorted(drops, reverse=True)
    assert np.isnan(smallest_drop(5, 0.0, 0.05, 0.8))  # five of five: p = 1/16
    # Six of six is the first significant outcome: drop ** 6 = 0.8.
    assert smallest_drop(6, 0.0, 0.05, 0.8) == pytest.approx(0.8 ** (1 / 6), abs=1e-5)
