"""Two scorers on the same questions and resamples: is the difference of their effects real?"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from culture_neurons.evaluate.measures import contrast, share_out
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import bootstrap_cells, find_interval, resample_mean
from culture_neurons.evaluate.significance import adjust_p, bootstrap_p
from culture_neurons.storage.tables import to_columns

_MEASURES = ("self", "cross_by_mask", "gap")  # parts of both crosses are the same


def compare_scorers(
    scorers: Mapping[str, PairedAnswers],
    *,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make table `comparisons`: first - second of each measure's mean over cultures, per pair.

    Below 0, the first scorer's masks lower it more. Interval and p come from the hierarchical
    bootstrap of the differences; q is Benjamini-Hochberg over the pairs, per measure.

    Args:
        scorers: Name -> answers under its masks; the questions of all are the same.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    parts, spread = {}, {}
    for name, paired in scorers.items():
        parts[name] = share_out(contrast(paired.average(paired.gained), cross))
        spread[name] = share_out(contrast(bootstrap_cells(paired, resamples, seed), cross))
    rows = []
    for measure in _MEASURES:
        pairs = []
        for first, second in combinations(scorers, 2):
            difference = parts[first][measure] - parts[second][measure]
            resampled = spread[first][measure] - spread[second][measure]
            samples = resample_mean(difference, resampled, seed)
            low, high = find_interval(samples, confidence)
            pairs.append(
                {
                    "first": first,
                    "second": second,
                    "measure": measure,
                    "value": difference.mean(),
                    "ci_low": low,
                    "ci_high": high,
                    "p": float(bootstrap_p(samples)),
                }
            )
        q = adjust_p(np.array([row["p"] for row in pairs]))
        rows += [{**row, "q": value} for row, value in zip(pairs, q, strict=True)]
    return to_columns("comparisons", rows)
