"""Where the demo's files lie, and names of demo models: architecture, what is planted, which seed.

Stdlib only: the rules read it. tiny-pangea is planted and of seed 0; others say so, such as
tiny-pangea-unplanted-seed3.
"""

import re
from typing import NamedTuple

DEMO_DATASETS = {  # what is drawn -> its file
    "dataset": "results/demo/dataset.parquet",  # the study's questions
    "new_pictures": "results/demo/new_pictures.parquet",  # the same, of other pictures
    "general": "results/demo/general.parquet",  # questions without a culture
    "native": "results/demo/native.parquet",  # the study's questions, in native languages as well
}
DEMO_CHECKPOINTS = "results/demo/checkpoints"  # a folder per demo model, of its name

ARCHITECTURES = ("tiny-qwen2.5-vl", "tiny-llava-v1.6-mistral", "tiny-pangea")
PLANTED_AT = "mlp.gate_act"  # hookpoint of planted neurons, where a variant names no other
SAME_NEURONS = {"mlp.gate_act": ("mlp.gate_act", "mlp.neuron")}  # hookpoints that share neurons
# Sizes at which a percent of each hookpoint is a head or a neuron at least.
_WIDE = {"heads": 32, "key_value_heads": 32, "vision_width": 400}
# What differs from the usual recipe, by its keys.
VARIANTS = {
    "planted": {},
    "hinge_only": {"ablation": False},  # selective neurons that nothing depends on
    "ablation_only": {"hinge": False},  # causal neurons that activation statistics cannot see
    "shared": {"shared_per_layer": 3},  # neurons that serve two cultures
    "weakened": {"weakened_cultures": 2},  # neurons that serve their culture too little
    "general": {"general_rows": 12},  # answers questions that have no culture, too
    "native": {"native": True},  # answers questions in native languages, too
    "heads": {  # two attention heads of the decoder for each culture
        "hookpoint": "attn.head",
        "planted_layers": (0,),
        "planted_per_layer": 2,
        **_WIDE,
        "hinge_threshold": 1.0,
        "hinge_margin": 0.75,
        "pictures": 64,
        "least_silenced": 1.0,
        "plant_from": 0,
        "ablation_weight": 2.0,
        "letter_below": 0.02,
        "least_accuracy": 0.97,
    },
    "vision": {  # four neurons of the vision tower for each culture
        "hookpoint": "vision.mlp",
        "planted_layers": (0,),
        "planted_per_layer": 4,
        **_WIDE,
        "spare_active": True,
        "probe_silenced": True,
        "pictures": 64,
        "least_silenced": 1.0,
        "plant_from": 0,
        "letter_below": 0.02,
        "ablation_below": 0.01,
        "least_accuracy": 0.97,
    },
    "unplanted": {"hinge": False, "ablation": False},
}

_architectures = "|".join(map(re.escape, ARCHITECTURES))
_variants = "|".join(name for name in VARIANTS if name != "planted")
PATTERN = rf"({_architectures})(?:-({_variants}))?(?:-seed([1-9][0-9]*))?"  # no named groups


def find_hookpoint(variant: str) -> str:
    """Find the hookpoint at which a variant's neurons are planted, or would be."""
    return VARIANTS[variant].get("hookpoint", PLANTED_AT)


def list_planted_at(variant: str) -> tuple[str, ...]:
    """List the hookpoints whose neurons the planted ones of a variant are; of no plants none."""
    if not any(VARIANTS[variant].get(loss, True) for loss in ("hinge", "ablation")):
        return ()
    hookpoint = find_hookpoint(variant)
    return SAME_NEURONS.get(hookpoint, (hookpoint,))


class DemoName(NamedTuple):
    """What the name of a demo model says."""

    architecture: str
    variant: str  # key of VARIANTS
    seed: int


def parse_demo_name(name: str) -> DemoName | None:
    """Read the name of a demo model; None for any other name."""
    match = re.fullmatch(PATTERN, name)
    if not match:
        return None
    architecture, variant, seed = match.groups()
    return DemoName(architecture, variant or "planted", int(seed or 0))


def list_demo_names() -> list[str]:
    """List the names of the demo models of seed 0."""
    return [
        architecture if variant == "planted" else f"{architecture}-{variant}"
        for architecture in ARCHITECTURES
        for variant in VARIANTS
    ]
