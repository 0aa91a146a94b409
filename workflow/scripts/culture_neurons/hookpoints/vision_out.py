"""vision.out: what the vision tower's attention hands to its output projection."""

from culture_neurons.hookpoints.vision_head import PLACES
from culture_neurons.hooks.places import Hookpoint

HOOKPOINT = Hookpoint(
    component="vision",
    block="attention",
    unit="coordinate",
    expected="a vision tower with an output projection of attention in every layer",
    places=PLACES,
)
