"""Answers -> cells (culture, fold) of equal size.

Unequal numbers of questions bias every scorer toward small, noisy cultures, so each kept cell
contributes the same number of questions: correctly answered ones, or any.
"""

import hashlib

import polars as pl

from culture_neurons.chance import LEVEL, find_guess_p

_COUNTED = {"correct": "correct answers", "all": "answers"}


class CellError(Exception):
    """Too little data for a comparison of cultures."""


def fill_cells(
    questions: pl.DataFrame, answers: pl.DataFrame, folds: int, cap: int, floor: int, counted: str
) -> pl.DataFrame:
    """Choose the questions that make the statistics.

    quota = min(cap, smallest kept cell); a culture with any cell below the floor is dropped.

    Args:
        questions: question_id, culture, fold.
        answers: question_id, correct.
        folds: Number of folds.
        cap: Largest number of questions per cell.
        floor: Smallest number of counted questions that a cell may hold.
        counted: "correct": correctly answered questions count. "all": every answered one does.

    Returns:
        Table `cells`: every question once, `used` or with the reason why not.

    Raises:
        CellError: Fewer than two cultures are kept.
    """
    joined = questions.select("question_id", "culture", "fold").join(
        answers.select("question_id", "correct"), on="question_id", how="left", validate="1:1"
    )
    correct = pl.col("correct")
    joined = joined.with_columns(counts=correct if counted == "correct" else correct.is_not_null())
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
        .with_columns(used=pl.col("reason") == "")
        .select("culture", "fold", "question_id", "used", "reason")
        .sort("culture", "fold", "question_id")
    )


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
    """Say why a question is not used, from columns correct, counts, kept, and place, or ""."""
    return (
        pl.when(pl.col("correct").is_null())
        .then(pl.lit("no answer"))
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
