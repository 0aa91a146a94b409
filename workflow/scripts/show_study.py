"""Print a study's verdicts and its figures' paths, or what demo models of known truth show."""

import argparse
import sys
from pathlib import Path

import polars as pl

from culture_neurons.report.headlines import TOLD
from culture_neurons.report.terminal import TABLES, choose_figures, form_table

FOLDER = Path("results/tables")
FIGURES = Path("results/figures")


def main() -> None:
    """Print the named table, or a study's tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES)
    name = parser.parse_args().table
    path = _find(name or "verdicts")
    if not path.exists():
        sys.exit(
            f"there is no {path} here: run make demo, or snakemake with the study's config, and "
            "start this in the same folder"
        )
    measured = [
        table for table in (*TOLD, "sensitivity") if _find(table).exists() and len(_read(table))
    ]
    for table in [name] if name else measured:
        print(TABLES[table].caption)
        print(form_table(TABLES[table].abridge(_read(table))))
    if not name:
        paths = [path.relative_to(FIGURES) for path in FIGURES.glob("**/*.png")]
        for path in choose_figures(paths, _read("verdicts")["model"].unique()):
            print(FIGURES / path)


def _find(name: str) -> Path:
    return FOLDER / f"{TABLES[name].file}.csv"


def _read(name: str) -> pl.DataFrame:
    return pl.read_csv(_find(name), infer_schema_length=None)


if __name__ == "__main__":
    main()
