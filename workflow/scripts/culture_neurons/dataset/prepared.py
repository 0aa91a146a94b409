"""Tables of a prepared dataset -> questions as asked, and their pictures."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

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
    cultures: Collection[str] | None = None,
    folds: Collection[int] | None = None,
    swapped: bool = False,
) -> list[Question]:
    """Read questions with their options shuffled; None takes all.

    Args:
        questions: Table `questions`.
        pictures: Of the questions.
        prompt: Which of the questions' texts.
        option_seed: Of the options' order.
        ids: Of the wanted questions.
        cultures: Of the wanted questions.
        folds: Of the wanted questions.
        swapped: Show each over a picture of another culture, see `swap_pictures`; questions on a
            picture without any other are left out.

    Raises:
        TableError: The dataset has no text for this prompt, or an image is missing.
    """
    table = read_table(questions, "questions")
    shown = dict(zip(pictures, pictures, strict=True))
    if swapped:
        shown = swap_pictures(read_picture_cultures(table))
        table = table.filter(pc.is_in(table["image_id"], _value_set(table, "image_id", shown)))
    for column, wanted in (("question_id", ids), ("culture", cultures), ("fold", folds)):
        if wanted is not None:
            table = table.filter(pc.is_in(table[column], _value_set(table, column, wanted)))
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
                image_id=shown[row["image_id"]],
                text=texts[prompt]["question"],
                options=options,
                answer=row["answer"],
                option_order=shuffle_options(row["question_id"], len(options), option_seed),
            )
        )
    return result


def read_picture_cultures(table: pa.Table) -> dict[str, set[str]]:
    """Read of which cultures each picture's questions are: image_id -> cultures."""
    columns = (table[name].to_pylist() for name in ("image_id", "culture"))
    cultures: dict[str, set[str]] = {}
    for image_id, culture in zip(*columns, strict=True):
        cultures.setdefault(image_id, set()).add(culture)
    return cultures


def _value_set(table, column: str, wanted: Collection):
    return pa.array(sorted(wanted), table.schema.field(column).type)
