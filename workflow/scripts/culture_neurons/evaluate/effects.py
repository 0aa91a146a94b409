"""Outcomes under masks -> effects: accuracy changes, self against cross, intervals, p-values.

delta[m, c] is the accuracy on culture c's questions under culture m's mask minus that of the
unmodified model on the same questions. Every cell is kept, whatever its sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from culture_neurons.evaluate.pairing import EffectError, Paired, pair_outcomes
from culture_neurons.evaluate.resampling import (
    bootstrap_cells,
    find_interval,
    resample_mean,
    smooth_cells,
)
from culture_neurons.evaluate.significance import adjust_p, mcnemar, rank_p, smallest_drop
from culture_neurons.storage.tables import to_columns

MEASURES = ("self", "cross_by_mask", "cross_by_target", "gap")
SWAPPED = "self_less_swapped"  # self - self over other cultures' pictures
_SUMMARY = ("value", "ci_low", "ci_high", "non_letter_mass_change", "letter_entropy_change")
_RANKS = ("value", "control_mean", "control_low", "control_high", "rank_p")


def pair_scorer(
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    outcomes: pl.DataFrame,
    cultures: Sequence[str],
    others: int | None,
) -> Paired:
    """Pair the outcomes of one scorer, whose masks are named for their cultures.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    paired = pair_outcomes(questions, answers, outcomes, sorted(cultures), others)
    if list(paired.cultures) != sorted(cultures):
        raise EffectError(f"questions of cultures {paired.cultures}, but masks of {cultures}")
    return paired


def contrast(delta: np.ndarray, cross: str) -> dict[str, np.ndarray]:
    """Reduce matrices delta[..., mask, culture] to measures per culture, each [..., culture].

    self(c) = delta[c, c]; cross_by_mask(m) = mean over c != m of delta[m, c];
    cross_by_target(c) = mean over m != c of delta[m, c]; gap = self - cross_{cross}.
    """
    cultures = delta.shape[-1]
    own = np.diagonal(delta, axis1=-2, axis2=-1)
    measures = {
        "self": own,
        "cross_by_mask": (delta.sum(axis=-1) - own) / (cultures - 1),
        "cross_by_target": (delta.sum(axis=-2) - own) / (cultures - 1),
    }
    return {**measures, "gap": own - measures[f"cross_{cross}"]}


