"""A dataset in CVQA's columns -> questions, images, and rejected rows with their reasons."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

import datasets

from culture_neurons.cultures import parse_subset
from culture_neurons.folds import assign_fold
from culture_neurons.logs import logger
from culture_neurons.pictures import PictureError, decode_picture

OPTIONS = 4


class DatasetError(Exception):
    """A dataset that cannot be used as a whole."""


class RejectedRowError(Exception):
    """A row that goes to table `rejected`, with its reason."""

    def __init__(self, reason: str, detail: str):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass
class Prepared:
    """Rows of the three dataset tables."""

    questions: list[dict] = field(default_factory=list)
    images: dict[str, dict] = field(default_factory=dict)
    rejected: list[dict] = field(default_factory=list)


def open_dataset(source: str, revision: str | None, split: str, image_column: str):
    """Open a Parquet file, a folder of Parquet files, or a Hub dataset; pictures stay bytes.

    Raises:
        DatasetError: Nothing can be opened at `source`, or it has no column of pictures.
    """
    path = Path(source)
    if path.suffix == ".parquet" and not path.exists():  # ask no Hub for what is no Hub id
        raise DatasetError(f"dataset.source {source}: there is no such file")
    try:
        if path.exists():
            files = [str(path)] if path.is_file() else sorted(map(str, path.glob("**/*.parquet")))
            if not files:
                raise DatasetError(f"dataset.source {source}: no *.parquet in this folder")
            rows = datasets.load_dataset("parquet", data_files={split: files}, split=split)
        else:
            rows = datasets.load_dataset(source, revision=revision, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DatasetError(
            f"dataset.source {source!r} (split {split!r}) cannot be opened: {error}; expected a "
            "Parquet file, a folder of Parquet files, or a Hub dataset id"
        ) from error
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


def prepare_questions(
    rows: Iterable[Mapping],
    columns: Mapping,
    cultures: Mapping[tuple[str, str], str],
    folds: int,
    max_rejected: float,
) -> Prepared:
    """Check every row; keep the good ones as questions and images, the others with a reason.

    Args:
        rows: Rows with the columns that `columns` names; the picture as {"bytes": ...}.
        columns: The config's dataset.columns.
        cultures: Subset (language, country) -> culture code.
        folds: Number of folds.
        max_rejected: Largest tolerated share of rejected rows.

    Raises:
        DatasetError: All labels are hidden, a column is missing, or too many rows are rejected.
    """
    prepared = Prepared()
    seen: set[str] = set()
    labels: Counter = Counter()
    total = 0
    for row in rows:
        total += 1
        _require_columns(row, columns)
        question_id = "" if row[columns["id"]] is None else str(row[columns["id"]])
        labels[str(row[columns["label"]])] += 1
        try:
            _require_new(question_id, seen)
            question = _read_question(question_id, row, columns, cultures, folds)
            image = _read_image(question["image_id"], row[columns["image"]])
            _add_image(prepared.images, image)
            prepared.questions.append(question)
        except RejectedRowError as problem:
            prepared.rejected.append(
                {"question_id": question_id, "reason": problem.reason, "detail": problem.detail}
            )
    used = {question["image_id"] for question in prepared.questions}
    prepared.images = {key: prepared.images[key] for key in sorted(used)}
    prepared.questions.sort(key=lambda question: question["question_id"])
    _check_whole(prepared, labels, total, max_rejected)
    return prepared


def _require_new(question_id: str, seen: set[str]) -> None:
    if not question_id:
        raise RejectedRowError("missing id", "the row has no id")
    if question_id in seen:
        raise RejectedRowError("duplicate id", "an earlier row has this id")
    seen.add(question_id)


def _add_image(images: dict[str, dict], image: dict) -> None:
    known = images.setdefault(image["image_id"], image)
    if known["sha256"] != image["sha256"]:
        raise RejectedRowError("image differs", "another row has other bytes for this image id")


def _check_whole(prepared: Prepared, labels: Counter, total: int, max_rejected: float) -> None:
    reasons = Counter(row["reason"] for row in prepared.rejected)
    logger.info(
        "%d rows: %d questions on %d images, %d rejected %s",
        total,
        len(prepared.questions),
        len(prepared.images),
        len(prepared.rejected),
        dict(reasons) or "",
    )
    if not total:
        raise DatasetError("dataset.source has no rows; expected questions")
    if set(labels) <= {"-1", "-1.0", "None", "nan"}:
        raise DatasetError(
            f"every label is {' or '.join(sorted(labels))}: this copy of the dataset hides its "
            "answers, so nothing can be computed; point dataset.source at a copy with labels"
        )
    if len(prepared.rejected) > max_rejected * total or not prepared.questions:
        unknown = Counter(
            row["detail"] for row in prepared.rejected if row["reason"] == "unknown subset"
        )
        raise DatasetError(
            f"{len(prepared.rejected)} of {total} rows are rejected, more than "
            f"dataset.max_rejected = {max_rejected} allows (and one must be left): "
            f"{dict(reasons)} {dict(unknown) or ''}"
        )


def _require_columns(row: Mapping, columns: Mapping) -> None:
    wanted = [columns[key] for key in ("id", "image", "subset", "label", "category")]
    wanted += [name for text in columns["texts"].values() for name in text.values()]
    missing = [name for name in wanted if name not in row]
    if missing:
        raise DatasetError(
            f"dataset.columns: the dataset has no column {missing[0]!r}; found {list(row)}"
        )


def _read_question(question_id, row, columns, cultures, folds) -> dict:
    subset = str(row[columns["subset"]])
    try:
        language, country = parse_subset(subset)
    except ValueError as error:
        raise RejectedRowError("unreadable subset", str(error)) from error
    if (language, country) not in cultures:
        raise RejectedRowError("unknown subset", subset)
    texts = []
    for prompt, names in columns["texts"].items():
        text, options = row[names["question"]], row[names["options"]]
        if not (isinstance(text, str) and text.strip()):
            raise RejectedRowError("empty question", f"prompt {prompt!r}")
        if not isinstance(options, list) or len(options) != OPTIONS:
            raise RejectedRowError("option count", f"{options!r}, expected {OPTIONS}")
        options = ["" if option is None else str(option).strip() for option in options]
        if len(set(options)) != OPTIONS or not all(options):
            raise RejectedRowError("options not distinct", f"{options!r}")
        texts.append({"prompt": prompt, "question": text.strip(), "options": options})
    label = row[columns["label"]]
    is_integer = isinstance(label, Integral) and not isinstance(label, bool)
    if not is_integer or not 0 <= label < OPTIONS:
        raise RejectedRowError(
            "label out of range", f"{label!r}, expected an integer from 0 to {OPTIONS - 1}"
        )
    image_id = question_id.rpartition("_")[0] or question_id
    return {
        "question_id": question_id,
        "image_id": image_id,
        "culture": cultures[(language, country)],
        "subset": subset,
        "language": language,
        "category": str(row[columns["category"]]),
        "texts": texts,
        "answer": int(label),
        "fold": assign_fold(image_id, folds),
    }


def _read_image(image_id: str, image) -> dict:
    data = image.get("bytes") if isinstance(image, Mapping) else None
    if not data:
        raise RejectedRowError("missing image", "no bytes")
    try:
        width, height = decode_picture(data).size
    except PictureError as error:
        raise RejectedRowError("unreadable image", str(error)) from error
    return {
        "image_id": image_id,
        "bytes": data,
        "width": width,
        "height": height,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def fingerprint_dataset(prepared: Prepared) -> str:
    """Hash the questions and pictures: the same data give the same fingerprint anywhere."""
    digest = hashlib.sha256()
    for question in prepared.questions:
        row = {**question, "image": prepared.images[question["image_id"]]["sha256"]}
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()[:40]


def iterate_images(prepared: Prepared, chunk: int = 4) -> Iterator[dict[str, list]]:
    """Yield the images table in chunks of columns; small ones, as jobs read pictures singly."""
    images = list(prepared.images.values())
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk]
        yield {key: [image[key] for image in part] for key in part[0]}
