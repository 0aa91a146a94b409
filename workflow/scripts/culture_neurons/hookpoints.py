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
    """Where one layer's neurons are: module path below a decoder layer, side, and their number."""

    path: str  # module below decoder.layers[i]
    side: str  # "output": the neurons are the module's output
    width_path: str  # linear module below decoder.layers[i] whose out_features is the width


HOOKPOINTS = {
    # g = SiLU(W_gate x): the output of the activation, not the input of down_proj.
    "mlp.gate_act": Hookpoint(path="mlp.act_fn", side="output", width_path="mlp.gate_proj"),
}


@dataclass(frozen=True)
class HookedLayers:
    """The modules of one hookpoint in one model, in layer order."""

    name: str
    modules: tuple[nn.Module, ...]
    width: int


def find_layers(model: nn.Module, name: str) -> HookedLayers:
    """Resolve a hookpoint in a model, all layers before any hook is set.

    Raises:
        HookpointError: The hookpoint is unknown, or the decoder lacks its modules.
    """
    if name not in HOOKPOINTS:
        raise HookpointError(f"hookpoint {name!r} is unknown; known: {sorted(HOOKPOINTS)}")
    point = HOOKPOINTS[name]
    model_name = type(model).__name__
    # get_decoder() is the text decoder; vision towers reuse the same suffixes (mlp.act_fn).
    layers = getattr(model.get_decoder(), "layers", None)
    if not layers:
        raise HookpointError(f"{model_name}: its decoder has no `layers`; hookpoint {name!r}")
    modules, widths, missing = [], set(), []
    for index, layer in enumerate(layers):
        for path in (point.path, point.width_path):
            try:
                module = layer.get_submodule(path)
            except AttributeError:
                missing.append(f"layers.{index}.{path}")
                continue
            if path == point.path:
                modules.append(module)
            else:
                widths.add(module.out_features)
    if missing:
        raise HookpointError(
            f"{model_name}: hookpoint {name!r} looks for a gated MLP with its activation as a "
            f"module of its own; missing: {', '.join(missing)}"
        )
    if len(set(map(id, modules))) != len(modules):
        raise HookpointError(
            f"{model_name}: hookpoint {name!r}: layers share one activation module, "
            "so a hook could not tell them apart"
        )
    if len(widths) != 1:
        raise HookpointError(f"{model_name}: layers differ in width: {sorted(widths)}")
    return HookedLayers(name, tuple(modules), widths.pop())
