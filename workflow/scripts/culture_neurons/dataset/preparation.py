"""Rows of a dataset -> questions, images, and rejected rows with reasons."""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from culture_neurons.dataset.cultures import parse_subset
from culture_neurons.dataset.folds import assign_fold
from culture_neurons.dataset.notes import note_labels, note_options, note_swaps
from culture_neurons.dataset.picture_bytes import read_image
from culture_neurons.dataset.row_check import (
    RejectedRowError,
    RowFormat,
    read_id,
    read_question,
    read_subset,
    require_columns,
)
from culture_neurons.dataset.sources import DatasetError
from culture_neurons.dataset.texts import read_text
from culture_neurons.logs import logger

LONGEST_DETAIL = 300  # characters; a cell may hold a whole picture as text

HIDDEN = {"-1", "-1.0", "", "None", "nan"}  # labels that say nothing, as text


@dataclass
class Prepared:
    """Rows of the three dataset tables."""

    questions: list[dict] = field(default_factory=list)
    images: dict[str, dict] = field(default_factory=dict)
    rejected: list[dict] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)  # cultures of the file without any question


def prepare_questions(
    rows: Iterable[Mapping],
    row_format: RowFormat,
    max_rejected: float,
    max_absent: float,
    floor: int = 0,
    listed: str | Path | None = None,
) -> Prepared:
    """Check every row; keep the good ones as questions and images, the others with a reason.

    Args:
        rows: Rows with the columns that `row_format` names, iterated twice; the picture as
            {"bytes", "path"}, where a picture that is written as text stands in place of a path.
        row_format: How rows are read.
        max_rejected: Largest tolerated share of rejected rows among those asked for.
        max_absent: Largest tolerated share of the file's cultures without any question.
        floor: Questions of each of two cultures that every fold must have, if all are answered
            right.
        listed: A CSV file for all rejected rows, written where there are too many.

    Raises:
        DatasetError: All labels are hidden, a column is missing, no row has a label of the labels
            file or a subset of the culture file, too many rows are rejected, too many cultures
            have none, or too few have enough.
    """
    prepared = Prepared()
    kept: dict[str, dict | None] = {}  # question by id; None: rows of this id contradict each other
    labels = _read_labels(rows, row_format)  # before any picture is decoded, which takes long
    subsets: Counter = Counter()
    for row, label in zip(rows, labels, strict=True):
        question_id = read_id(row, row_format)
        if row_format.cultures is not None:
            subsets[read_subset(row, row_format)] += 1
        try:
            question = read_question(question_id, row, label, row_format)
            known = prepared.images.get(question["image_id"])
            image = read_image(row, row_format, known)
            _keep(question, image, kept, prepared)
        except RejectedRowError as problem:
            _reject(prepared, question_id, problem)
    prepared.questions = [question for _, question in sorted(kept.items()) if question]
    _join_equal_pictures(prepared, row_format.folds)
    if row_format.cultures is not None:
        _check_cultures(subsets, row_format.cultures)
    _check_rejected(prepared, len(labels), max_rejected, listed)
    note_options(prepared.questions)
    if row_format.cultures is not None:
        _check_absent(prepared, row_format.cultures, max_absent)
        _check_size(prepared, row_format.folds, floor)
        note_swaps(prepared.questions)
    return prepared


def _read_labels(rows: Iterable[Mapping], row_format: RowFormat) -> list:
    """Read every row's label, replaced where the labels file has another."""
    labels = []
    used = set()
    for row in rows:
        require_columns(row, row_format)
        question_id, label = read_id(row, row_format), row[row_format.columns["label"]]
        if question_id in row_format.labels:
            label = row_format.labels[question_id]
            used.add(question_id)
        labels.append(label)
    known = {read_text(label) for label in labels}
    _check_labels(known, row_format.labels, used)
    note_labels(known, row_format.label_is)
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
        problem = RejectedRowError(
            "duplicate id",
            "rows of this id differ: which one is right? If splits or files number their rows "
            "alike, set dataset.columns.id to a list, such as [split, ID]",
        )
        if kept[question_id] is not None:
            kept[question_id] = None
            _reject(prepared, question_id, problem)  # the earlier row: neither can be trusted
        raise problem
    if not same_image:
        raise RejectedRowError(
            "image differs",
            f"another row has other bytes for image {image_id!r}: if an id's part before its last "
            "'_' does not name the image, set dataset.columns.image_id to a column that does "
            "(what dataset.columns.id says will do: equal pictures are joined)",
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


def _check_cultures(subsets: Counter, cultures: Mapping[tuple[str, ...], str]) -> None:
    """Say which subsets the dataset and the culture file do not share: it may be a spelling."""
    found: dict[tuple[str, ...], str] = {}
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


def _check_rejected(
    prepared: Prepared, total: int, max_rejected: float, listed: str | Path | None
) -> None:
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
        where = ""
        if listed is not None:
            Path(listed).parent.mkdir(parents=True, exist_ok=True)
            csv.write_csv(pa.Table.from_pylist(prepared.rejected), listed)
            where = f"; all of them: {listed}"
        first = max(prepared.rejected, key=lambda row: row["counted"])  # the first that counts
        raise DatasetError(
            f"{counted.total()} of {asked} rows are rejected, more than dataset.max_rejected = "
            f"{max_rejected} allows (and one must be left): {dict(counted or reasons)}; first: "
            f"{first}{where}"
        )


def _check_absent(
    prepared: Prepared, cultures: Mapping[tuple[str, ...], str], max_absent: float
) -> None:
    """Name the cultures that have no question; a subset may be misspelt."""
    asked = set(cultures.values())
    prepared.absent = sorted(asked - {question["culture"] for question in prepared.questions})
    if not prepared.absent:
        return
    subsets = {
        code: sorted(pair for pair in cultures if cultures[pair] == code)
        for code in prepared.absent
    }
    message = f"{len(prepared.absent)} of {len(asked)} cultures have no question: {subsets}"
    if len(prepared.absent) > max_absent * len(asked):
        raise DatasetError(
            f"dataset.cultures: {message}; more than dataset.max_absent = {max_absent:g} allows: "
            "write their subsets as the dataset does, take them out of the culture file, or raise "
            "max_absent"
        )
    logger.warning("%s", message)


def _check_size(prepared: Prepared, folds: int, floor: int) -> None:
    """Refuse what no model can answer well enough: two cultures with `floor` questions per fold."""
    counts = Counter((question["culture"], question["fold"]) for question in prepared.questions)
    least = {
        culture: min(counts[culture, fold] for fold in range(folds))
        for culture in {culture for culture, _ in counts}
    }
    short = {culture: count for culture, count in sorted(least.items()) if count < floor}
    if not short:
        return
    message = (
        f"fewer than cells.floor = {floor} questions in one of the {folds} folds (the smallest "
        f"number): {short}"
    )
    if len(least) - len(short) < 2:
        raise DatasetError(
            f"{len(least) - len(short)} cultures can be studied, two are needed; {message}; use "
            "more questions, fewer cells.folds, or a lower cells.floor"
        )
    logger.warning("cultures that will be dropped, %s", message)


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
