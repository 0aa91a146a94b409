"""vision.head: the heads of the vision tower's attention; a head's value is its block's norm."""

from culture_neurons.hooks.places import Hookpoint, Place

CLIP = "vision_tower.embeddings.class_embedding"  # SigLIP has none


def _place(layers: str, path: str, head: str, class_token: str = "") -> Place:
    return Place((layers,), path, "input", path, head=head, class_token=class_token)


PLACES = (
    _place("visual.blocks", "attn.proj", "attn.head_dim"),  # Qwen, GLM-4V
    # CLIP and SigLIP: LLaVA, LLaVA-NeXT, LLaVA-OneVision, Gemma 3, PaliGemma.
    _place("vision_tower.encoder.layers", "self_attn.out_proj", "self_attn.head_dim", CLIP),
    # Idefics, SmolVLM.
    _place("vision_model.encoder.layers", "self_attn.out_proj", "self_attn.head_dim"),
    _place(  # InternVL
        "vision_tower.encoder.layer",
        "attention.projection_layer",
        "attention.head_dim",
        "vision_tower.embeddings.cls_token",
    ),
    _place(
        "image_tower.encoder.layers",
        "self_attn.out_proj",
        "self_attn.head_dim",
        "image_tower.embeddings.class_embedding",
    ),  # Video-LLaVA
    _place(
        "vision_model.encoder.layers", "self_attn.projection_layer", "self_attn.head_dim"
    ),  # Janus
    _place("vision_tower.layers", "self_attn.o_proj", "self_attn.head_dim"),  # Molmo 2
    _place(
        "vision_tower.transformer.encoder.layers", "attention.out_proj", "attention.head_dim"
    ),  # Ovis 2
    _place(
        "vision_tower.encoder.layers", "self_attn.o_proj.linear", "self_attn.head_dim"
    ),  # Gemma 4
    # Pixtral.
    _place("vision_tower.transformer.layers", "attention.o_proj", "attention.head_dim"),
)

HOOKPOINT = Hookpoint(
    component="vision",
    block="attention",
    unit="head",
    expected="a vision tower with an output projection of attention in every layer",
    places=PLACES,
    coordinates="vision.out",
)
