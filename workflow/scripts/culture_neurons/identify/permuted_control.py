"""The control for selection itself: a scorer on statistics whose culture labels were permuted."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import polars as pl

from culture_neurons.identify.scoring import frame_scores, score_neurons
from culture_neurons.identify.selection import select_neurons
from culture_neurons.identify.statistics import Cells, add_cells


def permute_labels(cultures: int, folds: int, draw: int, seed: int) -> np.ndarray:
    """Permute the culture labels of cells; the cells of each label, (cultures, folds)."""
    order = np.random.default_rng([seed, draw]).permutation(cultures * folds)
    return order.reshape(cultures, folds)


def select_permuted(
    cells: Cells,
    scorer: Callable[..., np.ndarray],
    options: Mapping[str, object],
    count: int,
    pool: str,
    min_score: float | None,
    draws: Iterable[int],
    seed: int,
) -> Iterator[pl.DataFrame]:
    """Run a scorer and its selection on statistics whose culture labels were permuted over cells.

    Args:
        cells: Sums per cell.
        scorer: As of `load_scorer`.
        options: The scorer's options.
        count: Number of neurons to select.
        pool: As of `select_neurons`.
        min_score: As of `select_neurons`.
        draws: Numbers of the permutations.
        seed: Seed of the permutations.

    Yields:
        Rows of table `masks`, one draw at a time.
    """
    for draw in draws:
        labels = permute_labels(len(cells.cultures), len(cells.folds), draw, seed)
        statistics = add_cells(cells, labels)
        scores = score_neurons(statistics, scorer, options)
        masks = select_neurons(
            frame_scores(cells.cultures, cells.axis, scores), count, pool, min_score
        )
        yield masks.with_columns(draw=pl.lit(draw, pl.UInt32))
