"""Means over cultures of stacked tables, as the columns of tables for people; no verdicts."""

from collections.abc import Mapping, Sequence

import polars as pl

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.storage.schemas import EXCHANGED

_BOUNDS = {"": "value", "_low": "ci_low", "_high": "ci_high"}


def form_change(row: Mapping[str, object], name: str, outcome: str) -> str:
    """Write a change with its interval, without the unit: "-3.1 [-4.0, -2.2]".

    Args:
        row: With columns `name`, {name}_low, and {name}_high, in the outcome's unit.
        name: Of the change.
        outcome: What it is of.
    """
    digits = OUTCOMES[outcome].digits + 1
    values = (row[f"{name}{end}"] for end in _BOUNDS)
    return "{:z.{d}f} [{:z.{d}f}, {:z.{d}f}]".format(*values, d=digits)


def spread_means(
    summaries: pl.DataFrame, keys: Sequence[str], measures: Mapping[str, str], outcome: str
) -> pl.DataFrame:
    """Spread the means over cultures to columns: masks, broken, left_out, and the measures.

    Args:
        summaries: Stacked `summaries`, with keys.
        keys: Columns that tell whose masks they are.
        measures: Name in the table -> column; two more hold its interval.
        outcome: What they are of; in its unit.
    """
    summaries, scale = summaries.filter(outcome=outcome), OUTCOMES[outcome].scale
    overall = summaries.filter(pl.col("culture").is_null())
    spread = overall.group_by(keys).agg(pl.col("broken", "left_out").first())
    masks = summaries.group_by(keys).agg(pl.col("culture").n_unique() - 1)  # less the mean's null
    spread = spread.join(masks.rename({"culture": "masks"}), on=keys)
    for measure, name in measures.items():
        values = [(scale * pl.col(v)).alias(f"{name}{end}") for end, v in _BOUNDS.items()]
        rows = overall.filter(measure=measure).select(*keys, *values)
        spread = spread.join(rows, on=keys, how="left")
    return spread


def spread_ranks(ranks: pl.DataFrame, keys: Sequence[str], alpha: float) -> pl.DataFrame:
    """Spread the rank p-values of self and gap to columns {measure}_p_{control}.

    Masks are left out as a control where there are too few to exchange: 1 / assignments > alpha.
    """
    tested = pl.col("measure").is_in(["self", "gap"]) & pl.col("rank_p").is_not_null()
    enough = (pl.col("control") != EXCHANGED) | (1 / (1 + pl.col("draws")) <= alpha)
    overall = ranks.filter(pl.col("culture").is_null(), tested, enough)
    column = pl.concat_str("measure", pl.lit("_p_"), "control").alias("column")
    named = overall.select(*keys, column, "rank_p").sort("column")
    return named.pivot("column", index=keys, values="rank_p")
