"""What a hookpoint is, as plain data: planning reads it too, so torch is not imported here.

A hookpoint is a file of culture_neurons/hookpoints, loaded by its name. An architecture is found by
its structure (where its layers are, and what is in them), not by its name: a new hookpoint, or a
new way in which a structure spells its modules, is data, not code.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).resolve().parent.parent / "hookpoints"
TOKENS = {
    "decoder": "all tokens of the prompt, the picture's included",
    "vision": "patches of the picture",
    "projector": "patches of the picture, as the decoder gets them",
}
SILENCED = {"coordinate": "the coordinate is 0", "head": "the head's whole block is 0"}


@dataclass(frozen=True)
class Place:
    """One structure's modules."""

    # Of the text decoder, or of the model for all else: lists of layers, and modules that are one.
    layers: tuple[str, ...]
    path: str  # below a layer: the activations are on this module's `side`
    side: Literal["input", "output"]
    consumer: str  # the linear module that reads them: its in_features is their number
    required: tuple[str, ...] = ()  # modules without which the block would be of another kind
    head: str = ""  # below a layer: the number of coordinates of a head
    # Of the model: a parameter that, where there is one, is a token before the patches.
    class_token: str = ""


@dataclass(frozen=True)
class Hookpoint:
    """What the neurons of a hookpoint are."""

    component: Literal["decoder", "vision", "projector"]
    block: Literal["mlp", "attention", "projector"]
    unit: Literal["coordinate", "head"]  # of a head: the norm of its block
    expected: str  # the structure that it looks for
    places: tuple[Place, ...]  # alternatives, in the order in which they are tried
    coordinates: str | None = None  # of heads: the hookpoint that has their coordinates

    @property
    def counted(self) -> bool:
        """Say whether a neuron is active or not at a token, g > 0: a norm always is."""
        return self.unit == "coordinate"

    @property
    def on_pictures(self) -> bool:
        """Say whether neurons work on pictures, before the decoder has them."""
        return self.component != "decoder"


def list_hookpoints() -> list[str]:
    """Name every hookpoint, sorted."""
    return sorted(
        path.stem.replace("_", ".", 1) for path in FOLDER.glob("*.py") if path.stem != "__init__"
    )


def name_module(hookpoint: str) -> str:
    """Name a hookpoint's module: of mlp.gate_act, culture_neurons.hookpoints.mlp_gate_act."""
    return f"culture_neurons.hookpoints.{hookpoint.replace('.', '_', 1)}"


def load_hookpoint(name: str) -> Hookpoint:
    """Load a hookpoint that `list_hookpoints` names."""
    return importlib.import_module(name_module(name)).HOOKPOINT
