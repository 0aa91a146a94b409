"""Random masks: what any set of as many neurons does."""

from collections.abc import Iterable

import numpy as np
import polars as pl


def name_draw(size: int, draw: int) -> str:
    """Name a random mask by its size and draw."""
    return f"{size}/{draw}"


def draw_random(
    sizes: Iterable[int], draws: int, layers: int, width: int, seed: int
) -> dict[str, pl.DataFrame]:
    """Draw masks uniformly without replacement, `draws` of each distinct size but 0.

    A draw depends on (seed, size, draw) alone: more draws keep the earlier ones, and masks of one
    size are shared by all cultures and scorers with that size.

    Returns:
        Mask name -> rows of table `masks`; culture is null.
    """
    masks = {}
    for size in sorted(set(sizes) - {0}):
        for draw in range(draws):
            generator = np.random.default_rng([seed, size, draw])
            chosen = generator.choice(layers * width, size=size, replace=False)
            name = name_draw(size, draw)
            masks[name] = pl.DataFrame(
                {
                    "mask": [name] * size,
                    "culture": pl.Series([None] * size, dtype=pl.String),
                    "layer": (chosen // width).astype(np.uint16),
                    "neuron": (chosen % width).astype(np.uint32),
                    "rank": np.arange(size, dtype=np.uint32),
                }
            )
    return masks
