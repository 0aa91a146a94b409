"""Stacked tables of a study -> one table per kind of setting: what each setting does.

Rows alone: whether a conclusion holds is in summary.py and conclusions.py.
"""

from collections.abc import Sequence

import polars as pl

from culture_neurons.storage.facts import STUDY

MODEL_KEYS = ("model", "hookpoint", "intervention")
AGREEMENT = ("spearman", "overlap", "chance")
_SETTING = ("analysis", "scorer", "setting", "questions", "rate", "layer")
_MEASURES = ("self", "cross_by_mask", "gap")


def break_down_agreement(reliability: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Make one table per analysis from stacked `reliability` with model and hookpoint."""
    needless = {
        "halves": ["analysis", "setting", "layer"],
        "samples": ["setting", "layer"],
        "layers": ["analysis", "setting", "spearman", "spearman_low", "spearman_high"],
        "scopes": ["analysis", "layer"],
        "variants": ["analysis", "layer"],
    }
    keys = ["model", "hookpoint", *_SETTING]
    return {
        name: average_agreement(choose_agreement(reliability, name), keys).drop(columns)
        for name, columns in needless.items()
    }


def choose_agreement(reliability: pl.DataFrame, analysis: str) -> pl.DataFrame:
    """Choose the rows of an analysis from stacked `reliability` with model.

    Args:
        reliability: The rows.
        analysis: halves, samples, layers, scopes, or variants.
    """
    kind = pl.col("analysis")
    if analysis == "samples":
        return reliability.filter(kind.is_in(["disjoint", "nested"]))
    if analysis == "halves":
        disjoint = reliability.filter(kind == "disjoint")
        return disjoint.filter(pl.col("questions") == pl.col("questions").max().over("model"))
    return reliability.filter(kind == analysis)


def average_agreement(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Average the agreement of scores and masks over draws, then over cultures.

    Cultures where both masks are empty have no overlap and do not count.

    Args:
        frame: Tables `reliability` or `model_pairs`, stacked.
        keys: Columns that tell settings apart.

    Returns:
        Per setting the means, and the lowest and highest culture's spearman and overlap.
    """
    single = frame.group_by(*keys, "culture", maintain_order=True).agg(pl.col(AGREEMENT).mean())
    return single.group_by(keys, maintain_order=True).agg(
        pl.col("culture").count().alias("cultures"),
        *(
            column
            for name in ("spearman", "overlap")
            for column in (
                pl.col(name).mean(),
                pl.col(name).min().alias(f"{name}_low"),
                pl.col(name).max().alias(f"{name}_high"),
            )
        ),
        pl.col("chance").mean(),
    )


def average_models(model_pairs: pl.DataFrame) -> pl.DataFrame:
    """Average the agreement of models; models that cannot be compared keep one empty row."""
    keys = ["hookpoint", "first_model", "second_model", "weights", "split", "scorer", "rate"]
    return average_agreement(model_pairs, keys)


def pair_models(model_pairs: pl.DataFrame, split: int, rate: float) -> dict[str, pl.DataFrame]:
    """Choose the rows of each pair of comparable models at the reference, with a column setting."""
    rows = model_pairs.filter(split=split, rate=rate).with_columns(setting=pl.lit(""))
    weights = {"same": "", "other": "\n(other weights)"}
    return {
        f"{first}\n{second}{weights[weight]}": group
        for (first, second, weight), group in rows.group_by(
            "first_model", "second_model", "weights", maintain_order=True
        )
    }


def tabulate_rates(summaries: pl.DataFrame, ranks: pl.DataFrame, control: str) -> pl.DataFrame:
    """List self, cross, and gap at every rate with their intervals and a control's band.

    A scorer that has the control is measured on the questions that both were asked. Scorers stay
    in the order of the rows.

    Args:
        summaries: Stacked `summaries` with the study's keys.
        ranks: Stacked `ranks` with the same.
        control: The control whose band is given; a scorer without it has none.
    """
    keys = [*STUDY, "intervention", "scorer", "outcome", "measure"]
    overall = pl.col("culture").is_null() & pl.col("measure").is_in(_MEASURES)
    numbers = ("value", "ci_low", "ci_high")
    means = summaries.filter(overall).select(*keys, *numbers)
    bands = ranks.filter(overall, control=control).select(
        *keys, *numbers, "control", "control_low", "control_high", "rank_p"
    )
    rows = means.join(bands, on=keys, how="left", maintain_order="left", suffix="_shared")
    shared = [pl.coalesce(f"{name}_shared", name).alias(name) for name in numbers]
    return (
        rows.with_columns(shared)
        .drop(f"{name}_shared" for name in numbers)
        .sort(*STUDY, "intervention", maintain_order=True)
    )


def tabulate_splits(summaries: pl.DataFrame) -> pl.DataFrame:
    """Describe how self, cross, and gap vary between splits.

    Splits share questions, so `between_sd` describes these splits and is no standard error.
    """
    keys = [*MODEL_KEYS, "rate", "scorer", "outcome", "measure"]
    overall = pl.col("culture").is_null() & pl.col("measure").is_in(_MEASURES)
    value = pl.col("value")
    return (
        summaries.filter(overall)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.len().alias("splits"),
            value.mean().alias("mean"),
            value.std().alias("between_sd"),
            value.min().alias("lowest"),
            value.max().alias("highest"),
            (pl.col("ci_high") - pl.col("ci_low")).mean().alias("mean_interval_width"),
        )
        .sort(*MODEL_KEYS, "rate", maintain_order=True)
    )
