"""attn.out: what the decoder's attention hands to W_o, the heads' outputs side by side."""

from culture_neurons.hooks.places import Hookpoint, Place

HOOKPOINT = Hookpoint(
    component="decoder",
    block="attention",
    unit="coordinate",
    expected="self-attention with an output projection in every decoder layer",
    places=(Place(("layers",), "self_attn.o_proj", "input", "self_attn.o_proj"),),
)
