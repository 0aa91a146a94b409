"""Processors with real vocabularies, chat templates, and image processors of the three families.

Two packages hold the vocabularies: mistral-common the SentencePiece model of LLaVA-v1.6-Mistral's
decoder, dashscope the byte-level ranks of Qwen's, which is Pangea's decoder too.
"""

import base64
from functools import cache
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import tiktoken
import torch
from sentencepiece import SentencePieceProcessor
from transformers import (
    AddedToken,
    CLIPVisionConfig,
    LlamaTokenizer,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    MistralConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Config,
    Qwen2Tokenizer,
)
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.tokenization_utils_base import generate_merges

from culture_neurons.dataset.question import Question
from culture_neurons.model.processors import make_image_only
from culture_neurons.model.prompts import encode_prompt

torch.set_num_threads(1)  # two threads wait for each other on a busy machine

SENTENCEPIECE = Path(str(files("mistral_common"))) / "data/tokenizer.model.v1"
# Located and not imported: the package is a client of a web service.
RANKS = Path(distribution("dashscope").locate_file("dashscope/resources/qwen.tiktoken"))
PROJECT = Path(__file__).resolve().parents[2]
FAMILIES = ("llava", "llava, legacy", "pangea", "qwen")

# What the checkpoints' users and model cards print around one user's turn with one picture.
_TEXT = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)
_SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
TEMPLATES = {
    "llava": "[INST] " + _TEXT.replace("IMAGE", "<image>\n") + " [/INST]",
    "pangea": (PROJECT / "config/chat_templates/pangea.jinja").read_text(encoding="utf-8"),
    "qwen": _SYSTEM
    + "<|im_start|>user\n"
    + _TEXT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    + "<|im_end|>\n<|im_start|>assistant{{ '\n' }}",  # Jinja drops a template's last line break
}
# As in the checkpoints: 336-pixel tiles, and Qwen's pixels as config/paper.yaml bounds them.
GRID = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
MAX_PIXELS = 1_003_520


@cache
def read_sentencepiece():
    """The SentencePiece model itself, as an independent tokenizer to compare with."""
    return SentencePieceProcessor(model_file=str(SENTENCEPIECE))


@cache
def build_llama_tokenizer(legacy):
    """LLaVA-v1.6-Mistral's tokenizer: 32,000 pieces, then <image> and <pad>.

    Legacy: text after a special token begins with a space of its own.
    """
    pieces = read_sentencepiece()
    vocabulary = {pieces.id_to_piece(index): index for index in range(pieces.vocab_size())}
    tokenizer = LlamaTokenizer(
        vocabulary, generate_merges(vocabulary), legacy=legacy, add_bos_token=True
    )
    tokenizer.add_tokens(
        [AddedToken(t, special=True, normalized=False) for t in ("<image>", "<pad>")]
    )
    tokenizer.pad_token = "<pad>"
    return tokenizer


@cache
def read_ranks():
    """Qwen's byte-level tokens, in the order in which they are merged."""
    rows = (line.split() for line in RANKS.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in rows}


@cache
def build_reference():
    """Qwen's ranks under another implementation of byte pair encoding, to compare with."""
    return tiktoken.Encoding(
        "qwen", pat_str=PRETOKENIZE_REGEX, mergeable_ranks=read_ranks(), special_tokens={}
    )


class _RanksConverter(TikTokenConverter):
    @staticmethod
    def load_tiktoken_bpe(_):
        return read_ranks()


@cache
def _read_merges():
    return _RanksConverter().extract_vocab_merges_from_model("")


# In the order of their ids, the first of which is the number of ranks.
MARKUP = {
    "pangea": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"],
    "qwen": [
        *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
        *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
        *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    ],
}


@cache
def build_qwen_tokenizer(family):
    """Qwen's tokenizer: 151,643 ranks, then the markup of Qwen2.5-VL or of Pangea."""
    tokenizer = Qwen2Tokenizer(*_read_merges())
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in MARKUP[family]])
    return tokenizer


def build_processor(family):
    """A family's processor at the sizes of its 7B checkpoint."""
    if family == "qwen":
        pixels = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": MAX_PIXELS})
        image_only = make_image_only(Qwen2_5_VLProcessor)
        return image_only(pixels, build_qwen_tokenizer("qwen"), chat_template=TEMPLATES["qwen"])
    name, _, legacy = family.partition(", ")
    if name == "pangea":
        tokenizer = build_qwen_tokenizer("pangea")
    else:
        tokenizer = build_llama_tokenizer(bool(legacy))
    tiles = LlavaNextImageProcessorPil(
        size={"shortest_edge": 336},
        crop_size={"height": 336, "width": 336},
        image_grid_pinpoints=GRID,
    )
    return LlavaNextProcessor(
        tiles,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATES[name],
    )


def encode(processor, text, options, picture):
    """Encode a question, options in the given order: the model's inputs, and scopes by token."""
    order = tuple(range(len(options)))
    question = Question("q_0", "AAA", 0, "q", text, tuple(options), 0, order)
    prompt = encode_prompt(processor, processor.image_token_id, question, picture)
    return prompt.token_inputs | prompt.picture_inputs, prompt.scopes.numpy()


def build_shallow_model(family, processor):
    """A model of the family at its real picture sizes: two narrow layers, random weights."""
    text = {
        "vocab_size": len(processor.tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 4096,
    }
    ids = processor.tokenizer.convert_tokens_to_ids
    if family == "qwen":
        config = Qwen2_5_VLConfig(
            text_config={
                **text,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1e4,
                    "mrope_section": [2, 3, 3],
                },
            },
            vision_config={
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 2,
                "fullatt_block_indexes": [1],
                "out_hidden_size": 32,
            },
            image_token_id=ids("<|image_pad|>"),
            video_token_id=ids("<|video_pad|>"),
            vision_start_token_id=ids("<|vision_start|>"),
            vision_end_token_id=ids("<|vision_end|>"),
        )
        return Qwen2_5_VLForConditionalGeneration(config).eval()
    decoder = Qwen2Config if family == "pangea" else MistralConfig
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=336,
        patch_size=14,
    )
    config = LlavaNextConfig(
        vision_config=vision,
        text_config=decoder(**text),
        image_token_index=ids("<image>"),
        image_grid_pinpoints=GRID,
    )
    return LlavaNextForConditionalGeneration(config).eval()
