"""A model of a real shape with random weights, its questions and masks, and the engine on them."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from shapes import SHAPES, Shape, build_checkpoint, make_masks, make_pictures, make_questions

from culture_neurons.dataset.question import Question
from culture_neurons.engine.answering import MaskedModel, answer_questions
from culture_neurons.engine.batches import ImageGroup, TokenBudget, group_image
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.responses import AskedTogether
from culture_neurons.hooks.hookpoints import HookedLayers, find_layers
from culture_neurons.hooks.interventions import ablate
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import SCOPES, find_letter_tokens
from report import describe_machine

ROUNDS = 3
Answers = Mapping[tuple[int, str], torch.Tensor]  # (mask, question_id) -> log probabilities


@dataclass(frozen=True)
class Study:
    """A model, and every (question, mask) pair that it is asked."""

    checkpoint: Checkpoint
    shape: Shape
    feed: Feed
    layers: HookedLayers
    masks: Sequence[Mapping[int, torch.Tensor]]
    letters: Sequence[Sequence[int]]

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.checkpoint.model.device

    @property
    def pairs(self) -> list[tuple[Question, int]]:
        """All pairs, mask by mask."""
        return [(q, mask) for mask in range(len(self.masks)) for q in self.feed.questions]

    @cached_property
    def groups(self) -> list[ImageGroup]:
        """The encoded questions by image."""
        ((_, images),) = feed_cells(self.checkpoint, self.feed)
        token = self.checkpoint.image_token
        return [group_image(image, token) for image in images]


def build_study(name: str, masks: int | None = None) -> Study:
    """Build a shape's model with random weights, questions, pictures, and masks."""
    shape, on_gpu = SHAPES[name], not name.startswith("cpu")
    kind = ("cuda", torch.bfloat16) if on_gpu else ("cpu", torch.float32)
    checkpoint = build_checkpoint(shape, *kind)
    feed = Feed(make_questions(shape.images), make_pictures(shape), TokenBudget(shape.batch_tokens))
    return Study(
        checkpoint,
        shape,
        feed,
        find_layers(checkpoint.model, "mlp.gate_act"),
        make_masks(checkpoint, masks or shape.masks),
        find_letter_tokens(checkpoint.processor, 4),
    )


def describe_study(study: Study, name: str, shared: str, rounds: str) -> dict[str, object]:
    """Describe what was timed, and on which machine."""
    prompt = study.groups[0].asked[0][1]
    facts = {
        "shape": f"{name}: {study.checkpoint.model.dtype}, {study.layers.axis} neurons",
        "questions": f"{len(study.feed.questions)} on {study.shape.images} images, "
        f"{prompt.tokens} tokens, {shared}",
        "masks": f"{len(study.masks)} of 1 % of all neurons",
        "rounds": f"{ROUNDS} {rounds}, and one to warm up",
        "threads": torch.get_num_threads(),
        **describe_machine("torch", "transformers"),
    }
    if study.device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name()
    return facts


def wait(device: torch.device) -> float:
    """Read the clock when the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def time_engine(study: Study, tokens: Collection[str] = SCOPES) -> tuple[float, Answers]:
    """Ask every question under every mask by the engine; seconds per pair, and answers."""
    maps = [ablate({layer: n.to(study.device) for layer, n in m.items()}) for m in study.masks]
    rounds = [AskedTogether(range(len(maps)), [q.question_id for q in study.feed.questions])]
    model = MaskedModel(
        study.checkpoint, study.letters, study.feed.budget, study.layers, maps, tokens=tokens
    )
    found = {}
    begun = wait(study.device)
    for responses in answer_questions(model, study.feed, lambda _: rounds):
        for row, mask in enumerate(responses.masks):
            for column, question_id in enumerate(responses.questions):
                found[mask, question_id] = torch.from_numpy(responses.letters[row, column])
    return (wait(study.device) - begun) / len(study.pairs), found


def estimate_flops(study: Study, tokens: int) -> float:
    """Work model: 2 x decoder parameters x tokens, and attention over half of the context each."""
    model, context = study.checkpoint.model, study.groups[0].asked[0][1].tokens
    named = model.get_decoder().named_parameters()
    weights = sum(weight.numel() for name, weight in named if "embed" not in name)
    text = model.config.get_text_config()
    attention = 4 * text.num_hidden_layers * text.hidden_size * context / 2
    return tokens * (2 * weights + attention)
