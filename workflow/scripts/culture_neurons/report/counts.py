"""Result tables -> the CSV files that people read."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import STUDY, read_facts


def tabulate_cultures(
    questions: pl.DataFrame, answers: pl.DataFrame, cells: pl.DataFrame
) -> pl.DataFrame:
    """Count per model and culture: questions, correct ones, those used, and why others are not.

    Args:
        questions: Table `questions`.
        answers: Stacked `answers`, with model.
        cells: Stacked `cells`, with model.
    """
    counts = questions.group_by("culture").agg(
        pl.len().alias("questions"), pl.col("image_id").n_unique().alias("images")
    )
    answered = cells.join(
        answers.select("model", "question_id", "correct"), on=["model", "question_id"], how="left"
    )
    used = answered.group_by("model", "culture").agg(
        pl.col("correct").sum(),
        pl.col("used").sum().alias("used"),
        pl.col("reason")
        .filter(pl.col("reason").str.starts_with("culture"))
        .first()
        .alias("dropped_because"),
    )
    return used.join(counts, on="culture").sort("model", "culture")


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
