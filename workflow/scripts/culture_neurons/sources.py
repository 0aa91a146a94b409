"""Which form a dataset has, and which local files it consists of.

Not for reading them: planning asks for these files too, so this module is stdlib only.
"""

import json
from dataclasses import dataclass
from pathlib import Path

EXPECTED = (
    "a Parquet file or a folder of them, a folder saved by `datasets`, a JSONL file, or a Hub id"
)


class DatasetError(Exception):
    """A dataset that cannot be used as a whole."""


@dataclass(frozen=True)
class Source:
    """Where a dataset's rows are."""

    form: str  # parquet | saved | jsonl | hub
    files: tuple[str, ...] = ()  # the table's own files; none for a Hub id
    picture_folder: Path | None = None  # relative picture paths start here (JSONL)


def find_source(source: str) -> Source:
    """Tell a source's form by its name and its files; what is not on this machine is a Hub id."""
    path = Path(source)
    if path.suffix == ".jsonl":
        return Source("jsonl", (source,), path.parent)
    if path.suffix == ".parquet":
        return Source("parquet", (source,))
    if not path.exists():
        return Source("hub")
    if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        return Source("saved", _list_files(path, ".arrow") + _list_files(path, ".json"))
    return Source("parquet", _list_files(path, ".parquet"))


def list_inputs(source: str, image_column: str) -> list[str]:
    """List the local files whose edit changes the dataset, pictures of a JSONL file included.

    A picture that is missing is left out: it costs its rows, not the run.
    """
    found = find_source(source)
    pictures: set[str] = set()
    if found.form == "jsonl" and Path(source).is_file():
        for line in Path(source).read_text(encoding="utf-8", errors="replace").splitlines():
            picture = _read_field(line, image_column)
            if isinstance(picture, str) and (found.picture_folder / picture).is_file():
                pictures.add(str(found.picture_folder / picture))
    return [*found.files, *sorted(pictures)]


def _list_files(folder: Path, suffix: str) -> tuple[str, ...]:
    return tuple(sorted(str(path) for path in folder.rglob(f"*{suffix}")))


def _read_field(line: str, name: str):
    try:
        row = json.loads(line)
    except ValueError:
        return None  # said with its reason when the dataset is opened
    return row.get(name) if isinstance(row, dict) else None
