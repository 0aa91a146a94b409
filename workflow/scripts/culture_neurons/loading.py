"""Open a dataset wherever it is: its rows with pictures as delivered, and a file of labels.

Not for judging rows: that is questions.py.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import datasets

from culture_neurons.hub import HubError, fetch_snapshot
from culture_neurons.sources import EXPECTED, DatasetError, Source, find_source

LABEL_COLUMNS = ("ID", "Label")


@dataclass(frozen=True)
class Opened:
    """A dataset's rows, where their picture paths start, and the commit that they came from."""

    rows: datasets.Dataset
    picture_folder: Path | None  # None: pictures are bytes in the rows
    commit: str | None  # None: local files


def open_dataset(source: str, revision: str | None, split: str, image_column: str) -> Opened:
    """Open local files or a Hub dataset (from the Hub cache, if offline); pictures stay bytes.

    Args:
        source: The config's dataset.source.
        revision: Commit, tag, or branch of a Hub dataset.
        split: Split to read; Parquet and JSONL files are taken for it, whatever it is.
        image_column: Name of the column of pictures.

    Raises:
        DatasetError: Nothing can be opened at `source`, or it has no column of pictures.
    """
    found = find_source(source)
    for file in found.files:
        if not Path(file).exists():
            raise DatasetError(f"dataset.source {source}: there is no such file")
        if not Path(file).stat().st_size:
            raise DatasetError(f"dataset.source {source}: {file} is empty; expected {EXPECTED}")
    if found.form == "parquet" and not found.files:
        raise DatasetError(
            f"dataset.source {source}: no *.parquet in this folder; expected {EXPECTED}"
        )
    commit = None
    try:
        if found.form == "hub":
            # `datasets` itself, offline, takes the newest copy in its cache, of whatever revision.
            folder = fetch_snapshot(source, revision, "dataset")
            commit = folder.name
            rows = datasets.load_dataset(str(folder), split=split)
        else:
            rows = _read_local(source, found, split)
    except HubError as error:
        raise DatasetError(f"dataset.source {error}; expected {EXPECTED}") from error
    except (OSError, ValueError, KeyError, datasets.exceptions.DatasetsError) as error:
        cache = datasets.config.HF_DATASETS_CACHE
        if Path(getattr(error, "filename", None) or "").is_relative_to(cache):
            raise DatasetError(
                f"the cache of `datasets` cannot be written ({error}); set HF_HOME to a folder in "
                "which this user may make files"
            ) from error
        raise DatasetError(
            f"dataset.source {source!r} (split {split!r}) cannot be opened: {error}; expected "
            f"{EXPECTED}"
        ) from error
    return Opened(_keep_bytes(rows, source, image_column), found.picture_folder, commit)


def _read_local(source: str, found: Source, split: str) -> datasets.Dataset:
    if found.form == "saved":
        saved = datasets.load_from_disk(source)
        return saved[split] if isinstance(saved, datasets.DatasetDict) else saved
    reader = {"parquet": "parquet", "jsonl": "json"}[found.form]
    return datasets.load_dataset(reader, data_files={split: list(found.files)}, split=split)


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
