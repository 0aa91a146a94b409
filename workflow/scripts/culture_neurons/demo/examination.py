"""Ask a trained demo model questions on held-out pictures, with and without planted neurons."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from culture_neurons.demo.lessons import Batch, Lessons
from culture_neurons.demo.planting import UNTOUCHED, Plants
from culture_neurons.demo.recipe import Recipe
from culture_neurons.demo.world import CULTURES
from culture_neurons.hooks.hookpoints import HookedLayers, find_layers
from culture_neurons.hooks.interventions import AffineMap, intervene


@dataclass(frozen=True)
class Marks:
    """What a model answers; fractions of all questions."""

    accuracy: float
    self_drop: float  # accuracy lost when the question's own culture's neurons are silenced
    cross_drop: float  # accuracy lost when those of another culture, drawn at random, are
    # The same of questions without a culture: with any culture's neurons silenced.
    general_accuracy: float | None = None  # None: it is asked none
    general_drop: float | None = None

    def satisfy(self, recipe: Recipe) -> bool:
        """Say whether they reach what the recipe asks for; a negative control only answers."""
        accuracies = [self.accuracy]
        accuracies += [] if self.general_accuracy is None else [self.general_accuracy]
        if min(accuracies) < recipe.least_accuracy:
            return False
        planted = recipe.hinge and recipe.ablation
        others = max(abs(self.cross_drop), abs(self.general_drop or 0.0))
        return not planted or (
            self.self_drop >= recipe.least_self_drop and others <= recipe.most_cross_change
        )


@torch.inference_mode()
def examine_model(
    model: PreTrainedModel, lessons: Lessons, plants: Plants, recipe: Recipe, seed: int
) -> Marks:
    """Ask questions on unseen pictures three times: untouched, own, and other group silenced.

    At least as many as the recipe says. Questions without a culture, if there are any, are asked
    untouched and with a group silenced.
    """
    generator = torch.Generator().manual_seed(seed)
    layers, rows = find_layers(model, recipe.hookpoint), recipe.test_rows
    right = []
    for _ in range(-(-rows // 64)):
        batch = lessons.draw_batch(64, generator)
        step = torch.randint(1, len(CULTURES), (len(batch),), generator=generator)
        other = (batch.culture + step) % len(CULTURES)
        passes = (
            [UNTOUCHED],
            [plants.silence(culture) for culture in batch.culture.tolist()],
            [plants.silence(culture) for culture in other.tolist()],
        )
        answers = [_answer(model, layers, maps, batch, lessons) for maps in passes]
        right.append(torch.stack([answer == batch.answer for answer in answers]))
    plain, without_own, without_other = torch.cat(right, 1).double().mean(1).tolist()
    marks = (plain, plain - without_own, plain - without_other)
    if not lessons.asks_general:
        return Marks(*marks)
    batch = lessons.draw_general_batch(rows, generator)
    silenced = [plants.silence(row % len(CULTURES)) for row in range(rows)]
    plain, without = (
        (_answer(model, layers, maps, batch, lessons) == batch.answer).double().mean().item()
        for maps in ([UNTOUCHED], silenced)
    )
    return Marks(*marks, plain, plain - without)


def _answer(
    model: PreTrainedModel,
    layers: HookedLayers,
    maps: list[AffineMap],
    batch: Batch,
    lessons: Lessons,
) -> Tensor:
    """Answer by the letter with the largest logit: (rows,) place of the option."""
    with intervene(layers, maps):
        logits = model(**batch.inputs, use_cache=False).logits  # (rows, tokens, vocabulary)
    logits = logits[torch.arange(len(batch)), batch.last_at]  # (rows, vocabulary)
    return logits[:, lessons.letter_ids].argmax(-1)
