"""Load a model and its processor at a revision: safetensors only, no remote code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, ProcessorMixin

from culture_neurons.logs import logger
from culture_neurons.model.cpu_inference import prepare_for_cpu
from culture_neurons.model.processors import CheckpointError, load_processor, try_picture
from culture_neurons.storage.hub import HubError, fetch_snapshot

# What a checkpoint consists of here. Pickled weights and code are never fetched.
PATTERNS = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its processor, and the commit or content hash that it came from."""

    model: torch.nn.Module
    processor: ProcessorMixin
    resolved: str

    @property
    def image_token(self) -> int:
        """Id of the tokens that stand for a picture (a processor may name its first mark)."""
        return self.model.config.image_token_id


def load_checkpoint(
    checkpoint: str,
    revision: str | None,
    dtype: str,
    device: str,
    chat_template: str | None = None,
    image_processor: dict | None = None,
    cache_dir: str | None = None,
) -> Checkpoint:
    """Load an image-text-to-text model for inference alone (on a CPU, see cpu_inference).

    Args:
        checkpoint: Hub id or local folder.
        revision: Commit, tag, or branch of a Hub id; None for a folder.
        dtype: "float32", "bfloat16", or "float16".
        device: A torch device.
        chat_template: Jinja text that replaces the checkpoint's own.
        image_processor: Settings that replace the image processor's own (picture limits), or
            those of the processor around it.
        cache_dir: The Hub cache; None: where the environment says.

    Raises:
        CheckpointError: No safetensors, no usable processor or chat template, or code of its own.
    """
    local = Path(checkpoint).is_dir()
    folder = Path(checkpoint) if local else _fetch(checkpoint, revision, cache_dir)
    if not list(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"{checkpoint}: no *.safetensors in this folder or repository; expected a transformers "
            "checkpoint in safetensors (convert it with save_pretrained)"
        )
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if config.is_encoder_decoder:
            raise CheckpointError(
                f"{config.model_type} is an encoder and a decoder: the prompt is read by the one, "
                "the answer written by the other; expected a decoder that reads the prompt too"
            )
        processor = load_processor(folder, config, chat_template, image_processor or {})
        model = AutoModelForImageTextToText.from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, CheckpointError) as error:
        if "trust_remote_code" in str(error):  # transformers' own advice would be to trust it
            raise CheckpointError(
                f"{checkpoint}: its model or processor is Python code of its own ('auto_map' in "
                "its JSON files), which is never run; expected an architecture that transformers "
                "itself has: choose a checkpoint converted to one (often named '-hf')"
            ) from None
        raise CheckpointError(f"{checkpoint}: cannot be loaded: {error}") from error
    grow_embeddings(model, len(processor.tokenizer))
    model = model.eval().requires_grad_(False).to(device)
    if model.device.type == "cpu":
        prepare_for_cpu(model)
    try_picture(model, processor, image_processor or {})
    resolved = fingerprint_folder(folder) if local else folder.name  # a snapshot's: its commit
    return Checkpoint(model, processor, resolved)


def _fetch(checkpoint: str, revision: str | None, cache_dir: str | None) -> Path:
    try:
        return fetch_snapshot(checkpoint, revision, "model", PATTERNS, cache_dir)
    except HubError as error:
        raise CheckpointError(f"checkpoint {error}") from error


def grow_embeddings(model: torch.nn.Module, rows: int) -> None:
    """Give an embedding matrix that is shorter than the tokenizer the missing rows.

    transformers draws them at random, so two jobs would differ; here they are the mean of the
    others. They stand for tokens that the model was never trained on, such as the picture's
    placeholder, which the picture's features replace.
    """
    known = model.get_input_embeddings().num_embeddings
    if rows <= known:
        return
    logger.info("embedding matrix: %d rows for a tokenizer of %d tokens; grown", known, rows)
    with torch.random.fork_rng(devices=[]):
        model.resize_token_embeddings(rows, mean_resizing=False)
    for part in (model.get_input_embeddings(), model.get_output_embeddings()):
        with torch.no_grad():
            part.weight[known:] = part.weight[:known].float().mean(0).to(part.weight.dtype)


def fingerprint_folder(folder: str | Path) -> str:
    """Hash a local checkpoint's files by name and content: its identity where no commit is."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix in {".json", ".jinja", ".safetensors", ".model"}:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(json.dumps([path.name, content]).encode())
    return digest.hexdigest()[:40]


def load_model(
    settings: Mapping, device: str, cache_dir: str | None
) -> tuple[Checkpoint, dict[str, object]]:
    """Load a model of the config.

    Args:
        settings: An entry of the config's `models`.
        device: A torch device.
        cache_dir: The Hub cache; None: where the environment says.

    Returns:
        The checkpoint, and the facts that its result files carry.
    """
    template = settings["chat_template"]
    template = None if template is None else Path(template).read_text(encoding="utf-8")
    checkpoint = load_checkpoint(
        settings["checkpoint"],
        settings["revision"],
        settings["dtype"],
        device,
        chat_template=template,
        image_processor=settings["image_processor"],
        cache_dir=cache_dir,
    )
    local = Path(settings["checkpoint"]).is_dir()
    facts = {
        "model": settings["name"],
        "checkpoint": Path(settings["checkpoint"]).name if local else settings["checkpoint"],
        "commit": checkpoint.resolved,
        "decoder": checkpoint.model.config.get_text_config().model_type,
        "dtype": settings["dtype"],
        "prompt": settings["prompt"],
        "image_processor": settings["image_processor"],
        # The checkpoint's own is part of its commit.
        "chat_template": template and hashlib.sha256(template.encode()).hexdigest(),
    }
    return checkpoint, facts
