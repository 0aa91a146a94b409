"""Tiny random-weight checkpoints of further architectures, saved as a user would have them.

Sizes are small and uneven on purpose: pictures of different shapes become different numbers of
tokens, and windows are shorter than prompts where an architecture has them.
"""

import string

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedTokenizerFast

from culture_neurons.demo.world import QUESTIONS, list_words
from culture_neurons.model.processors import make_image_only
from culture_neurons.model.prompts import INSTRUCTION

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
MROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
QWEN_TOKENS = {
    "image": "<|image_pad|>",
    "video": "<|video_pad|>",
    "start": "<|vision_start|>",
    "end": "<|vision_end|>",
}
CLIP = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
CLIP |= {"num_attention_heads": 4, "image_size": 28, "patch_size": 14}


def build_tokenizer(tokens, extra=None):
    words = " ".join([*(q.text for q in QUESTIONS), *list_words(), INSTRUCTION, "user ?"]).split()
    letters = [form for letter in string.ascii_uppercase[:8] for form in (letter, f"{letter}.")]
    special = ["<pad>", "</s>", "<unk>", *tokens.values()]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys([*special, *words, *letters]))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        padding_side="left",
        extra_special_tokens={name: tokens[key] for name, key in (extra or {}).items()},
    )


def build_template(image):
    return (
        "user {% for part in messages[0]['content'] %}{% if part['type'] == 'image' %}"
        + image
        + "{% else %}{{ part['text'] }}{% endif %}{% endfor %} </s>"
    )


def pil(name):
    """The image processor that needs no torchvision."""
    return getattr(transformers, f"{name}ImageProcessorPil")


def qwen_images(patch_size=14):
    sizes = {"shortest_edge": 28**2, "longest_edge": 90**2}
    return pil("Qwen2VL")(size=sizes, patch_size=patch_size, merge_size=2, temporal_patch_size=2)


def build_qwen2_vl():
    tokenizer = build_tokenizer(QWEN_TOKENS)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in QWEN_TOKENS.items()}
    config = transformers.Qwen2VLConfig(
        text_config=TEXT | {"vocab_size": len(tokenizer), "rope_parameters": MROPE},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4},
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        vision_start_token_id=ids["start"],
        vision_end_token_id=ids["end"],
    )
    kind = make_image_only(transformers.Qwen2VLProcessor)
    template = build_template("<|vision_start|><|image_pad|><|vision_end|>")
    processor = kind(qwen_images(), tokenizer, chat_template=template)
    return transformers.Qwen2VLForConditionalGeneration, config, processor


