"""Result tables -> the CSV files that people read."""

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from culture_neurons.chance import find_guess_p
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import STUDY, read_facts


def tabulate_cultures(
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    unseen: pl.DataFrame,
    cells: pl.DataFrame,
    absent: Sequence[str] = (),
) -> pl.DataFrame:
    """Count per model and culture: questions, correct ones, those used, and why others are not.

    Beside them the accuracy, what it is over swapped pictures (of the questions that have one to
    swap with) and without any, that of guessing, how likely guesses are to be as good
    (`find_guess_p`), and how often each letter was answered and was right: a model that answers
    "A" to all is as accurate as the letter is often right.

    Args:
        questions: Table `questions`.
        answers: Stacked `answers`, with model.
        unseen: Stacked `unseen`, with model.
        cells: Stacked `cells`, with model.
        absent: Cultures without any question.
    """
    counts = questions.group_by("culture").agg(
        pl.len().alias("questions"), pl.col("image_id").n_unique().alias("images")
    )
    answered = cells.join(
        answers.select("model", "question_id", "correct"), on=["model", "question_id"], how="left"
    )
    used = answered.group_by("model", "culture").agg(
        pl.col("correct").sum(),
        pl.col("reason").str.starts_with("answered right").sum().alias("left_out"),
        pl.col("used").sum().alias("used"),
        pl.col("reason")
        .filter(pl.col("reason").str.starts_with("culture"))
        .first()
        .alias("dropped_because"),
    )
    shares = [
        _share_correct(questions, answers, "accuracy"),
        _share_correct(questions, unseen.filter(pl.col("shown") == "swapped"), "swapped"),
        _share_correct(questions, unseen.filter(pl.col("shown") == "blind"), "blind"),
        _count_letters(questions, answers),
    ]
    table = used.join(counts, on="culture")
    for share in shares:
        table = table.join(share, on=["model", "culture"], how="left")
    none = {"questions": 0, "images": 0, "correct": 0, "left_out": 0, "used": 0}
    rows = [
        {"model": model, "culture": culture, **none, "dropped_because": "no question"}
        for model in answers["model"].unique()
        for culture in absent
    ]
    schema = {name: table.schema[name] for name in ("model", "culture", *none, "dropped_because")}
    missing = pl.DataFrame(rows, schema=schema)
    table = pl.concat([table, missing], how="diagonal")
    return table.sort("model", "culture")


def _share_correct(questions: pl.DataFrame, answers: pl.DataFrame, name: str) -> pl.DataFrame:
    """Share of right answers per model and culture, 0 to 1, as column `name`."""
    joined = answers.join(questions.select("question_id", "culture"), on="question_id")
    return joined.group_by("model", "culture").agg(pl.col("correct").mean().alias(name))


def judge_chance(questions: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Test each model's answers against guessing: model, accuracy in per cent, chance_p.

    Args:
        questions: Table `questions`.
        answers: Stacked `answers`, with model.
    """
    rows = _count_letters(questions.with_columns(culture=pl.lit("")), answers)
    accuracy = answers.group_by("model").agg((100 * pl.col("correct").mean()).alias("accuracy"))
    return accuracy.join(rows.select("model", "chance_p"), on="model")


def list_guessing(questions: pl.DataFrame, answers: pl.DataFrame, alpha: float) -> list[str]:
    """List the models whose answers may all be guesses: their masks can show no loss.

    Args:
        questions: Table `questions`.
        answers: Stacked `answers`, with model.
        alpha: Level of the test.
    """
    return judge_chance(questions, answers).filter(pl.col("chance_p") > alpha)["model"].to_list()


def _count_letters(questions: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Count letters per model and culture, with the accuracy of guessing and its test."""
    joined = answers.join(questions.select("question_id", "culture", "answer"), on="question_id")
    rows = []
    for (model, culture), group in joined.group_by("model", "culture"):
        options = group["option_logprobs"].list.len().to_list()
        orders = group["option_order"].to_list()
        row = {
            "model": model,
            "culture": culture,
            "chance": sum(1 / n for n in options) / len(group),
        }
        row["chance_p"] = find_guess_p(group["correct"].sum(), options)
        for name, column in (("letters_answered", "predicted"), ("letters_right", "answer")):
            letters = Counter(
                string.ascii_uppercase[order.index(option)]
                for order, option in zip(orders, group[column], strict=True)
            )
            row[name] = ", ".join(f"{letter} {count}" for letter, count in sorted(letters.items()))
        rows.append(row)
    return pl.DataFrame(rows)


def tabulate_masks(paths: Iterable[str | Path]) -> pl.DataFrame:
    """List every scorer's mask sizes beside the number that the rate asks for."""
    rows = []
    for path in paths:
        facts = read_facts(path, "masks")
        for mask, size in read_sizes(facts).items():
            keys = {key: facts[key] for key in STUDY}
            pool = {"scorer": facts["scorer"]["name"], "pool": facts["select"]["pool"]}
            sizes = {"neurons": size, "asked": facts["count"]}
            # Of all neurons together each culture's share is open.
            short = None if pool["pool"] == "overall" else facts["count"] - size
            rows.append({**keys, **pool, "culture": mask.culture, **sizes, "shortfall": short})
    return pl.DataFrame(rows)


def count_layers(masks: pl.DataFrame) -> pl.DataFrame:
    """Count selected neurons per layer; `masks` is stacked, with STUDY and scorer."""
    keys = [*STUDY, "scorer", "culture", "layer"]
    return masks.group_by(keys).len("neurons").sort(keys)


def count_rejected(rejected: pl.DataFrame) -> pl.DataFrame:
    """Count rejected rows by reason, and those of subsets that no culture names by subset.

    Args:
        rejected: Table `rejected`.

    Returns:
        Columns reason, subset ("" but for rows of other subsets), counted (against
        dataset.max_rejected), rows; most rows first.
    """
    aside = pl.col("reason") == "subset not asked for"
    keys = ["reason", "subset", "counted"]
    return (
        rejected.with_columns(subset=pl.when(aside).then("detail").otherwise(pl.lit("")))
        .group_by(keys)
        .len("rows")
        .sort(["counted", "rows", *keys[:2]], descending=[True, True, False, False])
    )
