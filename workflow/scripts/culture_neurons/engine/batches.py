"""Questions -> cells -> batches that fit a token budget.

A cell is (culture, fold). A batch never crosses a cell, and its make-up depends on the cell and
the budget alone, so results do not depend on how cells are spread over jobs.
"""

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import torch
from torch import Tensor

from culture_neurons.dataset.question import Question
from culture_neurons.logs import logger
from culture_neurons.model.prompts import SCOPES, EncodedPrompt, mark_tokens

Item = TypeVar("Item")
Asked = tuple[Question, EncodedPrompt]


SHORT_ROW = 512  # tokens, of which attention takes next to nothing


@dataclass(frozen=True)
class ImageGroup:
    """Questions on one image, and how many leading tokens all of their prompts share.

    `shared` covers the image and leaves every question a token of its own; 0 where it cannot.
    """

    asked: tuple[Asked, ...]
    shared: int
    kept: bool = False  # no map acts on the shared tokens: they are run once for all masks

    @property
    def own(self) -> int:
        """Decoder tokens of all questions beside those that they share."""
        return sum(prompt.tokens - self.shared for _, prompt in self.asked)

    @property
    def tokens(self) -> int:
        """Decoder tokens of one pass over all questions, the shared ones counted once."""
        return self.shared + self.own


@dataclass
class TokenBudget:
    """Decoder tokens of one forward pass; halved, for good, when memory runs out."""

    tokens: int

    def run(self, work: Callable[[Sequence[Item]], list], items: Sequence[Item]) -> list:
        """Run `work` on items; out of memory, halve the budget and run it on halves of them.

        Returns:
            What `work` returned, joined in the order of the items.

        Raises:
            torch.OutOfMemoryError, MemoryError, RuntimeError: One item alone is too much.
        """
        try:
            return work(items)
        except (RuntimeError, MemoryError) as error:
            if len(items) == 1 or not is_out_of_memory(error):
                raise
            self.tokens //= 2
            logger.warning(
                "out of memory (%s); going on with half the batch: %d tokens",
                str(error).splitlines()[0] if str(error) else type(error).__name__,
                self.tokens,
            )
        gc.collect()  # outside the handler: the error's frames hold the failed pass's tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = len(items) // 2
        return self.run(work, items[:half]) + self.run(work, items[half:])


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that host or device memory ran out."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def group_cells(questions: Iterable[Question]) -> list[tuple[tuple[str, int], list[Question]]]:
    """Group questions by cell (culture, fold), both levels sorted."""
    ordered = sorted(questions, key=lambda q: (q.culture, q.fold, q.question_id))
    return [
        (cell, list(members))
        for cell, members in groupby(ordered, key=lambda q: (q.culture, q.fold))
    ]


def group_images(questions: Iterable[Question]) -> list[list[Question]]:
    """Group questions by image, both levels sorted; one without a picture stands alone."""

    def name_image(question: Question) -> tuple[str, str]:
        alone = question.question_id if question.image_id is None else ""
        return question.image_id or "", alone

    ordered = sorted(questions, key=lambda q: (*name_image(q), q.question_id))
    return [list(members) for _, members in groupby(ordered, key=name_image)]


def take_shard(cells: Iterable[tuple[str, int]], shard: str) -> set[tuple[str, int]]:
    """Take a shard's cells: of "2-of-3", every third of the sorted cells from the second on."""
    number, count = map(int, shard.split("-of-"))
    return set(sorted(set(cells))[number - 1 :: count])


def group_image(
    asked: Sequence[Asked], image_token: int, tokens: Collection[str] = SCOPES
) -> ImageGroup:
    """Find what the prompts of one image share.

    Args:
        asked: The questions on the image.
        image_token: Id of the tokens that stand for a picture.
        tokens: Token scopes at which maps act. Where they act behind the image alone, prompts
            share what is before: it is then the same under all maps.
    """
    prompts = [prompt for _, prompt in asked]
    longest = min(prompt.tokens for prompt in prompts) - 1
    rows = [torch.stack([p.ids[:longest], p.scopes[:longest]]) for p in prompts]
    differs = (torch.stack(rows) != rows[0]).flatten(0, 1).any(0)  # (longest,)
    changed = mark_tokens([prompts[0].scopes[:longest]], tokens)[0]
    shared, unchanged = (_find_first(marks) for marks in (differs, changed))
    image = (prompts[0].ids == image_token).nonzero()
    if not len(image) or int(image[-1]) >= shared:
        return ImageGroup(tuple(asked), 0)
    kept = int(image[-1]) < unchanged
    return ImageGroup(tuple(asked), min(shared, unchanged) if kept else shared, kept)


def count_together(group: ImageGroup, masks: int, budget: TokenBudget) -> int:
    """Count the masks that a pass takes behind a kept prefix.

    Attention is over the prefix and the whole row, of which other questions are masked: in a row of
    half the prefix's length that is a third of it at most.
    """
    row = min(budget.tokens, max(group.shared // 2, SHORT_ROW))
    return min(masks, max(1, row // group.own))


def _find_first(marks: Tensor) -> int:
    """Find the first mark of a row; its length where there is none."""
    return int(marks.int().argmax()) if marks.any() else len(marks)


def pack_prompts(asked: Iterable[Asked], budget: TokenBudget) -> Iterator[list[Asked]]:
    """Pack one cell's prompts by length so that rows x longest stays within the budget.

    A prompt longer than the budget goes alone. None with a picture goes with one without.
    """

    def list_pictures(item: Asked) -> list[str]:
        return sorted(item[1].picture_inputs)

    ordered = sorted(
        asked, key=lambda item: (list_pictures(item), item[1].tokens, item[0].question_id)
    )
    for _, alike in groupby(ordered, key=list_pictures):
        batch: list[Asked] = []
        for item in alike:  # ascending: the newest is the longest
            if batch and (len(batch) + 1) * item[1].tokens > budget.tokens:
                yield batch
                batch = []
            batch.append(item)
        yield batch


def pack_images(
    groups: Iterable[ImageGroup], masks: int, budget: TokenBudget
) -> Iterator[tuple[list[ImageGroup], int]]:
    """Pack one cell's images so that images x masks x tokens stays within the budget.

    Images of one batch share equally many tokens, so no prefix is padded. As many masks as fit
    go with an image before a second image does: its picture is then encoded once for them all.

    Yields:
        Images, and the number of masks that a pass takes with them.
    """
    ordered = sorted(groups, key=lambda group: (group.shared, group.asked[0][0].question_id))
    for _, members in groupby(ordered, key=lambda group: group.shared):
        members = list(members)
        largest = max(group.tokens for group in members)
        while members:
            together = min(masks, max(1, budget.tokens // largest))
            count = max(1, budget.tokens // (largest * together))
            yield members[:count], together
            members = members[count:]