def build_qwen3_vl():
    """Features are injected in several layers (deepstack)."""
    tokenizer = build_tokenizer(QWEN_TOKENS)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in QWEN_TOKENS.items()}
    vision = {"depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4}
    vision |= {"out_hidden_size": 32, "deepstack_visual_indexes": [0, 1], "patch_size": 16}
    config = transformers.Qwen3VLConfig(
        text_config=TEXT
        | {"vocab_size": len(tokenizer), "rope_parameters": MROPE | {"mrope_interleaved": True}},
        vision_config=vision | {"num_position_embeddings": 64},
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        vision_start_token_id=ids["start"],
        vision_end_token_id=ids["end"],
    )
    kind = make_image_only(transformers.Qwen3VLProcessor)
    template = build_template("<|vision_start|><|image_pad|><|vision_end|>")
    processor = kind(qwen_images(patch_size=16), tokenizer, chat_template=template)
    return transformers.Qwen3VLForConditionalGeneration, config, processor


def build_glm4v():
    """Its MLP joins gate and up projection, and its activation module has another name."""
    tokens = {"image": "<|image|>", "video": "<|video|>"}
    tokens |= {"start": "<|begin_of_image|>", "end": "<|end_of_image|>"}
    tokens |= {"video_start": "<|begin_of_video|>", "video_end": "<|end_of_video|>"}
    tokenizer = build_tokenizer(tokens)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    vision = {"depth": 2, "hidden_size": 32, "num_heads": 4, "out_hidden_size": 32}
    vision |= {"intermediate_size": 64, "image_size": 56}
    config = transformers.Glm4vConfig(
        text_config=TEXT | {"vocab_size": len(tokenizer), "rope_parameters": MROPE},
        vision_config=vision,
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        image_start_token_id=ids["start"],
        image_end_token_id=ids["end"],
        video_start_token_id=ids["video_start"],
        video_end_token_id=ids["video_end"],
    )
    images = pil("Glm4v")(size={"shortest_edge": 2 * 28**2, "longest_edge": 2 * 90**2})
    kind = make_image_only(transformers.Glm4vProcessor)
    template = build_template("<|begin_of_image|><|image|><|end_of_image|>")
    processor = kind(images, tokenizer, chat_template=template)
    return transformers.Glm4vForConditionalGeneration, config, processor


def build_llava_onevision():
    tokens = {"image": "<image>", "video": "<video>"}
    tokenizer = build_tokenizer(tokens)
    pinpoints = [[28, 28], [28, 56], [56, 28], [56, 56]]
    config = transformers.LlavaOnevisionConfig(
        text_config=transformers.Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        vision_config=transformers.SiglipVisionConfig(**CLIP, vision_use_head=False),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
    )
    images = pil("LlavaOnevision")(size={"height": 28, "width": 28}, image_grid_pinpoints=pinpoints)
    kind = make_image_only(transformers.LlavaOnevisionProcessor)
    processor = kind(
        images,
        tokenizer,
        num_image_tokens=4,
        vision_feature_select_strategy="full",
        chat_template=build_template("<image>"),
    )
    return transformers.LlavaOnevisionForConditionalGeneration, config, processor


def build_internvl(text_config=transformers.Qwen2Config):
    tokens = {"image": "<IMG_CONTEXT>", "start": "<img>", "end": "</img>", "video": "<video>"}
    names = {"start_image_token": "start", "end_image_token": "end"}
    names |= {"context_image_token": "image", "video_token": "video"}
    tokenizer = build_tokenizer(tokens, names)
    vision = CLIP | {"image_size": (56, 56), "patch_size": (14, 14)}
    config = transformers.InternVLConfig(
        text_config=text_config(**TEXT, vocab_size=len(tokenizer)),
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    images = pil("GotOcr2")(
        size={"height": 56, "width": 56}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    kind = make_image_only(transformers.InternVLProcessor)
    processor = kind(
        images, tokenizer, image_seq_length=4, chat_template=build_template("<IMG_CONTEXT>")
    )
    return transformers.InternVLForConditionalGeneration, config, processor


def build_idefics3():
    tokens = {"image": "<image>", "fake": "<fake_token_around_image>", "global": "<global-img>"}
    tokens |= {"end": "<end_of_utterance>"}
    tokens |= {f"{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)}
    tokenizer = build_tokenizer(tokens)
    vision = CLIP | {"image_size": 56}
    config = transformers.Idefics3Config(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
    )
    images = pil("Idefics3")(size={"longest_edge": 112}, max_image_size={"longest_edge": 56})
    processor = transformers.Idefics3Processor(
        images, tokenizer, image_seq_len=4, chat_template=build_template("<image>")
    )
    return transformers.Idefics3ForConditionalGeneration, config, processor


def build_gemma3():
    """Image tokens see each other both ways; every other layer sees a window of 16 tokens."""
    tokens = {"image": "<image_soft_token>", "start": "<start_of_image>", "end": "<end_of_image>"}
    names = {"image_token": "image", "boi_token": "start", "eoi_token": "end"}
    tokenizer = build_tokenizer(tokens, names)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    layer_types = ["sliding_attention", "full_attention"] * 2
    config = transformers.Gemma3Config(
        text_config=transformers.Gemma3TextConfig(
            **TEXT, vocab_size=len(tokenizer), sliding_window=16, layer_types=layer_types
        ),
        vision_config=transformers.SiglipVisionConfig(
            **CLIP | {"image_size": 56}, vision_use_head=False
        ),
        mm_tokens_per_image=4,
        image_token_index=ids["image"],
        boi_token_index=ids["start"],
        eoi_token_index=ids["end"],
    )
    processor = transformers.Gemma3Processor(
        pil("Gemma3")(size={"height": 56, "width": 56}),
        tokenizer,
        image_seq_length=4,
        chat_template=build_template("<start_of_image>"),
    )
    return transformers.Gemma3ForConditionalGeneration, config, processor


def build_paligemma():
    """The whole prompt is seen both ways, so that questions cannot share a prefix."""
    tokens = {"image": "<image>", "start": "<s>"}
    tokenizer = build_tokenizer(tokens, {"image_token": "image", "bos_token": "start"})
    images = pil("Siglip")(size={"height": 28, "width": 28})
    images.image_seq_length = 4
    processor = transformers.PaliGemmaProcessor(
        images, tokenizer, chat_template=build_template("<image>")
    )
    config = transformers.PaliGemmaConfig(
        text_config=transformers.GemmaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=transformers.SiglipVisionConfig(
            **CLIP, projection_dim=32, vision_use_head=False
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    return transformers.PaliGemmaForConditionalGeneration, config, processor


BUILDERS = {
    name.removeprefix("build_"): builder
    for name, builder in globals().items()
    if name.startswith("build_") and name not in ("build_tokenizer", "build_template")
}


def make_model(kind, config):
    """Make a model in float32 with weights N(0, 1 / fan_in)."""
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        model = kind(config).float()
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    with torch.no_grad():
        for path, weight in model.named_parameters():
            if weight.dim() > 1:
                fan_in = 1 if id(weight) in embeddings else weight[0].numel()
                weight.normal_(0, fan_in**-0.5, generator=generator)
            elif path.endswith("gate"):  # of Mllama's pictures: closed before training
                weight.fill_(1.0)
    return model.eval().requires_grad_(False)


def save_checkpoint(name, folder):
    """Save a tiny checkpoint of an architecture."""
    kind, config, processor = BUILDERS[name]()
    make_model(kind, config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
