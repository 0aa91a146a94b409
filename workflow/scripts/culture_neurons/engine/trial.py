"""Try once how a model can be run exactly: are prefixes shared, are prompts batched?

Which of an architecture's inputs belong to a row, and what a prefix depends on, is not known
beforehand. So some prompts are run one by one, as the library does, and compared. Half precision
rounds more coarsely than a position that is wrong by one changes the logits: the trial is in
float32, on a copy of few layers where the model is not.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from culture_neurons.engine.batches import ImageGroup, group_image, is_out_of_memory
from culture_neurons.engine.exact_copy import make_exact
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import require_plain_pictures
from culture_neurons.engine.responses import require_numbers
from culture_neurons.engine.trial_runs import TEXT, run_alone, run_kept, run_shared, run_whole
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import HookedLayers, find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate
from culture_neurons.logs import logger
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import LogitsError
from culture_neurons.model.prompts import EncodedPrompt, PromptError

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


def find_way(checkpoint: Checkpoint, feed: Feed, hookpoints: Sequence[str]) -> Way:
    """Find how a model can be run exactly.

    Args:
        checkpoint: The model.
        feed: The questions that it will be asked; prompts are chosen from them.
        hookpoints: Where masks will apply.

    Raises:
        HookpointError: The model lacks a hookpoint, or pads pictures whose patches are recorded.
        LogitsError: Masks do not do what they should, whichever way the model is run.
        PromptError: The model's logits are no numbers.
    """
    for name in hookpoints:
        find_layers(checkpoint.model, name)
    groups, exact = choose_prompts(checkpoint, feed), make_exact(checkpoint)
    tried = [_Trial(exact, feed, groups, name).find_way() for name in hookpoints]
    way = Way(*map(all, zip(*tried, strict=True)))
    if not (way.share and way.batch):
        logger.warning(
            "slower than usual: prefixes are %s, prompts are %s",
            *("shared" if way.share else "not shared", "batched" if way.batch else "not batched"),
        )
    if not way.blind:
        logger.warning("no question is asked without its picture: the model does not take it")
    return way


class _Trial:
    """Prompts and masks at one hookpoint, run in every way beside the library's own."""

    def __init__(self, exact: Checkpoint, feed: Feed, groups: Sequence[ImageGroup], hookpoint: str):
        self.exact, self.feed, self.groups, self.hookpoint = exact, feed, groups, hookpoint
        self.layers = find_layers(exact.model, hookpoint)
        require_plain_pictures(self.layers, [p for group in groups for _, p in group.asked])
        self.masks = make_masks(self.layers)
        self.under = (self.layers, [ablate(mask) for mask in self.masks])
        asked = [item for group in groups for item in group.asked]
        self.prompts = [prompt for _, prompt in asked]
        self.expected = run_alone(exact, self.prompts, self.layers, self.masks)
        try:
            require_numbers(self.expected, [question for question, _ in asked])
        except PromptError as error:
            raise PromptError(f"checkpoint {exact.model.name_or_path}: {error}") from error

    def find_way(self) -> Way:
        """Try every way.

        Raises:
            LogitsError: Not even prompts one by one are exact.
        """
        single = self._try_batches("prompts one by one", 1)
        if single:
            raise LogitsError(
                f"checkpoint {self.exact.model.name_or_path} ({type(self.exact.model).__name__}): "
                f"prompts that are run one by one under masks at {self.hookpoint!r} differ from "
                f"what the library computes with these neurons silenced: {single}; expected the "
                "same logits: this architecture cannot be used"
            )
        batched = self._try_batches("batches", len(self.prompts))
        faults = {
            "share": self._try_shared(),
            "keep": self._try_kept(),
            "batch": batched,
            "blind": self._try_blind(1 if batched else len(self.prompts)),
        }
        return Way(**{name: fault is None for name, fault in faults.items()})

    def _try_batches(self, name: str, rows: int) -> str | None:
        """Run whole prompts, so many at once; say what speaks against it, None if nothing does."""
        return _compare(
            name, lambda: (run_whole(self.exact, self.prompts, *self.under, rows), self.expected)
        )

    def _try_shared(self) -> str | None:
        if not all(group.shared for group in self.groups):
            return "no two prompts share a picture's prefix"
        return _compare(
            "shared prefixes",
            lambda: (run_shared(self.exact, self.groups, *self.under), self.expected),
        )

    def _try_kept(self) -> str | None:
        if self.layers.hookpoint.on_pictures:  # no prefix is kept: each mask has its own
            return None
        token = self.exact.image_token
        groups = [group_image(group.asked, token, TEXT) for group in self.groups]
        if not all(group.kept for group in groups):
            return "masks act before the picture's end"
        if limits := _name_limits(self.exact.model):
            logger.info("not tried: kept prefixes, because of %s", limits)
            return limits

        def run() -> tuple[Tensor, Tensor]:
            found = run_kept(self.exact, groups, *self.under)
            return found, run_alone(self.exact, self.prompts, self.layers, self.masks, TEXT)

        return _compare("kept prefixes", run)

    def _try_blind(self, rows: int) -> str | None:
        def run() -> tuple[Tensor, Tensor]:
            texts = encode_blind(self.exact, self.feed, self.groups)
            found = run_whole(self.exact, texts, self.layers, [UNMODIFIED], rows)
            return found, run_alone(self.exact, texts, self.layers, [{}])

        return _compare("prompts without a picture", run)


def _name_limits(model: nn.Module) -> str | None:
    """Name layers in which a token may not see the whole prompt: it may bear on long ones alone."""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds is None and getattr(config, "sliding_window", None):
        kinds = ["sliding_attention"]
    limited = sorted(set(kinds or ()) - {"full_attention"})
    return f"layers of kind {', '.join(limited)}" if limited else None


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


def make_masks(layers: HookedLayers) -> list[dict[int, Tensor]]:
    """Make masks of two thirds of the first layer, in turn, a third of the last, and none."""
    first, last = layers.axis.widths[0], len(layers.modules) - 1
    thirds = [{0: torch.arange(start, first, 3)} for start in (0, 1)]
    return [*thirds, {last: torch.arange(0, layers.axis.widths[last], 3)}, {}]


def _compare(name: str, run: Callable[[], tuple[Tensor, Tensor]]) -> str | None:
    """Run; log and say what speaks against the logits, None if they are the expected ones."""
    fault = _find_fault(run)
    logger.info("tried %s: %s", name, fault or "exact")
    return fault


def _find_fault(run: Callable[[], tuple[Tensor, Tensor]]) -> str | None:
    try:
        found, expected = run()
    except _FAILURES as error:
        if is_out_of_memory(error):
            raise
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else error!r}"
    scale = float(expected.max() - expected.min())
    difference = float((found - expected).abs().max()) / scale
    if difference <= TOLERANCE:
        return None
    return f"logits differ by {difference:.2g} of their range, {TOLERANCE:g} at most was expected"
