"""Tables for people: counts worked by hand."""

import polars as pl
import pytest

from culture_neurons.report.counts import count_rejected, tabulate_cultures
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


def test_cultures_are_counted_by_right_answers_whatever_makes_the_statistics():
    questions = pl.DataFrame(
        {"question_id": ["p_0", "p_1", "q_0"], "image_id": ["p", "p", "q"], "culture": ["a"] * 3}
    )
    answers = questions.select("question_id", model=pl.lit("m"), correct=pl.Series([1, 0, 0]) == 1)
    cells = questions.select(
        "question_id", "culture", model=pl.lit("m"), used=pl.lit(True), reason=pl.lit("")
    )
    row = tabulate_cultures(questions, answers, cells).row(0, named=True)
    assert (row["questions"], row["images"], row["correct"], row["used"]) == (3, 2, 1, 3)
    assert row["dropped_because"] is None
