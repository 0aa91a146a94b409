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


@dataclass(frozen=True)
class Cells:
    """Sums of each cell and scope; arrays are (cultures, folds, scopes, neurons).

    Folds and scopes are sorted, neurons in the order of (layer, neuron); `tokens` lacks the last
    axis. The types are the activation table's.
    """

    cultures: tuple[str, ...]  # sorted
    folds: tuple[int, ...]
    layers: int
    width: int
    tokens: np.ndarray
    active: np.ndarray
    total: np.ndarray
    total_squares: np.ndarray


def read_cells(
    shards: Sequence[str | Path],
    folds: Sequence[int],
    scopes: Sequence[str],
    cultures: Sequence[str],
    layers: int,
    width: int,
) -> Cells:
    """Read the cells of some cultures.

    Raises:
        TableError: A cell is missing, incomplete, or there twice.
    """
    scan = pl.scan_parquet(list(shards)).filter(
        pl.col("fold").is_in(list(folds)),
        pl.col("scope").is_in(list(scopes)),
        pl.col("culture").is_in(list(cultures)),
    )
    heads = (
        scan.filter(pl.col("layer") == 0, pl.col("neuron") == 0)
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
    shape = (len(cultures), len(folds), len(scopes))
    sums = [
        _read_culture(scan, culture, *shape[1:], layers * width) for culture in sorted(cultures)
    ]
    return Cells(
        cultures=tuple(sorted(cultures)),
        folds=tuple(sorted(folds)),
        layers=layers,
        width=width,
        tokens=heads["tokens"].to_numpy().reshape(shape),
        **{name: np.stack([part[name] for part in sums]) for name in _SUMS},
    )


_SUMS = ("active", "total", "total_squares")


def _read_culture(
    scan: pl.LazyFrame, culture: str, folds: int, scopes: int, neurons: int
) -> dict[str, np.ndarray]:
    frame = (
        scan.filter(pl.col("culture") == culture)
        .select("fold", "scope", "layer", "neuron", *_SUMS)
        .sort("fold", "scope", "layer", "neuron")
        .collect(engine="streaming")
    )
    if len(frame) != folds * scopes * neurons:
        raise TableError(
            f"activation shards: culture {culture} has {len(frame)} rows, expected "
            f"{folds * scopes} cells x {neurons} neurons; delete the shards and run again"
        )
    return {name: frame[name].to_numpy().reshape(folds, scopes, neurons) for name in _SUMS}


def add_cells(cells: Cells, labels: np.ndarray) -> Statistics:
    """Add up cells to statistics.

    Cells are added one after the other, scope by scope, in float64 and int64: a fixed order.

    Args:
        cells: Sums per cell.
        labels: (cultures, folds): the cells, numbered culture by culture, that make each culture.
    """
    shape = (len(labels), cells.layers, cells.width)

    def add(values: np.ndarray, dtype: type) -> np.ndarray:
        cellwise = values.reshape(-1, *values.shape[2:])  # (cells, scopes, ...)
        return np.stack(
            [
                # numpy adds the rows of axis 0 one after the other
                cellwise[chosen].reshape(-1, *values.shape[3:]).astype(dtype).sum(axis=0)
                for chosen in labels
            ]
        )

    return Statistics(
        cultures=cells.cultures,
        tokens=add(cells.tokens, np.int64),
        active=add(cells.active, np.int64).reshape(shape),
        total=add(cells.total, np.float64).reshape(shape),
        total_squares=add(cells.total_squares, np.float64).reshape(shape),
    )


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
    for culture in sorted(cultures):
        cells = read_cells(shards, folds, scopes, [culture], layers, width)
        statistics = add_cells(cells, np.arange(len(folds))[None])
        yield {
            "culture": culture,
            "layer": np.repeat(np.arange(layers, dtype=np.uint16), width),
            "neuron": np.tile(np.arange(width, dtype=np.uint32), layers),
            "tokens": int(statistics.tokens[0]),
            **{name: getattr(statistics, name).ravel() for name in _SUMS},
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


def count_questions(shards: Sequence[str | Path]) -> int:
    """Count the questions of one cell; all have equally many."""
    return pl.scan_parquet(list(shards)).select(pl.col("questions").first()).collect().item()
