"""Tables -> the plain objects that the engine takes: questions as asked, masks as affine maps."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from culture_neurons.hooks.interventions import AffineMap, ablate, mean_ablate, steer
from culture_neurons.model.prompts import Question, shuffle_options
from culture_neurons.storage.tables import TableError, open_table, read_table


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
    swapped: Mapping[str, str] | None = None,
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
        swapped: image_id -> image_id shown in its place.

    Raises:
        TableError: The dataset has no text for this prompt, or an image is missing.
    """
    table = read_table(questions, "questions")
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
                image_id=swapped[row["image_id"]] if swapped else row["image_id"],
                text=texts[prompt]["question"],
                options=options,
                answer=row["answer"],
                option_order=shuffle_options(row["question_id"], len(options), option_seed),
            )
        )
    return result


def read_picture_cultures(questions: str | Path) -> dict[str, set[str]]:
    """Read of which cultures each picture's questions are: image_id -> cultures."""
    table = read_table(questions, "questions", ["image_id", "culture"])
    cultures: dict[str, set[str]] = {}
    for image_id, culture in zip(*(column.to_pylist() for column in table.columns), strict=True):
        cultures.setdefault(image_id, set()).add(culture)
    return cultures


def _value_set(table, column: str, wanted: Collection):
    return pa.array(sorted(wanted), table.schema.field(column).type)


def read_masks(path: str | Path, sizes: Mapping[str, int]) -> dict[str, dict[int, Tensor]]:
    """Read masks: name -> layer -> neuron indices, for every mask, also the empty ones."""
    table = read_table(path, "masks", ["mask", "layer", "neuron"])
    names = np.asarray(table["mask"].to_pylist(), dtype=object)
    layers, neurons = table["layer"].to_numpy(), table["neuron"].to_numpy()
    masks = {}
    for name, size in sizes.items():
        here = names == name
        if here.sum() != size:
            raise TableError(
                f"{path}: mask {name!r} has {here.sum()} neurons, its metadata says {size}; "
                "delete it and run again"
            )
        masks[name] = {
            int(layer): torch.from_numpy(neurons[here & (layers == layer)].astype(np.int64))
            for layer in np.unique(layers[here])
        }
    return masks


def make_interventions(
    path: str | Path, sizes: Mapping[str, int], intervention: Mapping, statistics: str | Path | None
) -> dict[str, AffineMap]:
    """Read masks as affine maps by name.

    Args:
        path: Table `masks`.
        sizes: Mask name -> number of neurons: fact `masks` of the file.
        intervention: An entry of the config's `intervene`: kind, and alpha for steer.
        statistics: Table `statistics`, for mean_ablate.
    """
    masks = read_masks(path, sizes)
    if intervention["kind"] == "steer":
        alpha = intervention["alpha"]
        return {name: steer(neurons, alpha) for name, neurons in masks.items()}
    if intervention["kind"] == "mean_ablate":
        means = read_means(statistics)
        return {name: mean_ablate(neurons, means) for name, neurons in masks.items()}
    return {name: ablate(neurons) for name, neurons in masks.items()}


def read_means(path: str | Path) -> dict[int, Tensor]:
    """Read mean activations over all cultures' tokens, S / T, as layer -> (width,)."""
    table = read_table(path, "statistics", ["culture", "layer", "neuron", "tokens", "total"])
    grouped = table.group_by(["layer", "neuron"]).aggregate([("total", "sum"), ("tokens", "sum")])
    grouped = grouped.sort_by([("layer", "ascending"), ("neuron", "ascending")])
    layers = grouped["layer"].to_numpy()
    means = grouped["total_sum"].to_numpy() / grouped["tokens_sum"].to_numpy()
    return {int(layer): torch.from_numpy(means[layers == layer]) for layer in np.unique(layers)}
