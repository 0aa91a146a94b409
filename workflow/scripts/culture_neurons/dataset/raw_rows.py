"""Open a dataset wherever it is: its rows with pictures as delivered, and a file of labels.

Not for judging rows: that is questions.py.
"""

import csv
import glob
import os
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import datasets
import pyarrow as pa
from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns

from culture_neurons.dataset.sources import (
    EXPECTED,
    DatasetError,
    Source,
    check_lines,
    find_source,
)
from culture_neurons.logs import logger
from culture_neurons.storage.hub import HubError, fetch_snapshot

LABEL_COLUMNS = ("ID", "Label")


@dataclass(frozen=True)
class Opened:
    """A dataset's rows, where their picture paths start, and the commit that they came from."""

    rows: datasets.Dataset
    picture_folder: Path | None  # None: pictures are bytes in the rows
    commit: str | None  # None: local files


def open_dataset(
    source: str,
    revision: str | None,
    split: str,
    image_column: str,
    name: str | None = None,
    cache_dir: str | None = None,
) -> Opened:
    """Open local files or a Hub dataset (from the Hub cache, if offline); pictures stay bytes.

    Args:
        source: The config's dataset.source.
        revision: Commit, tag, or branch of a Hub dataset.
        split: Split to read. A folder's Parquet files are of the splits that their names say, or of
            any where none says one; so is a file alone.
        image_column: Name of the column of pictures.
        name: Which of a Hub dataset's configurations; None: its only or default one.
        cache_dir: The Hub cache; None: where the environment says.

    Raises:
        DatasetError: Nothing can be opened at `source`, or it has no column of pictures, or its
            text is not UTF-8.
    """
    found = find_source(source)
    _check_files(source, found)
    try:
        if found.form == "hub":
            rows, commit = _read_hub(source, revision, split, name, cache_dir)
        else:
            rows, commit = _read_local(source, found, split), None
    except DatasetError:
        raise
    except HubError as error:
        raise DatasetError(f"dataset.source {error}; expected {EXPECTED}") from error
    except Exception as error:  # `datasets` raises nearly anything on damaged files
        raise DatasetError(_explain(error, source, split)) from error
    _check_text(rows, source)
    return Opened(_keep_bytes(rows, source, image_column), found.picture_folder, commit)


def _check_files(source: str, found: Source) -> None:
    for file in found.files:
        if not os.path.exists(file):
            raise DatasetError(f"dataset.source {source}: there is no such file")
        if not Path(file).stat().st_size:
            raise DatasetError(f"dataset.source {source}: {file} is empty; expected {EXPECTED}")
    if found.form == "parquet" and not found.files:
        raise DatasetError(
            f"dataset.source {source}: no *.parquet in this folder; expected {EXPECTED}"
        )
    if found.form == "unknown":
        raise DatasetError(
            f"dataset.source {source}: a file named *{Path(source).suffix} is not read; expected "
            f"{EXPECTED}"
        )
    if found.form == "jsonl":
        check_lines(source)


def _read_hub(
    source: str, revision: str | None, split: str, name: str | None, cache_dir: str | None
) -> tuple[datasets.Dataset, str]:
    # `datasets` itself, offline, takes the newest copy in its cache, of whatever revision.
    folder = fetch_snapshot(source, revision, "dataset", cache_dir=cache_dir)
    known = datasets.get_dataset_config_names(str(folder))
    chosen = name or datasets.get_dataset_default_config_name(str(folder))
    if chosen not in known:
        raise DatasetError(
            f"dataset.name is {name!r}, but {source} has the configurations {known}; set it to one "
            "of them"
        )
    return datasets.load_dataset(str(folder), chosen, split=split), folder.name


def _read_local(source: str, found: Source, split: str) -> datasets.Dataset:
    if found.form == "saved":
        saved = datasets.load_from_disk(source)
        if not isinstance(saved, datasets.DatasetDict):
            return saved
        _require_split(source, split, saved)
        return saved[split]
    reader = {"parquet": "parquet", "jsonl": "json"}[found.form]
    files = _choose_files(source, found, split) if os.path.isdir(source) else list(found.files)
    # The cache of `datasets` knows a file by its time, which a copy may keep while its content is
    # another. What is read stays mapped when the folder is gone.
    os.makedirs(datasets.config.HF_DATASETS_CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=datasets.config.HF_DATASETS_CACHE) as fresh:
        data = {split: list(map(glob.escape, files))}  # names, and no patterns
        return datasets.load_dataset(reader, data_files=data, split=split, cache_dir=fresh)


def _choose_files(source: str, found: Source, split: str) -> list[str]:
    """Choose a folder's Parquet files of a split by their names, as `datasets` does.

    Raises:
        DatasetError: Names say splits, but not this one.
    """
    folder = glob.escape(source)
    try:
        patterns = get_data_patterns(folder)
    except EmptyDatasetError:  # it sees no hidden files
        return list(found.files)
    by_split = DataFilesDict.from_patterns(
        patterns, base_path=folder, allowed_extensions=[".parquet"]
    )
    unnamed = ["**"]  # what `datasets` takes for "train" where no name says a split
    named = {str(name): list(map(str, by_split[name])) for name in by_split}
    named = {name: files for name, files in named.items() if files and patterns[name] != unnamed}
    if not named:
        return list(found.files)
    _require_split(source, split, named)
    known = {os.path.realpath(file) for files in named.values() for file in files}
    aside = [file for file in found.files if os.path.realpath(file) not in known]
    if aside:
        logger.warning("files whose names say no split are not read: %s", aside)
    return sorted(named[split])


def _require_split(source: str, split: str, known: Collection[str]) -> None:
    if split not in known:
        raise DatasetError(
            f"dataset.split is {split!r}, but {source} has the splits {sorted(map(str, known))}; "
            "set it to one of them"
        )


def _explain(error: Exception, source: str, split: str) -> str:
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
    try:
        return rows.cast_column(image_column, datasets.Image(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise DatasetError(
            f"dataset.columns.image: column {image_column!r} of {source} holds no pictures but "
            f"{rows.features[image_column]}"
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
