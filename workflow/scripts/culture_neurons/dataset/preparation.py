"""Rows of a dataset in CVQA's columns -> questions, images, and rejected rows with reasons."""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path

from culture_neurons.dataset.cultures import parse_subset
from culture_neurons.dataset.folds import assign_fold
from culture_neurons.dataset.pictures import PictureError, inspect_picture
from culture_neurons.dataset.sources import DatasetError, stays_inside
from culture_neurons.logs import logger

# What tokenizers and chat templates take for marks, not for text: a question that holds one would
# show a second picture, or end the user's turn.
MARKUP = re.compile(
    r"<[|｜][^<>|｜\s]*[|｜]>"  # ChatML and its like
    r"|<</?SYS>>"
    r"|</?(?:s|pad|unk|bos|eos|mask|image|img|video|audio|[A-Za-z]+(?:_[A-Za-z]+)+)>"
    r"|\[/?(?:INST|IMG|[A-Z]+(?:_[A-Z]+)+)\]"
)
LONGEST_DETAIL = 300  # characters; a cell may hold a whole picture as text

HIDDEN = {"-1", "-1.0", "", "None", "nan"}  # labels that say nothing, as text


class RejectedRowError(Exception):
    """A row that goes to table `rejected`, with its reason."""

    def __init__(self, reason: str, detail: str, counted: bool = True):
        super().__init__(reason)
        self.reason, self.detail = reason, detail
        self.counted = counted  # against max_rejected; rows that nobody asked for do not


@dataclass(frozen=True)
class Reading:
    """How rows are read.

    Attributes:
        columns: The config's dataset.columns; image_id may be missing or None.
        cultures: Subset (language, country) -> culture code.
        folds: Number of folds.
        option_counts: Numbers of options that a question may have.
        label_is: "index" of the right option from 0, or its "text".
        labels: Question id -> label that replaces the row's own.
        picture_folder: Where picture paths start; None where pictures are bytes.
    """

    columns: Mapping
    cultures: Mapping[tuple[str, str], str]
    folds: int
    option_counts: Collection[int]
    label_is: str
    labels: Mapping[str, str]
    picture_folder: Path | None


@dataclass
class Prepared:
    """Rows of the three dataset tables."""

    questions: list[dict] = field(default_factory=list)
    images: dict[str, dict] = field(default_factory=dict)
    rejected: list[dict] = field(default_factory=list)


def prepare_questions(rows: Iterable[Mapping], reading: Reading, max_rejected: float) -> Prepared:
    """Check every row; keep the good ones as questions and images, the others with a reason.

    Args:
        rows: Rows with the columns that `reading` names, iterated twice; the picture as
            {"bytes", "path"}.
        reading: How rows are read.
        max_rejected: Largest tolerated share of rejected rows among those asked for.

    Raises:
        DatasetError: All labels are hidden, a column is missing, no row has a label of the labels
            file or a subset of the culture file, or too many rows are rejected.
    """
    prepared = Prepared()
    kept: dict[str, dict | None] = {}  # question by id; None: rows of this id contradict each other
    labels = _read_labels(rows, reading)  # before any picture is decoded, which takes long
    subsets: Counter = Counter()
    for row, label in zip(rows, labels, strict=True):
        question_id = _read_text(row[reading.columns["id"]])
        subsets[str(row[reading.columns["subset"]])] += 1
        try:
            question = _read_question(question_id, row, label, reading)
            known = prepared.images.get(question["image_id"])
            image = _read_image(row[reading.columns["image"]], reading.picture_folder, known)
            _keep(question, image, kept, prepared)
        except RejectedRowError as problem:
            _reject(prepared, question_id, problem)
    prepared.questions = [question for _, question in sorted(kept.items()) if question]
    _join_equal_pictures(prepared, reading.folds)
    _check_cultures(subsets, reading.cultures)
    _check_rejected(prepared, len(labels), max_rejected)
    return prepared


def _read_text(value) -> str:
    return "" if value is None else str(value).strip()


def _read_labels(rows: Iterable[Mapping], reading: Reading) -> list:
    """Read every row's label, replaced where the labels file has another."""
    labels = []
    used = set()
    for row in rows:
        _require_columns(row, reading.columns)
        question_id, label = _read_text(row[reading.columns["id"]]), row[reading.columns["label"]]
        if question_id in reading.labels:
            label = reading.labels[question_id]
            used.add(question_id)
        labels.append(label)
    _check_labels({_read_text(label) for label in labels}, reading.labels, used)
    return labels


