"""One row of a dataset -> a question and a picture, or the reason why it is rejected."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from culture_neurons.dataset.cultures import parse_subset
from culture_neurons.dataset.folds import assign_fold
from culture_neurons.dataset.pictures import PictureError, inspect_picture
from culture_neurons.dataset.sources import DatasetError, stays_inside
from culture_neurons.dataset.texts import (
    find_forged_line,
    find_option,
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
        cultures: Subset (language, country) -> culture code; None: the dataset has no cultures.
        folds: Number of folds.
        option_counts: Numbers of options that a question may have.
        label_is: "index" of the right option from 0, or its "text".
        labels: Question id -> label that replaces the row's own.
        picture_folder: Where picture paths start; None where pictures are bytes.
        taken: Checksums (sha256) of the pictures of another dataset: not to be asked of again.
    """

    columns: Mapping
    cultures: Mapping[tuple[str, str], str] | None
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
    columns = row_format.columns
    wanted = [columns[key] for key in ("id", "image", "label")]
    wanted += [] if row_format.cultures is None else [columns["subset"]]
    wanted += [columns[key] for key in ("category", "image_id") if columns.get(key)]
    wanted += [name for text in columns["texts"].values() for name in text.values()]
    missing = [name for name in wanted if name not in row]
    if missing:
        raise DatasetError(
            f"dataset.columns: the dataset has no column {missing[0]!r}; found {list(row)}"
        )


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
        _read_prompt(
            prompt, row[names["question"]], row[names["options"]], row_format.option_counts
        )
        for prompt, names in columns["texts"].items()
    ]
    counts = {text["prompt"]: len(text["options"]) for text in texts}
    if len(set(counts.values())) > 1:
        raise RejectedRowError("option count", f"the prompts differ: {counts}")
    image_id = _read_image_id(question_id, row, columns.get("image_id"))
    return {
        "question_id": question_id,
        "image_id": image_id,
        **culture,
        "category": str(row[columns["category"]]) if columns.get("category") else "",
        "texts": texts,
        "answer": _find_answer(label, texts, row_format.label_is),
        "fold": assign_fold(image_id, row_format.folds),
    }


def _read_culture(row: Mapping, row_format: RowFormat) -> dict[str, str]:
    """Read culture, subset, and language; all are empty where the dataset has no cultures."""
    if row_format.cultures is None:
        return {"culture": "", "subset": "", "language": ""}
    subset = str(row[row_format.columns["subset"]])
    try:
        language, country = parse_subset(subset)
    except ValueError as error:
        raise RejectedRowError("unreadable subset", str(error)) from error
    if (language, country) not in row_format.cultures:
        raise RejectedRowError("subset not asked for", subset, counted=False)
    culture = row_format.cultures[language, country]
    return {"culture": culture, "subset": subset, "language": language}


def _read_image_id(question_id: str, row: Mapping, column: str | None) -> str:
    if column is None:
        return question_id.rpartition("_")[0] or question_id
    image_id = read_text(row[column])
    if not image_id:
        raise RejectedRowError("missing id", f"column {column!r} names no image")
    return image_id


def _read_prompt(prompt: str, text, options, option_counts: Collection[int]) -> dict:
    if not (isinstance(text, str) and write_key(text)):
        raise RejectedRowError("empty question", f"prompt {prompt!r}")
    if isinstance(options, str):
        raise RejectedRowError(
            "options are a text", f"{options!r}; expected a list of texts in the column"
        )
    if not isinstance(options, list) or len(options) not in option_counts:
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


def _find_answer(label, texts: list[dict], label_is: str) -> int:
    """Find the index of the right option, which all prompts list in one order."""
    if label_is == "text":
        found = {find_option(label, text["options"]) for text in texts} - {None}
        if len(found) != 1:
            listed = [text["options"] for text in texts]
            raise RejectedRowError("label is no option", f"{label!r}, expected one of {listed}")
        return found.pop()
    count = len(texts[0]["options"])
    if isinstance(label, str) and len(letter := label.strip()) == 1 and letter.isalpha():
        raise RejectedRowError(
            "label is a letter",
            f"{label!r}, expected an integer from 0 to {count - 1}: write A as 0, B as 1, and so "
            "on, into the dataset or into a file with the columns ID,Label (dataset.labels)",
        )
    index = _read_index(label)
    if index is None or not 0 <= index < count:
        raise RejectedRowError(
            "label out of range",
            f"{label!r}, expected an integer from 0 to {count - 1}, as dataset.label_is: index "
            "says; options' texts need label_is: text",
        )
    return index


def _read_index(label) -> int | None:
    """Read an index as datasets write it: 2, 2.0 (a column with gaps), or "2"; None: it is none."""
    if isinstance(label, str):
        digits = re.fullmatch(r"\s*([0-9]{1,9})(?:\.0*)?\s*", label)
        return int(digits[1]) if digits else None
    is_whole = isinstance(label, Real) and not isinstance(label, bool) and label % 1 == 0
    return int(label) if is_whole else None


def read_image(row: Mapping, row_format: RowFormat, known: Mapping | None) -> dict:
    """Read a picture's bytes, from the row or from the file that it names; decode them once.

    Raises:
        RejectedRowError: There is no picture that can be shown, or it is taken.
    """
    image, folder = row[row_format.columns["image"]], row_format.picture_folder
    cell = image if isinstance(image, Mapping) else {"path": image} if image else {}
    data, path = cell.get("bytes"), cell.get("path")
    if data is None and path and folder is not None:
        if not stays_inside(path):
            raise RejectedRowError(
                "image outside its folder",
                f"{path}; expected a path that starts at the JSONL file's folder and stays in it",
            )
        try:
            data = (folder / path).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RejectedRowError("missing image", f"{path}: {reason}") from error
    if data is None and path:
        raise RejectedRowError(
            "image is a path",
            f"{path!r}; expected the picture's bytes: only a JSONL file is read with pictures "
            "beside it",
        )
    if data is None:
        raise RejectedRowError("missing image", "no bytes")
    digest = hashlib.sha256(data).hexdigest()
    if digest in row_format.taken:
        raise RejectedRowError(
            "picture of the study's dataset", "neurons may be found on it", counted=False
        )
    if known is not None and known["sha256"] == digest:
        return dict(known)
    try:
        picture, note = inspect_picture(data)
    except PictureError as error:
        raise RejectedRowError(error.reason, str(error)) from error
    return {
        "bytes": data,
        "width": picture.width,
        "height": picture.height,
        "sha256": digest,
        "note": note,
    }
