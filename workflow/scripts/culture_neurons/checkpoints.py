"""Load a model and its processor at a revision: safetensors only, no remote code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES


class CheckpointError(Exception):
    """A checkpoint that cannot be used."""


def make_image_only(kind: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """Make a processor class without its video half, which insists on torchvision."""

    class ImageOnly(kind):
        @classmethod
        def get_attributes(cls):
            """Name the parts to load: no video processor."""
            return [name for name in super().get_attributes() if name != "video_processor"]

    ImageOnly.__name__ = kind.__name__
    return ImageOnly


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
) -> Checkpoint:
    """Load an image-text-to-text model for inference.

    Args:
        checkpoint: Hub id or local folder.
        revision: Commit, tag, or branch of a Hub id; None for a folder.
        dtype: "float32", "bfloat16", or "float16".
        device: A torch device.
        chat_template: Jinja text that replaces the checkpoint's own.
        image_processor: Settings that replace the image processor's own (picture limits).

    Raises:
        CheckpointError: No safetensors, no usable processor, or code of its own.
    """
    local = Path(checkpoint).is_dir()
    if local and not list(Path(checkpoint).glob("*.safetensors")):
        raise CheckpointError(
            f"{checkpoint}: no *.safetensors in this folder; expected a transformers checkpoint "
            "in safetensors (convert it with save_pretrained)"
        )
    source = {"pretrained_model_name_or_path": checkpoint, "revision": revision or "main"}
    try:
        config = AutoConfig.from_pretrained(**source, trust_remote_code=False)
        model = AutoModelForImageTextToText.from_pretrained(
            **source,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{checkpoint}: cannot be loaded: {error}") from error
    processor = load_processor(checkpoint, revision, config.model_type, image_processor or {})
    if chat_template is not None:
        processor.chat_template = chat_template
    if len(processor.tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(processor.tokenizer))
    resolved = fingerprint_folder(checkpoint) if local else config._commit_hash
    return Checkpoint(model.eval().requires_grad_(False).to(device), processor, resolved)


def load_processor(
    checkpoint: str, revision: str | None, model_type: str, image_processor: dict
) -> ProcessorMixin:
    """Load a checkpoint's processor, without its video half if need be.

    Raises:
        CheckpointError: Only a tokenizer comes back, or no processor at all.
    """
    source = {"pretrained_model_name_or_path": checkpoint, "revision": revision or "main"}
    try:
        processor = AutoProcessor.from_pretrained(**source, trust_remote_code=False)
    except (ImportError, OSError, ValueError) as error:
        kind = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(model_type, ""), None)
        if kind is None or "video_processor" not in kind.get_attributes():
            raise CheckpointError(
                f"{checkpoint}: its processor cannot be loaded: {error}"
            ) from error
        processor = make_image_only(kind).from_pretrained(**source, trust_remote_code=False)
    if not isinstance(processor, ProcessorMixin):
        # With an unknown processor_class AutoProcessor hands back the bare tokenizer.
        raise CheckpointError(
            f"{checkpoint}: AutoProcessor returned {type(processor).__name__}, not a processor "
            "with an image side; check processor_config.json"
        )
    for key, value in image_processor.items():
        if not hasattr(processor.image_processor, key):
            known = sorted(processor.image_processor.to_dict())
            raise CheckpointError(
                f"{checkpoint}: image_processor.{key} in the config is unknown to "
                f"{type(processor.image_processor).__name__}; known: {known}"
            )
        setattr(processor.image_processor, key, value)
    return processor


def fingerprint_folder(folder: str | Path) -> str:
    """Hash a local checkpoint's files by name and content: its identity where no commit is."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix in {".json", ".jinja", ".safetensors", ".model"}:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(json.dumps([path.name, content]).encode())
    return digest.hexdigest()[:40]


def load_subject(settings: Mapping, device: str) -> tuple[Checkpoint, dict[str, object]]:
    """Load a model of the config.

    Args:
        settings: An entry of the config's `models`.
        device: A torch device.

    Returns:
        The checkpoint, and the facts that its result files carry.
    """
    template = settings["chat_template"]
    checkpoint = load_checkpoint(
        settings["checkpoint"],
        settings["revision"],
        settings["dtype"],
        device,
        chat_template=None if template is None else Path(template).read_text(encoding="utf-8"),
        image_processor=settings["image_processor"],
    )
    local = Path(settings["checkpoint"]).is_dir()
    facts = {
        "model": settings["name"],
        "checkpoint": Path(settings["checkpoint"]).name if local else settings["checkpoint"],
        "commit": checkpoint.resolved,
        "dtype": settings["dtype"],
        "prompt": settings["prompt"],
        "image_processor": settings["image_processor"],
    }
    return checkpoint, facts
