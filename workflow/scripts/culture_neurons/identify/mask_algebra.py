"""Masks made of masks: those neurons of one that others have as well, or have not."""

from collections.abc import Mapping, Sequence

import numpy as np


def combine_masks(
    columns: Mapping[str, np.ndarray],
    units: np.ndarray,
    others: Sequence[np.ndarray],
    *,
    within: bool,
) -> dict[str, list]:
    """Keep some rows of a table of masks.

    Args:
        columns: Of table `masks`.
        units: Of its rows: see NeuronAxis.
        others: Units of other tables, whichever class they are of.
        within: Keep the neurons that any of them has; else those that none of them has.

    Returns:
        Its columns; ranks go from 0 on in each mask, in the same order.
    """
    among = np.isin(units, np.concatenate([np.empty(0, np.int64), *others]))
    kept = {name: values[among == within] for name, values in columns.items()}
    by_rank = np.lexsort((kept["rank"], kept["culture"]))
    _, first, counts = np.unique(kept["culture"][by_rank], return_index=True, return_counts=True)
    ranks = np.empty(len(by_rank), dtype=np.int64)
    ranks[by_rank] = np.arange(len(by_rank)) - np.repeat(first, counts)
    return {name: values.tolist() for name, values in (kept | {"rank": ranks}).items()}
