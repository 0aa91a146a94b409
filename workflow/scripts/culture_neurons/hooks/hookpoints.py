"""Where a model is read and changed: a hookpoint's modules in one model."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from culture_neurons.hooks.places import (
    SILENCED,
    TOKENS,
    Hookpoint,
    Place,
    list_hookpoints,
    load_hookpoint,
)
from culture_neurons.neurons import NeuronAxis


class HookpointError(Exception):
    """A model that lacks what a hookpoint needs, or never runs it."""


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
    block: int = 1  # coordinates of a neuron: of a head, its block's
    leading: int = 0  # tokens of a row before the picture's patches
    unread: int = 0  # last layers of which nothing is computed

    def __str__(self) -> str:
        """Say what is recorded and changed, in a line."""
        point, place = self.hookpoint, self.place
        parts = [
            f"{self.name} of {self.model}: {self.axis} neurons, each a {point.unit} of the "
            f"{place.side} of {place.path} in {' and '.join(place.layers)}",
            f"tokens: {TOKENS[point.component]}",
            f"silenced: {SILENCED[point.unit]}",
        ]
        if self.unread:
            parts.append(f"the last {self.unread} layers are left out: the decoder reads none")
        return "; ".join(parts)

    @property
    def weights(self) -> list[int]:
        """Count the weights that read a neuron, in each layer: of one that is 0 they do nothing."""
        return [consumer.out_features * self.block for consumer in self.consumers]

    def read_values(self, activation: Tensor) -> Tensor:
        """Take the neurons' values g of a pass; (..., coordinates) -> (tokens, neurons).

        A coordinate is its own value; a head's is the norm of its block, in float32.
        """
        if self.leading:
            activation = activation[:, self.leading :]
        values = activation.flatten(0, -2)  # (tokens, coordinates)
        if self.block == 1:
            return values
        return values.float().unflatten(1, (-1, self.block)).norm(dim=-1)

    def list_coordinates(self, neurons: Tensor) -> Tensor:
        """List the coordinates of neurons (n,), neuron by neuron: (n * block,)."""
        if self.block == 1:
            return neurons
        return (neurons[:, None] * self.block + torch.arange(self.block)).flatten()

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
        HookpointError: The hookpoint is unknown, or the model lacks its modules.
    """
    known = list_hookpoints()
    if name not in known:
        raise HookpointError(f"hookpoint {name!r} is unknown; known: {known}")
    hookpoint, model_name = load_hookpoint(name), type(model).__name__
    # get_decoder() is the text decoder; vision towers reuse the same suffixes (mlp.act_fn).
    root = model.base_model if hookpoint.on_pictures else model.get_decoder()
    place, layers = _find_place(model_name, name, hookpoint, root)
    if hookpoint.block == "mlp":
        _refuse_experts(model_name, name, layers)
    unread = _count_unread(model, len(layers)) if hookpoint.component == "vision" else 0
    layers = layers[: len(layers) - unread]
    modules, consumers = (
        tuple(layer.get_submodule(path) for layer in layers)
        for path in (place.path, place.consumer)
    )
    if len(set(map(id, modules))) != len(modules):
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: layers share one activation module, "
            "so a hook could not tell them apart"
        )
    heads = {_read_number(layer, place.head) for layer in layers if hookpoint.unit == "head"}
    if len(heads) > 1:
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: heads have {sorted(heads)} coordinates; expected "
            "heads of one size in every layer"
        )
    block = heads.pop() if heads else 1
    return HookedLayers(
        model_name,
        name,
        hookpoint,
        place,
        modules,
        consumers,
        NeuronAxis(tuple(consumer.in_features // block for consumer in consumers)),
        block,
        int(bool(place.class_token) and _has_parameter(root, place.class_token)),
        unread,
    )


def _find_place(
    model: str, name: str, hookpoint: Hookpoint, root: nn.Module
) -> tuple[Place, list[nn.Module]]:
    """Find the first place whose modules are all there, and its layers.

    Raises:
        HookpointError: There is none; with what each lacks.
    """
    missing = []
    for place in hookpoint.places:
        layers, lacking = _list_layers(root, place)
        lacking = lacking or _find_lacking(layers, place)
        if lacking is None:
            return place, layers
        missing.append(f"{type(root).__name__}.{lacking}")
    _refuse_experts(model, name, layers)
    raise HookpointError(
        f"{model}: hookpoint {name!r} looks for {hookpoint.expected}; missing: "
        f"{', '.join(dict.fromkeys(missing))}: this model cannot be used with this hookpoint"
    )


def _list_layers(root: nn.Module, place: Place) -> tuple[list[nn.Module], str | None]:
    """List a place's layers, or say which of its modules is missing."""
    layers: list[nn.Module] = []
    for path in place.layers:
        found = _find_module(root, path)
        if found is None or (isinstance(found, nn.ModuleList) and not len(found)):
            return [], path
        layers += found if isinstance(found, nn.ModuleList) else [found]
    return layers, None


def _find_module(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except AttributeError:
        return None


def _has_parameter(root: nn.Module, path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return isinstance(getattr(_find_module(root, owner), name, None), Tensor)


def _read_number(layer: nn.Module, path: str) -> int:
    owner, _, name = path.rpartition(".")
    return int(getattr(layer.get_submodule(owner), name))


def _count_unread(model: nn.Module, layers: int) -> int:
    """Count the last layers of a vision tower that feed nothing.

    `vision_feature_layer` numbers the hidden states: the embeddings, then what each layer returns.
    """
    read = getattr(model.config, "vision_feature_layer", None)
    if read is None:
        return 0
    states = [read] if isinstance(read, int) else read
    return layers - max(state if state >= 0 else layers + 1 + state for state in states)


def _refuse_experts(model: str, name: str, layers: Sequence[nn.Module]) -> None:
    """Refuse layers in which experts stand beside the MLP: their gates would be left out."""
    for index, layer in enumerate(layers):
        for path, _ in layer.named_modules():
            if "expert" in path.rpartition(".")[2]:
                raise HookpointError(
                    f"{model}: hookpoint {name!r}: layers.{index}.{path} are experts, of which "
                    "each token takes a few; expected one MLP in every layer: of a mixture of "
                    "experts some gates would be left out, so it cannot be used"
                )


def _find_lacking(layers: Sequence[nn.Module], place: Place) -> str | None:
    """Find the first layer and module that a place needs and the model lacks."""
    for index, layer in enumerate(layers):
        for path in (place.path, *place.required, place.consumer):
            if _find_module(layer, path) is None:
                return f"{place.layers[0]}.{index}.{path}"
    return None
