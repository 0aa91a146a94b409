"""Encode prompts and pictures ahead of the model, in worker processes if asked to."""

import os
import pickle
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch.utils.data import DataLoader, Dataset

from culture_neurons.dataset.pictures import PictureError
from culture_neurons.dataset.question import Question
from culture_neurons.engine.batches import Asked, TokenBudget, group_cells, group_images
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import EncodedPrompt, PromptError, encode_prompt


@dataclass(frozen=True)
class Feed:
    """What a job asks, and how: none of it changes a result beyond rounding."""

    questions: Sequence[Question]
    pictures: Mapping[str, bytes]  # image_id -> bytes as delivered
    budget: TokenBudget
    workers: int = 0  # processes that encode ahead of the model; 0: in this one


class _Images(Dataset):
    """The questions of one image, encoded, per item; or the error that keeps them from it.

    Raised in a worker, an error's message would hold a traceback.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        groups: list[list[Question]],
        pictures: Mapping[str, bytes],
    ):
        self.processor, self.image_token = checkpoint.processor, checkpoint.image_token
        self.groups, self.pictures = groups, pictures

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> list[Asked] | Exception:
        try:
            return [(question, self._encode(question)) for question in self.groups[index]]
        except Exception as error:
            return error

    def _encode(self, question: Question) -> EncodedPrompt:
        picture = None if question.image_id is None else self.pictures[question.image_id]
        try:
            return encode_prompt(self.processor, self.image_token, question, picture)
        except (PictureError, PromptError) as error:
            raise PromptError(f"question {question.question_id}: {error}") from error
        except MemoryError:
            raise
        except Exception as error:  # the processor took the checkpoint's probe, so it is these
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise PromptError(
                f"question {question.question_id}, image {question.image_id}: the processor fails "
                f"on it ({reason}); expected a picture and text that it can encode: mend them in "
                "the dataset, or remove the question"
            ) from error


def feed_cells(
    checkpoint: Checkpoint, feed: Feed
) -> Iterator[tuple[tuple[str, int], list[list[Asked]]]]:
    """Yield cells (culture, fold) with their encoded questions, one list per image.

    Raises:
        PromptError: A question cannot be encoded; names it.
        Exception: As raised by `feed.pictures`.
    """
    cells = [(cell, group_images(members)) for cell, members in group_cells(feed.questions)]
    # Workers are forked; a tokenizer that has used threads would warn of it each time.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    workers = min(feed.workers, _count_cores())
    loader = DataLoader(
        _Images(checkpoint, [group for _, groups in cells for group in groups], feed.pictures),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,  # a packed model cannot be pickled
        # As bytes through a pipe: shared memory is scarce in containers and open files are few.
        collate_fn=_pack if workers else None,
        prefetch_factor=8 if workers else None,
    )
    encoded = iter(loader)
    for cell, groups in cells:
        yield cell, [_unpack(next(encoded)) for _ in groups]


def _count_cores() -> int:
    """Count the cores that this job may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pack(image: list[Asked] | Exception) -> bytes:
    if isinstance(image, Exception):  # pickled, it keeps its notes alone
        image.add_note("".join(traceback.format_exception(image)))
    return pickle.dumps(image)


def _unpack(image: bytes | list[Asked] | Exception) -> list[Asked]:
    if isinstance(image, bytes):
        image = pickle.loads(image)
    if isinstance(image, list):
        return image
    try:
        raise image
    finally:
        del image  # else it holds this frame and so itself, and workers are not dismissed