def _join_equal_pictures(prepared: Prepared, folds: int) -> None:
    """Keep pictures that questions show, each once: copies under other ids would cross folds."""
    used = sorted({question["image_id"] for question in prepared.questions})
    first: dict[str, str] = {}  # image id by content
    for image_id in used:
        first.setdefault(prepared.images[image_id]["sha256"], image_id)
    for question in prepared.questions:
        image_id = first[prepared.images[question["image_id"]]["sha256"]]
        question.update(image_id=image_id, fold=assign_fold(image_id, folds))
    if len(first) < len(used):
        logger.info("%d image ids, but %d pictures: copies joined", len(used), len(first))
    prepared.images = {image_id: prepared.images[image_id] for image_id in first.values()}


def _reject(prepared: Prepared, question_id: str, problem: RejectedRowError) -> None:
    cut = "..." * (len(problem.detail) > LONGEST_DETAIL)
    prepared.rejected.append(
        {
            "question_id": question_id,
            "reason": problem.reason,
            "detail": problem.detail[:LONGEST_DETAIL] + cut,
            "counted": problem.counted,
        }
    )


def _keep(question: dict, image: dict, kept: dict[str, dict | None], prepared: Prepared) -> None:
    """Add a good row, unless its id or its image is there already with other content."""
    question_id, image_id = question["question_id"], question["image_id"]
    known_image = prepared.images.get(image_id)
    same_image = known_image is None or known_image["sha256"] == image["sha256"]
    if question_id in kept:
        if kept[question_id] == question and same_image:
            raise RejectedRowError("repeated row", "merged with its equal", counted=False)
        problem = RejectedRowError("duplicate id", "rows of this id differ: which one is right?")
        if kept[question_id] is not None:
            kept[question_id] = None
            _reject(prepared, question_id, problem)  # the earlier row: neither can be trusted
        raise problem
    if not same_image:
        raise RejectedRowError(
            "image differs",
            f"another row has other bytes for image {image_id!r}: if an id's part before its last "
            "'_' does not name the image, set dataset.columns.image_id to a column that does (that "
            "of the ids will do: equal pictures are joined)",
        )
    prepared.images[image_id] = {"image_id": image_id, **image}
    kept[question_id] = question


def _check_labels(labels: set[str], replacing: Mapping[str, str], used: set[str]) -> None:
    if not labels:
        raise DatasetError("dataset.source has no rows; expected questions")
    if replacing:
        logger.info("%d labels replaced, of %d in dataset.labels", len(used), len(replacing))
        if not used:
            raise DatasetError(
                f"dataset.labels: none of its {len(replacing)} IDs is a question's; expected the "
                f"dataset's own, unlike {min(replacing)!r}"
            )
    if labels <= HIDDEN:
        found = " or ".join(label or "empty" for label in sorted(labels))
        raise DatasetError(
            f"every label is {found}: this copy of the dataset hides its answers, so nothing can "
            "be computed; point dataset.source at a copy with labels, or dataset.labels at a CSV "
            "file with the columns ID,Label"
        )


def _check_cultures(subsets: Counter, cultures: Mapping[tuple[str, str], str]) -> None:
    """Say which subsets the dataset and the culture file do not share: it may be a spelling."""
    found: dict[tuple[str, str], str] = {}
    for text in subsets:
        with contextlib.suppress(ValueError):  # such rows are rejected one by one
            found[parse_subset(text)] = text
    others = {found[pair]: subsets[found[pair]] for pair in sorted(found.keys() - cultures.keys())}
    absent = sorted(cultures.keys() - found.keys())
    if others:
        logger.info("subsets that no culture names, set aside: %s", others)
    if absent:
        logger.warning("subsets of dataset.cultures that no row has; misspelt? %s", absent)
    if found and len(others) == len(found):
        raise DatasetError(
            f"dataset.cultures names none of the dataset's subsets: {others}; write them into the "
            "culture file as the dataset does"
        )


def _check_rejected(prepared: Prepared, total: int, max_rejected: float) -> None:
    reasons = Counter(row["reason"] for row in prepared.rejected)
    logger.info(
        "%d rows: %d questions on %d images, %d rejected %s",
        total,
        len(prepared.questions),
        len(prepared.images),
        len(prepared.rejected),
        dict(reasons) or "",
    )
    notes = Counter(image["note"] for image in prepared.images.values() if image["note"])
    if notes:
        logger.info("pictures that decoding alters: %s", dict(sorted(notes.items())))
    counted = Counter(row["reason"] for row in prepared.rejected if row["counted"])
    asked = len(prepared.questions) + counted.total()
    if counted.total() > max_rejected * asked or not prepared.questions:
        raise DatasetError(
            f"{counted.total()} of {asked} rows are rejected, more than dataset.max_rejected = "
            f"{max_rejected} allows (and one must be left): {dict(counted)}; first: "
            f"{next(row for row in prepared.rejected if row['counted'])}"
        )


