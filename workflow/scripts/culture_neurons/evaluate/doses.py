"""What steering does at each strength, and at those chosen elsewhere: table `doses`.

Groups of cultures are each alone, "all cultures", and the "lower half": see `find_lower_half`.
Intervals are of these cultures, from resampled images; whether more cultures like these would gain
is told by tables `summaries` and `ranks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import find_broken
from culture_neurons.evaluate.intervals import size_flips
from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers, pair_outcomes, pair_scorer
from culture_neurons.evaluate.ranks import stack_draws
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.storage.tables import to_columns

OWN = "own"  # a scorer's own masks, beside controls
ALL, LOWER = "all cultures", "lower half"  # no culture has a space in its code
Groups = Mapping[str, np.ndarray]  # name -> indices of its cultures
Answers = Mapping[float | None, pl.DataFrame]  # strength, None: as chosen -> outcomes


@dataclass(frozen=True)
class SteeredControl:
    """A control's steered masks, and what they were asked."""

    answers: Answers
    masks: Sequence[MaskName]
    draws: int
    other_questions: int | None  # of each culture that is not a mask's own; None: all


def measure_doses(
    *,
    questions: pl.DataFrame,
    answers: Answers,
    controls: Mapping[str, SteeredControl],
    cultures: Sequence[str],
    lower: Sequence[str],
    other_questions: int | None,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
    collapse: float,
) -> Iterator[dict[str, list]]:
    """Yield the rows of table `doses`, one strength and outcome at a time.

    Args:
        questions: Of the evaluate folds, without the tune folds'.
        answers: Under the scorer's masks, by strength.
        controls: By name.
        cultures: Names of the masks.
        lower: The under-performing ones.
        other_questions: Questions of each culture other than a mask's own; None: all.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        collapse: See `find_broken`.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    names = sorted(cultures)
    groups = {name: np.array([place]) for place, name in enumerate(names)}
    groups[ALL] = np.arange(len(names))
    if lower:
        groups[LOWER] = np.searchsorted(names, lower)
    draws = {"cross": cross, "resamples": resamples, "confidence": confidence, "seed": seed}
    for strength, outcomes in answers.items():
        for outcome in OUTCOMES:  # accuracy or not, what breaks a model is the same
            paired = pair_scorer(questions, outcomes, names, other_questions, outcome)
            broken = find_broken(paired, collapse)
            rows = list(_list_own(paired, broken, groups, **draws))
            for name, control in controls.items():
                drawn = pair_outcomes(
                    questions,
                    control.answers[strength],
                    control.masks,
                    control.other_questions,
                    outcome,
                )
                stacked = stack_draws(paired, drawn, control.masks, control.draws)
                rows += _list_control(name, *stacked, groups, cross)
            keys = {"strength": strength, "outcome": outcome}
            yield to_columns("doses", (row | keys for row in rows))


def _list_own(
    paired: PairedAnswers,
    broken: np.ndarray,
    groups: Groups,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[dict[str, object]]:
    """List the rows of a scorer's own masks, of which some are broken; see `measure_doses`."""
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    values, mass, entropy = (contrast(paired.average(kind), cross) for kind in kinds)
    spread = contrast(bootstrap_cells(paired, resamples, seed), cross)
    sizes = size_flips(paired)
    own, other = draw_flips(resamples, 2, seed).T
    before = np.diagonal(paired.average(np.broadcast_to(paired.before, paired.asked.shape)))
    for name, members in groups.items():
        # A flip changes the mean by its culture's share of it.
        flip = {measure: size[members].mean() / len(members) for measure, size in sizes.items()}
        samples = {
            measure: spread[measure][:, members].mean(axis=1)
            + (own if measure == "self" else other) * flip[measure]
            for measure in flip
        }
        samples["gap"] = samples["self"] - samples[f"cross_{cross}"]
        for measure in MEASURES:
            low, high = find_interval(samples[measure], confidence).tolist()
            yield {
                **_name_row(OWN, name, members, measure, before),
                "value": values[measure][members].mean().item(),
                "ci_low": low,
                "ci_high": high,
                "rank_p": None,
                "non_letter_mass_change": mass[measure][members].mean().item(),
                "letter_entropy_change": entropy[measure][members].mean().item(),
                "broken": int(broken[members].sum()),
            }


def _list_control(
    control: str, paired: PairedAnswers, gained: np.ndarray, groups: Groups, cross: str
) -> Iterator[dict[str, object]]:
    """List the rows of a control.

    Args:
        control: Its name.
        paired: Answers under the scorer's masks, on the questions that both were asked.
        gained: The control's changes (draws, masks, questions).
        groups: Name -> indices of cultures.
        cross: The measure that the gap subtracts.
    """
    own = contrast(paired.average(paired.gained), cross)
    drawn = contrast(paired.average(gained), cross)  # each (draws, cultures)
    before = np.diagonal(paired.average(np.broadcast_to(paired.before, paired.asked.shape)))
    for name, members in groups.items():
        for measure in MEASURES:
            null = drawn[measure][:, members].mean(axis=1)
            rank = rank_p(-own[measure][members].mean(), -null).item()
            yield {
                **_name_row(control, name, members, measure, before),
                "value": null.mean().item(),
                "ci_low": null.min().item(),
                "ci_high": null.max().item(),
                # Random masks hardly differ between cultures: they are no null of cross or gap.
                "rank_p": rank if measure == "self" else None,
                "non_letter_mass_change": None,
                "letter_entropy_change": None,
                "broken": None,
            }


def _name_row(
    masks: str, group: str, members: np.ndarray, measure: str, before: np.ndarray
) -> dict[str, object]:
    return {
        "masks": masks,
        "group": group,
        "cultures": len(members),
        "measure": measure,
        "before": before[members].mean().item(),
    }
