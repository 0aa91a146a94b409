"""Check that the demo finds what was planted in its models; the exit status is 1 if it does not."""

import sys
from pathlib import Path

import polars as pl

from culture_neurons.validation.positive_control import check_control

FOLDER = Path("results/tables")


def main() -> None:
    """Print a line per model that passes, and one per number that does not."""
    paths = [FOLDER / f"{name}.csv" for name in ("verdicts", "ranks")]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)} here: run make demo in its folder")
    passed, failed = check_control(*(pl.read_csv(path, infer_schema_length=None) for path in paths))
    for line in passed:
        print(f"positive control passed: {line}")
    for line in failed:
        print(f"positive control FAILED: {line}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
