"""CSV files as tables of the study's page: small ones whole, large ones by name alone."""

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LARGEST = 500  # rows of a table that the page itself shows
_FRACTION = re.compile(r"-?\d+\.\d+(e-?\d+)?")


class Cell(NamedTuple):
    """A number or text of a table."""

    text: str  # as it is shown: fractions with four digits
    value: str  # as in the file


class CsvTable(NamedTuple):
    """A CSV file: its rows, or none where it has too many."""

    name: str
    link: str  # from the page's folder on
    columns: list[str]
    rows: list[list[Cell]]
    height: int  # rows in the file


def read_csv_tables(paths: Iterable[str | Path], folder: str | Path) -> list[CsvTable]:
    """Read CSV files.

    Args:
        paths: Files, which may have a header and no rows.
        folder: Of the page.
    """
    return [_read(Path(path), Path(folder)) for path in paths]


def _read(path: Path, folder: Path) -> CsvTable:
    with path.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return CsvTable(
        name=path.stem,
        link=Path(os.path.relpath(path, folder)).as_posix(),
        columns=columns,
        rows=[list(map(_show, row)) for row in rows] if len(rows) <= LARGEST else [],
        height=len(rows),
    )


def _show(value: str) -> Cell:
    shortened = f"{float(value):.4g}" if _FRACTION.fullmatch(value) else value
    return Cell(shortened, value)
