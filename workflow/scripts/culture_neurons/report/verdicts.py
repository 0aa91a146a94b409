"""What a study shows: one row per model and scorer, with every test and what they add up to."""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from culture_neurons.storage.facts import STUDY

KEYS = (*STUDY, "intervention", "scorer")
NOTED = ("checkpoint", "dataset_source")  # facts by which a published figure is found
NOT_SHOWN = "not shown"  # how a verdict begins that some test speaks against
_EFFECTS = {
    "self": "self",
    "cross_by_mask": "cross",
    "gap": "gap",
    "self_less_swapped": "self_less_swapped",
}
_SIGNED = ("self", "cross")  # effects whose signs of a broken model are listed


def tabulate_verdicts(
    *,
    answers: pl.DataFrame,
    summaries: pl.DataFrame,
    ranks: pl.DataFrame,
    effects: pl.DataFrame,
    recovery: pl.DataFrame | None,
    published: pl.DataFrame,
    alpha: float,
    collapse: float,
) -> pl.DataFrame:
    """Make the table of verdicts, in per cent (points).

    Args:
        answers: Stacked `answers`, with model.
        summaries: Stacked `summaries`, with KEYS and NOTED.
        ranks: Stacked `ranks`, with KEYS.
        effects: Stacked `effects`, with KEYS.
        recovery: Stacked `recovery`, with STUDY; None where no model is a demo's.
        published: Table of published figures: columns NOTED, KEYS but model and split, published.
        alpha: Level of the tests.
        collapse: Rise of non-letter mass or change of letter entropy that flags a broken model.

    Returns:
        One row per model, split, rate, intervention, and scorer, with the model's checkpoint.
    """
    accuracy = answers.group_by("model").agg((100 * pl.col("correct").mean()).alias("accuracy"))
    verdicts = summaries.select(*KEYS, *NOTED).unique().join(accuracy, on="model")
    judged = judge_masks(summaries, ranks, KEYS, alpha, collapse)
    for part in (judged, _count_significant(effects, alpha)):
        verdicts = verdicts.join(part, on=KEYS, how="left")
    last = ("collapse", "verdict")
    verdicts = verdicts.sort(KEYS).select(pl.exclude(last), *last)
    if recovery is not None:
        shares = _share_recovered(recovery)
        verdicts = verdicts.join(shares, on=[*STUDY, "scorer"], how="left", maintain_order="left")
    on = [key for key in published.columns if key != "published"]
    return verdicts.join(published, on=on, how="left", maintain_order="left").drop("dataset_source")


def judge_masks(
    summaries: pl.DataFrame,
    ranks: pl.DataFrame,
    keys: Sequence[str],
    alpha: float,
    collapse: float,
) -> pl.DataFrame:
    """Judge masks by their means over cultures and their ranks, in per cent (points).

    Args:
        summaries: Stacked `summaries`, with keys.
        ranks: Stacked `ranks`, with keys.
        keys: Columns that tell whose masks they are.
        alpha: Level of the ranks.
        collapse: See `is_broken`.

    Returns:
        One row per value of the keys: these, effects with intervals, rank p-values, collapse,
        verdict.
    """
    judged = _spread_means(summaries, keys).join(_spread_ranks(ranks, keys), on=keys, how="left")
    broken = [is_broken(row, collapse) for row in judged.iter_rows(named=True)]
    judged = judged.with_columns(pl.Series("collapse", broken, pl.Boolean))
    controls = ranks["control"].unique().sort().to_list()
    words = [word_verdict(row, controls, alpha) for row in judged.iter_rows(named=True)]
    return judged.with_columns(pl.Series("verdict", words, pl.String))


def is_broken(row: Mapping[str, object], collapse: float) -> bool | None:
    """Say whether a mask breaks the model; None where a sign was not measured.

    The signs are mass that moves to tokens that are no letter, and other cultures' answers that
    get less certain (guessing) or more (one answer to all questions).

    Args:
        row: non_letter_self, non_letter_cross, entropy_cross, as in the table of verdicts.
        collapse: The largest change that is not flagged.
    """
    signs = [row["non_letter_self"], row["non_letter_cross"], row["entropy_cross"]]
    if any(sign is None or math.isnan(sign) for sign in signs):
        return None
    return max(*signs, -row["entropy_cross"]) > collapse


