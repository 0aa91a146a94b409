"""Answers -> cells (culture, fold) of equal size.

Unequal numbers of questions bias every scorer toward small, noisy cultures, so each kept cell
contributes the same number of questions: correctly answered ones, or any.
"""

import hashlib
from collections.abc import Sequence

import polars as pl

from culture_neurons.chance import LEVEL, find_guess_p

LEFT_OUT = pl.DataFrame(schema={"question_id": pl.String, "left_out": pl.String})  # none

_COUNTED = {"correct": "correct answers", "all": "answers"}


class CellError(Exception):
    """Too little data for a comparison of cultures."""


def fill_cells(
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    folds: int,
    cap: int,
    floor: int,
    counted: str,
    left_out: pl.DataFrame = LEFT_OUT,
) -> pl.DataFrame:
    """Choose the questions that make the statistics, and those that are asked under masks.

    quota = min(cap, smallest kept cell); a culture with any cell below the floor is dropped.

    Args:
        questions: question_id, culture, fold.
        answers: question_id, correct.
        folds: Number of folds.
        cap: Largest number of questions per cell.
        floor: Smallest number of counted questions that a cell may hold.
        counted: "correct": correctly answered questions count. "all": every answered one does.
        left_out: Those of `find_left_out` neither count nor are asked.

    Returns:
        Table `cells`: every question once, `used` or with the reason why not.

    Raises:
        CellError: Fewer than two cultures are kept.
    """
    joined = questions.select("question_id", "culture", "fold").join(
        answers.select("question_id", "correct"), on="question_id", how="left", validate="1:1"
    )
    joined = joined.join(left_out, on="question_id", how="left", validate="1:1")
    counts = pl.col("correct") if counted == "correct" else pl.col("correct").is_not_null()
    joined = joined.with_columns(counts=counts & pl.col("left_out").is_null())
    smallest = _find_smallest_cells(joined, folds)
    kept = smallest.filter(pl.col("available") >= floor)
    if len(kept) < 2:
        found = dict(smallest.sort("culture").iter_rows())
        raise CellError(
            f"{len(kept)} culture(s) have at least cells.floor = {floor} {_COUNTED[counted]} in "
            f"each of {folds} folds, expected two or more; smallest cells: {found}; lower "
            "cells.floor or cells.folds, or use more data"
        )
    quota = min(cap, kept["available"].min())
    place = pl.col("question_id").map_elements(_hash, pl.String).rank("ordinal")
    return (
        joined.with_columns(
            place=place.over("culture", "fold", "counts"),
            kept=pl.col("culture").is_in(kept["culture"].implode()),
        )
        .with_columns(reason=_state_reason(quota, floor, _COUNTED[counted]))
        .with_columns(
            used=pl.col("reason") == "", asked=pl.col("kept") & pl.col("left_out").is_null()
        )
        .select("culture", "fold", "question_id", "used", "reason", "asked")
        .sort("culture", "fold", "question_id")
    )


def find_left_out(unseen: pl.DataFrame, leave_out: Sequence[str]) -> pl.DataFrame:
    """Find the questions that are answered right without seeing their picture.

    Args:
        unseen: shown, question_id, correct.
        leave_out: Which of "blind" and "swapped" leave a question out.

    Returns:
        Columns question_id and left_out, the reason.

    Raises:
        CellError: Nothing was asked so.
    """
    for shown in leave_out:
        if shown not in unseen["shown"]:
            raise CellError(
                f"cells.leave_out has {shown!r}, but this model answered no question so: it does "
                "not take a prompt without a picture, or the dataset has no other picture; remove "
                "it from cells.leave_out"
            )
    right = unseen.filter("correct", pl.col("shown").is_in(list(leave_out)))
    ways = pl.col("shown").sort().str.join(", ")
    return right.group_by("question_id").agg(left_out=pl.lit("answered right ") + ways)


def find_at_chance(questions: pl.DataFrame, answers: pl.DataFrame) -> list[str]:
    """Name the cultures whose answers may be guesses: chance.LEVEL.

    Args:
        questions: question_id, culture.
        answers: question_id, correct, option_logprobs.
    """
    rows = (
        questions.join(answers, on="question_id")
        .group_by("culture")
        .agg(pl.col("correct").sum(), pl.col("option_logprobs").list.len().alias("options"))
    )
    return sorted(
        culture
        for culture, correct, options in rows.iter_rows()
        if find_guess_p(correct, options) > LEVEL
    )


def _find_smallest_cells(joined: pl.DataFrame, folds: int) -> pl.DataFrame:
    """Count what counts in each culture's smallest cell; a cell may be empty."""
    grid = joined.select(pl.col("culture").unique()).join(
        pl.DataFrame({"fold": range(folds)}, schema={"fold": pl.UInt8}), how="cross"
    )
    counts = joined.filter("counts").group_by("culture", "fold").len("available")
    return (
        grid.join(counts, on=["culture", "fold"], how="left")
        .group_by("culture")
        .agg(pl.col("available").fill_null(0).min())
    )


def _state_reason(quota: int, floor: int, counted: str) -> pl.Expr:
    """Say why a question is not used, from the columns that `fill_cells` made, or ""."""
    return (
        pl.when(pl.col("correct").is_null())
        .then(pl.lit("no answer"))
        .when(pl.col("left_out").is_not_null())
        .then("left_out")
        .when(~pl.col("counts"))
        .then(pl.lit("wrong answer"))
        .when(~pl.col("kept"))
        .then(pl.lit(f"culture has a cell below {floor} {counted}"))
        .when(pl.col("place") > quota)
        .then(pl.lit(f"over the quota of {quota} per cell"))
        .otherwise(pl.lit(""))
    )


def _hash(question_id: str) -> str:
    return hashlib.sha256(f"quota {question_id}".encode()).hexdigest()
