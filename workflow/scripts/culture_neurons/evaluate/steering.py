"""Steering: each mask's strength, chosen on the tune folds, and its answers on the others.

What is chosen takes the place of an intervention's answers: effects, ranks, and verdicts of
steering are made as those of any other.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.evaluate.pairing import (
    MASK,
    RESPONSE,
    UNMODIFIED,
    name_masks,
    pair_outcomes,
    select_mask,
)
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import LOGP
from culture_neurons.storage.frames import read_frame


def choose_strengths(
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    masks: Sequence[MaskName],
    strengths: Sequence[float],
    max_loss: float,
    other_questions: int | None,
    own_questions: int | None = None,
) -> pl.DataFrame:
    """Choose each mask's strength: the largest gain of its culture that costs others little.

    Gains and losses are of logp: one question moves it a little where accuracy needs a flip. What
    one of the other cultures gains pays for no loss of another. Strength 0 is the unmodified model:
    it is chosen where nothing else is better.

    Args:
        questions: Of the tune folds, of every mask's culture and others.
        outcomes: Answers under the masks at each strength, and of the unmodified model.
        masks: Of one selector.
        strengths: None of them 0.
        max_loss: Largest mean loss of the other cultures, nats; those that gain lose 0.
        other_questions: Questions of each culture other than a mask's own; None: all.
        own_questions: The same of the mask's own culture.

    Returns:
        Table `strengths`.

    Raises:
        EffectError: An answer is missing.
    """
    parts = []
    names = name_masks(masks)
    for strength in (0.0, *strengths):
        gain, others = np.zeros((2, len(masks)))
        if strength:
            here = take_strength(outcomes, strength)
            paired = pair_outcomes(questions, here, masks, other_questions, LOGP, own_questions)
            delta = paired.average(paired.gained)  # (masks, cultures)
            own = np.searchsorted(paired.cultures, [mask.culture for mask in masks])
            gain = delta[np.arange(len(masks)), own]
            losses = np.minimum(delta, 0)
            others = (losses.sum(axis=1) - np.minimum(gain, 0)) / (len(paired.cultures) - 1)
        rows = names.with_columns(strength=pl.lit(strength))
        parts.append(rows.with_columns(gain=pl.Series(gain), others=pl.Series(others)))
    table = pl.concat(parts)
    allowed = pl.when(pl.col("others") >= -max_loss).then("gain")
    # Of equal gains the first: 0 stands before the strengths, these in the config's order.
    best = allowed.arg_max().over(list(MASK)) == pl.int_range(pl.len()).over(list(MASK))
    return table.with_columns(chosen=best).sort(list(MASK), maintain_order=True)


def read_steered(path: str | Path, kind: str = "outcomes") -> pl.DataFrame:
    """Read answers at each strength from a table of `kind`."""
    return read_frame(path, kind, [*MASK, "strength", *RESPONSE])


def take_strength(outcomes: pl.DataFrame, strength: float) -> pl.DataFrame:
    """Take the answers at one strength and the unmodified model's, as an intervention's."""
    unmodified = pl.col("mask_culture").is_null()
    return outcomes.filter(unmodified | (pl.col("strength") == strength)).drop("strength")


def take_chosen(
    outcomes: pl.DataFrame, strengths: pl.DataFrame, questions: Collection[str]
) -> pl.DataFrame:
    """Take each mask's answers at its chosen strength, and the unmodified model's.

    Args:
        outcomes: Answers at each strength. At 0 they are the unmodified model's to what the mask
            was asked.
        strengths: Table `strengths`; masks without answers are left out.
        questions: Ids of those that count.

    Returns:
        As an intervention's, sorted by mask and question.
    """
    outcomes = outcomes.filter(pl.col("question_id").is_in(list(questions)))
    unmodified = outcomes.filter(pl.col("mask_culture").is_null())
    chosen = strengths.filter("chosen")
    moved = outcomes.join(chosen, on=[*MASK, "strength"], how="semi", nulls_equal=True)
    still = chosen.filter(strength=0)
    asked = outcomes.join(still, on=list(MASK), how="semi", nulls_equal=True)
    asked = asked.select(*MASK, "question_id").unique()
    left = asked.join(unmodified.drop(MASK), on="question_id").with_columns(strength=0.0)
    parts = [unmodified, moved, left.select(outcomes.columns)]
    return pl.concat(parts).sort(*MASK, "question_id")


def find_lower_half(questions: pl.DataFrame, outcomes: pl.DataFrame) -> list[str]:
    """Find the under-performing cultures: below the median accuracy of the unmodified model.

    Args:
        questions: Of the tune folds, so that what is measured does not choose whom it is of.
        outcomes: With the unmodified model's answers.
    """
    base = select_mask(outcomes, UNMODIFIED).join(questions, on="question_id")
    accuracy = base.group_by("culture").agg(pl.col("correct").mean())
    below = accuracy.filter(pl.col("correct") < pl.col("correct").median())
    return below["culture"].sort().to_list()


def split_strengths(
    outcomes: pl.DataFrame, strengths: Sequence[float], chosen: pl.DataFrame
) -> Mapping[float | None, pl.DataFrame]:
    """Split answers by strength; None: as chosen."""
    return {strength: take_strength(outcomes, strength) for strength in strengths} | {None: chosen}
