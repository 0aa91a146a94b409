"""Masks against planted neurons: how much of a known truth a scorer recovers (demo only)."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from culture_neurons.storage.facts import TableError, read_facts


def read_planted_facts(path: str | Path, hookpoint: str) -> dict[str, object]:
    """Read the facts of a table `planted`, as a file of one of the hookpoints that it is of.

    Raises:
        TableError: The neurons are those of other hookpoints; and see `read_facts`.
    """
    facts = read_facts(path, "planted")
    planted_at = facts.pop("hookpoints", [])
    if hookpoint not in planted_at:
        raise TableError(
            f"{path}: its neurons are planted at {' and '.join(planted_at) or 'no hookpoint'}, but "
            f"a file of this path has hookpoint {hookpoint!r}; it was made for another path: "
            "delete it and run again"
        )
    return facts | {"hookpoint": hookpoint}


def measure_recovery(planted: pl.DataFrame, masks: pl.DataFrame, scorer: str) -> pl.DataFrame:
    """Count per culture the planted neurons, the selected ones, and their overlap.

    The same again of those planted neurons that another culture has as well.

    Args:
        planted: culture, layer, neuron.
        masks: Table `masks` of one scorer.
        scorer: Its name.

    Returns:
        Table `recovery`, one row per culture of `planted`.
    """
    key = ["culture", "layer", "neuron"]
    hits = masks.select(key).join(planted.select(key), on=key, how="semi")
    shared = planted.select(key).filter(pl.len().over("layer", "neuron") > 1)
    frames = {
        "planted": planted,
        "selected": masks,
        "hits": hits,
        "shared": shared,
        "shared_hits": hits.join(shared, on=key, how="semi"),
    }
    counts = planted.select(pl.lit(scorer).alias("scorer"), "culture").unique().sort("culture")
    for name, frame in frames.items():
        counts = counts.join(frame.group_by("culture").len(name), on="culture", how="left")
    return counts.with_columns(pl.col(*frames).fill_null(0))


def mask_planted(planted: pl.DataFrame, cultures: Sequence[str]) -> pl.DataFrame:
    """Turn planted neurons (culture, layer, neuron) into one mask for each of `cultures`."""
    ordered = planted.filter(pl.col("culture").is_in(list(cultures))).sort(
        "culture", "layer", "neuron"
    )
    return ordered.select(
        "culture",
        pl.lit(None, pl.UInt32).alias("draw"),
        "layer",
        "neuron",
        pl.int_range(pl.len(), dtype=pl.UInt32).over("culture").alias("rank"),
    )
