"""The control of components: are planted neurons found where they are, and shown nowhere else?

Not for measuring anything: the numbers are those of the tables.
"""

import polars as pl

from culture_neurons.demo.names import list_planted_at, parse_demo_name
from culture_neurons.report.verdicts import NOT_SHOWN
from culture_neurons.validation.limits import hold_against

SCORER = "cas_rms"  # of config/components.yaml
WHERE_PLANTED = {
    "precision": (0.8, 1, ""),
    "recall": (0.8, 1, ""),
    "self": (-100, -15, " points"),
    "cross": (-2, 2, " points"),
    "shown": (1, 1, ""),
}
ELSEWHERE = {"shown": (0, 0, "")}
# Variant -> hookpoints of which nothing is known: what a tower tells of a culture reaches the
# question through the decoder's heads, so that some of them matter to it though none is planted.
OPEN = {"vision": ("attn.head", "attn.out")}


def check_components(verdicts: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Compare each demo model's numbers, hookpoint by hookpoint, with what was planted in it.

    Args:
        verdicts: From `tabulate_verdicts`: points.

    Returns:
        One line per model and hookpoint that passes; one per number that does not.
    """
    passed, failed = [], []
    rows = verdicts.filter(scorer=SCORER)
    if rows.is_empty():
        failed.append(f"no masks of {SCORER} are in the tables")
    for row in rows.iter_rows(named=True):
        demo_model = parse_demo_name(row["checkpoint"].rpartition("/")[2])
        if demo_model is None or row["hookpoint"] in OPEN.get(demo_model.variant, ()):
            continue
        shown = not row["verdict"].startswith(NOT_SHOWN)
        planted = row["hookpoint"] in list_planted_at(demo_model.variant)
        limits = WHERE_PLANTED if planted else ELSEWHERE
        numbers = {name: [row[name]] if name in row else [float(shown)] for name in limits}
        lines = hold_against(f"{row['model']} at {row['hookpoint']}", numbers, limits)
        passed, failed = passed + lines[0], failed + lines[1]
    return passed, failed
