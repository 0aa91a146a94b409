"""The positive control of steering: is what was weakened in demo models mended, and by it alone?

Not for measuring anything: the numbers are those of the table.
"""

import polars as pl

from culture_neurons.outcomes import ACCURACY
from culture_neurons.storage.schemas import ALL_CULTURES, LOWER_HALF
from culture_neurons.validation.limits import Numbers, hold_against

LIMITS = {  # what is measured -> lowest and highest value that passes, unit
    # Of the right answers that the under-performing cultures lack.
    "restored by own masks": (0.5, 1.01, ""),
    "restored by the best random draw": (-10, 0.5, ""),
    "restored by other cultures' masks": (-0.25, 0.25, ""),
    "change of the others, all masks": (-1, 100, " points"),
}


def check_steering(steering: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Compare each model's and scorer's numbers with LIMITS.

    Args:
        steering: From `judge_steering`, with a control "random".

    Returns:
        One line per model, steering, and scorer that passes; one per number that does not.
    """
    passed, failed = [], []
    keys = ["model", "intervention", "scorer"]
    accuracy = steering.filter(outcome=ACCURACY)
    if accuracy.is_empty():
        failed.append("no steering is in the tables, expected some of every model")
    for names, rows in accuracy.group_by(keys, maintain_order=True):
        lines = hold_against(", ".join(names), _measure(rows), LIMITS)
        passed, failed = passed + lines[0], failed + lines[1]
    return passed, failed


def _measure(rows: pl.DataFrame) -> Numbers:
    """Collect one scorer's numbers, None where there is no lower half, in the order of LIMITS."""
    (every,) = rows.filter(group=ALL_CULTURES).to_dicts()
    lower = rows.filter(group=LOWER_HALF).to_dicts()
    shares = [None] * 3
    if lower:
        missing = 100 - lower[0]["before"]
        shares = [lower[0][name] / missing for name in ("self", "random_high", "other_masks")]
    values = [*shares, every["cross"]]
    return {name: [value] for name, value in zip(LIMITS, values, strict=True)}
