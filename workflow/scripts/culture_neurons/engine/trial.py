"""Try once how a model can be run exactly: are prefixes shared, are prompts batched?

Which of an architecture's inputs belong to a row, and what a prefix depends on, is not known
beforehand. So some prompts are run one by one, as the library does, and compared. Half precision
rounds more coarsely than a position that is wrong by one changes the logits: the trial is in
float32, on a copy of few layers where the model is not.
"""

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor, nn

from culture_neurons.engine.batches import (
    ImageGroup,
    TokenBudget,
    group_image,
    is_out_of_memory,
)
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.responses import require_numbers
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.whole_prompts import prepare_prompts, run_prompts
from culture_neurons.hooks.hookpoints import HookedLayers, find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, AffineMap, ablate, intervene
from culture_neurons.logs import logger
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import LogitsError, run_to_logits
from culture_neurons.model.prompts import SCOPES, EncodedPrompt, PromptError

TEXT = ("question", "options")
PICTURES = 12  # to choose from, by a hash of their names
# Of the logits' range. In float32 the ways differ by rounding alone, 1e-5 of it at most on every
# architecture that was tried; a wrong position, picture, or mask by far more.
TOLERANCE = 1e-4
_FAILURES = (
    AttributeError,
    IndexError,
    KeyError,
    LogitsError,
    PromptError,
    RuntimeError,
    TypeError,
    ValueError,
)


class Way(NamedTuple):
    """How a model is run: a fact of its answers, which every later job obeys."""

    share: bool  # questions of one picture share its prefix
    batch: bool  # prompts with different pictures go together
    blind: bool  # the unmodified model can be asked without a picture

    def limit(self, tokens: int) -> TokenBudget:
        """Make the budget of passes: of one prompt each where prompts are not batched."""
        return TokenBudget(tokens if self.batch else 1)


def find_way(checkpoint: Checkpoint, feed: Feed, hookpoints: Sequence[str]) -> Way:
    """Find how a model can be run exactly.

    Args:
        checkpoint: The model.
        feed: The questions that it will be asked; prompts are chosen from them.
        hookpoints: Where masks will apply.

    Raises:
        HookpointError: The model lacks a hookpoint.
        LogitsError: Masks do not do what they should, whichever way the model is run.
        PromptError: The model's logits are no numbers.
    """
    for name in hookpoints:
        find_layers(checkpoint.model, name)
    groups, exact = choose_prompts(checkpoint, feed), make_exact(checkpoint)
    tried = [_try_ways(exact, feed, groups, name) for name in hookpoints]
    way = Way(*map(all, zip(*tried, strict=True)))
    if not (way.share and way.batch):
        logger.warning(
            "slower than usual: prefixes are %s, prompts are %s",
            *("shared" if way.share else "not shared", "batched" if way.batch else "not batched"),
        )
    if not way.blind:
        logger.warning("no question is asked without its picture: the model does not take it")
    return way


def _try_ways(exact: Checkpoint, feed: Feed, groups: Sequence[ImageGroup], hookpoint: str) -> Way:
    layers = find_layers(exact.model, hookpoint)
    masks = make_masks(layers)
    prompts = [prompt for group in groups for _, prompt in group.asked]
    expected = run_alone(exact, prompts, layers, masks)  # (masks, prompts, vocabulary)
    try:
        require_numbers(expected, [question for group in groups for question, _ in group.asked])
    except PromptError as error:
        raise PromptError(f"checkpoint {exact.model.name_or_path}: {error}") from error

    texts: list[EncodedPrompt] = []

    def run_blind() -> Tensor:
        texts.extend(encode_blind(exact, feed, groups))
        return run_whole(exact, texts, layers, [UNMODIFIED], 1 if batched else len(texts))

    def compare(name: str, run: Callable[[], Tensor], expect=lambda: expected) -> str | None:
        against = _find_fault(run, expect)
        logger.info("tried %s: %s", name, against or "exact")
        return against

    maps = [ablate(mask) for mask in masks]
    single = compare("prompts one by one", lambda: run_whole(exact, prompts, layers, maps, 1))
    if single:
        raise LogitsError(
            f"checkpoint {exact.model.name_or_path} ({type(exact.model).__name__}): "
            f"prompts that are run one by one under masks at {hookpoint!r} differ from what the "
            f"library computes with these neurons silenced: {single}; expected the same logits: "
            "this architecture cannot be used"
        )
    batched = compare("batches", lambda: run_whole(exact, prompts, layers, maps, len(prompts)))
    shared = "no two prompts share a picture's prefix"
    if all(group.shared for group in groups):
        shared = compare("shared prefixes", lambda: run_shared(exact, groups, layers, maps))
        shared = shared or compare(
            "shared prefixes, masks at text alone",
            lambda: run_shared(exact, groups, layers, maps, TEXT),
            lambda: run_alone(exact, prompts, layers, masks, TEXT),
        )
    blind = compare(
        "prompts without a picture", run_blind, lambda: run_alone(exact, texts, layers, [{}])
    )
    return Way(share=shared is None, batch=batched is None, blind=blind is None)


