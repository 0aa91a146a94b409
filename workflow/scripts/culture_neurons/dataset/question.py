"""A question as asked: its text, its options, and their order."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question as asked: option_order[i] is the option shown under letter i."""

    question_id: str
    culture: str
    fold: int
    image_id: str | None  # None: asked without a picture
    text: str
    options: tuple[str, ...]
    answer: int
    option_order: tuple[int, ...]


def shuffle_options(question_id: str, count: int, seed: int) -> tuple[int, ...]:
    """Order the options by a hash of seed, question, and option: the letter carries no culture."""
    keys = [
        hashlib.sha256(f"{seed}\0{question_id}\0{index}".encode()).digest()
        for index in range(count)
    ]
    return tuple(sorted(range(count), key=keys.__getitem__))
