"""Statistics of a split: K, S, Q per culture and neuron, and T per culture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from culture_neurons.neurons import SUMS, NeuronAxis
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.neuron_tables import read_units


class StatisticsError(Exception):
    """A statistic that a hookpoint does not have."""


@dataclass(frozen=True)
class Statistics:
    """Sums over valid tokens; arrays are (cultures, units), tokens (cultures,)."""

    cultures: tuple[str, ...]
    axis: NeuronAxis
    tokens: np.ndarray  # T
    active: np.ndarray  # K, tokens on which the neuron is active
    total: np.ndarray  # S, sum of g
    total_squares: np.ndarray  # Q, sum of g^2

    @property
    def probability(self) -> np.ndarray:
        """P = K / T, the share of tokens on which a neuron is active.

        Raises:
            StatisticsError: No neuron ever is: the hookpoint counts nothing (heads).
        """
        if not self.active.any():
            raise StatisticsError(
                "no neuron is active at any token, as at hookpoints of heads, whose norms are never"
                " 0: there is no activation probability; expected a scorer of means or rms"
            )
        return self.active / self.tokens[:, None]

    @property
    def mean(self) -> np.ndarray:
        """Mu = S / T, the mean activation."""
        return self.total / self.tokens[:, None]

    @property
    def rms(self) -> np.ndarray:
        """Root mean square of the activation, sqrt(Q / T)."""
        return np.sqrt(self.total_squares / self.tokens[:, None])

    @property
    def activity(self) -> np.ndarray:
        """How active neurons are: P, or the mean where nothing is counted."""
        return self.probability if self.active.any() else self.mean


@dataclass(frozen=True)
class Cells:
    """Sums of each cell and scope; arrays are (cultures, folds, scopes, units).

    Folds and scopes are sorted; `tokens` lacks the last axis. The types are the activation table's.
    """

    cultures: tuple[str, ...]  # sorted
    folds: tuple[int, ...]
    axis: NeuronAxis
    tokens: np.ndarray
    active: np.ndarray
    total: np.ndarray
    total_squares: np.ndarray


def add_cells(cells: Cells, labels: np.ndarray) -> Statistics:
    """Add up cells to statistics.

    Cells are added one after the other, scope by scope, in float64 and int64: a fixed order.

    Args:
        cells: Sums per cell.
        labels: (cultures, folds): the cells, numbered culture by culture, that make each culture.
    """

    def add(values: np.ndarray, dtype: str) -> np.ndarray:
        cellwise = values.reshape(-1, *values.shape[2:])  # (cells, scopes, ...)
        return np.stack(
            [
                # numpy adds the rows of axis 0 one after the other
                cellwise[members].reshape(-1, *values.shape[3:]).astype(dtype).sum(axis=0)
                for members in labels
            ]
        )

    return Statistics(
        cultures=cells.cultures,
        axis=cells.axis,
        tokens=add(cells.tokens, "int64"),
        **{name: add(getattr(cells, name), SUMS[name].added) for name in SUMS},
    )


def read_statistics(
    path: str | Path, wildcards: Mapping[str, str] | None = None
) -> tuple[Statistics, dict[str, object]]:
    """Read a statistics table as arrays, with its facts.

    Raises:
        TableError: See `read_facts`, also for `wildcards`, and `read_units`.
    """
    facts = read_facts(path, "statistics", wildcards)
    axis = NeuronAxis.from_facts(facts)
    columns = read_units(path, "statistics", ["tokens", *SUMS], facts["cultures"], axis)
    tokens = columns.pop("tokens")[:, 0].astype(np.int64)  # the same for every neuron
    return Statistics(tuple(facts["cultures"]), axis, tokens, **columns), facts
