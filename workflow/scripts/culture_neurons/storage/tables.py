"""Columns of every table, and the facts that travel in Parquet metadata.

Not for computing anything: a table is written whole or not at all, and a file made for another
model, hookpoint, or dataset is refused by name.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from culture_neurons.storage.writing import atomic_path

_TEXT = pa.struct(
    [("prompt", pa.string()), ("question", pa.string()), ("options", pa.list_(pa.string()))]
)
_IDENTITY = [("culture", pa.string()), ("layer", pa.uint16()), ("neuron", pa.uint32())]
_RESPONSE = [
    ("question_id", pa.string()),
    ("predicted", pa.uint8()),  # index into the question's options, not into the shown letters
    ("correct", pa.bool_()),
    ("option_logprobs", pa.list_(pa.float32())),  # in the order of the question's options
    ("non_letter_mass", pa.float32()),  # probability on tokens that are no option letter
]
_INTERVAL = [("ci_low", pa.float64()), ("ci_high", pa.float64())]
_SHARED = [  # two masks of one culture
    ("first", pa.uint32()),  # neurons
    ("second", pa.uint32()),
    ("shared", pa.uint32()),
    ("overlap", pa.float64()),  # Jaccard index; null for two empty masks
    ("chance", pa.float64()),  # of random masks of these sizes: expected shared / expected all
]
_COLLAPSE = [  # means of what tells a broken model from a lost culture
    ("non_letter_mass_change", pa.float64()),
    ("letter_entropy_change", pa.float64()),  # of the largest entropy, 0 to 1
]

SCHEMAS: dict[str, pa.Schema] = {
    kind: pa.schema(fields)
    for kind, fields in {
        "questions": [
            ("question_id", pa.string()),
            ("image_id", pa.string()),
            ("culture", pa.string()),
            ("subset", pa.string()),
            ("language", pa.string()),
            ("category", pa.string()),
            ("texts", pa.list_(_TEXT)),  # one entry per prompt of the config (english, native ...)
            ("answer", pa.uint8()),
            ("fold", pa.uint8()),
        ],
        "images": [
            ("image_id", pa.string()),
            ("bytes", pa.binary()),  # as delivered, never re-encoded
            ("width", pa.uint32()),  # as shown: after EXIF rotation
            ("height", pa.uint32()),
            ("sha256", pa.string()),
            (
                "note",
                pa.string(),
            ),  # what decoding alters: "first of 3 frames"; "" if nothing
        ],
        "rejected": [
            ("question_id", pa.string()),
            ("reason", pa.string()),
            ("detail", pa.string()),
            ("counted", pa.bool_()),  # against max_rejected; rows that nobody asked for are not
        ],
        # option_order[i] = index of the option shown under letter i
        "answers": [*_RESPONSE, ("option_order", pa.list_(pa.uint8()))],
        # The same questions over pictures of other cultures.
        "swapped_answers": _RESPONSE,
        "cells": [
            ("culture", pa.string()),
            ("fold", pa.uint8()),
            ("question_id", pa.string()),
            ("used", pa.bool_()),
            ("reason", pa.string()),  # why a question is not used; "" when it is
        ],
        "activations": [
            ("culture", pa.string()),
            ("fold", pa.uint8()),
            ("scope", pa.string()),
            ("questions", pa.uint32()),
            ("tokens", pa.uint64()),  # T
            ("layer", pa.uint16()),
            ("neuron", pa.uint32()),
            ("active", pa.uint32()),  # K
            ("total", pa.float32()),  # S
            ("total_squares", pa.float32()),  # Q
        ],
        "statistics": [
            *_IDENTITY,
            ("tokens", pa.uint64()),
            ("active", pa.uint64()),
            ("total", pa.float64()),
            ("total_squares", pa.float64()),
        ],
        "scores": [*_IDENTITY, ("score", pa.float32()), ("rank", pa.uint32())],
        "masks": [("mask", pa.string()), *_IDENTITY, ("rank", pa.uint32())],
        "outcomes": [("mask", pa.string()), *_RESPONSE],
        "swapped_outcomes": [("mask", pa.string()), *_RESPONSE],
        "effects": [
            ("mask_culture", pa.string()),
            ("culture", pa.string()),
            ("questions", pa.uint32()),
            ("accuracy_before", pa.float64()),
            ("accuracy_after", pa.float64()),
            ("delta", pa.float64()),  # accuracy_after - accuracy_before, a fraction
            *_INTERVAL,
            ("correct_to_wrong", pa.uint32()),
            ("wrong_to_correct", pa.uint32()),
            ("wrong_to_wrong", pa.uint32()),  # the answer changed, both are wrong
            ("p", pa.float64()),  # exact McNemar over images, by the sign of their net change
            ("q", pa.float64()),  # Benjamini-Hochberg over the cells of one model and scorer
            ("smallest_drop", pa.float64()),  # that the cell's test shows with the stated power
            # Of the culture's own mask, on the same questions over other cultures' pictures.
            ("swapped_before", pa.float64()),
            ("swapped_delta", pa.float64()),
            *_COLLAPSE,
        ],
        "summaries": [
            ("culture", pa.string()),  # null: the mean over cultures
            # self | cross_by_mask | cross_by_target | gap | self_less_swapped
            ("measure", pa.string()),
            ("value", pa.float64()),
            *_INTERVAL,
            *_COLLAPSE,
        ],
        "ranks": [
            ("culture", pa.string()),  # null: the mean over cultures
            ("measure", pa.string()),
            ("control", pa.string()),
            ("value", pa.float64()),  # the scorer's, on the questions that the control was asked
            ("draws", pa.uint32()),
            ("control_mean", pa.float64()),
            ("control_low", pa.float64()),  # smallest and largest value over the control's draws
            ("control_high", pa.float64()),
            ("rank_p", pa.float64()),
        ],
        "comparisons": [
            ("first", pa.string()),
            ("second", pa.string()),
            ("measure", pa.string()),
            ("value", pa.float64()),  # first - second, means over cultures
            *_INTERVAL,
            ("p", pa.float64()),
            ("q", pa.float64()),  # Benjamini-Hochberg over the pairs, per measure
        ],
        "reliability": [
            ("analysis", pa.string()),  # disjoint | nested | layers | scopes | variants
            ("scorer", pa.string()),
            ("setting", pa.string()),  # what differs from the study's own; "" if only the folds do
            ("questions", pa.uint32()),  # per culture, behind the first of the two
            ("draw", pa.uint32()),  # of folds; null: all draws together
            ("rate", pa.float64()),
            ("culture", pa.string()),
            ("layer", pa.uint16()),  # null: all layers
            ("spearman", pa.float64()),  # over the neurons; null where scores do not vary
            *_SHARED,
        ],
        "categories": [
            ("scorer", pa.string()),
            ("category", pa.string()),
            ("measure", pa.string()),  # as of summaries
            ("questions", pa.uint32()),  # of all cultures
            ("cultures", pa.uint32()),  # that have questions of the category
            ("value", pa.float64()),  # mean over these
            *_INTERVAL,
        ],
        "subjects": [
            ("first_model", pa.string()),
            ("second_model", pa.string()),
            ("weights", pa.string()),  # same | other; "not comparable: ..." has no numbers
            ("split", pa.uint32()),
            ("scorer", pa.string()),
            ("rate", pa.float64()),
            ("culture", pa.string()),
            ("spearman", pa.float64()),
            *_SHARED,
        ],
        "planted": _IDENTITY,
        "recovery": [
            ("scorer", pa.string()),
            ("culture", pa.string()),
            ("planted", pa.uint32()),
            ("selected", pa.uint32()),
            ("hits", pa.uint32()),
        ],
    }.items()
}

# What differs between the files of one study's selectors, and is no fact of what compares them.
SELECTOR_FACTS = ("masks", "selector", "scorer", "select", "count")

_METADATA_KEY = b"culture_neurons"
_CHECKSUM_KEY = b"culture_neurons.sha256"  # Parquet has checksums of pages, none of metadata
_IN_PATHS = {"split": "split{}", "rate": "r{:g}"}  # how paths write a fact; others as they are
_NUMBERS = {  # column type -> the array type of the same bytes
    getattr(pa, name)(): np.dtype(name)
    for name in ("uint8", "uint16", "uint32", "uint64", "float32", "float64")
}


class TableError(Exception):
    """A table file that is missing, damaged, of another kind, or of another study."""


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


def attach_facts(schema: pa.Schema, kind: str, facts: Mapping[str, object]) -> pa.Schema:
    """Put a file's kind and facts into its schema's metadata, beside what stands there."""
    document = json.dumps({**facts, "kind": kind}, sort_keys=True).encode()
    checksum = hashlib.sha256(document).hexdigest().encode()
    own = {_METADATA_KEY: document, _CHECKSUM_KEY: checksum}
    return schema.with_metadata({**(schema.metadata or {}), **own})


def _is_constant(value: object) -> bool:
    return isinstance(value, (str, int))


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


def name_versions(*packages: str) -> dict[str, str]:
    """Name the installed versions of packages, for a file's `software` fact."""
    return {package: metadata.version(package) for package in packages}


