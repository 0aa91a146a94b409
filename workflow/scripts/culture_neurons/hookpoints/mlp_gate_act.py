"""mlp.gate_act: g = SiLU(W_gate x) of the decoder's MLPs, the neurons of arXiv 2510.24942."""

from culture_neurons.hooks.places import Hookpoint, Place

# The output of the activation, not the input of down_proj (that is mlp.neuron).
HOOKPOINT = Hookpoint(
    component="decoder",
    block="mlp",
    unit="coordinate",
    expected="a gated MLP with its activation as a module of its own in every decoder layer",
    places=(
        Place(("layers",), "mlp.act_fn", "output", "mlp.down_proj", ("mlp.gate_proj",)),
        # Gate and up projection in one matrix: GLM-4V.
        Place(("layers",), "mlp.activation_fn", "output", "mlp.down_proj", ("mlp.gate_up_proj",)),
    ),
)
