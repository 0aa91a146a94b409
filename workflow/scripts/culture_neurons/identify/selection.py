"""Scores -> masks: the best neurons of each culture, or of all cultures together."""

import polars as pl


class SelectionError(Exception):
    """A rate that selects no neuron of a model."""


def count_neurons(rate: float, layers: int, width: int) -> int:
    """Number of neurons that a rate stands for: k = round(r L I).

    Raises:
        SelectionError: k is 0.
    """
    neurons = layers * width
    count = round(rate * neurons)
    if count < 1:
        raise SelectionError(
            f"select.rates: {rate:g} of the model's {layers} x {width} = {neurons} neurons is no "
            f"neuron; expected one or more: set the rate to {1 / neurons:.2g} or above"
        )
    return count


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
        Table `masks`, one mask per culture, named for it; cultures without neurons have no rows.
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
        pl.col("culture").alias("mask"),
        "culture",
        "layer",
        "neuron",
        pl.col("rank").cast(pl.UInt32),
    ).sort("mask", "rank")
