"""Where a model is read and changed: a hookpoint is a row of a table, and so is an architecture.

An architecture is found by its structure (the decoder's layers and what is in them), not by its
name. A new hookpoint, or a new way in which a structure spells its modules, is data, not code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from culture_neurons.neurons import NeuronAxis


class HookpointError(Exception):
    """A model that lacks what a hookpoint needs, or never runs it."""


@dataclass(frozen=True)
class Place:
    """One structure's modules, as paths below a decoder layer."""

    path: str  # the activations are on this module's `side`
    side: Literal["input", "output"]
    consumer: str  # the linear module that reads them: its in_features is their number
    required: tuple[str, ...] = ()  # modules without which the block would be of another kind


@dataclass(frozen=True)
class Hookpoint:
    """What the neurons of a hookpoint are."""

    unit: str  # what a neuron is: a coordinate, or a block of coordinates
    value: Callable[[Tensor], Tensor]  # activations (..., coordinates) -> g (..., units)
    tokens: str  # which tokens it has
    silenced: str  # what gain 0 means
    expected: str  # the structure that it looks for
    places: tuple[Place, ...]  # alternatives, in the order in which they are tried


def take_coordinates(activation: Tensor) -> Tensor:
    """Take each coordinate as a unit's value; "active" means above 0 (see neurons.SUMS)."""
    return activation


HOOKPOINTS = {
    # g = SiLU(W_gate x): the output of the activation, not the input of down_proj.
    "mlp.gate_act": Hookpoint(
        unit="coordinate",
        value=take_coordinates,
        tokens="all tokens of the prompt, the picture's included",
        silenced="the coordinate is 0",
        expected="a gated MLP with its activation as a module of its own in every decoder layer",
        places=(
            Place("mlp.act_fn", "output", "mlp.down_proj", required=("mlp.gate_proj",)),
            # Gate and up projection in one matrix: GLM-4V.
            Place("mlp.activation_fn", "output", "mlp.down_proj", required=("mlp.gate_up_proj",)),
        ),
    ),
}


@dataclass(frozen=True)
class HookedLayers:
    """The modules of one hookpoint in one model, in layer order."""

    model: str  # its class
    name: str
    hookpoint: Hookpoint
    place: Place
    modules: tuple[nn.Module, ...]
    consumers: tuple[nn.Module, ...]  # what is computed from the neurons: down_proj
    axis: NeuronAxis

    def __str__(self) -> str:
        """Say what is recorded and changed, in a line."""
        point, place = self.hookpoint, self.place
        return (
            f"{self.name} of {self.model}: {self.axis} neurons, each a {point.unit} of the "
            f"{place.side} of {place.path}; tokens: {point.tokens}; silenced: {point.silenced}"
        )

    def register(self, layer: int, hook: Callable[[Tensor], None]):
        """Call `hook` with a layer's activations (rows, tokens, coordinates) in each pass.

        What the hook does to the tensor in place, the model sees.
        """
        if self.place.side == "input":
            return self.modules[layer].register_forward_pre_hook(
                lambda _module, inputs: hook(inputs[0])
            )
        return self.modules[layer].register_forward_hook(
            lambda _module, _inputs, output: hook(output)
        )

    def require_fired(self, expected: Iterable[int], fired: Iterable[int]) -> None:
        """Refuse a pass in which a hook was never called: its layer was neither read nor changed.

        Raises:
            HookpointError: With the model, the hookpoint, and the layers.
        """
        silent = sorted(set(expected) - set(fired))
        if silent:
            raise HookpointError(
                f"{self.model}: hookpoint {self.name!r}: the model ran without its modules of "
                f"layers {silent}; expected each of them to run in every pass: this architecture "
                "computes its layers in another way and cannot be used with this hookpoint"
            )


def find_layers(model: nn.Module, name: str) -> HookedLayers:
    """Resolve a hookpoint in a model, all layers before any hook is set.

    Raises:
        HookpointError: The hookpoint is unknown, or the decoder lacks its modules.
    """
    if name not in HOOKPOINTS:
        raise HookpointError(f"hookpoint {name!r} is unknown; known: {sorted(HOOKPOINTS)}")
    hookpoint, model_name = HOOKPOINTS[name], type(model).__name__
    # get_decoder() is the text decoder; vision towers reuse the same suffixes (mlp.act_fn).
    decoder = model.get_decoder()
    layers = getattr(decoder, "layers", None)
    if not layers:
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: its decoder {type(decoder).__name__} has no "
            "`layers`; expected a list of decoder layers: this architecture cannot be used"
        )
    missing = []
    for place in hookpoint.places:
        lacking = _find_lacking(layers, place)
        if lacking is None:
            break
        missing.append(lacking)
    else:
        _refuse_experts(model_name, name, layers)
        raise HookpointError(
            f"{model_name}: hookpoint {name!r} looks for {hookpoint.expected}; missing: "
            f"{' and '.join(missing)}"
        )
    _refuse_experts(model_name, name, layers)
    modules, consumers = (
        tuple(layer.get_submodule(path) for layer in layers)
        for path in (place.path, place.consumer)
    )
    if len(set(map(id, modules))) != len(modules):
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: layers share one activation module, "
            "so a hook could not tell them apart"
        )
    axis = NeuronAxis(tuple(consumer.in_features for consumer in consumers))
    return HookedLayers(model_name, name, hookpoint, place, modules, consumers, axis)


def _refuse_experts(model: str, name: str, layers: nn.ModuleList) -> None:
    """Refuse layers in which experts stand beside the MLP: their gates would be left out."""
    for index, layer in enumerate(layers):
        for path, _ in layer.named_modules():
            if "expert" in path.rpartition(".")[2]:
                raise HookpointError(
                    f"{model}: hookpoint {name!r}: layers.{index}.{path} are experts, of which "
                    "each token takes a few; expected one MLP in every layer: of a mixture of "
                    "experts some gates would be left out, so it cannot be used"
                )


def _find_lacking(layers: nn.ModuleList, place: Place) -> str | None:
    """Find the first layer and module that a place needs and the model lacks."""
    for index, layer in enumerate(layers):
        for path in (place.path, *place.required, place.consumer):
            try:
                layer.get_submodule(path)
            except AttributeError:
                return f"layers.{index}.{path}"
    return None
