"""Random controls: neurons that resemble a scorer's in number, layer, or activity; many draws.

The control that runs the scorer itself on permuted labels is in permutation.py.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from culture_neurons.identify.statistics import Statistics

DECILES = np.arange(1, 10) / 10


def make_strata(kind: str, statistics: Statistics) -> dict[str, np.ndarray]:
    """Divide the neurons into strata: a control's mask takes as many of each as the scorer's.

    Args:
        kind: "random": all neurons are one stratum. "random_layer": a layer is one.
            "random_activity": the neurons of a layer in one decile of the culture's P are one.
        statistics: Sums per culture, layer, and neuron.

    Returns:
        Culture -> stratum of each neuron (layers * width,).
    """
    _, layers, width = statistics.active.shape
    layer = np.repeat(np.arange(layers), width)
    strata = {}
    for culture, probability in zip(statistics.cultures, statistics.probability, strict=True):
        if kind == "random":
            strata[culture] = np.zeros_like(layer)
        elif kind == "random_layer":
            strata[culture] = layer
        else:
            bounds = np.quantile(probability, DECILES, axis=1).T  # (layers, 9)
            decile = [np.searchsorted(b, p) for b, p in zip(bounds, probability, strict=True)]
            strata[culture] = 10 * layer + np.concatenate(decile)
    return strata


def draw_masks(
    strata: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    width: int,
    draws: int,
    seed: int,
) -> Iterator[pl.DataFrame]:
    """Draw masks uniformly without replacement, as many of each stratum as a scorer's mask has.

    A draw depends on (seed, culture, draw) alone: more draws keep the earlier ones.

    Args:
        strata: Culture -> stratum of each neuron (layers * width,).
        masks: Culture -> the scorer's neurons, as layer * width + neuron. An empty mask has no
            draws.
        width: Neurons per layer.
        draws: Masks per culture.
        seed: Seed of the draws.

    Yields:
        Rows of table `masks`, one mask at a time, named "{culture}/{draw}".
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
            yield tabulate_draw(culture, draw, chosen, width)


def draw_control(
    kind: str,
    statistics: Statistics,
    masks: pl.DataFrame | None,
    count: int,
    draws: int,
    seed: int,
) -> Iterator[pl.DataFrame]:
    """Draw one control of a scorer, or one that all scorers with masks of one size share.

    Args:
        kind: As of `make_strata`.
        statistics: Sums per culture, layer, and neuron.
        masks: The scorer's, as table `masks`. None: masks of `count` neurons of all.
        count: Number of neurons that the rate asks for.
        draws: Masks per culture.
        seed: Seed of the draws.

    Yields:
        Rows of table `masks`, one mask at a time.
    """
    _, layers, width = statistics.active.shape
    if masks is None:
        strata = make_strata("random", statistics)
        neurons = dict.fromkeys(statistics.cultures, np.arange(count))
    else:
        strata = make_strata(kind, statistics)
        place = pl.col("layer").cast(pl.Int64) * width + pl.col("neuron")
        placed = masks.select("mask", place=place)
        neurons = {c: placed.filter(mask=c)["place"].to_numpy() for c in statistics.cultures}
    return draw_masks(strata, neurons, width, draws, seed)


def count_rows(masks: pl.DataFrame) -> dict[str, int]:
    """Count the neurons of each mask that has any, in the order of their rows."""
    return dict(masks.group_by("mask", maintain_order=True).len().iter_rows())


def tabulate_draw(culture: str, draw: int, chosen: np.ndarray, width: int) -> pl.DataFrame:
    """Make the rows of table `masks` of one draw from neurons as layer * width + neuron."""
    size = len(chosen)
    return pl.DataFrame(
        {
            "mask": [f"{culture}/{draw}"] * size,
            "culture": pl.Series([None] * size, dtype=pl.String),
            "layer": (chosen // width).astype(np.uint16),
            "neuron": (chosen % width).astype(np.uint32),
            "rank": np.arange(size, dtype=np.uint32),
        }
    )
