"""Losses over pictures of other cultures, and whether the unmodified model repeats itself."""

import json

import numpy as np
import polars as pl
import pytest
from paired import pair_answers

from culture_neurons.evaluate.repeatability import count_ties, count_unrepeated
from culture_neurons.evaluate.swapped import (
    ABOVE_CHANCE,
    LESS_SWAPPED,
    measure_swapped,
    summarise_swapped,
)

DRAWS = {"resamples": 1000, "confidence": 0.95, "seed": 0}


def make_paired(before, after):
    """Pair answers (cultures, questions) under each culture's own mask, two questions per image."""
    cultures, count = before.shape
    culture = np.repeat(np.arange(cultures), count)
    own = np.eye(cultures, dtype=bool)[:, culture]
    gained = own * (after.astype(float) - before).ravel()
    image = np.arange(len(culture)) // 2
    return pair_answers(culture, image, before=before.ravel(), asked=own, gained=gained)


def summarise(paired, swapped, broken=None):
    broken = np.zeros(len(paired.cultures)) if broken is None else broken
    rows = pl.DataFrame(summarise_swapped(paired, swapped, broken, **DRAWS), strict=False)
    return {(row["culture"], row["measure"]): row for row in rows.iter_rows(named=True)}


def ask(generator, accuracy, loss, cultures=8, count=60):
    """Answer rightly with a probability, and lose right answers with another."""
    before = generator.random((cultures, count)) < accuracy
    return make_paired(before, before & (generator.random(before.shape) > loss))


def test_relative_losses_of_hand_worked_answers():
    before = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    after = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], bool)
    unseen = np.array([[1, 0, 1, 0], [0, 0, 0, 0]], bool)
    unseen_after = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], bool)
    swapped = make_paired(unseen, unseen_after)
    table = summarise(make_paired(before, after), swapped)
    assert table["a", LESS_SWAPPED]["value"] == pytest.approx(-2 / 3 - -1 / 2)
    assert np.isnan(table["b", LESS_SWAPPED]["value"])  # nothing to lose
    # Ratios of means: -4/8 of 5/8, and (-1 + 1)/8 of 2/8.
    assert table[None, LESS_SWAPPED]["value"] == pytest.approx(-4 / 5)
    assert table["a", ABOVE_CHANCE]["value"] == pytest.approx(0.25)
    assert table[None, ABOVE_CHANCE]["value"] == pytest.approx(0.0)
    columns = measure_swapped(swapped)
    assert columns["swapped_before"].tolist() == [0.5, None, None, 0.0]
    assert columns["swapped_delta"].tolist() == [-0.25, None, None, 0.25]


def test_a_loss_of_a_share_whatever_the_picture_needs_no_picture():
    generator = np.random.default_rng(0)
    low, high = [], []
    for _ in range(200):
        table = summarise(ask(generator, 0.9, 0.3), ask(generator, 0.5, 0.3))
        low.append(table[None, LESS_SWAPPED]["ci_low"])
        high.append(table[None, LESS_SWAPPED]["ci_high"])
    low, high = np.array(low), np.array(high)
    # Of a difference of points it would be -12 and never 0.
    assert ((low <= 0) & (high >= 0)).mean() > 0.93 - 0.02
    assert (high - low).mean() < 0.25


def test_a_loss_where_the_culture_is_seen_is_shown():
    generator = np.random.default_rng(1)
    table = summarise(ask(generator, 0.9, 0.3), ask(generator, 0.5, 0.0))
    row = table[None, LESS_SWAPPED]
    assert row["ci_low"] < -0.3 < row["ci_high"] < 0
    assert table[None, ABOVE_CHANCE]["ci_low"] > 0


def test_answers_at_chance_have_nothing_to_lose():
    generator = np.random.default_rng(2)
    above = [
        summarise(ask(generator, 0.9, 0.3), ask(generator, 0.25, 0.0))[None, ABOVE_CHANCE]["ci_low"]
        for _ in range(100)
    ]
    assert np.mean(np.array(above) > 0) < 0.07
    empty = make_paired(np.zeros((8, 60), bool), np.zeros((8, 60), bool))
    table = summarise(ask(generator, 0.9, 0.3), empty)
    assert np.isnan(table[None, LESS_SWAPPED]["value"])
    assert table[None, ABOVE_CHANCE]["ci_high"] < 0


def test_broken_masks_are_left_out_of_the_mean():
    generator = np.random.default_rng(3)
    broken = np.zeros(20)
    broken[4] = 1
    before = np.ones((20, 20), bool)
    after = generator.random(before.shape) > 0.2
    after[4] = False
    paired = make_paired(before, after)
    table = summarise(paired, make_paired(before, before), broken)
    expected = np.delete(after, 4, axis=0).mean() - 1
    assert table[None, LESS_SWAPPED]["value"] == pytest.approx(expected)
    assert table["e", LESS_SWAPPED]["value"] == -1


# The unmodified model in each job


def make_outcomes(predicted, logprobs=None):
    count = len(predicted)
    return pl.DataFrame(
        {
            "mask_culture": [None] * count + ["a"],
            "draw": [None] * (count + 1),
            "question_id": [f"q{number}" for number in range(count)] + ["q0"],
            "predicted": [*predicted, 3],
            "option_logprobs": [*(logprobs or [[-1.0, -2.0]] * count), [-1.0, -1.0]],
        },
        schema_overrides={"mask_culture": pl.String, "draw": pl.UInt32},
    )


def test_answers_that_the_unmodified_model_does_not_repeat_are_counted():
    answers = pl.DataFrame({"question_id": ["q2", "q1", "q0", "q9"], "predicted": [0, 1, 2, 3]})
    assert count_unrepeated(answers, make_outcomes([2, 1, 0])) == 0
    assert count_unrepeated(answers, make_outcomes([2, 0, 1])) == 2


def test_ties_with_the_right_option_are_counted():
    questions = pl.DataFrame({"question_id": ["q0", "q1", "q2", "q3"], "answer": [1, 0, 2, 0]})
    rows = [[-1.0, -1.0, -3.0], [-1.0, -1.5], [-1.0, -1.0, -2.0], [-1.5, -1.0, -1.0]]
    # Only q0: of q2 and q3 wrong options tie.
    ties = count_ties(questions, make_outcomes([0] * 4, rows))
    assert ties == 1
    assert json.dumps(ties) == "1"  # a fact
