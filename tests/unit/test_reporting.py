"""Tables for people: counts worked by hand."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from culture_neurons.chance import find_guess_p
from culture_neurons.identify.cells import find_at_chance
from culture_neurons.report.counts import count_rejected, judge_chance, tabulate_cultures
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.frames import stack_tables
from culture_neurons.storage.tables import write_table


def test_two_tables_of_one_scorer_are_refused_by_both_names(tmp_path):
    paths = [tmp_path / "cas.parquet", tmp_path / "mad.parquet"]
    rows = {"culture": ["a"], "layer": [0], "neuron": [1]}
    for path, scorer in zip(paths, ("cas", "mad"), strict=True):
        write_table(path, "planted", rows, {"model": "m", "scorer": {"name": scorer}})
    assert stack_tables(paths, "planted", ["model", "scorer"]).height == 2
    write_table(paths[1], "planted", rows, {"model": "m", "scorer": {"name": "cas"}})
    with pytest.raises(TableError, match=r"mad\.parquet: says of itself what .*cas\.parquet says"):
        stack_tables(paths, "planted", ["model", "scorer"])


def test_rejected_rows_are_counted_by_reason_and_others_by_subset():
    rows = [
        ("a_0", "missing image", "no bytes", True),
        ("b_0", "subset not asked for", "('x', 'y')", False),
        ("c_0", "label out of range", "4", True),
        ("d_0", "label out of range", "-1", True),
        ("e_0", "subset not asked for", "('v', 'w')", False),
        ("f_0", "subset not asked for", "('x', 'y')", False),
    ]
    table = pl.DataFrame(rows, ["question_id", "reason", "detail", "counted"], orient="row")
    counted = count_rejected(table)
    assert counted.columns == ["reason", "subset", "counted", "rows"]
    assert counted.rows() == [
        ("label out of range", "", True, 2),
        ("missing image", "", True, 1),
        ("subset not asked for", "('x', 'y')", False, 2),
        ("subset not asked for", "('v', 'w')", False, 1),
    ]


def test_no_rejected_row_is_an_empty_table():
    empty = pl.DataFrame(schema={"reason": pl.String, "detail": pl.String, "counted": pl.Boolean})
    assert count_rejected(empty).height == 0


def make_answers(correct, orders, predicted):
    return pl.DataFrame(
        {
            "question_id": [f"q{number}" for number in range(len(correct))],
            "model": ["m"] * len(correct),
            "correct": correct,
            "predicted": predicted,
            "option_order": orders,
            "option_logprobs": [[-1.0] * len(order) for order in orders],
        }
    )


def test_cultures_are_counted_by_right_answers_whatever_makes_the_statistics():
    questions = pl.DataFrame(
        {
            "question_id": ["q0", "q1", "q2"],
            "image_id": ["p", "p", "q"],
            "culture": ["a"] * 3,
            "answer": [1, 0, 1],
        }
    )
    # Shown as A, B, C: options 1 0 2, then 0 1 2, then 2 1.
    answers = make_answers([True, False, False], [[1, 0, 2], [0, 1, 2], [2, 1]], [1, 1, 2])
    cells = questions.select(
        "question_id", "culture", model=pl.lit("m"), used=pl.lit(True), reason=pl.lit("")
    )
    # Of q0 and q1 there is another picture; without any, the model is right about q1 and q2.
    unseen = pl.DataFrame(
        {
            "model": ["m"] * 5,
            "shown": ["swapped"] * 2 + ["blind"] * 3,
            "question_id": ["q0", "q1", "q0", "q1", "q2"],
            "correct": [True, False, False, True, True],
        }
    )
    row = tabulate_cultures(questions, answers, unseen, cells).row(0, named=True)
    assert (row["accuracy"], row["swapped"]) == (pytest.approx(1 / 3), 0.5)
    assert (row["blind"], row["left_out"]) == (pytest.approx(2 / 3), 0)
    assert (row["questions"], row["images"], row["correct"], row["used"]) == (3, 2, 1, 3)
    assert row["dropped_because"] is None
    assert (row["letters_answered"], row["letters_right"]) == ("A 2, B 1", "A 2, B 1")
    assert row["chance"] == pytest.approx((1 / 3 + 1 / 3 + 1 / 2) / 3)
    assert row["chance_p"] == pytest.approx(1 - 2 / 3 * 2 / 3 * 1 / 2)


def test_a_model_that_cannot_be_asked_blind_has_no_blind_accuracy():
    questions = pl.DataFrame(
        {"question_id": ["q0"], "image_id": ["p"], "culture": ["a"], "answer": [0]}
    )
    answers = make_answers([True], [[0, 1]], [0])
    cells = questions.select(
        "question_id",
        "culture",
        model=pl.lit("m"),
        used=pl.lit(False),
        reason=pl.lit("answered right swapped"),
    )
    unseen = answers.select("model", "question_id", "correct", shown=pl.lit("swapped"))
    table = tabulate_cultures(questions, answers, unseen, cells, ["b"])
    assert table["culture"].to_list() == ["a", "b"]
    row = table.row(1, named=True)
    assert (row["questions"], row["used"], row["accuracy"]) == (0, 0, None)
    assert row["dropped_because"] == "no question"
    row = table.row(0, named=True)
    assert (row["swapped"], row["blind"], row["left_out"]) == (1.0, None, 1)


def test_chance_is_tested_exactly():
    assert find_guess_p(40, [4] * 100) == pytest.approx(stats.binom.sf(39, 100, 0.25), rel=1e-9)
    assert find_guess_p(0, [4] * 10) == pytest.approx(1)
    options = [2, 3, 3, 5]
    total = sum(
        math.prod(1 / n if hit else 1 - 1 / n for n, hit in zip(options, hits, strict=True))
        for hits in itertools.product([True, False], repeat=4)
        if sum(hits) >= 2
    )
    assert find_guess_p(2, options) == pytest.approx(total)
    # 10,000 questions lose no digits.
    p = find_guess_p(2_600, [4] * 10_374)
    assert p == pytest.approx(stats.binom.sf(2_599, 10_374, 0.25), rel=1e-6)


def test_a_model_that_answers_one_letter_to_all_is_at_chance():
    generator = np.random.default_rng(0)
    orders = [generator.permutation(4).tolist() for _ in range(144)]
    answer = generator.integers(4, size=144)
    predicted = [order[0] for order in orders]
    correct = [bool(p == a) for p, a in zip(predicted, answer, strict=True)]
    answers = make_answers(correct, orders, predicted)
    questions = pl.DataFrame(
        {"question_id": answers["question_id"], "culture": ["a"] * 144, "answer": answer}
    )
    row = judge_chance(questions, answers).row(0, named=True)
    assert row["chance_p"] > 0.05
    assert find_at_chance(questions, answers.drop("model")) == ["a"]
    right = make_answers([True] * 144, orders, answer.tolist())
    assert judge_chance(questions, right)["chance_p"].item() < 1e-20
    assert find_at_chance(questions, right.drop("model")) == []
