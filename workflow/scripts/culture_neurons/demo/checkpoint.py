"""Build a tiny model, its tokenizer and processor from nothing, and save them as a checkpoint.

Real transformers classes with random weights; training them is not done here.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLProcessor,
)

from culture_neurons.demo.architectures import ARCHITECTURES, IMAGE_MEAN, IMAGE_STD
from culture_neurons.demo.pictures import SIZE
from culture_neurons.demo.recipe import Recipe
from culture_neurons.demo.world import OPTIONS, QUESTIONS, WorldQuestion, list_words
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


def build_tokenizer(name: str, further: Sequence[WorldQuestion] = ()) -> PreTrainedTokenizerFast:
    """Build a word-level tokenizer of everything that a demo prompt can say.

    Args:
        name: Key of architectures.ARCHITECTURES.
        further: Questions that are asked beside those of culture.
    """
    architecture = ARCHITECTURES[name]
    special = ["<pad>", "<unk>", "<s>", "</s>", architecture.image_token, *architecture.special]
    letters = "ABCDEFGH"[:OPTIONS]
    texts = [_split(question.text) for question in QUESTIONS]
    words = " ".join([*texts, *list_words(), INSTRUCTION, "user assistant"]).split()
    words += [*letters, *(f"{letter}." for letter in letters)]
    words += " ".join([text for q in further for text in (_split(q.text), *q.words)]).split()
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


def _split(text: str) -> str:
    return text.replace("?", " ?")


def build_processor(name: str, further: Sequence[WorldQuestion] = ()) -> ProcessorMixin:
    """Build the processor: tokenizer (`build_tokenizer`), image processor, and chat template."""
    architecture = ARCHITECTURES[name]
    template = architecture.chat_template.format(image=architecture.image_token)
    return architecture.build_processor(build_tokenizer(name, further), template)


def build_model(
    name: str, tokenizer: PreTrainedTokenizerFast, seed: int, recipe: Recipe | None = None
) -> PreTrainedModel:
    """Build a model with random weights: linear N(0, 1 / fan_in), embeddings N(0, 1).

    The library's standard deviation of 0.02 is made for hidden sizes in the thousands; at 64 the
    signal would vanish. The sizes are a recipe's; None: the usual ones.
    """
    architecture = ARCHITECTURES[name]
    config = architecture.build_config(tokenizer, recipe or Recipe())
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():  # the library's own init draws from the global generator
        model = architecture.model_class(config).float()
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
        "image_mean": IMAGE_MEAN,
        "image_std": IMAGE_STD,
        **sizes,
    }
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
