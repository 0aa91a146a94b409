"""Write a table whole or not at all; read it, or a part of it, with its checksums verified."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from culture_neurons.storage.facts import TableError, attach_facts, read_facts
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.writing import atomic_path

_NUMBERS = {  # column type -> the array type of the same bytes
    getattr(pa, name)(): np.dtype(name)
    for name in ("uint8", "uint16", "uint32", "uint64", "float32", "float64")
}


def write_table(
    path: str | Path,
    kind: str,
    rows: Mapping[str, object] | Iterable[Mapping[str, object]],
    facts: Mapping[str, object],
) -> None:
    """Write a table of `kind` with its `facts`, atomically.

    Args:
        path: Target file.
        kind: Key of `SCHEMAS`.
        rows: Columns by name, or an iterable of such chunks: one row group each. A string or a
            number in place of a column stands in every row of its chunk.
        facts: JSON-able facts of the file; no clock, host name, or absolute path.

    Raises:
        TableError: A chunk's columns are not the schema's.
    """
    schema = SCHEMAS[kind]
    schema_out = attach_facts(schema, kind, facts)
    chunks = [rows] if isinstance(rows, Mapping) else rows
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema_out,
            compression="zstd",
            # Names repeat, numbers hardly do: a dictionary of them costs time and saves nothing.
            use_dictionary=[field.name for field in schema if field.type == pa.string()],
            write_page_checksum=True,
        ) as writer,
    ):
        for chunk in chunks:
            if set(chunk) != set(schema.names):
                raise TableError(
                    f"{path}: a {kind} table has the columns {schema.names}, not {list(chunk)}"
                )
            count = max(len(value) for value in chunk.values() if not _is_constant(value))
            table = pa.table(
                [_make_column(chunk[field.name], field.type, count) for field in schema],
                schema=schema_out,
            )
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)


def _is_constant(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _make_column(value: object, kind: pa.DataType, count: int) -> pa.Array:
    if _is_constant(value):
        return pa.repeat(pa.scalar(value, kind), count)
    if isinstance(value, np.ndarray) and kind in _NUMBERS and value.dtype == _NUMBERS[kind]:
        # As it lies in memory: pa.array would import pandas first, half a second.
        buffer = pa.py_buffer(np.ascontiguousarray(value))
        return pa.Array.from_buffers(kind, len(value), [None, buffer])
    return pa.array(value, kind)


def to_columns(kind: str, rows: Iterable[Mapping[str, object]]) -> dict[str, list]:
    """Turn rows into the columns of a table of `kind`."""
    rows = list(rows)
    return {name: [row[name] for row in rows] for name in SCHEMAS[kind].names}


def read_table(path: str | Path, kind: str, columns: list[str] | None = None) -> pa.Table:
    """Read a table of `kind` with its checksums verified.

    Raises:
        TableError: The file is missing, damaged, not ours, of another kind, or a column is
            missing or of another type.
    """
    read_facts(path, kind)
    try:
        schema = pq.read_schema(path)
        wrong = [field.name for field in SCHEMAS[kind] if field not in schema]
        if not wrong:
            return pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TableError(f"{path}: is damaged ({error}); delete it and run again") from error
    raise TableError(
        f"{path}: lacks the columns {wrong}, or they have another type than a {kind} table's; "
        "delete it and run again"
    )


def read_rows(
    path: str | Path, kind: str, columns: list[str], wanted: Mapping[str, Collection]
) -> pa.Table:
    """Read the row groups that may hold wanted values, with their checksums verified.

    Args:
        path: A table of `kind`.
        kind: Key of `SCHEMAS`.
        columns: Columns to read.
        wanted: Column -> values. Row groups whose smallest and largest value exclude all of them
            are not read; others may hold rows of other values, too.

    Raises:
        TableError: As read_table.
    """
    with open_table(path, kind) as file:
        places = {file.metadata.schema.column(i).path: i for i in range(file.metadata.num_columns)}
        groups = []
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            parts = [(group.column(places[name]).statistics, wanted[name]) for name in wanted]
            if all(_may_hold(statistics, values) for statistics, values in parts):
                groups.append(index)
        return file.read_row_groups(groups, columns)


def _may_hold(statistics: pq.Statistics | None, values: Collection) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= value <= statistics.max for value in values)


@contextlib.contextmanager
def open_table(path: str | Path, kind: str) -> Iterator[pq.ParquetFile]:
    """Open a table of `kind` to read parts of it, with their checksums verified.

    Raises:
        TableError: As read_facts; also for what the block reads, if it is damaged.
    """
    read_facts(path, kind)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise TableError(f"{path}: is damaged ({error}); delete it and run again") from error
