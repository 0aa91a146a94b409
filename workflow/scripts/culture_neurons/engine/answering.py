"""Ask a model questions under masks: cells of questions -> letter probabilities."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from culture_neurons.engine.batches import (
    Asked,
    ImageGroup,
    TokenBudget,
    find_shared,
    pack_images,
    pack_prompts,
)
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.responses import AskedTogether, Responses, ResponseTable, read_responses
from culture_neurons.engine.shared_prefix import SharedPrefix, try_sharing
from culture_neurons.engine.whole_prompts import prepare_batch, run_batch
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import AffineMap, intervene
from culture_neurons.logs import logger, progress
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.devices import describe_memory
from culture_neurons.model.prompts import PromptError

UNMODIFIED = AffineMap({}, gain=1.0)


def tabulate_answers(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    layers: HookedLayers | None = None,
    masks: Mapping[str, AffineMap] = {"": UNMODIFIED},  # noqa: B006 - never changed
    asked: Mapping[str, Collection[str]] | None = None,
) -> ResponseTable:
    """Answer questions under masks, with progress.

    Args:
        checkpoint: The model.
        feed: The questions.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        layers: Where the masks apply; None where no mask names a neuron.
        masks: Name -> map.
        asked: Name -> ids of the questions that this mask is asked; None: all.

    Raises:
        PromptError: A question cannot be encoded, or its logits are no numbers; names both.
    """
    table = ResponseTable(list(masks), feed.questions, asked)
    maps, device = list(masks.values()), checkpoint.model.device
    answers = answer_questions(checkpoint, feed, letter_tokens, layers, maps, table.list_rounds())
    with progress(len(table), "answers", f"{len(masks)} masks") as bar:
        try:
            for responses in answers:
                table.add(responses)
                bar.update(responses.outside.size)
                bar.set_postfix_str(describe_memory(device), refresh=False)
        except PromptError as error:
            raise PromptError(f"checkpoint {checkpoint.model.name_or_path}: {error}") from error
    logger.info(
        "%d answers to %d questions under %d masks; %s",
        *(len(table), len(feed.questions), len(masks), describe_memory(device)),
    )
    return table


def answer_questions(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    layers: HookedLayers | None,
    maps: Sequence[AffineMap],
    rounds: Sequence[AskedTogether],
) -> Iterator[Responses]:
    """Answer questions in rounds of masks; yields the responses of one pass at a time.

    Questions of one image share what they can (shared_prefix). The first image shows whether the
    model allows it; if not, this is said once and every prompt is run whole.

    Args:
        checkpoint: The model.
        feed: The questions of all rounds.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        layers: Where the maps apply; None where no map names a neuron.
        maps: An empty map is the unmodified model.
        rounds: Which maps are asked which questions.
    """
    sharing = None  # not tried yet
    for _, images in feed_cells(checkpoint, feed):
        for masks, wanted in rounds:
            groups = _group(images, wanted, checkpoint.image_token)
            able = [group for group in groups if group.shared]
            if sharing is None and able:
                against = try_sharing(checkpoint, able[0])
                sharing = against is None
                if against:
                    logger.info("prefixes are not shared, every prompt is run whole: %s", against)
            shared = able if sharing else []
            whole = [item for g in groups if not (sharing and g.shared) for item in g.asked]
            chosen = [maps[mask] for mask in masks]
            ask = (checkpoint, letter_tokens, layers, chosen, feed.budget)
            for responses in chain(_answer_shared(shared, *ask), _answer_whole(whole, *ask)):
                yield replace(responses, masks=tuple(masks[index] for index in responses.masks))


def _group(
    images: Sequence[Sequence[Asked]], wanted: Collection[str], image_token: int
) -> list[ImageGroup]:
    """Group the wanted questions by image, with what each image's prompts share."""
    groups = []
    for image in images:
        asked = tuple(item for item in image if item[0].question_id in wanted)
        if asked:
            shared = find_shared([prompt for _, prompt in asked], image_token)
            groups.append(ImageGroup(asked, shared))
    return groups


def _answer_shared(
    groups: Sequence[ImageGroup],
    checkpoint: Checkpoint,
    letter_tokens: Sequence[Sequence[int]],
    layers: HookedLayers | None,
    maps: Sequence[AffineMap],
    budget: TokenBudget,
) -> Iterator[Responses]:
    """Answer questions that share prefixes, many masks in one pass."""
    for images, together in pack_images(groups, len(maps), budget):

        def answer(images: Sequence[ImageGroup], together: int = together) -> list[Responses]:
            prefix = SharedPrefix(checkpoint, images)
            asked = [question for group in images for question, _ in group.asked]

            def answer_under(chosen: Sequence[int]) -> list[Responses]:
                logits = prefix.run(layers, [maps[index] for index in chosen])
                return [read_responses(chosen, asked, logits, letter_tokens)]

            found = []
            for start in range(0, len(maps), together):
                found += budget.run(answer_under, range(len(maps))[start : start + together])
            return found

        yield from budget.run(answer, images)


def _answer_whole(
    asked: Sequence[Asked],
    checkpoint: Checkpoint,
    letter_tokens: Sequence[Sequence[int]],
    layers: HookedLayers | None,
    maps: Sequence[AffineMap],
    budget: TokenBudget,
) -> Iterator[Responses]:
    """Answer questions prompt by prompt, one mask after the other."""

    def answer(packed: Sequence[Asked]) -> list[Responses]:
        batch = prepare_batch(checkpoint, [prompt for _, prompt in packed])
        questions = [question for question, _ in packed]
        found = []
        for index, affine in enumerate(maps):
            with intervene(layers, [affine]):
                logits = run_batch(checkpoint, batch)[None]  # (1, questions, vocabulary)
            found.append(read_responses([index], questions, logits, letter_tokens))
        return found

    for packed in pack_prompts(asked, budget):
        yield from budget.run(answer, packed)
