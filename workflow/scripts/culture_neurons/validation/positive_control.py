"""The demo's positive control: do a study's tables show what was planted, in every demo model?

Not for measuring anything: the numbers are those of the tables.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from culture_neurons.demo.names import ARCHITECTURES, parse_demo_name
from culture_neurons.outcomes import ACCURACY
from culture_neurons.validation.limits import hold_against

RATE = 0.01  # of all neurons: as many as are planted
SCORER = "cas"  # finds the planted neurons; some scorers do not, by what they measure
LIMITS = {  # what is measured -> lowest and highest value that passes, unit
    "accuracy": (95, 100, " %"),
    "self of planted masks": (-100, -40, " points"),
    "cross of planted masks": (-1, 1, " points"),
    # Letters become uniform: ln 4 nats.
    "logp self of planted masks": (-1.6, -1.1, " nats"),
    "logp cross of planted masks": (-0.05, 0.05, " nats"),
    f"precision of {SCORER}": (0.85, 1, ""),
    f"recall of {SCORER}": (0.85, 1, ""),
    "mean change under random masks": (-1, 1, " points"),
}


def check_control(verdicts: pl.DataFrame, ranks: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Compare the planted models' numbers with LIMITS.

    Args:
        verdicts: From `tabulate_verdicts`: per cent (points).
        ranks: Table `ranks`, stacked: fractions.

    Returns:
        One line per model that passes; one per number that does not, or model that is not there.
    """
    passed, failed = [], []
    models = _find_planted(verdicts)
    for architecture in ARCHITECTURES:
        if architecture not in models.values():
            failed.append(f"{architecture}: is not in the study, expected it with planted neurons")
    for model in models:
        numbers = measure_control(
            verdicts.filter(model=model, rate=RATE), ranks.filter(model=model, rate=RATE)
        )
        lines = hold_against(model, numbers, LIMITS)
        passed, failed = passed + lines[0], failed + lines[1]
    return passed, failed


def measure_control(
    verdicts: pl.DataFrame, ranks: pl.DataFrame
) -> Mapping[str, Sequence[float | None]]:
    """Collect one model's numbers, a value per split and intervention, in the order of LIMITS."""
    planted, scorer = (verdicts.filter(scorer=name) for name in ("planted", SCORER))
    random = ranks.filter(
        pl.col("culture").is_null(),
        pl.col("measure").is_in(["self", "cross_by_mask"]),
        control="random",
        outcome=ACCURACY,
    )
    farthest = sorted(100 * random["control_mean"], key=abs)[-1:]
    values = (
        verdicts["accuracy"].unique(),
        *(planted[name] for name in ("self", "cross", "logp_self", "logp_cross")),
        *(scorer[name] for name in ("precision", "recall")),
        farthest,
    )
    return {name: list(series) for name, series in zip(LIMITS, values, strict=True)}


def _find_planted(verdicts: pl.DataFrame) -> dict[str, str]:
    """Find the models with planted neurons and their architectures."""
    named = {
        model: parse_demo_name(checkpoint.rpartition("/")[2])
        for model, checkpoint in verdicts.select("model", "checkpoint")
        .unique()
        .sort("model")
        .rows()
    }
    return {
        model: name.architecture
        for model, name in named.items()
        if name and name.variant == "planted"
    }
