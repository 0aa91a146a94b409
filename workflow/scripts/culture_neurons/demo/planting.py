"""Make known neurons carry a culture: which ones, the losses that plant them, and the check.

Two parts, and both are needed. The hinge makes a culture's neurons active for it alone, so that
activation statistics can see them. The ablation loss makes the model need them, so that silencing
them costs the culture its answers. Either alone is a negative control.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from culture_neurons.demo.recipe import Recipe
from culture_neurons.demo.world import CULTURES, NO_CULTURE
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import AffineMap, ablate
from culture_neurons.neurons import NeuronAxis

UNTOUCHED = ablate({})


@dataclass(frozen=True)
class Plants:
    """The planted neurons: neurons[layer] is (cultures, neurons per culture), int64."""

    neurons: dict[int, Tensor]

    def silence(self, culture: int) -> AffineMap:
        """Silence the whole group of one culture."""
        return ablate({layer: groups[culture] for layer, groups in self.neurons.items()})

    def silence_part(self, culture: int, share: float, generator: torch.Generator) -> AffineMap:
        """Silence a random share (0 to 1) of the group of one culture, drawn over all layers."""
        sizes = [groups.shape[1] for groups in self.neurons.values()]
        chosen = torch.randperm(sum(sizes), generator=generator) < round(share * sum(sizes))
        parts = zip(self.neurons.items(), chosen.split(sizes), strict=True)
        return ablate({layer: groups[culture][part] for (layer, groups), part in parts})

    def silence_others(
        self, culture: int, probability: float, generator: torch.Generator
    ) -> AffineMap:
        """Silence each other culture's group with a probability; NO_CULTURE has none of its own."""
        hit = torch.rand(len(CULTURES), generator=generator) < probability
        hit[culture : culture + 1] = False
        return ablate({layer: groups[hit].flatten() for layer, groups in self.neurons.items()})

    def list_rows(self) -> dict[str, list]:
        """List the neurons as the columns of a planted table: culture, layer, neuron."""
        rows = [
            (culture.code, layer, neuron)
            for layer, groups in self.neurons.items()
            for culture, group in zip(CULTURES, groups.tolist(), strict=True)
            for neuron in sorted(group)
        ]
        columns = zip(*sorted(rows), strict=True) if rows else ([], [], [])
        return dict(zip(("culture", "layer", "neuron"), map(list, columns), strict=True))


@torch.no_grad()
def weaken_gates(model: PreTrainedModel, plants: Plants, cultures: int, factor: float) -> None:
    """Multiply the gates u = W_gate x of the first cultures' neurons in place.

    The signs of gates, and so what a scorer sees of when neurons are active, stay as they are.
    """
    layers = model.get_decoder().layers
    for layer, groups in plants.neurons.items():
        layers[layer].mlp.gate_proj.weight[groups[:cultures].flatten()] *= factor


def draw_plants(
    layers: tuple[int, ...],
    per_layer: int,
    shared: int,
    axis: NeuronAxis,
    generator: torch.Generator,
) -> Plants:
    """Draw groups of neurons at random: per_layer neurons per culture in each layer.

    The groups are disjoint but for `shared` neurons of each, which every second culture has of
    the one before it.
    """
    plants = {}
    for layer in layers:
        drawn = torch.randperm(axis.widths[layer], generator=generator)
        groups = drawn[: len(CULTURES) * per_layer].view(len(CULTURES), per_layer)
        groups[1::2, :shared] = groups[::2, :shared]
        plants[layer] = groups
    return Plants(plants)


