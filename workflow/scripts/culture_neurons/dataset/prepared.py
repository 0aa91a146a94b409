"""Tables of a prepared dataset -> questions as asked, and their pictures."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from culture_neurons.dataset.assignment import swap_pictures
from culture_neurons.dataset.question import Question, shuffle_options
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.tables import open_table, read_table


class PictureFile(Mapping[str, bytes]):
    """Pictures of a table `images` by image_id, read when asked for: memory holds a few.

    Raises:
        TableError: The file is missing, damaged, or of another kind.
    """

    def __init__(self, path: str | Path):
        """Note where each picture stands."""
        self.path = path
        with open_table(path, "images") as file:
            self._group = {
                image_id: group
                for group in range(file.num_row_groups)
                for image_id in file.read_row_group(group, ["image_id"])["image_id"].to_pylist()
            }
        self._loaded: tuple[int, dict[str, bytes]] = (-1, {})

    def __getitem__(self, image_id: str) -> bytes:
        """Read a picture, as delivered."""
        group = self._group[image_id]
        if self._loaded[0] != group:
            columns = ["image_id", "bytes"]
            try:
                # Opened anew each time, so that worker processes share no file position.
                with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
                    table = file.read_row_group(group, columns, use_threads=False)
            except (OSError, pa.ArrowException) as error:
                raise TableError(
                    f"{self.path}: is damaged ({error}); delete it and run again"
                ) from error
            pairs = zip(*(table[column].to_pylist() for column in columns), strict=True)
            self._loaded = (group, dict(pairs))
        return self._loaded[1][image_id]

    def __iter__(self) -> Iterator[str]:
        """Iterate over image ids."""
        return iter(self._group)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._group)


def read_questions(
    questions: str | Path,
    pictures: PictureFile,
    prompt: str,
    option_seed: int,
    *,
    ids: Collection[str] | None = None,
    shown: Literal["own", "swapped", "blind"] = "own",
) -> list[Question]:
    """Read questions with their options shuffled.

    Args:
        questions: Table `questions`.
        pictures: Of the questions.
        prompt: Which of the questions' texts.
        option_seed: Of the options' order.
        ids: Of the wanted questions; None: all.
        shown: With which picture. "swapped": of another culture, see `swap_pictures`; questions on
            a picture for which there is none are left out. "blind": with none.

    Raises:
        TableError: The dataset has no text for this prompt, or an image is missing.
    """
    table = read_table(questions, "questions")
    replaced = {image_id: None if shown == "blind" else image_id for image_id in pictures}
    if shown == "swapped":
        replaced = swap_pictures(read_picture_cultures(table))
        table = _take_rows(table, "image_id", replaced)
    if ids is not None:
        table = _take_rows(table, "question_id", ids)
    result = []
    for row in table.to_pylist():
        texts = {text["prompt"]: text for text in row["texts"]}
        if prompt not in texts:
            raise TableError(
                f"{questions}: question {row['question_id']} has no text for prompt {prompt!r}; "
                f"found {sorted(texts)}; set the model's `prompt` to one of dataset.columns.texts"
            )
        if row["image_id"] not in pictures:
            raise TableError(
                f"{pictures.path}: lacks image {row['image_id']}; delete it and run again"
            )
        options = tuple(texts[prompt]["options"])
        result.append(
            Question(
                question_id=row["question_id"],
                culture=row["culture"],
                fold=row["fold"],
                image_id=replaced[row["image_id"]],
                text=texts[prompt]["question"],
                options=options,
                answer=row["answer"],
                option_order=shuffle_options(row["question_id"], len(options), option_seed),
            )
        )
    return result


def read_checksums(images: str | Path) -> set[str]:
    """Read the pictures' checksums (sha256) of a table `images`."""
    with open_table(images, "images") as file:
        return set(file.read(["sha256"])["sha256"].to_pylist())


def read_picture_cultures(table: pa.Table) -> dict[str, set[str]]:
    """Read of which cultures each picture's questions are: image_id -> cultures."""
    columns = (table[name].to_pylist() for name in ("image_id", "culture"))
    cultures: dict[str, set[str]] = {}
    for image_id, culture in zip(*columns, strict=True):
        cultures.setdefault(image_id, set()).add(culture)
    return cultures


def _take_rows(table: pa.Table, column: str, wanted: Collection[str]) -> pa.Table:
    return table.filter(pc.is_in(table[column], pa.array(sorted(wanted), pa.string())))
