"""Cells -> statistics of a split: K, S, Q per culture, layer, neuron, and T per culture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import TableError, open_table, read_facts, read_rows


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
    folds, scopes, cultures = sorted(folds), sorted(scopes), sorted(cultures)
    parts = [_read_culture(shards, name, folds, scopes, layers * width) for name in cultures]
    return Cells(
        cultures=tuple(cultures),
        folds=tuple(folds),
        layers=layers,
        width=width,
        tokens=np.stack([part["tokens"][..., 0] for part in parts]),
        **{name: np.stack([part[name] for part in parts]) for name in _SUMS},
    )


_SUMS = ("active", "total", "total_squares")


def _read_culture(
    shards: Sequence[str | Path],
    culture: str,
    folds: Sequence[int],
    scopes: Sequence[str],
    neurons: int,
) -> dict[str, np.ndarray]:
    """Read one culture's cells: arrays (folds, scopes, neurons)."""
    wanted = {"culture": [culture], "fold": folds, "scope": scopes}
    columns = [*wanted, "layer", "neuron", "tokens", *_SUMS]
    chosen = [pl.col(name).is_in(list(values)) for name, values in wanted.items()]
    frame = pl.concat(
        pl.from_arrow(read_rows(path, "activations", columns, wanted)).filter(chosen)
        for path in shards
    ).sort("fold", "scope", "layer", "neuron")
    heads = frame.filter(layer=0, neuron=0)
    found = list(heads.select(*wanted).iter_rows())
    cells = [(culture, fold, scope) for fold in folds for scope in scopes]
    if found != cells:
        odd = sorted(set(cells) ^ set(found)) or [cell for cell in found if found.count(cell) > 1]
        raise TableError(
            f"activation shards of {Path(shards[0]).parent}: cells {odd[:3]} are missing or occur "
            "twice; delete the shards there and run again"
        )
    if len(frame) != len(cells) * neurons:
        raise TableError(
            f"activation shards of {Path(shards[0]).parent}: culture {culture} has {len(frame)} "
            f"rows, expected {len(cells)} cells x {neurons} neurons; delete the shards there and "
            "run again"
        )
    shape = (len(folds), len(scopes), neurons)
    return {name: frame[name].to_numpy().reshape(shape) for name in ("tokens", *_SUMS)}


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


def read_statistics(
    path: str | Path, wildcards: Mapping[str, str] | None = None
) -> tuple[Statistics, dict[str, object]]:
    """Read a statistics table as arrays, with its facts.

    Raises:
        TableError: As tables.read_facts, also for `wildcards`; rows are missing.
    """
    facts = read_facts(path, "statistics", wildcards)
    shape = (len(facts["cultures"]), facts["layers"], facts["width"])

    def read(name: str) -> np.ndarray:
        # A column at a time: the parts of one are joined by copying them.
        column = read_frame(path, "statistics", [name])[name].to_numpy()
        if len(column) != shape[0] * shape[1] * shape[2]:
            raise TableError(
                f"{path}: has {len(column)} rows, its facts say {shape}; delete it and run again"
            )
        return column.reshape(shape)

    tokens = read("tokens")[:, 0, 0].astype(np.int64)
    sums = {name: read(name) for name in _SUMS}
    return Statistics(cultures=tuple(facts["cultures"]), tokens=tokens, **sums), facts


def count_questions(shards: Sequence[str | Path]) -> int:
    """Count the questions of one cell; all have equally many."""
    with open_table(shards[0], "activations") as file:
        return file.read_row_group(0, ["questions"])["questions"][0].as_py()
