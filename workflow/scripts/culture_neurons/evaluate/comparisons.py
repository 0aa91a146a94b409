"""Two scorers on the same questions and resamples: is the difference of their effects real?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks, find_broken
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
    collapse: float,
    **statistics: object,
) -> Iterator[dict[str, list]]:
    """Compare scorers in every outcome, without masks that break the model.

    Args:
        outcomes: Scorer -> answers under its masks.
        questions: The evaluate questions.
        cultures: Names of the masks.
        other_questions: Questions of each culture other than a mask's own; None: all.
        collapse: See `find_broken`.
        statistics: As `compare_scorers`.
    """
    for outcome in OUTCOMES:
        paired = {
            name: pair_scorer(questions, table, cultures, other_questions, outcome)
            for name, table in outcomes.items()
        }
        kept = {name: choose_masks(find_broken(one, collapse)) for name, one in paired.items()}
        yield compare_scorers(paired, kept, **statistics)


def compare_scorers(
    scorers: Mapping[str, PairedAnswers],
    kept: Mapping[str, np.ndarray],
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
        kept: Name -> indices of the masks that means are taken of: of two scorers, those of both.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Columns of table `comparisons`, a row per measure and pair.
    """
    # (1 + resamples, masks, cultures): as observed, then resampled
    deltas = {
        name: np.concatenate(
            [paired.average(paired.gained)[None], bootstrap_cells(paired, resamples, seed)]
        )
        for name, paired in scorers.items()
    }
    pairs: dict[str, list] = {measure: [] for measure in _MEASURES}
    for first, second in combinations(scorers, 2):
        both = np.intersect1d(kept[first], kept[second])
        gained = scorers[first].gained - scorers[second].gained
        between = replace(scorers[first], gained=gained)
        value, samples = _resample_difference(
            between, deltas[first] - deltas[second], both, cross, seed
        )
        keys = {"first": first, "second": second, "outcome": between.outcome}
        for measure, rows in pairs.items():
            bounds = find_interval(samples[measure], confidence)
            row = {"measure": measure, "value": value[measure]}
            row |= dict(zip(("ci_low", "ci_high"), bounds, strict=True))
            rows.append(keys | row | {"p": float(bootstrap_p(samples[measure]))})
    for rows in pairs.values():
        q = adjust_p(np.array([row["p"] for row in rows]))
        for row, value in zip(rows, q, strict=True):
            row["q"] = value
    return to_columns("comparisons", chain.from_iterable(pairs.values()))


def _resample_difference(
    between: PairedAnswers, delta: np.ndarray, kept: np.ndarray, cross: str, seed: int
) -> tuple[dict[str, float], Mapping[str, np.ndarray]]:
    """Resample the difference of two scorers in each measure's mean over cultures.

    Args:
        between: Answers whose changes are those of one scorer less the other's.
        delta: Their mean changes (1 + resamples, masks, cultures), the first row as observed.
        kept: Indices of the masks that the means are taken of.
        cross: The measure that the gap subtracts.
        seed: Seed of the bootstrap.

    Returns:
        Measure -> the difference, and its resamples (resamples,).
    """
    sizes = {measure: size[kept] for measure, size in size_flips(between).items()}
    parts = share_out(contrast(delta[:, *np.ix_(kept, kept)], cross))
    observed = {measure: values[0] for measure, values in parts.items()}
    spread = {measure: values[1:] for measure, values in parts.items()}
    samples = resample_means(observed, spread, sizes, cross, seed)
    return {measure: values.mean() for measure, values in observed.items()}, samples
