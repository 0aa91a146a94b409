"""Cells: equally many correct questions of every kept (culture, fold)."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culture_neurons.identify.cells import CellError, fill_cells, find_left_out

QUESTIONS = {"question_id": pl.String, "culture": pl.String, "fold": pl.UInt8}
ANSWERS = {"question_id": pl.String, "correct": pl.Boolean}


def make_tables(correct, wrong=0, unanswered=0):
    """Tables with so many questions per cell; correct: {culture: [correct answers per fold]}."""
    questions, answers = [], []
    for culture, counts in correct.items():
        for fold, count in enumerate(counts):
            states = [True] * count + [False] * wrong + [None] * unanswered
            for number, state in enumerate(states):
                question_id = f"{culture}{fold}-{number:02}_0"
                questions.append((question_id, culture, fold))
                if state is not None:
                    answers.append((question_id, state))
    return (
        pl.DataFrame(questions, QUESTIONS, orient="row"),
        pl.DataFrame(answers, ANSWERS, orient="row"),
    )


def used_per_cell(cells):
    used = cells.filter("used").group_by("culture", "fold").len()
    return {(culture, fold): count for culture, fold, count in used.iter_rows()}


def reasons(cells):
    return dict(cells.group_by("reason").len().iter_rows())


def test_quota_is_the_smallest_kept_cell():
    questions, answers = make_tables({"A": [5, 9], "B": [4, 7]})
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")
    assert used_per_cell(cells) == dict.fromkeys([("A", 0), ("A", 1), ("B", 0), ("B", 1)], 4)
    assert reasons(cells) == {"": 16, "over the quota of 4 per cell": 9}


def test_quota_is_the_cap_where_every_cell_is_larger():
    questions, answers = make_tables({"A": [5, 9], "B": [4, 7]})
    cells = fill_cells(questions, answers, folds=2, cap=3, floor=3, counted="correct")
    assert used_per_cell(cells) == dict.fromkeys([("A", 0), ("A", 1), ("B", 0), ("B", 1)], 3)


def test_a_culture_with_a_small_cell_is_dropped_and_does_not_set_the_quota():
    questions, answers = make_tables({"A": [5, 9], "B": [4, 7], "C": [20, 2]})
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")
    assert set(used_per_cell(cells).values()) == {4}
    dropped = cells.filter(pl.col("culture") == "C")
    assert dropped["reason"].unique().to_list() == ["culture has a cell below 3 correct answers"]
    assert len(dropped) == 22


def test_a_culture_with_an_empty_cell_is_dropped():
    # Fold 1 of C holds wrong answers alone; fold 2 of D holds no question at all.
    questions, answers = make_tables(
        {"A": [2, 2, 2], "B": [2, 2, 2], "C": [3, 0, 3], "D": [3, 3]}, wrong=1
    )
    cells = fill_cells(questions, answers, folds=3, cap=25, floor=1, counted="correct")
    assert set(cells.filter("used")["culture"]) == {"A", "B"}


def test_a_cell_that_holds_just_the_floor_is_kept():
    questions, answers = make_tables({"A": [3, 3], "B": [3, 3], "C": [2, 3]})
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")
    assert set(cells.filter("used")["culture"]) == {"A", "B"}


def test_wrong_and_missing_answers_are_never_used_and_say_why():
    questions, answers = make_tables({"A": [4, 4], "B": [4, 4], "C": [1, 4]}, wrong=2, unanswered=3)
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")
    assert reasons(cells) == {
        "": 16,
        "wrong answer": 12,
        "no answer": 18,
        "culture has a cell below 3 correct answers": 5,
    }
    right = answers.filter("correct")["question_id"]
    assert set(cells.filter("used")["question_id"]) <= set(right)


def test_unanswered_questions_do_not_fill_the_floor():
    questions, answers = make_tables({"A": [3, 3], "B": [3, 3], "C": [2, 3]}, unanswered=5)
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")
    assert used_per_cell(cells).keys() == {("A", 0), ("A", 1), ("B", 0), ("B", 1)}


def test_answers_to_questions_of_no_table_are_left_out():
    questions, answers = make_tables({"A": [2, 2], "B": [2, 2]})
    stranger = pl.DataFrame([("stranger_0", True)], ANSWERS, orient="row")
    cells = fill_cells(
        questions, pl.concat([answers, stranger]), folds=2, cap=25, floor=1, counted="correct"
    )
    assert sorted(cells["question_id"]) == sorted(questions["question_id"])


def test_two_answers_to_one_question_are_refused():
    questions, answers = make_tables({"A": [2, 2], "B": [2, 2]})
    with pytest.raises(pl.exceptions.ComputeError, match="1:1"):
        fill_cells(
            questions,
            pl.concat([answers, answers[:1]]),
            folds=2,
            cap=25,
            floor=1,
            counted="correct",
        )


@pytest.mark.parametrize("kept", [{"A": [6, 6]}, {}])
def test_fewer_than_two_cultures_are_refused_with_numbers(kept):
    questions, answers = make_tables({**kept, "B": [9, 4], "C": [0, 9]}, wrong=1)
    with pytest.raises(CellError) as caught:
        fill_cells(questions, answers, folds=2, cap=25, floor=5, counted="correct")
    message = str(caught.value)
    assert message.startswith(f"{len(kept)} culture(s) have at least cells.floor = 5 correct")
    assert "each of 2 folds" in message
    assert "'B': 4, 'C': 0}" in message
    assert "lower cells.floor or cells.folds" in message


def test_no_questions_are_refused():
    questions, answers = make_tables({})
    with pytest.raises(CellError, match=r"^0 culture\(s\)"):
        fill_cells(questions, answers, folds=2, cap=25, floor=1, counted="correct")


def test_the_choice_is_by_a_hash_that_is_pinned():
    # The order of sha256("quota <id>") is b d f c e a.
    rows = [(name, "X", 0) for name in "abcdef"] + [(name, "Y", 0) for name in "uv"]
    questions = pl.DataFrame(rows, QUESTIONS, orient="row")
    answers = questions.select("question_id", correct=pl.lit(True))
    cells = fill_cells(questions, answers, folds=1, cap=25, floor=1, counted="correct")
    assert cells.filter("used")["question_id"].to_list() == ["b", "d", "u", "v"]


@given(
    counts=st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=2), min_size=2, max_size=5),
    cap=st.integers(1, 5),
    floor=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_law_six_any_table_gives_equal_cells_whatever_the_order_of_rows(counts, cap, floor, seed):
    floor = min(floor, cap)
    questions, answers = make_tables(dict(zip("ABCDE", counts, strict=False)), wrong=1)
    kept = [cell for cell in counts if min(cell) >= floor]
    if len(kept) < 2:
        with pytest.raises(CellError):
            fill_cells(questions, answers, folds=2, cap=cap, floor=floor, counted="correct")
        return
    cells = fill_cells(questions, answers, folds=2, cap=cap, floor=floor, counted="correct")
    quota = min([cap, *(min(cell) for cell in kept)])
    used = used_per_cell(cells)
    assert set(used.values()) == {quota}
    assert len(used) == 2 * len(kept)
    assert sorted(cells["question_id"]) == sorted(questions["question_id"])
    assert cells["used"].to_list() == [reason == "" for reason in cells["reason"]]
    shuffled = fill_cells(
        questions.sample(fraction=1, shuffle=True, seed=seed),
        answers.sample(fraction=1, shuffle=True, seed=seed + 1),
        folds=2,
        cap=cap,
        floor=floor,
        counted="correct",
    )
    assert shuffled.equals(cells)


def test_all_answers_count_where_asked_to():
    questions, answers = make_tables({"A": [5, 3], "B": [4, 2]}, wrong=3, unanswered=1)
    cells = fill_cells(questions, answers, folds=2, cap=25, floor=5, counted="all")
    assert set(used_per_cell(cells).values()) == {5}  # B's second cell: 2 right, 3 wrong
    assert reasons(cells) == {
        "": 20,
        "no answer": 4,
        "over the quota of 5 per cell": (8 + 6 + 7 + 5) - 20,
    }
    correct = answers.filter("correct")["question_id"]
    used = cells.filter("used")["question_id"]
    assert 0 < used.is_in(correct.implode()).sum() < len(used)
    with pytest.raises(CellError, match=r"cells.floor = 6 answers in each of 2 folds"):
        fill_cells(questions, answers, folds=2, cap=25, floor=6, counted="all")
    with pytest.raises(CellError, match=r"cells.floor = 3 correct answers in each"):
        fill_cells(questions, answers, folds=2, cap=25, floor=3, counted="correct")


def make_unseen(rows):
    names = {"shown": pl.String, "question_id": pl.String, "correct": pl.Boolean}
    return pl.DataFrame(rows, names, orient="row")


def test_questions_answered_right_unseen_neither_count_nor_are_asked():
    questions, answers = make_tables({"A": [4, 5], "B": [4, 4], "C": [3, 9]}, wrong=1)
    # A0-00 and A0-04, which is answered wrong with its picture, are right without one, B1-01 over
    # another, A1-00 both ways.
    right = {
        ("blind", "A0-00_0"),
        ("blind", "A0-04_0"),
        ("blind", "A1-00_0"),
        ("swapped", "A1-00_0"),
        ("swapped", "B1-01_0"),
    }
    unseen = make_unseen(
        [
            (shown, question_id, (shown, question_id) in right)
            for shown in ("blind", "swapped")
            for question_id in questions["question_id"]
        ]
    )
    limits = {"folds": 2, "cap": 25, "floor": 3, "counted": "correct"}
    cells = fill_cells(questions, answers, **limits, left_out=find_left_out(unseen, ["blind"]))
    assert used_per_cell(cells) == dict.fromkeys(
        [(culture, fold) for culture in "ABC" for fold in (0, 1)], 3
    )
    out = cells.filter(pl.col("reason") == "answered right blind")
    assert sorted(out["question_id"]) == ["A0-00_0", "A0-04_0", "A1-00_0"]
    assert sorted(cells.filter(~pl.col("asked"))["question_id"]) == sorted(out["question_id"])

    both = find_left_out(unseen, ["swapped", "blind"])
    assert dict(both.iter_rows()) == {
        "A0-00_0": "answered right blind",
        "A0-04_0": "answered right blind",
        "A1-00_0": "answered right blind, swapped",
        "B1-01_0": "answered right swapped",
    }
    # With floor 4 culture A lacks questions for fold 0, and C as before: B alone is too few.
    with pytest.raises(CellError, match=r"'A': 3, 'B': 4, 'C': 3"):
        fill_cells(
            questions, answers, **limits | {"floor": 4}, left_out=find_left_out(unseen, ["blind"])
        )


def test_a_dropped_culture_is_not_asked_and_others_are_in_full():
    questions, answers = make_tables({"A": [4, 4], "B": [4, 4], "C": [1, 4]}, wrong=2)
    cells = fill_cells(questions, answers, folds=2, cap=3, floor=3, counted="correct")
    assert set(cells.filter("asked")["culture"]) == {"A", "B"}
    assert cells["asked"].sum() == 2 * (6 + 6)


def test_what_was_not_asked_so_cannot_leave_out():
    unseen = make_unseen([("swapped", "q", True)])
    assert len(find_left_out(unseen, [])) == 0
    with pytest.raises(CellError, match=r"leave_out has 'blind'.*remove it"):
        find_left_out(unseen, ["blind"])
