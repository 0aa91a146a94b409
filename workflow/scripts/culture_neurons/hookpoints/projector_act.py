"""projector.act: the activation between vision tower and decoder."""

from culture_neurons.hooks.places import Hookpoint, Place

HOOKPOINT = Hookpoint(
    component="projector",
    block="projector",
    unit="coordinate",
    expected="a projector with an activation (one that is a single linear map has no neurons)",
    places=(
        # LLaVA, LLaVA-NeXT, LLaVA-OneVision, InternVL.
        Place(("multi_modal_projector",), "act", "output", "linear_2"),
        Place(("visual.merger",), "mlp.1", "output", "mlp.2"),  # Qwen2-VL, Qwen2.5-VL
        # Qwen3-VL: features of several layers are projected, each by a projector of its own.
        Place(("visual.merger", "visual.deepstack_merger_list"), "act_fn", "output", "linear_fc2"),
        Place(("visual.merger",), "act_fn", "output", "linear_fc2"),  # Qwen3.5
        Place(("visual.merger",), "act_fn", "output", "down_proj", ("gate_proj",)),  # GLM-4V
        Place(("multi_modal_projector",), "gelu", "output", "linear_2"),  # Perception LM
        # Molmo 2: gated.
        Place(("multi_modal_projector.image_projector",), "act_fn", "output", "down_proj"),
        Place(("projector",), "readout.1", "output", "readout.2"),  # VideoLLaMA 3
        Place(("aligner",), "activation", "output", "linear2"),  # DeepSeek-VL
    ),
)
