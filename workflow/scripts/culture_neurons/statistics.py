"""Cells -> statistics of a split: K, S, Q per culture, layer, neuron, and T per culture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.tables import TableError, read_facts


@dataclass(frozen=True)
class Statistics:
    """Sums over valid tokens; arrays are (cultures, layers, width), tokens (cultures,)."""

    cultures: tuple[str, ...]
    tokens: np.ndarray  # T
    active: np.ndarray  # K, tokens with g > 0
    total: np.ndarray  # S, sum of g
    total_squares: np.ndarray  # Q, sum of g^2

    @property
    def probability(self) -> np.ndarray:
        """P = K / T, the share of tokens on which a neuron is active."""
        return self.active / self.tokens[:, None, None]

    @property
    def mean(self) -> np.ndarray:
        """Mu = S / T, the mean activation."""
        return self.total / self.tokens[:, None, None]


def merge_statistics(
    shards: Sequence[str | Path],
    folds: Sequence[int],
    scopes: Sequence[str],
    cultures: Sequence[str],
    layers: int,
    width: int,
) -> Iterator[dict[str, object]]:
    """Add up cells over folds and scopes; yields one culture's columns at a time.

    Cells are added in the order of (fold, scope) in float64 whatever the sharding, so the result
    is bit-identical. Only one culture is in memory.

    Raises:
        TableError: A cell is missing, incomplete, or there twice.
    """
    cells = pl.scan_parquet(list(shards)).filter(
        pl.col("fold").is_in(list(folds)), pl.col("scope").is_in(list(scopes))
    )
    heads = (
        cells.filter(pl.col("layer") == 0, pl.col("neuron") == 0)
        .select("culture", "fold", "scope", "tokens")
        .sort("culture", "fold", "scope")
        .collect()
    )
    wanted = [(c, f, s) for c in sorted(cultures) for f in sorted(folds) for s in sorted(scopes)]
    found = [row[:3] for row in heads.iter_rows()]
    if found != wanted:
        odd = sorted(set(wanted) ^ set(found)) or [c for c in found if found.count(c) > 1]
        raise TableError(
            f"activation shards of {Path(shards[0]).parent}: cells {odd[:3]} are missing or occur "
            "twice; delete the shards there and run again"
        )
    for culture in sorted(cultures):
        tokens = heads.filter(pl.col("culture") == culture)["tokens"].sum()
        yield _merge_culture(cells, culture, len(folds) * len(scopes), layers, width, tokens)


def _merge_culture(cells, culture, count, layers, width, tokens) -> dict[str, object]:
    columns = ["active", "total", "total_squares"]
    frame = (
        cells.filter(pl.col("culture") == culture)
        .select("fold", "scope", "layer", "neuron", *columns)
        .sort("fold", "scope", "layer", "neuron")
        .collect(engine="streaming")
    )
    neurons = layers * width
    if len(frame) != count * neurons:
        raise TableError(
            f"activation shards: culture {culture} has {len(frame)} rows, expected "
            f"{count} cells x {neurons} neurons; delete the shards and run again"
        )
    sums = {
        # (cells, neurons); numpy adds the rows of axis 0 one after the other: a fixed order
        name: frame[name]
        .cast(pl.UInt64 if name == "active" else pl.Float64)
        .to_numpy()
        .reshape(count, neurons)
        .sum(axis=0)
        for name in columns
    }
    return {
        "culture": culture,
        "layer": np.repeat(np.arange(layers, dtype=np.uint16), width),
        "neuron": np.tile(np.arange(width, dtype=np.uint32), layers),
        "tokens": tokens,
        **sums,
    }


def read_statistics(path: str | Path) -> tuple[Statistics, dict[str, object]]:
    """Read a statistics table as arrays, with its facts."""
    facts = read_facts(path, "statistics")
    shape = (len(facts["cultures"]), facts["layers"], facts["width"])
    frame = pl.read_parquet(path, columns=["tokens", "active", "total", "total_squares"])
    if len(frame) != shape[0] * shape[1] * shape[2]:
        raise TableError(
            f"{path}: has {len(frame)} rows, its facts say {shape}; delete it and run again"
        )
    arrays = {name: frame[name].to_numpy().reshape(shape) for name in frame.columns}
    arrays["tokens"] = arrays["tokens"][:, 0, 0].astype(np.int64)
    return Statistics(cultures=tuple(facts["cultures"]), **arrays), facts
