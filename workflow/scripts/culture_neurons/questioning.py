"""Which questions a mask is asked: its own culture's in full, of the others all or a sample."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

ANY_CULTURE = "*"  # owner of a mask that stands for every culture


def name_owner(mask: str) -> str:
    """Name the culture that a mask belongs to: a mask is named "{culture}" or "{culture}/{draw}"."""
    return mask.rpartition("/")[0] or mask


def choose_questions(
    masks: Iterable[str], questions: pl.DataFrame, others: int | None
) -> dict[str, list[str]]:
    """Choose the questions of every mask.

    Args:
        masks: Names of masks.
        questions: question_id, culture.
        others: Questions of each culture that is not the mask's own, or None for all.

    Returns:
        Mask -> question ids, in the order of `questions`.
    """
    names = list(masks)
    asked = mark_asked([name_owner(name) for name in names], questions, others)
    ids = questions["question_id"].to_numpy()
    return {name: ids[row].tolist() for name, row in zip(names, asked, strict=True)}


def mark_asked(owners: Sequence[str], questions: pl.DataFrame, others: int | None) -> np.ndarray:
    """Mark the questions that masks of these cultures are asked, bool (owners, questions).

    The sample of a culture is its `others` first questions in the order of a stable hash of their
    ids: one sample for all masks, and a larger one holds the smaller.
    """
    culture = questions["culture"].to_numpy()
    own = np.array(owners)[:, None] == culture
    if others is None:
        return np.ones_like(own)
    place = (
        questions.select(
            pl.col("question_id")
            .map_elements(_hash, pl.String)
            .rank("ordinal")
            .over("culture")
            .alias("place")
        )["place"]
        .to_numpy()
    )
    return own | (place <= others) | (np.array(owners)[:, None] == ANY_CULTURE)


def _hash(question_id: str) -> str:
    return hashlib.sha256(f"others {question_id}".encode()).hexdigest()
