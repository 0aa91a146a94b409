"""Check that a demo shows what is known to be true of its models; exit status 1 if not."""

import argparse
import sys
from pathlib import Path

import polars as pl

from culture_neurons.validation.components_control import check_components
from culture_neurons.validation.native_control import check_native
from culture_neurons.validation.positive_control import check_control
from culture_neurons.validation.steering_control import check_steering
from culture_neurons.validation.transfer_control import check_transfer

FOLDER = Path("results/tables")
TABLES = {  # of each control
    "demo": ("verdicts", "ranks"),
    "steering": ("steering",),
    "transfer": ("verdicts", "transfer"),
    "native": ("prompts", "relations"),
    "components": ("verdicts",),
}


def main() -> None:
    """Print a line per model that passes, and one per number that does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("control", nargs="?", default="demo", choices=TABLES)
    name = parser.parse_args().control
    paths = [FOLDER / f"{table}.csv" for table in TABLES[name]]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)} here: run make {name} in its folder")
    tables = [pl.read_csv(path, infer_schema_length=None) for path in paths]
    match name:
        case "demo":
            passed, failed = check_control(*tables)
        case "steering":
            passed, failed = check_steering(*tables)
        case "components":
            passed, failed = check_components(*tables)
        case "native":
            passed, failed = check_native(*tables)
        case "transfer":
            passed, failed = check_transfer(*tables)
    for line in passed:
        print(f"positive control passed: {line}")
    for line in failed:
        print(f"positive control FAILED: {line}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
