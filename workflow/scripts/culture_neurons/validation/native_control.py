"""The control of two prompts: are the same neurons found, and are they a culture's, no language's?

Not for measuring anything: the numbers are those of the tables.
"""

import polars as pl

from culture_neurons.outcomes import ACCURACY
from culture_neurons.validation.limits import hold_against

SCORER = "cas"  # finds the planted neurons, which serve both prompts
LIMITS = {
    "accuracy": (90, 100, " %"),
    "masks in common": (0.75, 1, ""),
    "self": (-100, -40, " points"),
    "self under the other prompt's masks": (-100, -40, " points"),
    "masks in common with cultures of the language": (0, 0.05, ""),
    "cross on these, less than on others": (-2, 2, " points"),
}


def check_native(prompts: pl.DataFrame, relations: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Compare each model's numbers with LIMITS.

    Args:
        prompts: Stacked table `prompts`: fractions.
        relations: Stacked table `relations`, the same.

    Returns:
        One line per model that passes; one per number that does not.
    """
    passed, failed = [], []
    overall = prompts.filter(by="all", of=SCORER)
    if overall.is_empty():
        failed.append(f"no masks of {SCORER} that models lent each other are in the tables")
    for (model,), rows in overall.group_by("model", maintain_order=True):
        related = relations.filter(model=model, scorer=SCORER, relation="same language")
        values = (
            _read(rows, "answers", 100),
            _read(rows, "overlap"),
            _read(rows, "self", 100),
            _read(rows, "self_lent", 100),
            _read(related, "overlap"),
            _read(related, "cross_beyond", 100),
        )
        lines = hold_against(model, dict(zip(LIMITS, values, strict=True)), LIMITS)
        passed, failed = passed + lines[0], failed + lines[1]
    return passed, failed


def _read(rows: pl.DataFrame, measure: str, scale: int = 1) -> list[float]:
    """Read a measure's values, of accuracy where it has an outcome."""
    of_masks = pl.col("outcome").is_null() | (pl.col("outcome") == ACCURACY)
    return (scale * rows.filter(of_masks, measure=measure)["value"]).to_list()