def choose_prompts(checkpoint: Checkpoint, feed: Feed) -> list[ImageGroup]:
    """Choose up to three pictures with two questions each, of different lengths where possible.

    The first two have prefixes of one length, so that both can be in one batch, the third one of
    another length.
    """
    images = {question.image_id for question in feed.questions}
    ordered = sorted(images, key=lambda name: hashlib.sha256(name.encode()).digest())[:PICTURES]
    asked = [question for question in feed.questions if question.image_id in ordered]
    groups: dict[str, ImageGroup] = {}
    for _, cell in feed_cells(checkpoint, replace(feed, questions=asked, workers=0)):
        for image in cell:
            by_length = sorted(image, key=lambda item: item[1].tokens)
            both = (by_length[0], by_length[-1])[: len(image)]
            group = group_image(both, checkpoint.image_token)
            known = groups.setdefault(image[0][0].image_id, group)
            if len(known.asked) < len(both):
                groups[image[0][0].image_id] = group
    found = list(groups.values())
    alike = Counter(group.shared for group in found)
    first = max(found, key=lambda group: (len(group.asked), alike[group.shared] > 1))
    found = [group for group in found if group is not first]
    same = [group for group in found if group.shared == first.shared]
    other = [group for group in found if group.shared != first.shared]
    return [first, *same[:1], *other[:1]]


def encode_blind(
    checkpoint: Checkpoint, feed: Feed, groups: Sequence[ImageGroup]
) -> list[EncodedPrompt]:
    """Encode the questions of some pictures without them.

    Raises:
        PromptError: The processor takes no text without a picture.
    """
    blind = [replace(question, image_id=None) for group in groups for question, _ in group.asked]
    cells = feed_cells(checkpoint, replace(feed, questions=blind, workers=0))
    return [prompt for _, images in cells for image in images for _, prompt in image]


def make_exact(checkpoint: Checkpoint) -> Checkpoint:
    """Make a float32 copy of a model's first layers; a model in float32 is taken as it is.

    The copy has every kind of layer that the decoder has, two layers at least. Where a GPU has no
    room for it, it is made on the CPU.
    """
    model = checkpoint.model
    if model.dtype == torch.float32:
        return checkpoint
    decoder, config = model.get_decoder(), model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or [None] * len(decoder.layers)
    known = [(type(layer), kind) for layer, kind in zip(decoder.layers, kinds, strict=False)]
    count = max(2, 1 + max(known.index(kind) for kind in set(known)))
    with _cut_layers(decoder, count):
        try:
            cut = copy.deepcopy(model).float()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            cut = _copy_to_cpu(model).float()
    config = cut.config.get_text_config()
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:count]
    logger.info("trial in float32 on the first %d of %d layers", count, len(known))
    return replace(checkpoint, model=cut)


@contextmanager
def _cut_layers(decoder: nn.Module, count: int) -> Iterator[None]:
    whole = decoder.layers
    decoder.layers = whole[:count]
    try:
        yield
    finally:
        decoder.layers = whole


def _copy_to_cpu(model: nn.Module) -> nn.Module:
    """Copy a model tensor by tensor to the CPU, without a second copy on its device."""
    known = {id(weight): nn.Parameter(weight.cpu(), False) for weight in model.parameters()}
    known |= {id(buffer): buffer.cpu() for buffer in model.buffers()}
    return copy.deepcopy(model, known)


def make_masks(layers: HookedLayers) -> list[dict[int, Tensor]]:
    """Make a mask of a third of the first layer, one of the last, and an empty one."""
    ends = {0, len(layers.modules) - 1}
    return [*({n: torch.arange(0, layers.axis.widths[n], 3)} for n in sorted(ends)), {}]


