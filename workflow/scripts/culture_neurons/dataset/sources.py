"""Which form a dataset has, and which local files it consists of.

Not for reading them: planning asks for these files too, so this module is stdlib only.
"""

import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from culture_neurons.dataset.text_tables import (
    BrokenLineError,
    read_header,
    read_objects,
    read_records,
)

EXPECTED = (
    "a Parquet file (*.parquet), a JSONL file (*.jsonl, one object per line), a CSV or TSV file "
    "(*.csv, *.tsv, with a header), a folder of one of these kinds, a folder saved by `datasets`, "
    "or a Hub id"
)
LONGEST_PATH = 4096  # characters; what is longer is a picture written as text
FORMS = {".parquet": "parquet", ".jsonl": "jsonl", ".csv": "csv", ".tsv": "tsv"}


class DatasetError(Exception):
    """A dataset that cannot be used as a whole."""


@contextmanager
def name_settings(key: str, names: Collection[str]) -> Iterator[None]:
    """Let errors name the settings of the dataset that is read; they are worded for `dataset`.

    Args:
        key: Config key of the dataset.
        names: Of its settings.

    Raises:
        DatasetError: As the block does, of `key`.
    """
    setting = re.compile(rf"\bdataset\.(?=(?:{'|'.join(names)})\b)")
    try:
        yield
    except DatasetError as error:
        raise DatasetError(setting.sub(lambda _: f"{key}.", str(error))) from error


@dataclass(frozen=True)
class Source:
    """Where a dataset's rows are."""

    form: str  # parquet | jsonl | csv | tsv | saved | hub | unknown: a file of another kind
    files: tuple[str, ...] = ()  # the table's own files; none for a Hub id
    picture_folder: Path | None = None  # relative picture paths start here, if config says no other


def find_source(source: str) -> Source:
    """Tell a source's form by its name and its files; what is not on this machine is a Hub id."""
    path = Path(source)
    if not os.path.isdir(source):  # os.path takes any text, also one too long for a path
        form = FORMS.get(path.suffix.lower())
        if form is None:
            return Source("unknown", (source,)) if os.path.exists(source) else Source("hub")
        return Source(form, (source,), _start_pictures(form, path.parent))
    if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        return Source("saved", _list_files(path, ".arrow") + _list_files(path, ".json"))
    kinds = {form: _list_files(path, suffix) for suffix, form in FORMS.items()}
    form = next((form for form, files in kinds.items() if files), "parquet")
    return Source(form, kinds[form], _start_pictures(form, path))


def list_inputs(source: str, image_column: str, image_root: str | None = None) -> list[str]:
    """List the local files whose edit changes the dataset, pictures included.

    Of JSONL, CSV, and TSV files these are the pictures that rows name, unless the first row holds
    its picture; of others all files below `image_root`, for their rows cannot be read here. A
    picture that is missing or not taken is left out: it costs its rows, not the run.
    """
    found = find_source(source)
    root = Path(image_root) if image_root is not None else found.picture_folder
    pictures: set[str] = set()
    if found.picture_folder is None:
        pictures.update(_list_files(root, "") if root is not None else ())
    else:
        for file in filter(os.path.isfile, found.files):
            named = _list_pictures(file, found.form, image_column)
            pictures.update(str(root / picture) for picture in named)
    return [*found.files, *sorted(filter(os.path.isfile, pictures))]


def stays_inside(picture: str) -> bool:
    """Say whether a picture's path stays in the folder that it starts from."""
    path = Path(picture)
    return not path.is_absolute() and ".." not in path.parts


def find_splits(source: str) -> list[str] | None:
    """Find the splits of local data, as far as no table is read; None: only reading can tell."""
    found = find_source(source)
    if found.form == "saved":
        path = Path(source) / "dataset_dict.json"
        with suppress(OSError, ValueError, KeyError, TypeError):  # damaged: said on opening it
            return list(map(str, json.loads(path.read_text(encoding="utf-8"))["splits"]))
    return [] if found.files == (source,) else None


def find_columns(source: str) -> list[str] | None:
    """Find the columns that all CSV or TSV files of a source have; None of others.

    Raises:
        DatasetError: A header is broken.
    """
    found = find_source(source)
    if found.form not in ("csv", "tsv") or not found.files:
        return None
    headers = []
    for file in found.files:
        try:
            headers.append(read_header(file, found.form))
        except (BrokenLineError, OSError) as error:
            raise DatasetError(f"dataset.source {file}, {error}") from error
    return [name for name in headers[0] if all(name in header for header in headers)]


def read_rows(file: str, form: str) -> Iterator[dict]:
    """Read the rows of a JSONL, CSV, or TSV file.

    Raises:
        DatasetError: With the line that is broken.
    """
    try:
        yield from read_objects(file) if form == "jsonl" else read_records(file, form)
    except (BrokenLineError, OSError) as error:
        raise DatasetError(f"dataset.source {file}, {error}") from error


def _start_pictures(form: str, folder: Path) -> Path | None:
    """Say where pictures start: beside rows that planning can read, for they are inputs."""
    return None if form == "parquet" else folder


def _list_files(folder: Path, suffix: str) -> tuple[str, ...]:
    return tuple(sorted(str(path) for path in folder.rglob(f"*{suffix}")))


def _list_pictures(file: str, form: str, column: str) -> set[str]:
    """List the paths in a file's column of pictures, up to a line that is broken."""
    pictures = set()
    with suppress(DatasetError):  # said with its reason when the dataset is opened
        for row in read_rows(file, form):
            picture = row.get(column)
            is_text = isinstance(picture, str)
            if is_text and len(picture) >= LONGEST_PATH and not pictures:
                break  # gigabytes of pictures, and no path: reading them all would take long
            if is_text and len(picture) < LONGEST_PATH and stays_inside(picture):
                pictures.add(picture)
    return pictures
