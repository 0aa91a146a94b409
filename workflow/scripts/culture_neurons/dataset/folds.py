"""Which fold an image lies in, and which folds a split uses to identify or to evaluate."""

import hashlib
import random


def assign_fold(image_id: str, folds: int) -> int:
    """Assign an image to a fold by a stable hash; all questions of one image share its fold."""
    digest = hashlib.sha256(image_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds


def identify_folds(folds: int, split: int) -> list[int]:
    """Name the half of the folds whose correct answers make a split's statistics."""
    return sorted(_shuffle(folds, split)[: folds // 2])


def evaluate_folds(folds: int, split: int) -> list[int]:
    """Name the folds whose questions measure a split's effects: those that do not identify."""
    identify = identify_folds(folds, split)
    return [fold for fold in range(folds) if fold not in identify]


def tune_folds(folds: int, split: int) -> list[int]:
    """Name the half of the evaluate folds on which a strength is chosen; the rest tells its effect.

    None of two folds, of which one alone evaluates.
    """
    evaluate = _shuffle(folds, split)[folds // 2 :]
    return sorted(evaluate[: len(evaluate) // 2])


def list_parts(folds: int, split: int, *, tune: bool) -> dict[str, list[int]]:
    """List by name the folds that are evaluated together: all, or the tune folds apart."""
    parts = {"evaluate_folds": evaluate_folds(folds, split)}
    if tune:
        tuned = tune_folds(folds, split)
        kept = [fold for fold in parts["evaluate_folds"] if fold not in tuned]
        parts = {"tune_folds": tuned, "evaluate_folds": kept}
    return parts


def _shuffle(folds: int, split: int) -> list[int]:
    order = list(range(folds))
    random.Random(f"split {split}").shuffle(order)
    return order
