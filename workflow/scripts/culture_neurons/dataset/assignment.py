"""What a mask is asked: its own culture's questions, the others' or a sample, swapped pictures."""

import hashlib
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)


def choose_questions(
    masks: Mapping[Name, str | None], cultures: Mapping[str, str], other_questions: int | None
) -> dict[Name, set[str]]:
    """Choose the questions of every mask.

    Args:
        masks: Name of a mask -> its culture; None: the unmodified model.
        cultures: question_id -> culture.
        other_questions: Questions of each culture that is not the mask's own, or None for all.

    Returns:
        Name -> question ids.
    """
    ids = list(cultures)
    asked = mark_asked(list(masks.values()), ids, list(cultures.values()), other_questions)
    return {
        name: {ids[column] for column in np.flatnonzero(row)}
        for name, row in zip(masks, asked, strict=True)
    }


def mark_asked(
    owners: Sequence[str | None],
    question_ids: Sequence[str],
    cultures: Sequence[str],
    other_questions: int | None,
) -> np.ndarray:
    """Mark the questions that masks of these cultures are asked, bool (owners, questions).

    The unmodified model (None) is asked every question. The sample of a culture is its
    `other_questions` first questions in the order of a stable hash of their ids: one sample for
    all masks, and a larger one holds the smaller.
    """
    culture = np.array(cultures)
    own = np.array(owners, dtype=object)[:, None] == culture
    if other_questions is None:
        return np.ones_like(own)
    hashes = np.array([_hash(question_id) for question_id in question_ids])
    sampled = np.zeros(len(culture), dtype=bool)
    for name in np.unique(culture):
        here = np.flatnonzero(culture == name)
        sampled[here[np.argsort(hashes[here])][:other_questions]] = True
    unmodified = np.array([owner is None for owner in owners])
    return own | sampled | unmodified[:, None]


def swap_pictures(cultures: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Choose for each picture another one, of none of its cultures: the next in a fixed order.

    Questions of one picture keep one picture in common. The choice depends on all pictures, not
    on which of them a job shows.

    Args:
        cultures: image_id -> cultures of the picture's questions.

    Returns:
        image_id -> image_id of another culture; without pictures for which there is none.
    """
    order = sorted(cultures, key=lambda image_id: _hash(image_id, "swapped"))
    swapped = {}
    for place, image_id in enumerate(order):
        own = set(cultures[image_id])
        later = order[place + 1 :] + order[:place]
        other = next((other for other in later if own.isdisjoint(cultures[other])), None)
        if other is not None:
            swapped[image_id] = other
    return swapped


def _hash(name: str, purpose: str = "others") -> str:
    return hashlib.sha256(f"{purpose} {name}".encode()).hexdigest()
