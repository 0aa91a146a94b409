"""Masks against planted neurons: how much of a known truth a scorer recovers (demo only)."""

import polars as pl


def measure_recovery(planted: pl.DataFrame, masks: pl.DataFrame, scorer: str) -> pl.DataFrame:
    """Count per culture the planted neurons, the selected ones, and their overlap.

    Args:
        planted: culture, layer, neuron.
        masks: Table `masks` of one scorer.
        scorer: Its name.

    Returns:
        Table `recovery`, one row per culture of `planted`.
    """
    key = ["culture", "layer", "neuron"]
    hits = masks.select(key).join(planted.select(key), on=key, how="semi")
    counts = planted.group_by("culture").len("planted").sort("culture")
    for name, frame in (("selected", masks), ("hits", hits)):
        counts = counts.join(frame.group_by("culture").len(name), on="culture", how="left")
    return counts.select(
        pl.lit(scorer).alias("scorer"),
        "culture",
        "planted",
        pl.col("selected", "hits").fill_null(0),
    )
