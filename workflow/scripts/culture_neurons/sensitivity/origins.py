"""Languages and countries of cultures, and groups of those that share one."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from culture_neurons.dataset.cultures import parse_subset

Origins = Mapping[str, frozenset[tuple[str, str]]]  # culture -> (language, country) of its subsets


def find_origins(questions: pl.DataFrame) -> Origins:
    """Find the languages and countries of each culture; questions: culture, subset.

    A culture whose subsets are no pairs of them has none.
    """
    found: dict[str, set] = {}
    for culture, subset in questions.select("culture", "subset").unique().iter_rows():
        pair = parse_subset(subset)
        found.setdefault(culture, set()).update([pair] if len(pair) == 2 else [])
    return {culture: frozenset(pairs) for culture, pairs in found.items()}


def group_cultures(cultures: Sequence[str], origins: Origins) -> dict[tuple[str, str], np.ndarray]:
    """Group cultures: all, those of one language or country where these are several, and each.

    Returns:
        (all | language | country | culture, its name) -> places in `cultures`. A culture of several
        languages or countries is in no group of these.
    """
    groups: dict[tuple[str, str], list[int]] = {("all", "all cultures"): list(range(len(cultures)))}
    for part, kind in enumerate(("language", "country")):
        members: dict[str, list[int]] = {}
        for place, culture in enumerate(cultures):
            names = {pair[part] for pair in origins[culture]}
            if len(names) == 1:
                members.setdefault(names.pop(), []).append(place)
        groups |= {(kind, name): found for name, found in sorted(members.items()) if len(found) > 1}
    groups |= {("culture", culture): [place] for place, culture in enumerate(cultures)}
    return {key: np.array(places, dtype=int) for key, places in groups.items()}
