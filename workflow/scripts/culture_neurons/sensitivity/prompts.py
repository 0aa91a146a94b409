"""One checkpoint under two prompts: what it answers, which neurons are found, and what they matter.

Table `prompts` is of the model that is asked; the other one is of the same weights under another
prompt, such as English for native questions. Intervals are of these cultures, from resampled
images; each question is compared with itself.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import find_broken
from culture_neurons.evaluate.intervals import size_flips
from culture_neurons.evaluate.pairing import (
    MASK,
    RESPONSE,
    PairedAnswers,
    pair_outcomes,
    pair_scorer,
)
from culture_neurons.evaluate.resampling import draw_flips, find_interval, resample_changes
from culture_neurons.neurons import MaskName, NeuronAxis
from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.sensitivity.agreement import describe_overlap
from culture_neurons.sensitivity.origins import Origins, group_cultures
from culture_neurons.storage.tables import to_columns

Groups = Mapping[tuple[str, str], np.ndarray]  # (kind, name) -> places in the list of cultures
Row = dict[str, object]

_ASKED = MaskName("asked")  # in place of a mask: the answers of the model that is asked


def compare_prompts(
    *,
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    other_answers: pl.DataFrame,
    evaluated: pl.DataFrame,
    own: pl.DataFrame,
    lent: pl.DataFrame,
    masks: Mapping[str, Mapping[str, np.ndarray]],
    axis: NeuronAxis,
    origins: Origins,
    other_questions: int | None,
    resamples: int,
    confidence: float,
    seed: int,
    collapse: float,
) -> Iterator[dict[str, list]]:
    """Yield the rows of table `prompts`: masks, then answers and effects in each outcome.

    Args:
        questions: All of the dataset: question_id, image_id, culture, answer.
        answers: Of the model that is asked.
        other_answers: Of the other one.
        evaluated: The evaluate questions of the model that is asked.
        own: Its answers under its own masks.
        lent: Its answers under the masks that the other lends it.
        masks: "own" and "lent" -> culture -> units. Cultures with neurons in both are compared;
            without any there are no rows.
        axis: The model's neurons.
        origins: Culture -> (language, country) of its subsets.
        other_questions: Questions of each culture other than a mask's own; None: all.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        collapse: See `find_broken`: cultures of which a mask breaks the model are left out.

    Raises:
        EffectError: An answer is missing.
    """
    cultures = sorted(masks["own"])
    asked = (cultures, other_questions)
    effects = {
        outcome: [pair_scorer(evaluated, table, *asked, outcome) for table in (own, lent)]
        for outcome in OUTCOMES
    }
    compared = _choose_cultures(effects[ACCURACY], masks, collapse)
    if not compared:
        return
    groups = group_cultures(compared, origins)
    yield to_columns("prompts", _list_masks(masks, axis, compared, groups))
    draws = {"resamples": resamples, "confidence": confidence, "seed": seed}
    kept = questions.filter(pl.col("culture").is_in(compared))
    for outcome in OUTCOMES:
        said = _pair_models(kept, answers, other_answers, outcome)
        rows = list(_list_answers(said, groups, **draws))
        rows += _list_effects(*effects[outcome], compared, groups, **draws)
        yield to_columns("prompts", rows)


def _choose_cultures(
    effects: Sequence[PairedAnswers], masks: Mapping[str, Mapping[str, np.ndarray]], collapse: float
) -> list[str]:
    """Choose the cultures both of whose masks have neurons and break nothing."""
    whole = [find_broken(paired, collapse) != 1 for paired in effects]
    return [
        name
        for name, one, other in zip(effects[0].cultures, *whole, strict=True)
        if one and other and len(masks["own"][name]) and len(masks["lent"][name])
    ]


def _list_masks(
    masks: Mapping[str, Mapping[str, np.ndarray]],
    axis: NeuronAxis,
    cultures: Sequence[str],
    groups: Groups,
) -> Iterator[Row]:
    """List how far masks overlap (Jaccard index, beside chance), and their mean relative depth."""
    last = max(len(axis.widths) - 1, 1)
    values: dict[str, list[float]] = {}
    for culture in cultures:
        own, lent = (masks[whose][culture] for whose in ("own", "lent"))
        shared = len(np.intersect1d(own, lent))
        overlap = describe_overlap(len(own), len(lent), shared, len(axis))
        row = {"overlap": overlap["overlap"], "overlap_chance": overlap["chance"]}
        depths = (axis.layer[units].mean() / last for units in (own, lent))
        row |= dict(zip(("depth", "depth_other"), depths, strict=True))
        for measure, value in row.items():
            values.setdefault(measure, []).append(value)
    for measure, numbers in values.items():
        yield from _list_rows(groups, None, measure, np.array(numbers))


def _pair_models(
    questions: pl.DataFrame, answers: pl.DataFrame, other_answers: pl.DataFrame, outcome: str
) -> PairedAnswers:
    """Pair one model's answers with another's: these are `before`, the changes `gained`."""
    mask = dict(zip(MASK, _ASKED, strict=False))
    frames = [
        frame.select(
            *(pl.lit(value, MASK[name]).alias(name) for name, value in said.items()), *RESPONSE
        )
        for frame, said in ((other_answers, dict.fromkeys(MASK)), (answers, mask))
    ]
    return pair_outcomes(questions, pl.concat(frames), [_ASKED], outcome=outcome)


def _list_answers(
    said: PairedAnswers, groups: Groups, resamples: int, confidence: float, seed: int
) -> Iterator[Row]:
    """List how well both answer, and the difference."""
    difference = resample_changes(said, said.gained[0], resamples, seed)
    other = said.average(said.before[None])[0]
    flips = draw_flips(resamples, 1, seed) * said.size_flip()[0] / said.tally(1.0)[0]
    yield from _list_rows(groups, said.outcome, "answers", other + difference[0])
    yield from _list_rows(groups, said.outcome, "answers_other", other)
    samples = (difference[1:], flips, confidence)
    yield from _list_rows(groups, said.outcome, "answers_less_other", difference[0], *samples)


def _list_effects(
    own: PairedAnswers,
    lent: PairedAnswers,
    cultures: Sequence[str],
    groups: Groups,
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[Row]:
    """List what own masks change in their culture's answers, and what lent ones do."""
    places = np.searchsorted(own.cultures, cultures)
    pairs = {"self": own, "self_lent": lent}
    drawn = {
        name: resample_changes(paired, paired.take_own(), resamples, seed)[:, places]
        for name, paired in pairs.items()
    }
    flips = dict(zip(pairs, draw_flips(resamples, 2, seed).T, strict=True))
    added = {
        name: flips[name][:, None] * size_flips(paired)["self"][places]
        for name, paired in pairs.items()
    }
    for table in (drawn, added):
        table["lent_less_self"] = table["self_lent"] - table["self"]
    for name, values in drawn.items():
        samples = (values[1:], added[name], confidence)
        yield from _list_rows(groups, own.outcome, name, values[0], *samples)


def _list_rows(
    groups: Groups,
    outcome: str | None,
    measure: str,
    values: np.ndarray,
    samples: np.ndarray | None = None,
    flips: np.ndarray | None = None,
    confidence: float | None = None,
) -> Iterator[Row]:
    """List a row of table `prompts` per group.

    Args:
        groups: Of cultures.
        outcome: What is measured; None: masks.
        measure: Its name.
        values: (cultures,), of which groups have means.
        samples: The same, resampled (resamples, cultures); None: no interval.
        flips: What one question's flip adds to a culture's value, of the same shape.
        confidence: Coverage of the interval.
    """
    for (kind, name), members in groups.items():
        low = high = None
        if samples is not None:
            mean = samples[:, members].mean(axis=1)
            mean += flips[:, members].mean(axis=1) / len(members)
            low, high = find_interval(mean, confidence).tolist()
        yield {
            "by": kind,
            "name": name,
            "cultures": len(members),
            "outcome": outcome,
            "measure": measure,
            "value": float(values[members].mean()),
            "ci_low": low,
            "ci_high": high,
        }
