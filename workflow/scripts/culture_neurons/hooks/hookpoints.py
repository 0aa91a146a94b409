"""Where a model is read and changed: hookpoint name -> modules, side, and width.

An architecture is found by its structure (the decoder's layers and their gated MLP); what
differs is a row of a table, not code.
"""

from dataclasses import dataclass

from torch import nn


class HookpointError(Exception):
    """A model that lacks what a hookpoint needs."""


@dataclass(frozen=True)
class Hookpoint:
    """Where one layer's neurons are, as module paths below a decoder layer."""

    path: str  # the neurons are this module's output
    beside: str  # a module without which the block would be another kind
    reader_path: str  # the linear module that reads them: its in_features is their number


# Alternatives in the order in which they are tried: architectures differ in names, not in kind.
HOOKPOINTS = {
    # g = SiLU(W_gate x): the output of the activation, not the input of down_proj.
    "mlp.gate_act": (
        Hookpoint("mlp.act_fn", beside="mlp.gate_proj", reader_path="mlp.down_proj"),
        # Gate and up projection in one matrix: GLM-4V.
        Hookpoint("mlp.activation_fn", beside="mlp.gate_up_proj", reader_path="mlp.down_proj"),
    ),
}


@dataclass(frozen=True)
class HookedLayers:
    """The modules of one hookpoint in one model, in layer order."""

    name: str
    modules: tuple[nn.Module, ...]
    readers: tuple[nn.Module, ...]  # what is computed from the neurons: down_proj
    width: int


def find_layers(model: nn.Module, name: str) -> HookedLayers:
    """Resolve a hookpoint in a model, all layers before any hook is set.

    Raises:
        HookpointError: The hookpoint is unknown, or the decoder lacks its modules.
    """
    if name not in HOOKPOINTS:
        raise HookpointError(f"hookpoint {name!r} is unknown; known: {sorted(HOOKPOINTS)}")
    model_name = type(model).__name__
    # get_decoder() is the text decoder; vision towers reuse the same suffixes (mlp.act_fn).
    layers = getattr(model.get_decoder(), "layers", None)
    if not layers:
        raise HookpointError(f"{model_name}: its decoder has no `layers`; hookpoint {name!r}")
    missing = []
    for point in HOOKPOINTS[name]:
        modules, readers, lacking = _resolve(layers, point)
        if not lacking:
            break
        missing.append(f"layers.{lacking[0]}.{lacking[1]}")
    else:
        raise HookpointError(
            f"{model_name}: hookpoint {name!r} looks for a gated MLP with its activation as a "
            f"module of its own in every decoder layer; missing: {' and '.join(missing)}"
        )
    if len(set(map(id, modules))) != len(modules):
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: layers share one activation module, "
            "so a hook could not tell them apart"
        )
    widths = {reader.in_features for reader in readers}
    if len(widths) != 1:
        raise HookpointError(f"{model_name}: layers differ in width: {sorted(widths)}")
    return HookedLayers(name, tuple(modules), tuple(readers), widths.pop())


def _resolve(layers: nn.ModuleList, point: Hookpoint):
    """Find one alternative's modules and readers; or the first layer and path that is lacking."""
    modules, readers = [], []
    for index, layer in enumerate(layers):
        for path in (point.path, point.beside, point.reader_path):
            try:
                layer.get_submodule(path)
            except AttributeError:
                return [], [], (index, path)
        modules.append(layer.get_submodule(point.path))
        readers.append(layer.get_submodule(point.reader_path))
    return modules, readers, None
