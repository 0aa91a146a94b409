"""Ask a model questions under masks: cells of questions -> letter probabilities."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from culture_neurons.dataset.assignment import choose_questions
from culture_neurons.engine.batches import (
    Asked,
    ImageGroup,
    TokenBudget,
    count_together,
    group_image,
    pack_images,
    pack_prompts,
)
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.kept_prefix import KeptPrefix
from culture_neurons.engine.responses import AskedTogether, Responses, ResponseTable, read_responses
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.way import EVERY_WAY, Way
from culture_neurons.engine.whole_prompts import place_marks, prepare_prompts, run_prompts
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import UNMODIFIED, AffineMap, intervene
from culture_neurons.logs import logger, progress
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.devices import describe_memory
from culture_neurons.model.prompts import SCOPES, PromptError
from culture_neurons.neurons import MaskName

BASELINE = {MaskName(None): UNMODIFIED}


@dataclass(frozen=True)
class MaskedModel:
    """A model, the maps that are put on it in turn, and how its answers are read."""

    checkpoint: Checkpoint
    letter_tokens: Sequence[Sequence[int]]  # token ids of each letter (find_letter_tokens)
    budget: TokenBudget
    layers: HookedLayers | None = None  # where maps apply; None where no map names a neuron
    maps: Sequence[AffineMap] = (UNMODIFIED,)  # an empty map is the unmodified model
    way: Way = EVERY_WAY
    tokens: Collection[str] = SCOPES  # token scopes at which maps act


def tabulate_answers(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    way: Way,
    layers: HookedLayers | None = None,
    masks: Mapping[MaskName, AffineMap] = BASELINE,
    asked: Mapping[MaskName, Collection[str]] | None = None,
    tokens: Collection[str] = SCOPES,
) -> ResponseTable:
    """Answer questions under masks, with progress.

    Args:
        checkpoint: The model.
        feed: The questions.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        way: How the model can be run.
        layers: Where the masks apply; None where no mask names a neuron.
        masks: Name -> map.
        asked: Name -> ids of the questions that this mask is asked; None: all.
        tokens: Token scopes at which the masks act.

    Raises:
        PromptError: A question cannot be encoded, or its logits are no numbers; names both.
        HookpointError: A mask's layer did not run.
    """
    table = ResponseTable(list(masks), feed.questions, asked)
    device = checkpoint.model.device
    maps = list(masks.values())
    model = MaskedModel(checkpoint, letter_tokens, feed.budget, layers, maps, way, tokens)
    with progress(len(table), "answers", f"{len(masks)} masks") as bar:
        try:
            for responses in answer_questions(model, feed, table.list_rounds):
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


def tabulate_masked(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    way: Way,
    layers: HookedLayers,
    masks: Mapping[MaskName, AffineMap],
    tokens: Collection[str],
    other_questions: int | None,
    parts: Sequence[Collection[int]],
    own_questions: int | None = None,
) -> ResponseTable:
    """Answer questions under masks, and as the unmodified model in the same passes.

    Args:
        checkpoint: The model.
        feed: The questions; the unmodified model is asked them all.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        way: How the model can be run.
        layers: Where the masks apply.
        masks: Name -> map.
        tokens: Token scopes at which the masks act.
        other_questions: How many questions of each culture that is not a mask's own it is asked,
            of each part; None: all.
        parts: Folds whose questions are evaluated together.
        own_questions: How many questions of its own culture a mask is asked, of each part, on as
            few pictures as can be; None: all.

    Raises:
        As `tabulate_answers`.
    """
    maps = BASELINE | masks
    owners = {name: name.culture for name in maps}
    asked = {name: set() for name in maps}
    images = {q.question_id: q.image_id for q in feed.questions}
    limits = (other_questions, own_questions, images)
    for folds in parts:
        cultures = {q.question_id: q.culture for q in feed.questions if q.fold in folds}
        for name, ids in choose_questions(owners, cultures, *limits).items():
            asked[name] |= ids
    return tabulate_answers(checkpoint, feed, letter_tokens, way, layers, maps, asked, tokens)


def answer_questions(
    model: MaskedModel,
    feed: Feed,
    list_rounds: Callable[[Sequence[str]], Sequence[AskedTogether]],
) -> Iterator[Responses]:
    """Answer questions in rounds of masks; yields the responses of one pass at a time.

    A cell's masks that are asked the same of its questions go together, so that a picture is
    encoded for all of them at once.

    Questions of one image share what they can (kept_prefix, shared_prefix) and the model allows.

    Args:
        model: The model, and the maps of all rounds.
        feed: The questions of all rounds.
        list_rounds: Ids of a cell's questions -> which maps are asked which of them.
    """
    for _, images in feed_cells(model.checkpoint, feed):
        ids = [question.question_id for image in images for question, _ in image]
        for masks, questions in list_rounds(ids):
            groups = _group(model, images, questions)
            masked = replace(model, maps=[model.maps[mask] for mask in masks])
            kept = [group for group in groups if group.kept]
            shared = [group for group in groups if not group.kept and group.shared]
            whole = [item for group in groups if not group.shared for item in group.asked]
            answers = (
                _answer_kept(masked, kept),
                _answer_shared(masked, shared),
                _answer_whole(masked, whole),
            )
            for responses in chain.from_iterable(answers):
                yield replace(responses, masks=tuple(masks[index] for index in responses.masks))


def _group(
    model: MaskedModel, images: Sequence[Sequence[Asked]], questions: Collection[str]
) -> list[ImageGroup]:
    """Group the questions of these ids by image, with what each image's prompts are to share."""
    chosen = [[item for item in image if item[0].question_id in questions] for image in images]
    token, tokens = model.checkpoint.image_token, model.tokens if model.way.keep else SCOPES
    groups = [group_image(asked, token, tokens) for asked in chosen if asked]
    if model.way.share:
        return groups
    return [group if group.kept else ImageGroup(group.asked, 0) for group in groups]


