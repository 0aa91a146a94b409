"""One row of a dataset -> a question, or the reason why it is rejected."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from culture_neurons.dataset.columns import list_columns, list_names
from culture_neurons.dataset.cultures import parse_subset
from culture_neurons.dataset.folds import assign_fold
from culture_neurons.dataset.labels import LabelError, find_answer
from culture_neurons.dataset.options import read_options
from culture_neurons.dataset.sources import DatasetError
from culture_neurons.dataset.texts import (
    find_forged_line,
    read_line,
    read_text,
    strip_letters,
    write_key,
)

# What tokenizers and chat templates take for marks, not for text: a question that holds one would
# show a second picture, or end the user's turn.
MARKUP = re.compile(
    r"<[|｜][^<>|｜\s]*[|｜]>"  # ChatML and its like
    r"|<</?SYS>>"
    r"|</?(?:s|pad|unk|bos|eos|mask|image|img|video|audio|[A-Za-z]+(?:_[A-Za-z]+)+)>"
    r"|<image\s*\d+>"
    r"|\[/?(?:INST|IMG|[A-Z]+(?:_[A-Z]+)+)\]"
)


class RejectedRowError(Exception):
    """A row that goes to table `rejected`, with its reason."""

    def __init__(self, reason: str, detail: str, counted: bool = True):
        super().__init__(reason)
        self.reason, self.detail = reason, detail
        self.counted = counted  # against max_rejected; rows that nobody asked for do not


@dataclass(frozen=True)
class RowFormat:
    """How rows are read.

    Attributes:
        columns: The config's dataset.columns; image_id may be missing or None, and so may category.
        cultures: Subset -> culture code; None: the dataset has no cultures.
        folds: Number of folds.
        option_counts: Numbers of options that a question may have.
        label_is: What labels are: see `labels.find_answer`.
        labels: Question id -> label that replaces the row's own.
        picture_folder: Where picture paths start; None: nowhere.
        taken: Checksums (sha256) of the pictures of another dataset: not to be asked of again.
    """

    columns: Mapping
    cultures: Mapping[tuple[str, ...], str] | None
    folds: int
    option_counts: Collection[int]
    label_is: str
    labels: Mapping[str, str]
    picture_folder: Path | None
    taken: Collection[str] = ()


def require_columns(row: Mapping, row_format: RowFormat) -> None:
    """Refuse a dataset whose rows lack a column.

    Raises:
        DatasetError: With the column and those that are there.
    """
    wanted = list_columns(row_format.columns, cultures=row_format.cultures is not None)
    missing = [name for name in wanted if name not in row]
    if missing:
        raise DatasetError(
            f"dataset.columns: the dataset has no column {missing[0]!r}; found {list(row)}"
        )


def read_id(row: Mapping, row_format: RowFormat) -> str:
    """Read a row's id; "" where it, or a part of it, is empty."""
    return _join_cells(row, row_format.columns["id"])


def read_subset(row: Mapping, row_format: RowFormat) -> str:
    """Read what a row says of its culture, as one text."""
    columns = row_format.columns["subset"]
    if isinstance(columns, str):
        return read_text(row[columns])
    return str(tuple(read_text(row[column]) for column in columns))


def read_question(question_id: str, row: Mapping, label, row_format: RowFormat) -> dict:
    """Read a row of table `questions`.

    Raises:
        RejectedRowError: The row is no question that can be asked.
    """
    if not question_id:
        raise RejectedRowError("missing id", "the row has no id")
    columns = row_format.columns
    culture = _read_culture(row, row_format)
    texts = [
        _read_prompt(prompt, row, names, row_format.option_counts)
        for prompt, names in columns["texts"].items()
    ]
    counts = {text["prompt"]: len(text["options"]) for text in texts}
    if len(set(counts.values())) > 1:
        raise RejectedRowError("option count", f"the prompts differ: {counts}")
    image_id = _read_image_id(question_id, row, columns)
    try:
        answer = find_answer(label, [text["options"] for text in texts], row_format.label_is)
    except LabelError as error:
        raise RejectedRowError(error.reason, str(error)) from error
    return {
        "question_id": question_id,
        "image_id": image_id,
        **culture,
        "category": str(row[columns["category"]]) if columns.get("category") else "",
        "texts": texts,
        "answer": answer,
        "fold": assign_fold(image_id, row_format.folds),
    }


def _read_culture(row: Mapping, row_format: RowFormat) -> dict[str, str]:
    """Read culture, subset, and language; all are empty where the dataset has no cultures."""
    if row_format.cultures is None:
        return {"culture": "", "subset": "", "language": ""}
    text = read_subset(row, row_format)
    try:
        subset = parse_subset(text)
    except ValueError as error:
        raise RejectedRowError("unreadable subset", str(error)) from error
    example = next(iter(row_format.cultures))
    if len(subset) != len(example):
        raise RejectedRowError(
            "unreadable subset", f"{text!r}; the culture file has such as {example}"
        )
    if subset not in row_format.cultures:
        raise RejectedRowError("subset not asked for", text, counted=False)
    language = subset[0] if len(subset) == 2 else ""
    return {"culture": row_format.cultures[subset], "subset": text, "language": language}


def _read_image_id(question_id: str, row: Mapping, columns: Mapping) -> str:
    """Read the image's id from its column, or from what stands before the last "_" of an id."""
    column = columns.get("image_id")
    if column is None:
        *places, last = question_id.split("/", len(list_names(columns["id"])) - 1)
        return "/".join([*places, last.rpartition("_")[0] or last])
    image_id = _join_cells(row, column)
    if not image_id:
        raise RejectedRowError("missing id", f"column {column!r} names no image")
    return image_id


def _join_cells(row: Mapping, columns: str | Sequence[str]) -> str:
    """Join cells to a name; of a picture it is the path. "" where one says nothing."""
    cells = [row[column] for column in list_names(columns)]
    parts = [read_text(c.get("path") if isinstance(c, Mapping) else c) for c in cells]
    return "/".join(parts) if all(parts) else ""


def _read_prompt(prompt: str, row: Mapping, names: Mapping, option_counts: Collection[int]) -> dict:
    text = row[names["question"]]
    if not (isinstance(text, str) and write_key(text)):
        raise RejectedRowError("empty question", f"prompt {prompt!r}")
    try:
        options = read_options(row, names["options"])
    except ValueError as error:
        raise RejectedRowError("unreadable options", f"prompt {prompt!r}: {error}") from error
    if options is None or len(options) not in option_counts:
        expected = " or ".join(map(str, sorted(option_counts)))
        raise RejectedRowError("option count", f"{options!r}, expected {expected}")
    try:
        options = strip_letters([read_line(option) for option in options])
    except ValueError as error:
        raise RejectedRowError("option begins with a letter", str(error)) from error
    keys = [write_key(option) for option in options]
    if len(set(keys)) != len(keys) or not all(keys):
        raise RejectedRowError("options not distinct", f"{options!r}")
    forged = find_forged_line(text, len(options))
    if forged is not None:
        raise RejectedRowError("line like an option", f"prompt {prompt!r} has {forged!r}")
    markup = next(filter(None, map(MARKUP.search, [text, *options])), None)
    if markup:
        raise RejectedRowError(
            "markup in text",
            f"prompt {prompt!r} holds {markup.group()!r}, which models take for a mark: reword it",
        )
    return {"prompt": prompt, "question": text.strip(), "options": options}
