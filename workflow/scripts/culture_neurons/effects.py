"""Outcomes under masks -> effects: accuracy changes, self against cross, intervals, p-values.

delta[m, c] is the accuracy on culture c's questions under culture m's mask minus that of the
unmodified model on the same questions. Every cell is kept, whatever its sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import bdtr

from culture_neurons.controls import name_draw

MEASURES = ("self", "cross_by_mask", "cross_by_target", "gap")


class EffectError(Exception):
    """Outcomes that do not make a complete matrix."""


@dataclass(frozen=True)
class Paired:
    """Answers of one culture's questions before and after, in one order of questions."""

    image: np.ndarray  # (questions,) image number, 0 ..
    before: np.ndarray  # (questions,) correct without a mask
    after: np.ndarray  # (masks, questions) correct under each mask
    changed: np.ndarray  # (masks, questions) another option was chosen

    @property
    def delta(self) -> np.ndarray:
        """Accuracy change per mask, (masks,)."""
        return self.after.mean(axis=1) - self.before.mean()


def pair_outcomes(
    questions: pl.DataFrame, answers: pl.DataFrame, outcomes: pl.DataFrame, masks: Sequence[str]
) -> dict[str, Paired]:
    """Join outcomes with the unmodified answers, per culture.

    Args:
        questions: The evaluate questions: question_id, image_id, culture.
        answers: question_id, predicted, correct of the unmodified model.
        outcomes: mask, question_id, predicted, correct.
        masks: The masks' names, in the order of the result's rows.

    Raises:
        EffectError: A question lacks its answer, or a mask lacks a question.
    """
    base = questions.join(answers, on="question_id").sort("culture", "question_id")
    if len(base) != len(questions):
        raise EffectError(f"{len(questions) - len(base)} evaluate questions have no answer")
    order = base.select("question_id").with_row_index("column")
    table = outcomes.join(order, on="question_id").sort("mask", "column")
    by_mask = {key[0]: frame for key, frame in table.group_by("mask", maintain_order=True)}
    after, predicted = [], []
    for mask in masks:
        frame = by_mask.get(mask)
        if frame is None or not frame["column"].equals(order["column"]):
            count = 0 if frame is None else len(frame)
            raise EffectError(
                f"mask {mask!r}: {count} answers for {len(base)} evaluate questions; delete its "
                "outcomes file and run again"
            )
        after.append(frame["correct"].to_numpy())
        predicted.append(frame["predicted"].to_numpy())
    shape = (len(masks), len(base))
    after_all = np.array(after, dtype=bool).reshape(shape)
    changed = np.array(predicted).reshape(shape) != base["predicted"].to_numpy()
    paired = {}
    for culture in base["culture"].unique().sort():
        here = (base["culture"] == culture).to_numpy()
        images = base.filter(pl.Series(here))["image_id"]
        paired[culture] = Paired(
            image=images.rank("dense").to_numpy().astype(np.int64) - 1,
            before=base["correct"].to_numpy()[here],
            after=after_all[:, here],
            changed=changed[:, here],
        )
    return paired


def bootstrap_deltas(paired: Paired, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Resample a culture's images with replacement; accuracy changes, (resamples, masks).

    Questions of one image stay together: they are no independent draws.
    """
    images = int(paired.image.max()) + 1
    change = paired.after.astype(np.float64) - paired.before  # (masks, questions)
    sums = np.zeros((images, len(change)))
    np.add.at(sums, paired.image, change.T)  # (images, masks)
    sizes = np.bincount(paired.image, minlength=images)  # questions per image
    weights = generator.multinomial(images, np.full(images, 1 / images), size=resamples)
    return (weights @ sums) / (weights @ sizes)[:, None]


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


def measure_effects(
    *,
    questions: pl.DataFrame,
    answers: pl.DataFrame,
    outcomes: pl.DataFrame,
    control: pl.DataFrame,
    sizes: Mapping[str, int],
    control_sizes: Mapping[str, int],
    draws: int,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[dict[str, list], dict[str, list]]:
    """Measure one scorer's effects against its random control.

    Args:
        questions: The evaluate questions: question_id, image_id, culture.
        answers: Answers of the unmodified model.
        outcomes: Answers under the scorer's masks, one mask per culture, named for it.
        control: Answers under random masks.
        sizes: Culture -> number of neurons in its mask.
        control_sizes: Random mask -> number of neurons in it.
        draws: Random masks per size.
        cross: The measure that the gap subtracts.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Columns of tables `effects` and `summaries`.
    """
    cultures = sorted(sizes)
    paired = pair_outcomes(questions, answers, outcomes, cultures)
    if list(paired) != cultures:
        raise EffectError(f"questions of cultures {list(paired)}, but masks of {cultures}")
    resampled = np.stack(
        [
            bootstrap_deltas(pair, resamples, np.random.default_rng([seed, index]))
            for index, pair in enumerate(paired.values())
        ],
        axis=2,
    )  # (resamples, masks, cultures)
    null = arrange_control(
        pair_outcomes(questions, answers, control, list(control_sizes)),
        control_sizes,
        [sizes[culture] for culture in cultures],
        draws,
    )
    delta = np.stack([pair.delta for pair in paired.values()], axis=1)  # (masks, cultures)
    effects = tabulate_effects(paired, resampled, confidence)
    return effects, summarise_effects(delta, resampled, null, cultures, cross, confidence)


def tabulate_effects(
    paired: dict[str, Paired], resampled: np.ndarray, confidence: float
) -> dict[str, list]:
    """Make table `effects` from a complete culture x culture matrix.

    p is the exact McNemar test of correct->wrong against wrong->correct; q is Benjamini-Hochberg
    over all cells. The interval is the percentile bootstrap over images.

    Args:
        paired: Culture -> answers; masks are the same cultures in the same order.
        resampled: (resamples, masks, cultures).
        confidence: For example 0.95.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)  # (masks, cultures)
    rows = []
    for row, mask in enumerate(paired):
        for column, (culture, pair) in enumerate(paired.items()):
            before, after = pair.before, pair.after[row]
            lost, won = int((before & ~after).sum()), int((~before & after).sum())
            rows.append(
                {
                    "mask_culture": mask,
                    "culture": culture,
                    "questions": len(before),
                    "accuracy_before": before.mean(),
                    "accuracy_after": after.mean(),
                    "delta": pair.delta[row],
                    "ci_low": low[row, column],
                    "ci_high": high[row, column],
                    "correct_to_wrong": lost,
                    "wrong_to_correct": won,
                    "wrong_to_wrong": int((pair.changed[row] & ~before & ~after).sum()),
                    "p": mcnemar(lost, won),
                }
            )
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return {**columns, "q": adjust_p(np.array(columns["p"])).tolist()}


