"""Statistics of a split: K, S, Q per culture and neuron, and T per culture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from culture_neurons.storage.facts import TableError, read_facts
from culture_neurons.storage.frames import read_frame


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


_SUMS = ("active", "total", "total_squares")


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