def _require_columns(row: Mapping, columns: Mapping) -> None:
    wanted = [columns[key] for key in ("id", "image", "subset", "label", "category")]
    wanted += [columns["image_id"]] if columns.get("image_id") else []
    wanted += [name for text in columns["texts"].values() for name in text.values()]
    missing = [name for name in wanted if name not in row]
    if missing:
        raise DatasetError(
            f"dataset.columns: the dataset has no column {missing[0]!r}; found {list(row)}"
        )


def _read_question(question_id: str, row: Mapping, label, reading: Reading) -> dict:
    if not question_id:
        raise RejectedRowError("missing id", "the row has no id")
    columns = reading.columns
    subset = str(row[columns["subset"]])
    try:
        language, country = parse_subset(subset)
    except ValueError as error:
        raise RejectedRowError("unreadable subset", str(error)) from error
    if (language, country) not in reading.cultures:
        raise RejectedRowError("subset not asked for", subset, counted=False)
    texts = [
        _read_prompt(prompt, row[names["question"]], row[names["options"]], reading.option_counts)
        for prompt, names in columns["texts"].items()
    ]
    counts = {text["prompt"]: len(text["options"]) for text in texts}
    if len(set(counts.values())) > 1:
        raise RejectedRowError("option count", f"the prompts differ: {counts}")
    image_id = _read_image_id(question_id, row, columns.get("image_id"))
    return {
        "question_id": question_id,
        "image_id": image_id,
        "culture": reading.cultures[language, country],
        "subset": subset,
        "language": language,
        "category": str(row[columns["category"]]),
        "texts": texts,
        "answer": _find_answer(label, texts, reading.label_is),
        "fold": assign_fold(image_id, reading.folds),
    }


def _read_image_id(question_id: str, row: Mapping, column: str | None) -> str:
    if column is None:
        return question_id.rpartition("_")[0] or question_id
    image_id = _read_text(row[column])
    if not image_id:
        raise RejectedRowError("missing id", f"column {column!r} names no image")
    return image_id


def _read_prompt(prompt: str, text, options, option_counts: Collection[int]) -> dict:
    if not (isinstance(text, str) and text.strip()):
        raise RejectedRowError("empty question", f"prompt {prompt!r}")
    if not isinstance(options, list) or len(options) not in option_counts:
        expected = " or ".join(map(str, sorted(option_counts)))
        raise RejectedRowError("option count", f"{options!r}, expected {expected}")
    options = [_read_text(option) for option in options]
    if len(set(options)) != len(options) or not all(options):
        raise RejectedRowError("options not distinct", f"{options!r}")
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
        answer = _read_text(label)
        found = {text["options"].index(answer) for text in texts if answer in text["options"]}
        if len(found) != 1:
            listed = [text["options"] for text in texts]
            raise RejectedRowError("label is no option", f"{label!r}, expected one of {listed}")
        return found.pop()
    count = len(texts[0]["options"])
    index = _read_index(label)
    if index is None or not 0 <= index < count:
        raise RejectedRowError(
            "label out of range",
            f"{label!r}, expected an integer from 0 to {count - 1}, as dataset.label_is: index "
            "says; options' texts need label_is: text, and letters dataset.labels (ID,Label)",
        )
    return index


def _read_index(label) -> int | None:
    """Read an index as datasets write it: 2, 2.0 (a column with gaps), or "2"; None: it is none."""
    if isinstance(label, str):
        digits = re.fullmatch(r"\s*([0-9]{1,9})(?:\.0*)?\s*", label)
        return int(digits[1]) if digits else None
    is_whole = isinstance(label, Real) and not isinstance(label, bool) and label % 1 == 0
    return int(label) if is_whole else None


def _read_image(image, folder: Path | None, known: Mapping | None) -> dict:
    """Read a picture's bytes, from the row or from the file that it names; decode them once."""
    cell = image if isinstance(image, Mapping) else {}
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
    if data is None:
        raise RejectedRowError("missing image", "no bytes")
    digest = hashlib.sha256(data).hexdigest()
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
