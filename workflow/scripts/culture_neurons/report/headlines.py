"""What a study's page tells first: its verdicts in words, and the tables that a terminal shows."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from culture_neurons.outcomes import LOGP
from culture_neurons.report.terminal import TABLES, name_masks

# What is told of a study, by the keys of `terminal.TABLES`; sensitivity stands apart.
TOLD = ("verdicts", LOGP, "transfer", "prompts", "relations", "steering")
_WORDED = ("verdicts", LOGP)  # whose verdicts `tell_verdicts` tells, whole


class Told(NamedTuple):
    """A small table as it is told: a caption, and all of it as text."""

    caption: str
    columns: list[str]
    rows: list[list[str]]


def tell_verdicts(path: str | Path) -> Told:
    """Tell the verdicts of each model and scorer, by accuracy and by log-probability."""
    verdicts = _read(path)
    words = verdicts.select(
        *name_masks(verdicts),
        pl.col("verdict").alias("by accuracy"),
        pl.col(f"{LOGP}_verdict").alias("by log-probability"),
    )
    return _tell("Does silencing a culture's neurons cost that culture more?", words)


def tell_tables(paths: Iterable[str | Path], names: Sequence[str]) -> list[Told]:
    """Tell the named tables that have rows as a terminal shows them, without verdicts told above.

    Args:
        paths: CSV files of the study.
        names: Keys of `terminal.TABLES`.
    """
    files = {Path(path).stem: path for path in paths}
    told = []
    for name in names:
        printed = TABLES[name]
        table = _read(files[printed.file]) if printed.file in files else pl.DataFrame()
        if table.height:
            shown = printed.abridge(table)
            told.append(_tell(printed.caption, shown.drop("verdict") if name in _WORDED else shown))
    return told


def _read(path: str | Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema_length=None)


def _tell(caption: str, table: pl.DataFrame) -> Told:
    known = [column.name for column in table if column.null_count() < table.height]
    cells = table.select(pl.col(known).cast(pl.String).fill_null(""))
    return Told(caption, known, [list(row) for row in cells.rows()])
