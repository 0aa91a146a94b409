"""attn.head: the heads of the decoder's attention; a head's value is its block's norm."""

from culture_neurons.hooks.places import Hookpoint, Place

HOOKPOINT = Hookpoint(
    component="decoder",
    block="attention",
    unit="head",
    expected="self-attention with an output projection and heads of one size in every layer",
    places=(
        Place(
            ("layers",),
            "self_attn.o_proj",
            "input",
            "self_attn.o_proj",
            head="self_attn.head_dim",
        ),
    ),
    coordinates="attn.out",
)
