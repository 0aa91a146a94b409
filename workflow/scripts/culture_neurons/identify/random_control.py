"""Random controls: neurons that resemble a scorer's in number, layer, or activity; many draws.

The control that runs the scorer itself on permuted labels is in permuted_control.py.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from culture_neurons.identify.statistics import Statistics
from culture_neurons.neurons import NeuronAxis

DECILES = np.arange(1, 10) / 10


def make_strata(kind: str, statistics: Statistics) -> dict[str, np.ndarray]:
    """Divide the neurons into strata: a control's mask takes as many of each as the scorer's.

    Args:
        kind: "random": all neurons are one stratum. "random_layer": a layer is one.
            "random_activity": the neurons of a layer in one decile of the culture's P are one (of
            heads, which have no P, in one decile of the mean).
        statistics: Sums per culture, layer, and neuron.

    Returns:
        Culture -> stratum of each neuron (units,).
    """
    axis = statistics.axis
    layer = axis.layer.astype(np.int64)
    strata = {}
    for culture, activity in zip(statistics.cultures, statistics.activity, strict=True):
        if kind == "random":
            strata[culture] = np.zeros_like(layer)
        elif kind == "random_layer":
            strata[culture] = layer
        else:
            decile = [
                np.searchsorted(np.quantile(part, DECILES), part)
                for part in axis.split_layers(activity)
            ]
            strata[culture] = 10 * layer + np.concatenate(decile)
    return strata


def draw_masks(
    strata: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    axis: NeuronAxis,
    draws: int,
    seed: int,
) -> Iterator[pl.DataFrame]:
    """Draw masks uniformly without replacement, as many of each stratum as a scorer's mask has.

    A draw depends on (seed, culture, draw) alone: more draws keep the earlier ones.

    Args:
        strata: Culture -> stratum of each neuron (units,).
        masks: Culture -> the scorer's neurons, as units. An empty mask has no draws.
        axis: The neurons.
        draws: Masks per culture.
        seed: Seed of the draws.

    Yields:
        Rows of table `masks`, one mask at a time.
    """
    for culture, mask in masks.items():
        stratum = strata[culture]
        order = np.argsort(stratum, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(stratum))[:-1])
        wanted = np.bincount(stratum[mask], minlength=len(members))
        for draw in range(draws if len(mask) else 0):
            generator = np.random.default_rng([seed, draw, *culture.encode()])
            chosen = np.concatenate(
                [
                    generator.choice(members[index], wanted[index], replace=False)
                    for index in np.flatnonzero(wanted)
                ]
            )
            yield tabulate_draw(culture, draw, chosen, axis)


def draw_control(
    kind: str,
    statistics: Statistics,
    masks: Sequence[pl.DataFrame],
    count: int,
    draws: int,
    seed: int,
) -> Iterator[pl.DataFrame]:
    """Draw one control of a scorer, or one that all scorers with masks of one size share.

    Args:
        kind: As of `make_strata`.
        statistics: Sums per culture, layer, and neuron.
        masks: The scorer's, as one table `masks`. None of it: masks of `count` neurons of all.
        count: Number of neurons that the rate asks for.
        draws: Masks per culture.
        seed: Seed of the draws.

    Yields:
        Rows of table `masks`, one mask at a time.
    """
    axis = statistics.axis
    if not masks:
        strata = make_strata("random", statistics)
        neurons = dict.fromkeys(statistics.cultures, np.arange(count))
    else:
        strata = make_strata(kind, statistics)
        neurons = {
            culture: axis.find_units(*masks[0].filter(culture=culture).select("layer", "neuron"))
            for culture in statistics.cultures
        }
    return draw_masks(strata, neurons, axis, draws, seed)


def tabulate_draw(culture: str, draw: int, units: np.ndarray, axis: NeuronAxis) -> pl.DataFrame:
    """Make the rows of table `masks` of one draw."""
    size = len(units)
    return pl.DataFrame(
        {
            "culture": [culture] * size,
            "draw": np.full(size, draw, dtype=np.uint32),
            "layer": axis.layer[units],
            "neuron": axis.neuron[units],
            "rank": np.arange(size, dtype=np.uint32),
        }
    )
