"""Which fold an image lies in, and which folds a split uses to identify or to evaluate."""

import hashlib
import random


def assign_fold(image_id: str, folds: int) -> int:
    """Assign an image to a fold by a stable hash; all questions of one image share its fold."""
    digest = hashlib.sha256(image_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds


def identify_folds(folds: int, split: int) -> list[int]:
    """Name the half of the folds whose correct answers make a split's statistics."""
    order = list(range(folds))
    random.Random(f"split {split}").shuffle(order)
    return sorted(order[: folds // 2])


def evaluate_folds(folds: int, split: int) -> list[int]:
    """Name the folds whose questions measure a split's effects: those that do not identify."""
    identify = identify_folds(folds, split)
    return [fold for fold in range(folds) if fold not in identify]