def mcnemar(lost: int, won: int) -> float:
    """Exact two-sided McNemar test: are correct->wrong and wrong->correct equally likely?"""
    # scipy.special alone: scipy.stats takes over a second to import in each of many small jobs.
    return min(1.0, 2 * float(bdtr(min(lost, won), lost + won, 0.5)))


def adjust_p(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for the false discovery rate (Benjamini and Hochberg 1995)."""
    order = np.argsort(p)[::-1]  # largest first
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(p[order] * len(p) / ranks)
    return adjusted


def summarise_effects(
    delta: np.ndarray,
    resampled: np.ndarray,
    control: np.ndarray,
    cultures: Sequence[str],
    cross: str,
    confidence: float,
) -> dict[str, list]:
    """Make table `summaries`: each measure per culture and as the mean over cultures.

    rank_p = (1 + number of control draws with a value as low or lower) / (1 + draws): one-sided,
    for a drop at least this large.

    Args:
        delta: (masks, cultures).
        resampled: (resamples, masks, cultures).
        control: (draws, masks, cultures), NaN where the control has no mask of a culture's size.
        cultures: Names, for both axes.
        cross: The measure that `gap` subtracts.
        confidence: For example 0.95.
    """
    tail = (1 - confidence) / 2
    observed, spread, null = (contrast(x, cross) for x in (delta, resampled, control))
    columns: dict[str, list] = {
        name: []
        for name in (
            "culture",
            "measure",
            "value",
            "ci_low",
            "ci_high",
            "control_draws",
            "control_mean",
            "control_low",
            "control_high",
            "rank_p",
        )
    }
    for measure in MEASURES:
        for index, culture in [*enumerate(cultures), (slice(None), None)]:
            value = float(np.mean(observed[measure][index]))
            samples = spread[measure][:, index].reshape(len(resampled), -1).mean(axis=1)
            draws = null[measure][:, index].reshape(len(control), -1).mean(axis=1)
            draws = draws[~np.isnan(draws)]
            row = [culture, measure, value, *np.quantile(samples, [tail, 1 - tail]), len(draws)]
            if len(draws):
                # A tolerance of rounding alone: draws equal to the value count as at least as low.
                rank_p = (1 + int((draws <= value + 1e-12).sum())) / (1 + len(draws))
                row += [draws.mean(), draws.min(), draws.max(), rank_p]
            else:
                row += [None] * 4
            for name, item in zip(columns, row, strict=True):
                columns[name].append(item)
    return columns


def arrange_control(
    paired: dict[str, Paired], masks: Mapping[str, int], sizes: Sequence[int], draws: int
) -> np.ndarray:
    """Arrange random masks as if each draw were a scorer: (draws, masks, cultures).

    Row m of draw d is a random mask of mask m's size. A mask that fell short of the size drawn
    is compared with the next larger one, which is expected to do more: a cautious comparison.
    A size of 0 changes nothing; one larger than all that were drawn gives NaN.

    Args:
        paired: Culture -> answers under the control's masks, in the order of `masks`.
        masks: Random mask -> number of neurons.
        sizes: Number of neurons in each culture's mask.
        draws: Number of draws.
    """
    place = {name: index for index, name in enumerate(masks)}
    deltas = np.stack([pair.delta for pair in paired.values()], axis=1)  # (masks, cultures)
    result = np.full((draws, len(sizes), deltas.shape[1]), np.nan)
    for row, size in enumerate(sizes):
        larger = [drawn for drawn in masks.values() if drawn >= size]
        for draw in range(draws):
            if size == 0:
                result[draw, row] = 0.0
            elif larger:
                result[draw, row] = deltas[place[name_draw(min(larger), draw)]]
    return result
