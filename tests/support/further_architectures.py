"""Tiny random-weight checkpoints of yet more architectures: see architectures.py."""

import sys
from types import ModuleType, SimpleNamespace

import rare_architectures
import transformers
from architectures import (
    CLIP,
    MROPE,
    QWEN_TOKENS,
    TEXT,
    build_internvl,
    build_template,
    build_tokenizer,
    make_model,
    pil,
)

from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.processors import make_image_only

LLAMA = {**TEXT}
PIXTRAL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8}
PIXTRAL |= {"num_attention_heads": 4, "image_size": 112, "patch_size": 14}
SIGLIP = transformers.SiglipVisionConfig


def make_clip_processor(tokenizer):
    images = pil("CLIP")(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    return transformers.LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=build_template("<image>"),
    )


def build_llava():
    """LLaVA 1.5: one picture size, CLIP."""
    tokenizer = build_tokenizer({"image": "<image>"})
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**LLAMA, vocab_size=len(tokenizer)),
        vision_config=transformers.CLIPVisionConfig(**CLIP, projection_dim=32),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    return transformers.LlavaForConditionalGeneration, config, make_clip_processor(tokenizer)


def import_pixtral_processor():
    """Import the class, whose module names torchvision for a function that is not used here."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.v2")
    stand_ins = {name: ModuleType(name) for name in names if name not in sys.modules}
    stand_ins.get("torchvision.transforms.v2", ModuleType("")).functional = None
    sys.modules |= stand_ins
    try:
        from transformers.models.pixtral.processing_pixtral import PixtralProcessor
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return PixtralProcessor


def build_pixtral_tokens():
    return {"image": "[IMG]", "break": "[IMG_BREAK]", "end": "[IMG_END]"}


def make_pixtral_processor(tokenizer, merged):
    """Make the processor of pictures of their own sizes, `merged` x `merged` patches a token."""
    return import_pixtral_processor()(
        pil("Pixtral")(size={"longest_edge": 112}, patch_size=14 * merged),
        tokenizer,
        patch_size=14,
        spatial_merge_size=merged,
        image_token="[IMG]",
        image_break_token="[IMG_BREAK]",
        image_end_token="[IMG_END]",
        chat_template=build_template("[IMG]"),
    )


def build_llava_pixtral():
    """LLaVA with a tower that takes pictures of their own sizes."""
    tokens = build_pixtral_tokens()
    tokenizer = build_tokenizer(tokens)
    config = transformers.LlavaConfig(
        text_config=transformers.MistralConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=transformers.PixtralVisionConfig(**PIXTRAL),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    processor = make_pixtral_processor(tokenizer, merged=1)
    return transformers.LlavaForConditionalGeneration, config, processor


def build_mistral3():
    """Patches of pictures of their own sizes, merged two by two."""
    tokens = build_pixtral_tokens()
    tokenizer = build_tokenizer(tokens)
    config = transformers.Mistral3Config(
        text_config=transformers.MistralConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=transformers.PixtralVisionConfig(**PIXTRAL),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        spatial_merge_size=2,
    )
    processor = make_pixtral_processor(tokenizer, merged=2)
    return transformers.Mistral3ForConditionalGeneration, config, processor


def build_vipllava():
    """Features of several layers of the tower."""
    tokenizer = build_tokenizer({"image": "<image>"})
    config = transformers.VipLlavaConfig(
        text_config=transformers.LlamaConfig(**LLAMA, vocab_size=len(tokenizer)),
        vision_config=transformers.CLIPVisionConfig(
            **CLIP | {"num_hidden_layers": 4}, projection_dim=32
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layers=[-2, -3],
        image_seq_length=4,
    )
    return transformers.VipLlavaForConditionalGeneration, config, make_clip_processor(tokenizer)


def build_aya_vision():
    """Tiles, Cohere 2 with a window, a projector with a gate of its own."""
    tokens = {"image": "<image>", "start": "<|START_OF_IMG|>", "end": "<|END_OF_IMG|>"}
    tokens |= {"patch": "<|IMG_PATCH|>", "break": "<|IMG_LINE_BREAK|>", "global": "TILE_GLOBAL"}
    tokens |= {f"tile{n}": f"TILE_{n}" for n in range(1, 7)} | {"tile": "TILE"}
    tokenizer = build_tokenizer(tokens)
    config = transformers.AyaVisionConfig(
        text_config=transformers.Cohere2Config(
            **{k: v for k, v in TEXT.items() if k != "head_dim"},
            vocab_size=len(tokenizer),
            sliding_window=16,
        ),
        vision_config=SIGLIP(**CLIP | {"image_size": 28, "patch_size": 7}, vision_use_head=False),
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
        downsample_factor=2,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    images = pil("GotOcr2")(
        size={"height": 28, "width": 28}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    processor = transformers.AyaVisionProcessor(
        images,
        tokenizer,
        patch_size=7,
        img_size=28,
        downsample_factor=2,
        chat_template=build_template("<image>"),
    )
    return transformers.AyaVisionForConditionalGeneration, config, processor


def build_smolvlm():
    tokens = {"image": "<image>", "fake": "<fake_token_around_image>", "global": "<global-img>"}
    tokens |= {"end": "<end_of_utterance>"}
    tokens |= {f"{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)}
    tokenizer = build_tokenizer(tokens)
    config = transformers.SmolVLMConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=CLIP | {"image_size": 56},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
    )
    images = pil("SmolVLM")(size={"longest_edge": 112}, max_image_size={"longest_edge": 56})
    # The class refuses to start without a package that spells numbers in prompts about videos.
    transformers.models.smolvlm.processing_smolvlm.num2words = str
    kind = make_image_only(transformers.SmolVLMProcessor)
    template = build_template("<image>")
    processor = kind(images, tokenizer, None, image_seq_len=4, chat_template=template)
    processor.video_processor = SimpleNamespace(num_frames=8, fps=1)  # asked for, and not used
    return transformers.SmolVLMForConditionalGeneration, config, processor


def build_idefics2():
    tokens = {"image": "<image>", "fake": "<fake_token_around_image>", "end": "<end_of_utterance>"}
    tokenizer = build_tokenizer(tokens)
    perceiver = {"hidden_size": 32, "resampler_n_latents": 4, "resampler_depth": 1}
    perceiver |= {"resampler_n_heads": 4, "resampler_head_dim": 8, "num_key_value_heads": 2}
    config = transformers.Idefics2Config(
        text_config=transformers.MistralConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=CLIP | {"image_size": 56},
        perceiver_config=perceiver,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = pil("Idefics2")(
        size={"shortest_edge": 28, "longest_edge": 56}, do_image_splitting=False
    )
    processor = transformers.Idefics2Processor(
        images, tokenizer, image_seq_len=4, chat_template=build_template("<image>")
    )
    return transformers.Idefics2ForConditionalGeneration, config, processor


def build_mllama():
    """Pictures are seen by cross-attention: one image token stands for them in the prompt."""
    tokens = {"image": "<|image|>", "start": "<s>"}
    tokenizer = build_tokenizer(tokens, {"bos_token": "start"})
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    vision |= {"num_global_layers": 1, "attention_heads": 4, "image_size": 28, "patch_size": 14}
    vision |= {"max_num_tiles": 2, "intermediate_layers_indices": [0, 1], "vision_output_dim": 96}
    vision |= {"supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]]}
    text = {k: v for k, v in TEXT.items() if k not in ("head_dim", "bos_token_id")}
    config = transformers.MllamaConfig(
        text_config=transformers.models.mllama.configuration_mllama.MllamaTextConfig(
            **text, vocab_size=len(tokenizer), cross_attention_layers=[1, 3]
        ),
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )
    images = pil("Mllama")(size={"height": 28, "width": 28}, max_image_tiles=2)
    processor = transformers.MllamaProcessor(
        images, tokenizer, chat_template=build_template("<|image|>")
    )
    return transformers.MllamaForConditionalGeneration, config, processor


def build_internvl_qwen3():
    return build_internvl(transformers.Qwen3Config)


def build_ovis2():
    """A table of visual words in place of a projector."""
    tokens = {"image": "<IMG_ATOM>", "start": "<IMG_START>", "grid": "<IMG_GRID>"}
    tokens |= {"column": "<IMG_COL>", "row": "<IMG_ROW>", "end": "<IMG_END>", "pad2": "<image>"}
    tokenizer = build_tokenizer(tokens)
    ids = tokenizer.convert_tokens_to_ids
    config = transformers.Ovis2Config(
        text_config=transformers.Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        vision_config=CLIP
        | {"image_size": 56, "vocab_size": 64, "hidden_stride": 2, "num_visual_indicator_tokens": 5}
        | {"rms_norm_eps": 1e-5},
        image_token_id=ids("<IMG_ATOM>"),
        visual_indicator_token_ids=[ids(token) for token in (*list(tokens.values())[1:6],)],
        vocab_size=len(tokenizer),
        hidden_size=32,
    )
    images = pil("Ovis2")(size={"height": 56, "width": 56}, crop_to_patches=True, max_patches=4)
    processor = transformers.Ovis2Processor(
        images,
        tokenizer,
        image_token="<image>",
        image_seq_length=4,
        chat_template=build_template("<image>"),
    )
    return transformers.Ovis2ForConditionalGeneration, config, processor


def build_deepseek_vl():
    tokens = {"image": "<image_placeholder>"}
    tokenizer = build_tokenizer(tokens, {"image_token": "image"})
    config = transformers.DeepseekVLConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=SIGLIP(**CLIP, vision_use_head=False),
        image_token_id=tokenizer.convert_tokens_to_ids("<image_placeholder>"),
        tie_word_embeddings=False,
    )
    images = pil("DeepseekVL")(size={"height": 28, "width": 28}, min_size=7)
    processor = transformers.DeepseekVLProcessor(
        images,
        tokenizer,
        num_image_tokens=4,
        chat_template=build_template("<image_placeholder>"),
    )
    return transformers.DeepseekVLForConditionalGeneration, config, processor


def build_janus():
    tokens = {"image": "<image_placeholder>", "start": "<begin_of_image>", "end": "<end_of_image>"}
    names = {"image_token": "image", "boi_token": "start", "eoi_token": "end"}
    tokenizer = build_tokenizer(tokens, names)
    vision = CLIP | {"projection_dim": 32, "depth": 2, "num_image_tokens": 4, "mlp_ratio": 2.0}
    quantiser = {"embed_dim": 8, "num_embeddings": 16, "base_channels": 32, "latent_channels": 8}
    quantiser |= {"channel_multiplier": [1, 1], "num_res_blocks": 1, "projection_dim": 32}
    quantiser |= {"image_token_embed_dim": 32}
    config = transformers.JanusConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config={k: v for k, v in vision.items() if k != "intermediate_size"},
        vq_config=quantiser,
        image_token_id=tokenizer.convert_tokens_to_ids("<image_placeholder>"),
        tie_word_embeddings=False,
    )
    images = pil("Janus")(size={"height": 28, "width": 28}, min_size=7)
    processor = transformers.JanusProcessor(
        images,
        tokenizer,
        num_image_tokens=4,
        chat_template=build_template("<image_placeholder>"),
    )
    return transformers.JanusForConditionalGeneration, config, processor


def build_qwen3_5():
    """Most layers have linear attention, whose state is no cache of keys."""
    tokenizer = build_tokenizer(QWEN_TOKENS)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in QWEN_TOKENS.items()}
    text = TEXT | {"vocab_size": len(tokenizer), "head_dim": 8}
    text |= {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8}
    text |= {"linear_value_head_dim": 8, "linear_conv_kernel_dim": 4}
    text |= {"layer_types": ["linear_attention", "full_attention"] * 2}
    text |= {"rope_parameters": MROPE | {"mrope_interleaved": True, "partial_rotary_factor": 1.0}}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4}
    vision |= {"out_hidden_size": 32, "patch_size": 16, "num_position_embeddings": 64}
    config = transformers.Qwen3_5Config(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        vision_start_token_id=ids["start"],
        vision_end_token_id=ids["end"],
    )
    kind = make_image_only(transformers.Qwen3VLProcessor)
    sizes = {"shortest_edge": 28**2, "longest_edge": 90**2}
    images = pil("Qwen2VL")(size=sizes, patch_size=16, merge_size=2, temporal_patch_size=2)
    template = build_template("<|vision_start|><|image_pad|><|vision_end|>")
    processor = kind(images, tokenizer, chat_template=template)
    return transformers.Qwen3_5ForConditionalGeneration, config, processor


BUILDERS = rare_architectures.BUILDERS | {
    name.removeprefix("build_"): builder
    for name, builder in globals().items()
    if name.startswith("build_")
    and name not in ("build_tokenizer", "build_template", "build_pixtral_tokens", "build_internvl")
}


def make_checkpoint(name):
    """Make a checkpoint in memory: not every processor can be opened without torchvision."""
    kind, config, processor = BUILDERS[name]()
    return Checkpoint(make_model(kind, config), processor, "made")
