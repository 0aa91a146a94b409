"""What a mask is asked: its own culture's questions, the others' or a sample, other datasets."""

import hashlib
import itertools
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)


class AssignmentError(Exception):
    """Masks that have nothing to be asked."""


def choose_questions(
    masks: Mapping[Name, str | None],
    cultures: Mapping[str, str],
    other_questions: int | None,
    own_questions: int | None = None,
    images: Mapping[str, str] | None = None,
) -> dict[Name, set[str]]:
    """Choose the questions of every mask.

    Args:
        masks: Name of a mask -> its culture; None: the unmodified model.
        cultures: question_id -> culture.
        other_questions: Questions of each culture that is not the mask's own, or None for all.
        own_questions: Questions of the mask's own culture, or None for all.
        images: question_id -> image_id; None where all own questions are asked.

    Returns:
        Name -> question ids.
    """
    ids = list(cultures)
    shown = None if images is None else [images[question_id] for question_id in ids]
    limits = (other_questions, own_questions, shown)
    asked = mark_asked(list(masks.values()), ids, list(cultures.values()), *limits)
    return {
        name: {ids[column] for column in np.flatnonzero(row)}
        for name, row in zip(masks, asked, strict=True)
    }


def mark_asked(
    owners: Sequence[str | None],
    question_ids: Sequence[str],
    cultures: Sequence[str],
    other_questions: int | None,
    own_questions: int | None = None,
    images: Sequence[str] | None = None,
) -> np.ndarray:
    """Mark the questions that masks of these cultures are asked, bool (owners, questions).

    The unmodified model (None) is asked every question. All masks are asked one sample of a
    culture that is not theirs. A sample of their own culture is of whole pictures, whose images
    have to be known: reading a picture costs more than asking about it. None: all questions.
    """
    culture = np.array(cultures)
    own = np.array(owners, dtype=object)[:, None] == culture
    unmodified = np.array([owner is None for owner in owners])
    others = sample_questions(question_ids, cultures, other_questions)
    owned = sample_questions(question_ids, cultures, own_questions, images)
    return np.where(own, owned, others) | unmodified[:, None]


def sample_questions(
    question_ids: Sequence[str],
    cultures: Sequence[str],
    count: int | None,
    images: Sequence[str] | None = None,
) -> np.ndarray:
    """Mark each culture's `count` first questions by a stable hash, bool (questions,); None: all.

    A larger sample holds the smaller. Where images are given, questions are in the order of
    these, so that all but one image of a sample are there with all of their questions.
    """
    culture = np.array(cultures)
    if count is None:
        return np.ones(len(culture), dtype=bool)
    names = zip(images or [""] * len(culture), question_ids, strict=True)
    hashes = np.array([_hash(image) + _hash(question_id) for image, question_id in names])
    sampled = np.zeros(len(culture), dtype=bool)
    for name in np.unique(culture):
        here = np.flatnonzero(culture == name)
        sampled[here[np.argsort(hashes[here])][:count]] = True
    return sampled


def choose_elsewhere(
    cultures: Mapping[str, str], owners: Collection[str], count: int | None
) -> tuple[set[str], list[str]]:
    """Choose what is asked of another dataset than that which masks were found on.

    Args:
        cultures: question_id -> culture; all are "" where the dataset has none.
        owners: Cultures of the masks.
        count: Questions of each culture, or None for all.

    Returns:
        Question ids, and the owners that are asked them: the cultures that have both masks and
        questions, or all where questions have no culture.

    Raises:
        AssignmentError: Fewer than two cultures have both masks and questions.
    """
    ids = list(cultures)
    sampled = sample_questions(ids, list(cultures.values()), count)
    chosen: dict[str, list[str]] = {}
    for question_id in itertools.compress(ids, sampled):
        chosen.setdefault(cultures[question_id], []).append(question_id)
    if set(chosen) == {""}:
        return set(chosen[""]), sorted(owners)
    common = sorted(chosen.keys() & set(owners))
    if len(common) < 2:
        raise AssignmentError(
            f"{len(common)} of the masks' cultures {sorted(owners)} have questions in the other "
            f"dataset, which has {sorted(chosen)}; expected two or more: masks are compared with "
            "those of other cultures; keep more cultures (cells.floor drops those of few right "
            "answers), or set its cultures to null to measure general damage"
        )
    return set().union(*(chosen[culture] for culture in common)), common


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
