"""Scores of any scorer -> ranks and table columns."""

import importlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import polars as pl

from culture_neurons.identify.statistics import Statistics
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.neuron_tables import tabulate_units


class ScorerError(Exception):
    """A scorer that breaks the contract of culture_neurons.scorers."""


def load_scorer(name: str) -> Callable[..., np.ndarray]:
    """Load the scorer `name` from culture_neurons/scorers/{name}.py."""
    return getattr(importlib.import_module(f"culture_neurons.scorers.{name}"), name)


def score_neurons(
    statistics: Statistics, scorer: Callable[..., np.ndarray], options: Mapping[str, object]
) -> np.ndarray:
    """Apply a scorer; float32 scores (cultures, units).

    Raises:
        ScorerError: The result has another shape, or holds NaN.
    """
    scores = np.asarray(scorer(statistics, **options), dtype=np.float32)
    if scores.shape != statistics.active.shape:
        raise ScorerError(
            f"scorer {scorer.__name__}: returned shape {scores.shape}, expected (cultures, "
            f"units) = {statistics.active.shape}"
        )
    if np.isnan(scores).any():
        raise ScorerError(
            f"scorer {scorer.__name__}: returned {int(np.isnan(scores).sum())} NaN; use -inf for "
            "neurons that must never be selected"
        )
    return scores


def rank_scores(scores: np.ndarray) -> np.ndarray:
    """Rank neurons within each culture: score descending, then layer, then neuron; 0 is best."""
    ranks = np.empty(scores.shape, dtype=np.uint32)
    units = np.arange(scores.shape[1], dtype=np.uint32)
    for row, values in enumerate(scores):
        # Score and unit in one integer: sorting plain integers is ten times faster than a stable
        # argsort of floats, and no two are equal, so ties stay in the order of (layer, neuron).
        keys = np.sort(_descending_bits(values).astype(np.uint64) << 32 | units)
        ranks[row, keys.astype(np.uint32)] = units  # the lower half: the unit
    return ranks


def _descending_bits(values: np.ndarray) -> np.ndarray:
    """Turn float32 values, NaN excepted, into uint32 whose order is theirs reversed."""
    bits = (values + np.float32(0)).view(np.uint32)  # + 0: -0.0 equals 0.0
    negative = bits >> 31 == 1
    return np.where(negative, bits, ~bits & np.uint32(0x7FFFFFFF))


def tabulate_scores(
    cultures: tuple[str, ...], axis: NeuronAxis, scores: np.ndarray
) -> Iterator[dict[str, object]]:
    """Rank scores (cultures, units); yield the scores table one culture at a time."""
    ranks = rank_scores(scores)
    for culture, score, rank in zip(cultures, scores, ranks, strict=True):
        yield tabulate_units(culture, axis, {"score": score, "rank": rank})


def frame_scores(cultures: tuple[str, ...], axis: NeuronAxis, scores: np.ndarray) -> pl.DataFrame:
    """Make the scores table of all cultures at once."""
    return pl.concat(pl.DataFrame(columns) for columns in tabulate_scores(cultures, axis, scores))
