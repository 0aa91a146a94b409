"""The control of other datasets: do planted masks act on new pictures, and on nothing general?

Not for measuring anything: the numbers are those of the tables.
"""

import polars as pl

from culture_neurons.outcomes import ACCURACY
from culture_neurons.validation.limits import hold_against

SCORERS = ("planted", "cas")  # the truth, and who finds it
GENERAL, TRANSFER = "general", "new_pictures"  # of config/other_datasets.yaml
LIMITS = {
    "change of general questions": (-1, 1, " points"),
    "self on new pictures": (-100, -40, " points"),
    "cross on new pictures": (-2, 2, " points"),
}


def check_transfer(verdicts: pl.DataFrame, transfer: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Compare each model's numbers with LIMITS.

    Args:
        verdicts: From `tabulate_verdicts`: points.
        transfer: From `judge_transfer`, the same.

    Returns:
        One line per model and scorer that passes; one per number that does not.
    """
    passed, failed = [], []
    rows = verdicts.filter(pl.col("scorer").is_in(SCORERS))
    if rows.is_empty():
        failed.append(f"no masks of {' or '.join(SCORERS)} are in the tables")
    for row in rows.iter_rows(named=True):
        keys = {name: row[name] for name in ("model", "split", "rate", "intervention", "scorer")}
        there = transfer.filter(other_dataset=TRANSFER, outcome=ACCURACY, **keys)
        values = ([row[f"on_{GENERAL}"]], there["self"].to_list(), there["cross"].to_list())
        numbers = dict(zip(LIMITS, values, strict=True))
        lines = hold_against(f"{row['model']}, {row['scorer']}", numbers, LIMITS)
        passed, failed = passed + lines[0], failed + lines[1]
    return passed, failed
