"""Build a tiny model, its tokenizer and processor from nothing, and save them as a checkpoint.

Real transformers classes with random weights; training them is not done here.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
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
from culture_neurons.demo.world import OPTIONS, QUESTIONS, list_words
from culture_neurons.model.processors import make_image_only
from culture_neurons.model.prompts import INSTRUCTION
from culture_neurons.storage.writing import atomic_path

# A Qwen2.5-VL processor has a video half: described for machines with torchvision, unused here.
CHECKPOINT_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "processor_config.json",
)

_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 400,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
_VISION_HIDDEN = 48
_LLAVA_PATCH = 56  # pixels: one patch per picture
_QWEN_PATCH = 14  # pixels: 4 x 4 patches, merged 2 x 2

_IMAGE_MEAN = [0.5, 0.5, 0.5]
_IMAGE_STD = [0.25, 0.25, 0.25]

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
    build_config: Callable[[PreTrainedTokenizerFast], PreTrainedConfig]
    build_processor: Callable[..., ProcessorMixin]
    model_class: type[PreTrainedModel]


def build_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """Build a word-level tokenizer of everything that a demo prompt can say."""
    architecture = ARCHITECTURES[name]
    special = ["<pad>", "<unk>", "<s>", "</s>", architecture.image_token, *architecture.special]
    letters = "ABCDEFGH"[:OPTIONS]
    texts = [question.text.replace("?", " ?") for question in QUESTIONS]
    words = " ".join([*texts, *list_words(), INSTRUCTION, "user assistant"]).split()
    words += [*letters, *(f"{letter}." for letter in letters)]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys([*special, *words]))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    # The question mark is a token of its own, after which a question is complete.
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("?", "isolated")]
    )
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    if architecture.start_token:
        start = architecture.start_token
        core.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, vocabulary[start])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token=architecture.start_token,
        eos_token="</s>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_processor(name: str) -> ProcessorMixin:
    """Build the processor: tokenizer, image processor, and chat template."""
    architecture = ARCHITECTURES[name]
    template = architecture.chat_template.format(image=architecture.image_token)
    return architecture.build_processor(build_tokenizer(name), template)


def build_model(name: str, tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """Build a model with random weights: linear N(0, 1 / fan_in), embeddings N(0, 1).

    The library's standard deviation of 0.02 is made for hidden sizes in the thousands; at 64 the
    signal would vanish.
    """
    architecture = ARCHITECTURES[name]
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():  # the library's own init draws from the global generator
        model = architecture.model_class(architecture.build_config(tokenizer)).float()
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        do_sample=False,
    )
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    with torch.no_grad():
        for path, weight in model.named_parameters():
            if weight.dim() > 1:
                fan_in = 1 if id(weight) in embeddings else weight[0].numel()
                weight.normal_(0, fan_in**-0.5, generator=generator)
            elif path.endswith("bias"):
                weight.zero_()
            elif path.endswith("weight"):  # of a norm
                weight.fill_(1)
            else:  # class embedding, end-of-row embedding
                weight.normal_(0, 1, generator=generator)
    return model


def save_checkpoint(model: PreTrainedModel, processor: ProcessorMixin, folder: str | Path) -> None:
    """Save CHECKPOINT_FILES into a folder, each whole or not at all.

    Raises:
        ValueError: The library wrote other files than CHECKPOINT_FILES.
    """
    with tempfile.TemporaryDirectory() as temporary:
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        if isinstance(processor, Qwen2_5_VLProcessor):
            _describe_video_half(Path(temporary), processor)
        written = {path.name: path for path in Path(temporary).iterdir()}
        if set(written) != set(CHECKPOINT_FILES):
            raise ValueError(
                f"transformers saved {sorted(written)}; expected {sorted(CHECKPOINT_FILES)}"
            )
        for name in CHECKPOINT_FILES:
            with atomic_path(Path(folder) / name) as target:
                target.write_bytes(written[name].read_bytes())


def _describe_video_half(folder: Path, processor: ProcessorMixin) -> None:
    """Make a saved image-only processor openable as a stock Qwen2_5_VLProcessor."""
    path = folder / "processor_config.json"
    config = json.loads(path.read_text())
    images = processor.image_processor
    sizes = {key: getattr(images, key) for key in ("patch_size", "merge_size")}
    config["video_processor"] = {
        "video_processor_type": "Qwen2VLVideoProcessor",
        "size": {"shortest_edge": SIZE**2, "longest_edge": SIZE**2},
        "temporal_patch_size": images.temporal_patch_size,
        "image_mean": _IMAGE_MEAN,
        "image_std": _IMAGE_STD,
        **sizes,
    }
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _build_llava_processor(tokenizer, template: str) -> ProcessorMixin:
    image_processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_grid_pinpoints=[[SIZE, SIZE]],
        image_mean=_IMAGE_MEAN,
        image_std=_IMAGE_STD,
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
        image_mean=_IMAGE_MEAN,
        image_std=_IMAGE_STD,
    )
    image_only = make_image_only(Qwen2_5_VLProcessor)
    return image_only(image_processor, tokenizer, chat_template=template)


def _text_tokens(tokenizer) -> dict[str, int | None]:
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def _build_llava_config(text_config: PreTrainedConfig, tokenizer) -> LlavaNextConfig:
    vision = CLIPVisionConfig(
        hidden_size=_VISION_HIDDEN,
        intermediate_size=2 * _VISION_HIDDEN,
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


def _build_mistral_config(tokenizer) -> LlavaNextConfig:
    text = MistralConfig(**_TEXT, **_text_tokens(tokenizer), sliding_window=None)
    return _build_llava_config(text, tokenizer)


def _build_pangea_config(tokenizer) -> LlavaNextConfig:
    return _build_llava_config(Qwen2Config(**_TEXT, **_text_tokens(tokenizer)), tokenizer)


def _build_qwen_config(tokenizer) -> Qwen2_5_VLConfig:
    head = _TEXT["hidden_size"] // _TEXT["num_attention_heads"]
    rope = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "mrope_section": [head // 8] * 2 + [head // 4],
    }
    vision = {
        "depth": 2,
        "hidden_size": _VISION_HIDDEN,
        "intermediate_size": 2 * _VISION_HIDDEN,
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
        text_config={**_TEXT, **_text_tokens(tokenizer), "rope_parameters": rope},
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
