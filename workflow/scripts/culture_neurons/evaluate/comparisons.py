"""Two scorers on the same questions and resamples: is the difference of their effects real?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import polars as pl

from culture_neurons.evaluate.intervals import resample_means, size_flips
from culture_neurons.evaluate.measures import contrast, share_out
from culture_neurons.evaluate.pairing import PairedAnswers, pair_scorer
from culture_neurons.evaluate.resampling import bootstrap_cells, find_interval
from culture_neurons.evaluate.significance import adjust_p, bootstrap_p
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.storage.tables import to_columns

_MEASURES = ("self", "cross_by_mask", "gap")  # parts of both crosses are the same


def compare_outcomes(
    outcomes: Mapping[str, pl.DataFrame],
    questions: pl.DataFrame,
    cultures: Sequence[str],
    other_questions: int | None,
    **statistics: object,
) -> Iterator[dict[str, list]]:
    """Compare scorers in every outcome.

    Args:
        outcomes: Scorer -> answers under its masks.
        questions: The evaluate questions.
        cultures: Names of the masks.
        other_questions: Questions of each culture other than a mask's own; None: all.
        statistics: As `compare_scorers`.
    """
    for outcome in OUTCOMES:
        paired = {
            name: pair_scorer(questions, table, cultures, other_questions, outcome)
            for name, table in outcomes.items()
        }
        yield compare_scorers(paired, **statistics)


def compare_scorers(
    scorers: Mapping[str, PairedAnswers],
    *,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Compare the scorers in one outcome: first - second of each measure's mean over cultures.

    Below 0, the first scorer's masks lower it more. Interval and p come from the hierarchical
    bootstrap of the differences; q is Benjamini-Hochberg over the pairs, per measure.

    Args:
        scorers: Name -> answers under its masks; questions and outcome of all are the same.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Columns of table `comparisons`, a row per measure and pair.
    """
    parts, spread = {}, {}
    for name, paired in scorers.items():
        parts[name] = share_out(contrast(paired.average(paired.gained), cross))
        spread[name] = share_out(contrast(bootstrap_cells(paired, resamples, seed), cross))
    pairs: dict[str, list] = {measure: [] for measure in _MEASURES}
    for first, second in combinations(scorers, 2):
        gained = scorers[first].gained - scorers[second].gained
        sizes = size_flips(replace(scorers[first], gained=gained))
        difference, resampled = (
            {measure: of[first][measure] - of[second][measure] for measure in of[first]}
            for of in (parts, spread)
        )
        samples = resample_means(difference, resampled, sizes, cross, seed)
        for measure, rows in pairs.items():
            low, high = find_interval(samples[measure], confidence)
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "outcome": scorers[first].outcome,
                    "measure": measure,
                    "value": difference[measure].mean(),
                    "ci_low": low,
                    "ci_high": high,
                    "p": float(bootstrap_p(samples[measure])),
                }
            )
    for rows in pairs.values():
        q = adjust_p(np.array([row["p"] for row in rows]))
        for row, value in zip(rows, q, strict=True):
            row["q"] = value
    return to_columns("comparisons", chain.from_iterable(pairs.values()))