def read_facts(
    path: str | Path, kind: str, wildcards: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Read the facts of a table file.

    Args:
        path: A table of `kind`.
        kind: Key of `SCHEMAS`.
        wildcards: What the file's path says of it, as paths write it; None if nothing. Each that
            is a fact of the file too must say the same.

    Raises:
        TableError: The file is missing, unreadable, not ours, not of this kind, or was made for
            another path.
    """
    if not Path(path).exists():
        raise TableError(f"{path}: there is no such file; run the step that writes it")
    try:
        metadata = pq.read_schema(path).metadata or {}
        document = metadata.get(_METADATA_KEY)
        facts = json.loads(document) if document else {}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as a Parquet file ({error}); delete it and run again"
        ) from error
    found = facts.pop("kind", None)
    if found is None:
        raise TableError(
            f"{path}: carries no culture-neurons metadata; expected a {kind} table written by "
            "this workflow; delete it and run again"
        )
    if metadata.get(_CHECKSUM_KEY) != hashlib.sha256(document).hexdigest().encode():
        raise TableError(
            f"{path}: is damaged (its facts do not match their checksum); delete it and run again"
        )
    if found != kind:
        raise TableError(f"{path}: is a {found} table, expected {kind}; check the path")
    for name, expected in (wildcards or {}).items():
        if name in facts and (written := _write_fact(name, facts[name])) != expected:
            raise TableError(
                f"{path}: its {name} is {written!r}, but a file of this path has {expected!r}; "
                "it was made for another path: delete it and run again"
            )
    return facts


def _write_fact(name: str, value: object) -> str:
    named = value["name"] if isinstance(value, Mapping) else value  # scorers, interventions
    return _IN_PATHS.get(name, "{}").format(named)


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


def join_facts(
    sources: Mapping[str, Mapping[str, object]], own: Collection[str] = ()
) -> dict[str, object]:
    """Unite the facts of files that one step reads together.

    Args:
        sources: File name -> its facts.
        own: Keys that are each file's own, as `software` always is: they are not united.

    Raises:
        TableError: Two sources state one fact differently: a file of another model, hookpoint,
            dataset, or config lies in the folder.
    """
    united: dict[str, object] = {}
    origin: dict[str, str] = {}
    for name, facts in sources.items():
        for key, value in facts.items():
            if key == "software" or key in own:
                continue
            if key in united and united[key] != value:
                raise TableError(
                    f"{name}: its {key} is {value!r}, but {origin[key]} has {united[key]!r}; "
                    "the two do not belong together: delete the foreign file and run again"
                )
            united[key] = value
            origin[key] = name
    return united