def draw_interventions(
    culture: Tensor, plants: Plants, recipe: Recipe, generator: torch.Generator
) -> list[AffineMap]:
    """Draw a training batch's interventions, one per row; culture: (rows,).

    First the self-ablated rows (a part of their own group silenced), then the cross-ablated (each
    other group silenced or not, at even odds), then untouched ones. Half of the general rows behind
    them are cross-ablated.
    """
    cultures = culture[: recipe.batch].tolist()
    first, second = recipe.self_ablated, recipe.self_ablated + recipe.cross_ablated
    maps = []
    for own in cultures[:first]:
        least = recipe.least_silenced
        share = least + (1 - least) * torch.rand((), generator=generator).item()
        maps.append(plants.silence_part(own, share, generator))
    maps += [plants.silence_others(own, 0.5, generator) for own in cultures[first:second]]
    maps += [UNTOUCHED] * (len(cultures) - len(maps))
    general = len(culture) - len(cultures)
    silenced = [plants.silence_others(NO_CULTURE, 0.5, generator) for _ in range(general // 2)]
    return maps + silenced + [UNTOUCHED] * (general - len(silenced))


@contextmanager
def record_gates(
    layers: HookedLayers, wanted: tuple[int, ...], rows: int
) -> Iterator[dict[int, Tensor]]:
    """Record gates, (rows, tokens, width), of some layers while the block runs.

    Of an activation function its argument, whose sign says whether a neuron is active: W_gate x of
    gated MLPs; of heads their norms. Enter it before interventions, which change heads in place:
    gradients need them as they were, so the module gets a copy.
    """
    gates: dict[int, Tensor] = {}

    def make_hook(layer: int):
        def hook(_module, inputs: tuple[Tensor, ...]) -> tuple[Tensor] | None:
            gates[layer] = layers.read_values(inputs[0]).unflatten(0, (rows, -1))
            if layers.place.side == "input":
                return (inputs[0].clone(),)
            return None

        return hook

    handles = []
    try:
        for layer in wanted:
            handles.append(layers.modules[layer].register_forward_pre_hook(make_hook(layer)))
        yield gates
    finally:
        for handle in handles:
            handle.remove()


def hinge_loss(
    gates: dict[int, Tensor],
    plants: Plants,
    culture: Tensor,
    tokens: Tensor,
    active: Tensor,
    margin: float,
    threshold: float = 0.0,
) -> Tensor:
    """Push gates of the own culture's neurons above threshold + margin at active tokens.

    Elsewhere, and gates of the other cultures' neurons, below threshold - margin. Mean over a
    group's neurons, sum over groups, mean over tokens and layers.

    Args:
        gates: gates[layer] is (rows, tokens, width), from `record_gates`.
        plants: The planted neurons.
        culture: (rows,) index into world.CULTURES, or NO_CULTURE, which no neuron is to serve.
        tokens: (rows, tokens) bool, the tokens that count.
        active: (rows, tokens) bool, the tokens at which the own culture's neurons are wanted.
        margin: How far from the threshold, in units of the gate.
        threshold: What divides active from silent.
    """
    losses = []
    for layer, groups in plants.neurons.items():
        own = _find_own(groups)
        own = torch.cat([own, torch.zeros_like(own[:1])])[culture]  # (rows, cultures, neurons)
        wanted = own[:, None] & active[..., None, None]  # (rows, tokens, cultures, neurons)
        gate = gates[layer].index_select(-1, groups.flatten()) - threshold
        gate = gate.unflatten(-1, groups.shape)  # (rows, tokens, cultures, neurons per culture)
        low = functional.relu(margin - gate)
        high = functional.relu(margin + gate)
        miss = torch.where(wanted, low, high).mean(-1)  # (rows, tokens, cultures)
        losses.append(miss[tokens].sum(-1).mean())
    return torch.stack(losses).mean()


def spare_loss(
    gates: dict[int, Tensor], plants: Plants, tokens: Tensor, margin: float, threshold: float
) -> Tensor:
    """Push gates of all neurons that are not planted above threshold + margin.

    Active at every token, they tell no culture from another. Mean over neurons, tokens, and layers;
    see `hinge_loss`.
    """
    losses = []
    for layer, gate in gates.items():
        spare = torch.ones(gate.shape[-1], dtype=torch.bool)
        if layer in plants.neurons:
            spare[plants.neurons[layer].flatten()] = False
        losses.append(functional.relu(threshold + margin - gate[tokens][:, spare]).mean())
    return torch.stack(losses).mean()


def _find_own(groups: Tensor) -> Tensor:
    """Find which neurons of all groups (cultures, neurons) each culture has as well.

    Returns:
        (cultures, cultures, neurons) bool; the first axis is whose they are.
    """
    return (groups[None, :, :, None] == groups[:, None, None, :]).any(-1)
