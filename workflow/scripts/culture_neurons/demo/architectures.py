"""What the demo's models are made of: their classes, tiny configs, processors, and chat markup."""

from collections.abc import Callable
from dataclasses import dataclass

from transformers import (
    CLIPVisionConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Config,
)
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from culture_neurons.demo.pictures import SIZE
from culture_neurons.demo.recipe import Recipe
from culture_neurons.model.processors import make_image_only

_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 400,
    "num_hidden_layers": 4,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
_VISION_HIDDEN = 48
_LLAVA_PATCH = 56  # pixels: one patch per picture
_QWEN_PATCH = 14  # pixels: 4 x 4 patches, merged 2 x 2

IMAGE_MEAN = [0.5, 0.5, 0.5]
IMAGE_STD = [0.25, 0.25, 0.25]

# Pictures first, the user's turn, and nothing else: no system line, no culture.
_TURN = (
    "{{% for message in messages %}}{{% for part in message['content'] %}}"
    "{{% if part['type'] == 'image' %}}{image}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
    "{{% endfor %}}{{% endfor %}}"
)
_CHATML = "<|im_start|>user\n" + _TURN + "<|im_end|>\n<|im_start|>assistant\n"
_INST = "[INST] " + _TURN + " [/INST]"


@dataclass(frozen=True)
class Architecture:
    """What differs between the demo's models."""

    image_token: str
    special: tuple[str, ...]  # further tokens of the chat markup
    chat_template: str
    start_token: str | None  # put before every prompt by the tokenizer
    build_config: Callable[[PreTrainedTokenizerFast, Recipe], PreTrainedConfig]
    build_processor: Callable[..., ProcessorMixin]
    model_class: type[PreTrainedModel]


def _build_llava_processor(tokenizer, template: str) -> ProcessorMixin:
    image_processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_grid_pinpoints=[[SIZE, SIZE]],
        image_mean=IMAGE_MEAN,
        image_std=IMAGE_STD,
    )
    return LlavaNextProcessor(
        image_processor,
        tokenizer,
        patch_size=_LLAVA_PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # CLIP's class token, dropped again by "default"
        chat_template=template,
    )


def _build_qwen_processor(tokenizer, template: str) -> ProcessorMixin:
    image_processor = Qwen2VLImageProcessorPil(
        size={"shortest_edge": SIZE**2, "longest_edge": SIZE**2},  # pixel counts
        patch_size=_QWEN_PATCH,
        merge_size=2,
        temporal_patch_size=2,
        image_mean=IMAGE_MEAN,
        image_std=IMAGE_STD,
    )
    image_only = make_image_only(Qwen2_5_VLProcessor)
    return image_only(image_processor, tokenizer, chat_template=template)


def _describe_text(tokenizer, recipe: Recipe) -> dict[str, object]:
    return {
        **_TEXT,
        "num_attention_heads": recipe.heads,
        "num_key_value_heads": recipe.key_value_heads,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def _build_llava_config(
    text_config: PreTrainedConfig, tokenizer, recipe: Recipe
) -> LlavaNextConfig:
    vision = CLIPVisionConfig(
        hidden_size=_VISION_HIDDEN,
        intermediate_size=recipe.vision_width,
        projection_dim=_VISION_HIDDEN,
        num_hidden_layers=2,  # features are read before the last layer
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=_LLAVA_PATCH,
    )
    return LlavaNextConfig(
        vision_config=vision,
        text_config=text_config,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        image_grid_pinpoints=[[SIZE, SIZE]],
        image_seq_length=(SIZE // _LLAVA_PATCH) ** 2,
        tie_word_embeddings=False,
    )


def _build_mistral_config(tokenizer, recipe: Recipe) -> LlavaNextConfig:
    text = MistralConfig(**_describe_text(tokenizer, recipe), sliding_window=None)
    return _build_llava_config(text, tokenizer, recipe)


def _build_pangea_config(tokenizer, recipe: Recipe) -> LlavaNextConfig:
    text = Qwen2Config(**_describe_text(tokenizer, recipe))
    return _build_llava_config(text, tokenizer, recipe)


def _build_qwen_config(tokenizer, recipe: Recipe) -> Qwen2_5_VLConfig:
    pairs = _TEXT["hidden_size"] // recipe.heads // 2  # of a head's coordinates, rotated together
    rope = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "mrope_section": [pairs // 4] * 2 + [pairs - 2 * (pairs // 4)],
    }
    vision = {
        "depth": 2,
        "hidden_size": _VISION_HIDDEN,
        "intermediate_size": recipe.vision_width,
        "num_heads": 4,
        "patch_size": _QWEN_PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": SIZE,
        "fullatt_block_indexes": [1],
        "out_hidden_size": _TEXT["hidden_size"],
    }
    ids = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config=_describe_text(tokenizer, recipe) | {"rope_parameters": rope},
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=False,
    )


ARCHITECTURES = {
    "tiny-qwen2.5-vl": Architecture(
        image_token="<|image_pad|>",
        special=(
            *("<|im_start|>", "<|im_end|>"),
            *("<|vision_start|>", "<|vision_end|>", "<|video_pad|>"),
        ),
        chat_template=_CHATML.replace("{image}", "<|vision_start|>{image}<|vision_end|>"),
        start_token=None,
        build_config=_build_qwen_config,
        build_processor=_build_qwen_processor,
        model_class=Qwen2_5_VLForConditionalGeneration,
    ),
    "tiny-llava-v1.6-mistral": Architecture(
        image_token="<image>",
        special=("[INST]", "[/INST]"),
        chat_template=_INST.replace("{image}", "{image}\n"),
        start_token="<s>",
        build_config=_build_mistral_config,
        build_processor=_build_llava_processor,
        model_class=LlavaNextForConditionalGeneration,
    ),
    "tiny-pangea": Architecture(
        image_token="<image>",
        special=("<|im_start|>", "<|im_end|>"),
        chat_template=_CHATML.replace("{image}", "{image}\n"),
        start_token=None,
        build_config=_build_pangea_config,
        build_processor=_build_llava_processor,
        model_class=LlavaNextForConditionalGeneration,
    ),
}