def _answer_kept(model: MaskedModel, groups: Sequence[ImageGroup]) -> Iterator[Responses]:
    """Answer questions behind prefixes that no mask changes, many masks in one row."""
    for group in groups:
        prefix = KeptPrefix(model.checkpoint, group, model.tokens)
        asked = [question for question, _ in group.asked]

        def answer(chunk: Sequence[int], prefix: KeptPrefix = prefix, asked: list = asked) -> list:
            logits = prefix.run(model.layers, [model.maps[index] for index in chunk])
            return [read_responses(chunk, asked, logits, model.letter_tokens)]

        masks = range(len(model.maps))
        together = count_together(group, len(masks), model.budget)
        for start in masks[::together]:
            yield from model.budget.run(answer, masks[start : start + together])


def _answer_shared(model: MaskedModel, groups: Sequence[ImageGroup]) -> Iterator[Responses]:
    """Answer questions that share prefixes, many masks in one pass."""
    masks = range(len(model.maps))
    for images, together in pack_images(groups, len(masks), model.budget):

        def answer(images: Sequence[ImageGroup], together: int = together) -> list[Responses]:
            prefix = SharedPrefix(model.checkpoint, images, model.tokens)
            asked = [question for group in images for question, _ in group.asked]

            def answer_under(chunk: Sequence[int]) -> list[Responses]:
                logits = prefix.run(model.layers, [model.maps[index] for index in chunk])
                return [read_responses(chunk, asked, logits, model.letter_tokens)]

            responses = []
            for start in range(0, len(masks), together):
                responses += model.budget.run(answer_under, masks[start : start + together])
            return responses

        yield from model.budget.run(answer, images)


def _answer_whole(model: MaskedModel, asked: Sequence[Asked]) -> Iterator[Responses]:
    """Answer questions prompt by prompt, one mask after the other."""

    def answer(packed: Sequence[Asked]) -> list[Responses]:
        questions, prompts = zip(*packed, strict=True)
        encode = model.layers is None or not model.layers.hookpoint.on_pictures
        batch = prepare_prompts(model.checkpoint, prompts, encode)
        marks = place_marks(model.checkpoint.model, [p.scopes for p in prompts], model.tokens)
        where = None if marks is None else [marks] * len(model.layers.modules)
        responses = []
        for index, affine in enumerate(model.maps):
            with intervene(model.layers, [affine], where):
                logits = run_prompts(model.checkpoint, batch)[None]  # (1, questions, vocabulary)
            responses.append(read_responses([index], questions, logits, model.letter_tokens))
        return responses

    for packed in pack_prompts(asked, model.budget):
        yield from model.budget.run(answer, packed)
