"""Scores -> masks: the best neurons of each culture, or of all cultures together."""

import polars as pl


def select_neurons(
    scores: pl.DataFrame, count: int, pool: str, min_score: float | None
) -> pl.DataFrame:
    """Select the best neurons.

    Args:
        scores: Table `scores`.
        count: Number of neurons per culture, or over all cultures.
        pool: "per_culture": the `count` best of each culture. "overall": the `count` neurons with
            the best score for any culture, each in the mask of every culture that it scored for.
        min_score: Scores must exceed this; a shortfall is left, not padded. None: any finite
            score.

    Returns:
        Table `masks`, one mask per culture, no draw; cultures without neurons have no rows.
    """
    eligible = scores.filter(pl.col("score").is_finite())
    if min_score is not None:
        eligible = eligible.filter(pl.col("score") > min_score)
    if pool == "per_culture":
        chosen = eligible.filter(pl.col("rank") < count)
    else:
        best = (
            eligible.group_by("layer", "neuron")
            .agg(pl.col("score").max())
            .sort("score", "layer", "neuron", descending=[True, False, False])
            .head(count)
            .with_row_index("place")
        )
        chosen = (
            eligible.drop("rank")
            .join(best.select("layer", "neuron", "place"), on=["layer", "neuron"])
            .rename({"place": "rank"})
        )
    return chosen.select(
        "culture",
        pl.lit(None, pl.UInt32).alias("draw"),
        "layer",
        "neuron",
        pl.col("rank").cast(pl.UInt32),
    ).sort("culture", "rank")
