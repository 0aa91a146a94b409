"""vision.mlp: the activation in the vision tower's MLPs, act(W_1 x), or act(W_gate x) if gated."""

from culture_neurons.hooks.places import Hookpoint, Place

CLIP = "vision_tower.embeddings.class_embedding"  # SigLIP has none

HOOKPOINT = Hookpoint(
    component="vision",
    block="mlp",
    unit="coordinate",
    expected="a vision tower with the MLP's activation as a module of its own in every layer",
    places=(
        # Qwen2.5-VL, GLM-4V: gated.
        Place(("visual.blocks",), "mlp.act_fn", "output", "mlp.down_proj", ("mlp.gate_proj",)),
        Place(("visual.blocks",), "mlp.act", "output", "mlp.fc2"),  # Qwen2-VL
        Place(("visual.blocks",), "mlp.act_fn", "output", "mlp.linear_fc2"),  # Qwen3-VL
        # CLIP and SigLIP: LLaVA, LLaVA-NeXT, LLaVA-OneVision, Gemma 3, PaliGemma.
        Place(
            ("vision_tower.encoder.layers",),
            "mlp.activation_fn",
            "output",
            "mlp.fc2",
            class_token=CLIP,
        ),
        # Idefics, SmolVLM.
        Place(("vision_model.encoder.layers",), "mlp.activation_fn", "output", "mlp.fc2"),
        Place(
            ("vision_tower.encoder.layer",),  # InternVL
            "mlp.activation_fn",
            "output",
            "mlp.fc2",
            class_token="vision_tower.embeddings.cls_token",
        ),
        Place(
            ("image_tower.encoder.layers",),
            "mlp.activation_fn",
            "output",
            "mlp.fc2",
            class_token="image_tower.embeddings.class_embedding",
        ),  # Video-LLaVA
        Place(("vision_tower.layers",), "mlp.activation_fn", "output", "mlp.fc2"),  # Molmo 2
        # Ovis 2, Gemma 4: gated.
        Place(
            ("vision_tower.transformer.encoder.layers",), "ffn.act_fn", "output", "ffn.down_proj"
        ),
        Place(("vision_tower.encoder.layers",), "mlp.act_fn", "output", "mlp.down_proj.linear"),
        # Pixtral: gated.
        Place(
            ("vision_tower.transformer.layers",),
            "feed_forward.act_fn",
            "output",
            "feed_forward.down_proj",
        ),
    ),
)
