"""What steering does at each strength, and at those chosen elsewhere: table `doses`.

Groups of cultures are each alone, all, and the under-performing half: see `find_lower_half`. Where
few of a group's masks break the model, its means leave these out: see `choose_masks`. Intervals are
of these cultures, from resampled images; whether more cultures like these would gain is told by
tables `summaries` and `ranks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks, find_broken
from culture_neurons.evaluate.intervals import size_flips
from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers, pair_outcomes, pair_scorer
from culture_neurons.evaluate.ranks import stack_draws
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.storage.schemas import ALL_CULTURES, LOWER_HALF, OWN
from culture_neurons.storage.tables import to_columns

Groups = Mapping[str, "Group"]
Answers = Mapping[float | None, pl.DataFrame]  # strength, None: as chosen -> outcomes


@dataclass(frozen=True)
class Group:
    """Cultures whose mean is taken, as indices."""

    members: np.ndarray
    kept: np.ndarray  # those whose masks the mean is taken of
    broken: int  # members' masks that break the model


@dataclass(frozen=True)
class SteeredControl:
    """A control's steered masks, and what they were asked."""

    answers: Answers
    masks: Sequence[MaskName]
    draws: int
    asked: Mapping[str, int | None]  # other_questions and own_questions of pair_outcomes


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
    members = {name: [place] for place, name in enumerate(names)}
    members[ALL_CULTURES] = range(len(names))
    members |= {LOWER_HALF: np.searchsorted(names, lower)} if lower else {}
    draws = {"cross": cross, "resamples": resamples, "confidence": confidence, "seed": seed}
    for strength, outcomes in answers.items():
        pairs = {
            outcome: pair_scorer(questions, outcomes, names, other_questions, outcome)
            for outcome in OUTCOMES
        }
        broken = find_broken(pairs[ACCURACY], collapse)
        groups = {name: make_group(np.array(places), broken) for name, places in members.items()}
        for outcome, paired in pairs.items():
            rows = list(_list_own(paired, groups, **draws))
            for name, control in controls.items():
                outcomes, asked = control.answers[strength], control.asked
                drawn = pair_outcomes(questions, outcomes, control.masks, outcome=outcome, **asked)
                stacked = stack_draws(paired, drawn, control.masks, control.draws)
                rows += _list_control(name, *stacked, groups, cross)
            keys = {"strength": strength, "outcome": outcome}
            yield to_columns("doses", (row | keys for row in rows))


def make_group(members: np.ndarray, broken: np.ndarray) -> Group:
    """Make a group of cultures, without the masks that break the model where they are few.

    Args:
        members: Indices of its cultures.
        broken: Of all masks, see `find_broken`.
    """
    here = broken[members]
    return Group(members, members[choose_masks(here)], int(here.sum()))


def _list_own(
    paired: PairedAnswers,
    groups: Groups,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[dict[str, object]]:
    """List the rows of a scorer's own masks; arguments: see `measure_doses`."""
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    values, mass, entropy = (contrast(paired.average(kind), cross) for kind in kinds)
    spread = contrast(bootstrap_cells(paired, resamples, seed), cross)
    sizes = size_flips(paired)
    own, other = draw_flips(resamples, 2, seed).T
    before = np.diagonal(paired.average(np.broadcast_to(paired.before, paired.asked.shape)))
    for name, group in groups.items():
        kept = group.kept
        # A flip changes the mean by its culture's share of it.
        flip = {measure: size[kept].mean() / len(kept) for measure, size in sizes.items()}
        samples = {
            measure: spread[measure][:, kept].mean(axis=1)
            + (own if measure == "self" else other) * flip[measure]
            for measure in flip
        }
        samples["gap"] = samples["self"] - samples[f"cross_{cross}"]
        for measure in MEASURES:
            low, high = find_interval(samples[measure], confidence).tolist()
            yield {
                **_name_row(OWN, name, group, measure, before),
                "value": values[measure][kept].mean().item(),
                "ci_low": low,
                "ci_high": high,
                "rank_p": None,
                "non_letter_mass_change": mass[measure][kept].mean().item(),
                "letter_entropy_change": entropy[measure][kept].mean().item(),
                "broken": group.broken,
                "left_out": len(group.members) - len(kept),
            }


def _list_control(
    control: str, paired: PairedAnswers, gained: np.ndarray, groups: Groups, cross: str
) -> Iterator[dict[str, object]]:
    """List the rows of a control.

    Args:
        control: Its name.
        paired: Answers under the scorer's masks, on the questions that both were asked.
        gained: The control's changes (draws, masks, questions).
        groups: By name.
        cross: The measure that the gap subtracts.
    """
    own = contrast(paired.average(paired.gained), cross)
    drawn = contrast(paired.average(gained), cross)  # each (draws, cultures)
    before = np.diagonal(paired.average(np.broadcast_to(paired.before, paired.asked.shape)))
    for name, group in groups.items():
        for measure in MEASURES:
            null = drawn[measure][:, group.kept].mean(axis=1)
            rank = rank_p(-own[measure][group.kept].mean(), -null).item()
            yield {
                **_name_row(control, name, group, measure, before),
                "value": null.mean().item(),
                "ci_low": null.min().item(),
                "ci_high": null.max().item(),
                # Random masks hardly differ between cultures: they are no null of cross or gap.
                "rank_p": rank if measure == "self" else None,
                "non_letter_mass_change": None,
                "letter_entropy_change": None,
                "broken": None,
                "left_out": None,
            }


def _name_row(
    masks: str, name: str, group: Group, measure: str, before: np.ndarray
) -> dict[str, object]:
    return {
        "masks": masks,
        "group": name,
        "cultures": len(group.members),
        "measure": measure,
        "before": before[group.kept].mean().item(),
    }