@torch.inference_mode()
def run_alone(
    checkpoint: Checkpoint,
    prompts: Sequence[EncodedPrompt],
    layers: HookedLayers,
    masks: Sequence[Mapping[int, Tensor]],
    tokens: Collection[str] = SCOPES,
) -> Tensor:
    """Run prompts one by one, as the library does; (masks, prompts, vocabulary) on the host.

    The reference that the rest is compared with, so it shares nothing with it: inputs as the
    processor made them, and neurons silenced where they are read, not where they are made.
    """
    model, rows, silent = checkpoint.model, [], []

    def make_hook(index: Tensor):
        def hook(_module, inputs: tuple[Tensor]) -> tuple[Tensor]:  # (1, tokens, width)
            changed = inputs[0].clone()
            for token in silent:
                changed[0, token, index.to(changed.device)] = 0.0
            return (changed,)

        return hook

    for mask in masks:
        handles = [
            layers.consumers[layer].register_forward_pre_hook(make_hook(index))
            for layer, index in mask.items()
        ]
        try:
            for prompt in prompts:
                scopes = [SCOPES[scope] for scope in prompt.scopes.tolist()]
                silent = [token for token, scope in enumerate(scopes) if scope in tokens]
                inputs = {**prompt.token_inputs, **prompt.picture_inputs, "use_cache": False}
                inputs = {
                    key: value.to(model.device) if isinstance(value, Tensor) else value
                    for key, value in inputs.items()
                }
                last = torch.tensor([[prompt.tokens - 1]], device=model.device)
                rows.append(run_to_logits(model, inputs, last)[0].float().cpu())
        finally:
            for handle in handles:
                handle.remove()
    return torch.stack(rows).unflatten(0, (len(masks), -1))


def run_whole(
    checkpoint: Checkpoint,
    prompts: Sequence[EncodedPrompt],
    layers: HookedLayers,
    maps: Sequence[AffineMap],
    rows: int,
) -> Tensor:
    """Run whole prompts, so many in a batch, as the engine does; as `run_alone`."""

    def run(packed: Sequence[EncodedPrompt]) -> list[Tensor]:
        batch = prepare_prompts(checkpoint, packed)
        logits = []
        for affine in maps:
            with intervene(layers, [affine]):
                logits.append(run_prompts(checkpoint, batch).float().cpu())
        return list(torch.stack(logits, dim=1))  # of each prompt: (masks, vocabulary)

    budget, parts = TokenBudget(sum(prompt.tokens for prompt in prompts)), []
    for start in range(0, len(prompts), rows):
        parts += budget.run(run, prompts[start : start + rows])
    return torch.stack(parts, dim=1)


def run_shared(
    checkpoint: Checkpoint,
    groups: Sequence[ImageGroup],
    layers: HookedLayers,
    maps: Sequence[AffineMap],
    tokens: Collection[str] = SCOPES,
) -> Tensor:
    """Run prompts that share prefixes, pictures of one length together; as `run_alone`."""
    found = {}
    groups = [group_image(group.asked, checkpoint.image_token, tokens) for group in groups]
    ordered = sorted(groups, key=lambda group: group.shared)
    for _, members in groupby(ordered, key=lambda group: group.shared):
        members = list(members)
        prefix = SharedPrefix(checkpoint, members, tokens)

        def run(part: Sequence[AffineMap], prefix: SharedPrefix = prefix) -> list[Tensor]:
            return list(prefix.run(layers, part).float().cpu())

        budget = TokenBudget(len(maps) * sum(group.tokens for group in members))
        logits = torch.stack(budget.run(run, maps))  # (masks, prompts, vocabulary)
        asked = [id(prompt) for group in members for _, prompt in group.asked]
        found |= dict(zip(asked, logits.unbind(1), strict=True))
    return torch.stack([found[id(p)] for group in groups for _, p in group.asked], dim=1)


def _find_fault(run: Callable[[], Tensor], expect: Callable[[], Tensor]) -> str | None:
    """Run; say what speaks against the logits, None if they are the expected ones."""
    try:
        found, expected = run(), expect()
    except _FAILURES as error:
        if is_out_of_memory(error):
            raise
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else error!r}"
    scale = float(expected.max() - expected.min())
    difference = float((found - expected).abs().max()) / scale
    if difference <= TOLERANCE:
        return None
    return f"logits differ by {difference:.2g} of their range, {TOLERANCE:g} at most was expected"
