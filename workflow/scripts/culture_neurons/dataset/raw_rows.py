"""Open a dataset wherever it is: its rows with pictures as delivered, and a file of labels.

Not for judging rows: that is row_check.py.
"""

import csv
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import pyarrow as pa

from culture_neurons.dataset.columns import PLACES, list_names
from culture_neurons.dataset.parts import read_hub_parts, read_local_parts
from culture_neurons.dataset.sources import (
    EXPECTED,
    FORMS,
    DatasetError,
    Source,
    find_source,
    read_rows,
)
from culture_neurons.logs import logger
from culture_neurons.storage.hub import HubError, fetch_snapshot

LABEL_COLUMNS = ("ID", "Label")


@dataclass(frozen=True)
class Opened:
    """A dataset's rows, where their picture paths start, and the commit that they came from."""

    rows: datasets.Dataset
    picture_folder: Path | None  # None: pictures are in the rows
    commit: str | None  # None: local files


def open_dataset(
    source: str,
    revision: str | None,
    split: str | Sequence[str],
    image_column: str,
    name: str | Sequence[str] | None = None,
    *,
    named: Collection[str] = (),
    image_root: str | None = None,
    cache_dir: str | None = None,
) -> Opened:
    """Open local files or a Hub dataset (from the Hub cache, if offline); pictures stay bytes.

    Args:
        source: The config's dataset.source.
        revision: Commit, tag, or branch of a Hub dataset.
        split: Splits to read. A folder's files are of the splits that their names say, or of any
            where none says one; so is a file alone.
        image_column: Name of the column of pictures.
        name: Which of a Hub dataset's configurations; None: its only or default one.
        named: Columns that will be read; those of `columns.PLACES` that are missing are added.
        image_root: Folder in which pictures' paths start; None: beside the rows, but for Parquet
            files and saved datasets.
        cache_dir: The Hub cache; None: where the environment says.

    Raises:
        DatasetError: Nothing can be opened at `source`, or it has no column of pictures, or its
            text is not UTF-8.
    """
    found = find_source(source)
    _check_files(source, found)
    places, folder, commit = set(PLACES) & set(named), found.picture_folder, None
    try:
        if found.form == "hub":
            # `datasets` itself, offline, takes the newest copy in its cache, of whatever revision.
            folder = fetch_snapshot(source, revision, "dataset", cache_dir=cache_dir)
            commit = folder.name
            chosen = (source, folder, list_names(split), name)
            parts = read_hub_parts(*chosen, by_file="file" in places)
        else:
            parts = read_local_parts(source, found, list_names(split), by_file="file" in places)
        rows = datasets.concatenate_datasets([part.add_places(places) for part in parts])
    except DatasetError:
        raise
    except HubError as error:
        raise DatasetError(f"dataset.source {error}; expected {EXPECTED}") from error
    except Exception as error:  # `datasets` raises nearly anything on damaged files
        if isinstance(error.__cause__, DatasetError):  # a line of a table that is read for it
            raise error.__cause__ from error
        raise DatasetError(_explain(error, source, split)) from error
    _check_text(rows, source)
    root = Path(image_root) if image_root is not None else folder
    return Opened(_keep_bytes(rows, source, image_column), root, commit)


def _check_files(source: str, found: Source) -> None:
    for file in found.files:
        if not os.path.exists(file):
            raise DatasetError(f"dataset.source {source}: there is no such file")
        if not Path(file).stat().st_size:
            raise DatasetError(f"dataset.source {source}: {file} is empty; expected {EXPECTED}")
    if found.form == "unknown":
        raise DatasetError(
            f"dataset.source {source}: a file named *{Path(source).suffix} is not read; expected "
            f"{EXPECTED}"
        )
    if found.form != "hub" and not found.files:
        raise DatasetError(
            f"dataset.source {source}: no {', '.join(f'*{suffix}' for suffix in FORMS)} in this "
            f"folder; expected {EXPECTED}"
        )
    if os.path.isdir(source) and found.form != "saved":
        others = [suffix for suffix, form in FORMS.items() if form != found.form]
        aside = sorted(str(f) for suffix in others for f in Path(source).rglob(f"*{suffix}"))
        if aside:
            logger.warning("files of other kinds than *.%s are not read: %s", found.form, aside)
    if found.form == "jsonl":  # `datasets` does not say which line is broken
        for file in found.files:
            for _ in read_rows(file, found.form):
                pass


def _explain(error: Exception, source: str, split: str | Sequence[str]) -> str:
    cache = datasets.config.HF_DATASETS_CACHE
    if Path(getattr(error, "filename", None) or "").is_relative_to(cache):
        return (
            f"the cache of `datasets` cannot be written ({error}); set HF_HOME to a folder in "
            "which this user may make files"
        )
    # What is wrong, the cause alone says: `datasets` wraps it in a sentence that does not.
    said = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
    return (
        f"dataset.source {source!r} (split {split!r}) cannot be opened: {' '.join(said.split())}; "
        f"expected {EXPECTED}"
    )


def _check_text(rows: datasets.Dataset, source: str) -> None:
    """Refuse text that is not UTF-8, which Arrow hands on until somebody reads the row."""
    for name in rows.column_names:
        column = rows.data.column(name)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            row = next((row for row, cell in enumerate(column) if not _is_text(cell)), "unknown")
            raise DatasetError(
                f"dataset.source {source}: column {name!r} of row {row} (from 0) cannot be read "
                f"({error}); expected UTF-8: mend the row or take it out"
            ) from error


def _is_text(cell: pa.Scalar) -> bool:
    try:
        cell.as_py()
    except UnicodeDecodeError:
        return False
    return True


def _keep_bytes(rows: datasets.Dataset, source: str, image_column: str) -> datasets.Dataset:
    if image_column not in rows.column_names:
        raise DatasetError(
            f"dataset.columns.image: {source} has no column {image_column!r}; "
            f"found {rows.column_names}"
        )
    kind = rows.features[image_column]
    try:
        # Image takes no type of Arrow's views, which others write.
        plain = {"binary_view": "large_binary", "string_view": "large_string"}.get(
            getattr(kind, "dtype", "")
        )
        if plain is not None:
            rows = rows.cast_column(image_column, datasets.Value(plain))
        return rows.cast_column(image_column, datasets.Image(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise DatasetError(
            f"dataset.columns.image: column {image_column!r} of {source} holds no pictures but "
            f"{kind}; expected bytes, paths, or base64 text"
        ) from error


def read_labels(path: str | Path) -> dict[str, str]:
    """Read a CSV file with the columns ID and Label: question id -> label, as text.

    Raises:
        DatasetError: The file or a column is missing, or an ID has two labels.
    """
    labels: dict[str, str] = {}
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(LABEL_COLUMNS) <= set(reader.fieldnames or []):
                raise DatasetError(
                    f"dataset.labels {path}: found the columns {reader.fieldnames}; expected a "
                    f"comma-separated file with {list(LABEL_COLUMNS)}"
                )
            for row in reader:
                question_id, label = ((row[name] or "").strip() for name in LABEL_COLUMNS)
                if labels.setdefault(question_id, label) != label:
                    raise DatasetError(
                        f"dataset.labels {path}, line {reader.line_num}: {question_id!r} has the "
                        f"labels {labels[question_id]!r} and {label!r}; keep one"
                    )
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"dataset.labels {path}: cannot be read: {error}") from error
    return labels