def word_verdict(row: Mapping[str, object], controls: Sequence[str], alpha: float) -> str:
    """Say what the tests of a row show together, or which of them failed.

    What was not measured (None or NaN) shows nothing.

    Args:
        row: A row of the table of verdicts.
        controls: Names of all controls; a row may lack some.
        alpha: Level of the ranks.
    """
    if row["collapse"]:
        return f"{NOT_SHOWN}: the model breaks"
    ranked = [control for control in controls if row[f"gap_p_{control}"] is not None]
    failed = ["collapse not measured"] if row["collapse"] is None else []
    failed += [] if ranked else ["no control"]
    failed += [] if _is_below_zero(row["gap_high"]) else ["gap's interval reaches 0"]
    failed += [
        f"{measure} within {control}"
        for control in ranked
        for measure in ("self", "gap")
        if not row[f"{measure}_p_{control}"] <= alpha  # NaN is at most nothing
    ]
    if failed:
        return f"{NOT_SHOWN}: {', '.join(failed)}"
    words = f"own culture loses more, beyond {', '.join(ranked)}"
    if _is_below_zero(row.get("self_less_swapped_high")):
        return words
    return f"{words}; not shown to need the culture's pictures"


def _spread_means(summaries: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Spread the means over cultures to columns: each effect, its interval, its collapse signs."""
    overall = summaries.filter(pl.col("culture").is_null())
    spread = overall.select(keys).unique()
    for measure, name in _EFFECTS.items():
        columns = {
            name: 100 * pl.col("value"),
            f"{name}_low": 100 * pl.col("ci_low"),
            f"{name}_high": 100 * pl.col("ci_high"),
        }
        if name in _SIGNED:
            columns[f"non_letter_{name}"] = pl.col("non_letter_mass_change")
            columns[f"entropy_{name}"] = pl.col("letter_entropy_change")
        values = [value.alias(column) for column, value in columns.items()]
        rows = overall.filter(measure=measure).select(*keys, *values)
        spread = spread.join(rows, on=keys, how="left")
    return spread


def _spread_ranks(ranks: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Spread the rank p-values of self and gap to columns {measure}_p_{control}."""
    overall = ranks.filter(pl.col("culture").is_null(), pl.col("measure").is_in(["self", "gap"]))
    column = pl.concat_str("measure", pl.lit("_p_"), "control").alias("column")
    named = overall.select(*keys, column, "rank_p").sort("column")
    return named.pivot("column", index=keys, values="rank_p")


def _count_significant(effects: pl.DataFrame, alpha: float) -> pl.DataFrame:
    """Count the cultures whose own mask lowers their accuracy, at a false discovery rate.

    Beside them the mean change of own masks over swapped pictures: what of a loss is no culture's.
    """
    diagonal = effects.filter(pl.col("mask_culture") == pl.col("culture"))
    significant = (pl.col("q") <= alpha) & (pl.col("delta") < 0)
    return diagonal.group_by(KEYS).agg(
        (100 * pl.col("swapped_delta").mean()).alias("self_swapped"),
        pl.len().alias("cultures"),
        significant.sum().alias("cultures_significant"),
    )


def _share_recovered(recovery: pl.DataFrame) -> pl.DataFrame:
    """Share of planted neurons among the selected and the reverse, of all masks together."""
    return recovery.group_by(*STUDY, "scorer").agg(
        (pl.col("hits").sum() / pl.col("selected").sum()).alias("precision"),
        (pl.col("hits").sum() / pl.col("planted").sum()).alias("recall"),
    )


def _is_below_zero(bound: float | None) -> bool:
    return bound is not None and bound < 0  # NaN is below nothing