def share_out(measures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give each culture its part in the means over cultures, each [..., culture].

    A culture enters the mean cross as a mask and as a target: its part deviates from the mean as
    both do together. Its own cell is left out of both, which shortens deviations by
    (cultures - 2) / (cultures - 1). The parts' mean is the measures' own.
    """
    by_mask, by_target = measures["cross_by_mask"], measures["cross_by_target"]
    mean = by_mask.mean(axis=-1, keepdims=True)
    cultures = by_mask.shape[-1]
    cross = mean + (by_mask + by_target - 2 * mean) * (cultures - 1) / max(cultures - 2, 1)
    return {
        "self": measures["self"],
        "cross_by_mask": cross,
        "cross_by_target": cross,
        "gap": measures["self"] - cross,
    }


def tabulate_effects(
    paired: Paired, smooth: np.ndarray, confidence: float, alpha: float, power: float
) -> dict[str, np.ndarray]:
    """Make table `effects`, less `measure_swapped`'s part, of a whole culture x culture matrix.

    p is the exact McNemar test of images lost against images won, while correct->wrong and its
    like count questions; q is Benjamini-Hochberg over all cells. The interval is a bootstrap over
    images.

    Args:
        paired: Answers under the masks of all cultures.
        smooth: Resampled cells (resamples, masks, cultures), smoothed.
        confidence: Coverage of the intervals.
        alpha: Level of a cell's test.
        power: Power at which `smallest_drop` is stated.
    """
    images, lost, won = paired.count_images()  # (masks, cultures) each
    both_wrong = ~paired.before & (paired.gained == 0)
    before = paired.average(paired.before)
    delta = paired.average(paired.gained)
    low, high = find_interval(smooth, confidence)
    p = mcnemar(lost, won)
    churn = _measure_churn(won, images)
    drops = {n: smallest_drop(n, churn, alpha, power) for n in np.unique(images)}
    names, count = np.array(paired.cultures), len(paired.cultures)
    columns = {
        "mask_culture": np.repeat(names, count),
        "culture": np.tile(names, count),
        "questions": paired.tally(1.0).astype(int),
        "accuracy_before": before,
        "accuracy_after": before + delta,
        "delta": delta,
        "ci_low": low,
        "ci_high": high,
        "correct_to_wrong": paired.tally(paired.gained < 0).astype(int),
        "wrong_to_correct": paired.tally(paired.gained > 0).astype(int),
        "wrong_to_wrong": paired.tally(paired.switched & both_wrong).astype(int),
        "p": p,
        "q": adjust_p(p.ravel()),
        "smallest_drop": np.array([drops[n] for n in images.ravel()]),
        "non_letter_mass_change": paired.average(paired.non_letter_mass),
        "letter_entropy_change": paired.average(paired.letter_entropy),
    }
    return {name: column.ravel() for name, column in columns.items()}


def measure_swapped(swapped: Paired) -> dict[str, np.ndarray]:
    """Make the columns of table `effects` that tell what is lost without seeing the culture.

    Args:
        swapped: Answers over swapped pictures, of each mask to its own culture's questions; the
            cells of other cultures are null.
    """
    own = np.eye(len(swapped.cultures), dtype=bool)
    asked = swapped.tally(1.0)[own]
    columns = {}
    for name, values in (("swapped_before", swapped.before), ("swapped_delta", swapped.gained)):
        cells = np.full(own.shape, None)
        cells[own] = swapped.tally(values)[own] / asked
        columns[name] = cells.ravel()
    return columns


def _measure_churn(won: np.ndarray, images: np.ndarray) -> float:
    """Share of images that are won under other cultures' masks: flips without an effect."""
    other = ~np.eye(len(won), dtype=bool)
    return float(won[other].sum() / images[other].sum())


def summarise_effects(
    paired: Paired,
    resampled: np.ndarray,
    smooth: np.ndarray,
    *,
    cross: str,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make table `summaries`: each measure per culture and as the mean over cultures.

    Beside each accuracy measure stands the same measure of the mass on tokens that are no letter
    and of the letters' entropy: a model that no longer answers is not one that lost a culture.
    The mean's interval holds for cultures like these, not for these alone.

    Args:
        paired: Answers under the masks of all cultures.
        resampled: Resampled cells (resamples, masks, cultures).
        smooth: The same, smoothed: for what is measured on one culture's questions alone.
        cross: The measure that `gap` subtracts.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kinds = (paired.gained, paired.non_letter_mass, paired.letter_entropy)
    observed = [contrast(paired.average(values), cross) for values in kinds]
    spread = contrast(resampled, cross)
    parts, spread_parts = share_out(observed[0]), share_out(spread)
    # Measured on one culture's questions, which all masks may turn alike.
    smoothed = contrast(smooth, cross)
    few = {name: smoothed[name] for name in ("self", "cross_by_target")}
    single = {**spread, **few, "gap": few["self"] - spread[f"cross_{cross}"]}
    rows = []
    for measure in MEASURES:
        mean = resample_mean(parts[measure], spread_parts[measure], seed)
        bounds = find_interval(np.column_stack([single[measure], mean]), confidence)
        rows += _list_measure(paired.cultures, measure, [v[measure] for v in observed], bounds)
    return to_columns("summaries", rows)


def summarise_swapped(
    paired: Paired, swapped: Paired, *, resamples: int, confidence: float, seed: int
) -> dict[str, list]:
    """Make the rows of table `summaries` of self - self over swapped pictures.

    Below 0, a mask costs its culture more where the culture is seen. The difference is taken
    question by question; resampled are images.

    Args:
        paired: Answers under the masks of all cultures.
        swapped: The same over swapped pictures, of each mask to its own culture's questions.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    own = paired.culture, np.arange(len(paired.culture))
    kinds = {
        name: (getattr(paired, name) - getattr(swapped, name))[own][None]  # (1, questions)
        for name in ("gained", "non_letter_mass", "letter_entropy")
    }
    difference = replace(paired, asked=np.ones_like(paired.asked[:1]), **kinds)
    observed = [difference.average(values)[0] for values in kinds.values()]
    resampled = bootstrap_cells(difference, resamples, seed)
    smooth = smooth_cells(resampled, difference.tally(1.0), seed)
    mean = resample_mean(observed[0], resampled[:, 0], seed)
    bounds = find_interval(np.column_stack([smooth[:, 0], mean]), confidence)
    return to_columns("summaries", _list_measure(paired.cultures, SWAPPED, observed, bounds))


def _list_measure(
    cultures: Sequence[str], measure: str, observed: Sequence[np.ndarray], bounds: np.ndarray
) -> list[dict[str, object]]:
    """List a measure's rows: each culture's values and bounds, and those of the mean, last."""
    value, *signs = ([*values.tolist(), values.mean()] for values in observed)
    rows = zip([*cultures, None], value, *bounds.tolist(), *signs, strict=True)
    return [
        {"culture": culture, "measure": measure, **dict(zip(_SUMMARY, numbers, strict=True))}
        for culture, *numbers in rows
    ]


def rank_effects(
    paired: Paired, control: Paired, masks: Sequence[str], draws: int, cross: str
) -> dict[str, list]:
    """Rank each measure, per culture and as the mean over cultures, among a control's draws.

    Each draw is measured as if it were the scorer, on the questions that both were asked.

    Args:
        paired: Answers under the scorer's masks.
        control: Answers under the control's masks.
        masks: The control's masks in the order of its rows: "{culture}/{draw}". A mask that is
            not there is empty and changes nothing.
        draws: Number of draws.
        cross: The measure that `gap` subtracts.

    Returns:
        Columns of table `ranks` but for `control`.
    """
    place = {name: index for index, name in enumerate(masks)}
    gained = np.zeros((draws, *paired.gained.shape))  # (draws, masks, questions)
    asked = paired.asked.copy()
    for row, culture in enumerate(paired.cultures):
        for draw in range(draws):
            index = place.get(f"{culture}/{draw}")
            if index is not None:
                gained[draw, row] = control.gained[index]
                asked[row] &= control.asked[index]
    common = replace(paired, asked=asked)
    observed = contrast(common.average(paired.gained), cross)
    null = contrast(common.average(gained), cross)
    columns: dict[str, list] = {name: [] for name in ("culture", "measure", *_RANKS)}
    for measure in MEASURES:
        value = np.append(observed[measure], observed[measure].mean())
        drawn = np.column_stack(
            [null[measure], null[measure].mean(axis=1)]
        )  # (draws, cultures + 1)
        columns["culture"] += [*paired.cultures, None]
        columns["measure"] += [measure] * len(value)
        ranks = rank_p(value, drawn)
        found = (value, drawn.mean(axis=0), drawn.min(axis=0), drawn.max(axis=0), ranks)
        for name, column in zip(_RANKS, found, strict=True):
            columns[name] += column.tolist()
    return {**columns, "draws": [draws] * len(columns["value"])}


def measure_effects(
    *,
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    outcomes: pl.DataFrame,
    swapped_answers: pl.DataFrame,
    swapped_outcomes: pl.DataFrame,
    cultures: Sequence[str],
    others: int | None,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
    alpha: float,
    power: float,
) -> tuple[Paired, dict[str, np.ndarray], dict[str, list]]:
    """Measure one scorer's effects.

    Args:
        questions: The evaluate questions: question_id, image_id, culture.
        answers: Answers of the unmodified model.
        outcomes: Answers under the scorer's masks, one mask per culture, named for it.
        swapped_answers: As `answers`, over pictures of other cultures.
        swapped_outcomes: As `outcomes`, over these pictures, of each mask's own culture.
        cultures: Names of the masks.
        others: Questions of each culture other than a mask's own; None: all.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        alpha: Level of a cell's test.
        power: Power at which the smallest drop of a cell is stated.

    Returns:
        The paired answers, and the columns of tables `effects` and `summaries`.

    Raises:
        EffectError: Masks and questions are not of the same cultures, or an answer is missing.
    """
    paired = pair_scorer(questions, answers, outcomes, cultures, others)
    resampled = bootstrap_cells(paired, resamples, seed)
    smooth = smooth_cells(resampled, paired.tally(1.0), seed)
    swapped = pair_scorer(questions, swapped_answers, swapped_outcomes, cultures, others=0)
    effects = tabulate_effects(paired, smooth, confidence, alpha, power)
    draws = {"confidence": confidence, "seed": seed}
    summaries = summarise_effects(paired, resampled, smooth, cross=cross, **draws)
    less_swapped = summarise_swapped(paired, swapped, resamples=resamples, **draws)
    summaries = {name: summaries[name] + less_swapped[name] for name in summaries}
    return paired, effects | measure_swapped(swapped), summaries
