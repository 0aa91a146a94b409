"""Which form a dataset has, and which local files it consists of.

Not for reading them: planning asks for these files too, so this module is stdlib only.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXPECTED = (
    "a Parquet file (*.parquet) or a folder of them, a folder saved by `datasets`, a JSONL file "
    "(*.jsonl, one object per line), or a Hub id"
)


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

    form: str  # parquet | saved | jsonl | hub | unknown: a file of another kind
    files: tuple[str, ...] = ()  # the table's own files; none for a Hub id
    picture_folder: Path | None = None  # relative picture paths start here (JSONL)


def find_source(source: str) -> Source:
    """Tell a source's form by its name and its files; what is not on this machine is a Hub id."""
    path = Path(source)
    is_folder = os.path.isdir(source)  # os.path takes any text, also one too long for a path
    if path.suffix.lower() == ".jsonl" and not is_folder:
        return Source("jsonl", (source,), path.parent)
    if path.suffix.lower() == ".parquet" and not is_folder:
        return Source("parquet", (source,))
    if not is_folder:
        return Source("unknown", (source,)) if os.path.exists(source) else Source("hub")
    if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        return Source("saved", _list_files(path, ".arrow") + _list_files(path, ".json"))
    return Source("parquet", _list_files(path, ".parquet"))


def list_inputs(source: str, image_column: str) -> list[str]:
    """List the local files whose edit changes the dataset, pictures of a JSONL file included.

    A picture that is missing or not taken is left out: it costs its rows, not the run.
    """
    found = find_source(source)
    pictures: set[str] = set()
    if found.form == "jsonl" and os.path.isfile(source):
        with Path(source).open("rb") as lines:
            for line in lines:
                picture = _read_field(line, image_column)
                if isinstance(picture, str) and stays_inside(picture):
                    pictures.add(str(found.picture_folder / picture))
    return [*found.files, *sorted(filter(os.path.isfile, pictures))]


def stays_inside(picture: str) -> bool:
    """Say whether a picture's path stays in the folder that it starts from."""
    path = Path(picture)
    return not path.is_absolute() and ".." not in path.parts


def check_lines(path: str | Path) -> None:
    """Read every line of a JSONL file: `datasets` does not say which one is broken, if it says so.

    Raises:
        DatasetError: A line is not UTF-8, no JSON object, or names a column twice.
    """
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    # Encoded, because JSON can write half of a surrogate pair, which is no text.
                    json.dumps(_read_line(line), ensure_ascii=False).encode()
            except ValueError as error:
                raise DatasetError(
                    f"dataset.source {path}, line {number}: {error}; expected one JSON object per "
                    "line, in UTF-8: mend the line or take it out"
                ) from error


def _list_files(folder: Path, suffix: str) -> tuple[str, ...]:
    return tuple(sorted(str(path) for path in folder.rglob(f"*{suffix}")))


def _read_field(line: bytes, name: str):
    try:
        return _read_line(line).get(name)
    except ValueError:
        return None  # said with its reason when the dataset is opened


def _read_line(line: bytes) -> dict:
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
