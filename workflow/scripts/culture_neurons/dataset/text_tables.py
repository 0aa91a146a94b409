"""JSONL, CSV, and TSV files, row by row, with the line at which one is broken.

Planning reads them too, so this module is stdlib only.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DELIMITERS = {"csv": ",", "tsv": "\t"}


class BrokenLineError(Exception):
    """A line that is no row, or a file without a header."""


def read_objects(path: str | Path) -> Iterator[dict]:
    """Read a JSONL file's objects.

    Raises:
        BrokenLineError: A line is not UTF-8, no JSON object, or names a column twice.
    """
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = _read_object(line)
                # Encoded, because JSON can write half of a surrogate pair, which is no text.
                json.dumps(row, ensure_ascii=False).encode()
            except ValueError as error:
                raise BrokenLineError(
                    f"line {number}: {error}; expected one JSON object per line, in UTF-8: mend "
                    "the line or take it out"
                ) from error
            yield row


def read_header(path: str | Path, form: str) -> list[str]:
    """Read the columns of a CSV or TSV file; arguments and errors as of `read_records`."""
    with _open_table(path, form) as reader:
        return _read_header(reader)


def read_records(path: str | Path, form: str) -> Iterator[dict[str, str]]:
    """Read the rows of a CSV or TSV file, every cell as the text that it is.

    Args:
        path: Of a file with a header.
        form: "csv" or "tsv".

    Raises:
        BrokenLineError: The file is not UTF-8, its header is empty or names a column twice, a row
            has more or fewer fields than the header, or a quote is not closed.
    """
    with _open_table(path, form) as reader:
        header = _read_header(reader)
        for fields in reader:
            if fields and len(fields) != len(header):
                raise BrokenLineError(
                    f"line {reader.line_num}: {len(fields)} fields; expected {len(header)}, as in "
                    f'the header: a {form.upper()} file has "" around texts that hold its '
                    "delimiter, a quote, or a line break"
                )
            if fields:
                yield dict(zip(header, fields, strict=True))


@contextmanager
def _open_table(path: str | Path, form: str):
    limit = csv.field_size_limit(sys.maxsize)  # a cell may hold a picture
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=DELIMITERS[form], strict=True)
            try:
                yield reader
            except csv.Error as error:
                raise BrokenLineError(f"line {reader.line_num}: {error}") from error
            except ValueError as error:  # not UTF-8, before the line is read
                raise BrokenLineError(f"line {reader.line_num + 1}: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _read_header(reader) -> list[str]:
    header = next(reader, [])
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice or not any(header):
        found = f"column {twice[0]!r} stands there twice" if twice else "no columns"
        raise BrokenLineError(f"header: {found}; expected names that differ, in the first line")
    return header


def _read_object(line: bytes) -> dict:
    try:
        row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_join_pairs)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(row, dict):
        raise ValueError(f"found {type(row).__name__}")
    return row


def _join_pairs(pairs: list[tuple[str, object]]) -> dict:
    names = Counter(name for name, _ in pairs)
    twice = [name for name in names if names[name] > 1]
    if twice:
        raise ValueError(f"column {twice[0]!r} stands there twice")
    return dict(pairs)
