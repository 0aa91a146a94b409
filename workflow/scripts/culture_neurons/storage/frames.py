"""Tables as polars frames. Not for model jobs, whose environment holds no polars.

polars itself does not verify the checksums of Parquet pages, so no table is read by it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from culture_neurons.storage.facts import TableError, read_facts
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import read_table
from culture_neurons.storage.writing import atomic_path


def read_frame(path: str | Path, kind: str, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a table of `kind` with its checksums verified.

    Raises:
        TableError: As tables.read_table.
    """
    return pl.from_arrow(read_table(path, kind, columns))


def stack_tables(paths: Sequence[str | Path], kind: str, facts: Sequence[str]) -> pl.DataFrame:
    """Stack tables of one kind; the named facts of each file become its first columns.

    Without files there are no rows.

    Raises:
        TableError: As of `index_tables`.
    """
    empty = pl.from_arrow(SCHEMAS[kind].empty_table())
    frames = [] if paths else [empty.select(*(pl.lit("").alias(f) for f in facts), pl.all())]
    for path, known in index_tables(paths, kind, (*facts, "selector", "scorer")).values():
        keys = [pl.lit(_name(known[fact])).alias(fact) for fact in facts]
        frames.append(read_frame(path, kind).select(*keys, pl.all()))
    return pl.concat(frames)


def index_tables(
    paths: Iterable[str | Path], kind: str, names: Sequence[str]
) -> dict[tuple, tuple[str | Path, dict[str, object]]]:
    """Find tables of one kind by the named facts: their values -> path, all facts.

    Raises:
        TableError: A file is missing or damaged, or two of them have the same values.
    """
    found = {}
    for path in paths:
        known = read_facts(path, kind)
        identity = tuple(_name(known.get(fact)) for fact in names)
        if identity in found:
            raise TableError(
                f"{path}: says of itself what {found[identity][0]} says, "
                f"{' '.join(map(str, identity))}; one of them is in the place of another: delete "
                "both and run again"
            )
        found[identity] = (path, known)
    return found


def _name(value):
    return value["name"] if isinstance(value, dict) else value


def write_csv(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a CSV file atomically."""
    with atomic_path(path) as temporary:
        frame.write_csv(temporary, float_precision=6)
