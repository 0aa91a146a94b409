"""mlp.neuron: z = g * (W_up x) of the decoder's MLPs, what W_down is multiplied by."""

from culture_neurons.hooks.places import Hookpoint, Place

HOOKPOINT = Hookpoint(
    component="decoder",
    block="mlp",
    unit="coordinate",
    expected="an MLP that ends in a linear module in every decoder layer",
    places=(
        Place(("layers",), "mlp.down_proj", "input", "mlp.down_proj"),
        Place(("layers",), "mlp.fc2", "input", "mlp.fc2"),  # without a gate
    ),
)
