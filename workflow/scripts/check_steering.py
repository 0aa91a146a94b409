"""Check that steering mends what was weakened in the demo's models; the exit status is 1 if not."""

import sys
from pathlib import Path

import polars as pl

from culture_neurons.validation.steering_control import check_steering

PATH = Path("results/tables/steering.csv")


def main() -> None:
    """Print a line per model and scorer that passes, and one per number that does not."""
    if not PATH.exists():
        sys.exit(f"there is no {PATH} here: run make steering in its folder")
    passed, failed = check_steering(pl.read_csv(PATH, infer_schema_length=None))
    for line in passed:
        print(f"positive control passed: {line}")
    for line in failed:
        print(f"positive control FAILED: {line}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
