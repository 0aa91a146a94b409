"""Random-weight models of real shapes, pictures, and questions: nothing to download.

Needs torch, transformers, numpy, and pillow alone.
"""

import io
import string
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from culture_neurons.dataset.question import Question, shuffle_options
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.processors import make_image_only
from culture_neurons.model.prompts import INSTRUCTION

WORDS = [f"w{number}" for number in range(400)]  # a word is a token
QWEN_TEXT = {"rms_norm_eps": 1e-6, "max_position_embeddings": 32_768}


@dataclass(frozen=True)
class Shape:
    """A model's sizes, and the pictures and masks that it is timed with."""

    family: str  # qwen | llava
    text: dict[str, object]
    vision: dict[str, object]
    picture: tuple[int, int]  # pixels, width and height
    max_pixels: int
    images: int
    masks: int
    batch_tokens: int
    naive_pairs: int  # (question, mask) pairs that the slow loops are timed on


# The 7B model's proportions, vision tower included, at 44 million decoder parameters.
SMALL = {
    "family": "qwen",
    "text": {
        "hidden_size": 512,
        "intermediate_size": 2_400,
        "num_hidden_layers": 10,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "vocab_size": 2_000,
    },
    "vision": {
        **{"depth": 11, "hidden_size": 192, "intermediate_size": 432, "num_heads": 4},
        "fullatt_block_indexes": [2, 5, 8, 10],
    },
    "batch_tokens": 4_096,
}
SHAPES = {
    "cpu": Shape(  # 192 image tokens
        **SMALL, picture=(448, 336), max_pixels=448 * 336, images=9, masks=9, naive_pairs=18
    ),
    "cpu-large-picture": Shape(  # 999 image tokens and 26 masks, as the 7B shapes have
        **SMALL, picture=(1024, 768), max_pixels=1024 * 1024, images=2, masks=26, naive_pairs=4
    ),
    "qwen2.5-vl-7b": Shape(
        family="qwen",
        text={
            "hidden_size": 3_584,
            "intermediate_size": 18_944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152_064,
        },
        vision={
            **{"depth": 32, "hidden_size": 1_280, "intermediate_size": 3_420, "num_heads": 16},
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        picture=(1024, 768),
        max_pixels=1024 * 1024,
        images=16,
        masks=26,
        batch_tokens=32_768,
        naive_pairs=26,
    ),
    "llava-v1.6-mistral-7b": Shape(
        family="llava",
        text={
            "hidden_size": 4_096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 32_064,
        },
        vision={
            **{"hidden_size": 1_024, "intermediate_size": 4_096, "num_hidden_layers": 24},
            **{"num_attention_heads": 16, "image_size": 336, "patch_size": 14},
        },
        picture=(1024, 768),
        max_pixels=0,
        images=8,
        masks=26,
        batch_tokens=32_768,
        naive_pairs=26,
    ),
}


def build_checkpoint(shape: Shape, device: str, dtype: torch.dtype) -> Checkpoint:
    """Build a model with random weights on the device, and its processor."""
    build = {"qwen": _build_qwen, "llava": _build_llava}[shape.family]
    kind, config, processor = build(shape)
    torch.manual_seed(0)
    with torch.device(device):
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = kind(config)
        finally:
            torch.set_default_dtype(before)
    with torch.no_grad():  # large enough that a mask changes logits
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, weight[0].numel() ** -0.5)
    return Checkpoint(model.eval().requires_grad_(False), processor, "random weights")


def make_questions(images: int) -> list[Question]:
    """Two questions per image, of 12 words, with four options of three words each."""
    rng = np.random.default_rng(0)
    questions = []
    for index in range(2 * images):
        words = rng.choice(WORDS, 24).tolist()
        question_id = f"i{index // 2}_{index % 2}"
        questions.append(
            Question(
                question_id=question_id,
                culture="AAA",
                fold=0,
                image_id=f"i{index // 2}",
                text=" ".join(words[:12]) + " ?",
                options=tuple(" ".join(words[12 + 3 * i : 15 + 3 * i]) for i in range(4)),
                answer=0,
                option_order=shuffle_options(question_id, 4, 0),
            )
        )
    return questions


def make_pictures(shape: Shape) -> dict[str, bytes]:
    """Draw smooth random pictures as JPEG, so that decoding costs what it does."""
    rng = np.random.default_rng(1)
    pictures = {}
    for index in range(shape.images):
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        picture = Image.fromarray(coarse).resize(shape.picture, Image.Resampling.BICUBIC)
        picture.save(buffer, "JPEG", quality=90)
        pictures[f"i{index}"] = buffer.getvalue()
    return pictures


def make_masks(checkpoint: Checkpoint, count: int) -> list[dict[int, torch.Tensor]]:
    """Draw masks of 1 % of all neurons at random."""
    generator = torch.Generator().manual_seed(2)
    text = checkpoint.model.config.get_text_config()
    layers, width = text.num_hidden_layers, text.intermediate_size
    masks = []
    for _ in range(count):
        chosen = torch.randperm(layers * width, generator=generator)[: layers * width // 100]
        masks.append({layer: chosen[chosen // width == layer] % width for layer in range(layers)})
    return masks


def _build_tokenizer(*special: str) -> PreTrainedTokenizerFast:
    letters = [form for a in string.ascii_uppercase[:4] for form in (a, f"{a}.")]
    tokens = ["<pad>", "</s>", "<unk>", *special, *letters, "?", *INSTRUCTION.split(), *WORDS]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )


def _template(image: str) -> str:
    return (
        "{% for part in messages[0]['content'] %}{% if part['type'] == 'image' %}"
        + image
        + "{% else %} {{ part['text'] }}{% endif %}{% endfor %} </s>"
    )


def _build_qwen(shape: Shape):
    tokenizer = _build_tokenizer("<|image_pad|>", "<|video_pad|>", "<|vs|>", "<|ve|>")
    ids = tokenizer.convert_tokens_to_ids
    head = shape.text["hidden_size"] // shape.text["num_attention_heads"]
    rope = {"rope_type": "default", "rope_theta": 1e6}
    rope["mrope_section"] = [head // 8, head * 3 // 16, head * 3 // 16]
    config = transformers.Qwen2_5_VLConfig(
        text_config={**shape.text, **QWEN_TEXT, "rope_parameters": rope, "pad_token_id": 0},
        vision_config={
            **shape.vision,
            "out_hidden_size": shape.text["hidden_size"],
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vs|>"),
        vision_end_token_id=ids("<|ve|>"),
    )
    images = transformers.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 56 * 56, "longest_edge": shape.max_pixels}
    )
    kind = make_image_only(transformers.Qwen2_5_VLProcessor)
    processor = kind(images, tokenizer, chat_template=_template("<|vs|><|image_pad|><|ve|>"))
    return transformers.Qwen2_5_VLForConditionalGeneration, config, processor


def _build_llava(shape: Shape):
    tokenizer = _build_tokenizer("<image>")
    config = transformers.LlavaNextConfig(
        text_config=transformers.MistralConfig(
            **shape.text, sliding_window=None, pad_token_id=0, max_position_embeddings=32_768
        ),
        vision_config=transformers.CLIPVisionConfig(**shape.vision),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = transformers.LlavaNextProcessor(
        transformers.LlavaNextImageProcessorPil(
            size={"shortest_edge": 336},
            crop_size={"height": 336, "width": 336},
            image_grid_pinpoints=config.image_grid_pinpoints,
        ),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )
    return transformers.LlavaNextForConditionalGeneration, config, processor
