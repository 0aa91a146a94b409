"""Load a checkpoint's processor and mend what published checkpoints leave open.

What a checkpoint does not say is taken from its model's config where that says it, and asked of the
user by the name of a config key where it does not.
"""

from collections.abc import Mapping
from pathlib import Path

import transformers
from transformers import AutoProcessor, PreTrainedConfig, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from culture_neurons.logs import logger
from culture_neurons.prompts import PromptError, render_prompt

MANY_TOKENS = 4096  # of one picture: more than any model of the study was trained on


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


def load_processor(
    folder: str | Path,
    config: PreTrainedConfig,
    chat_template: str | None,
    settings: Mapping,
) -> ProcessorMixin:
    """Load a checkpoint's processor, complete and with a chat template that shows pictures.

    Args:
        folder: The checkpoint's files.
        config: The model's config. Its grid of tiles becomes the processor's.
        chat_template: Jinja text that replaces the checkpoint's own.
        settings: The model's `image_processor` in the config.

    Raises:
        CheckpointError: No processor, a setting that it does not know, or a gap that neither the
            checkpoint nor the config fills.
    """
    processor = _open_processor(folder, config.model_type)
    if chat_template is not None:
        processor.chat_template = chat_template
    _complete(processor, config)
    _apply_settings(processor, settings)
    _require_complete(processor)
    _require_template(processor)
    if hasattr(config, "image_grid_pinpoints"):  # the model unpacks tiles by its own copy
        config.image_grid_pinpoints = processor.image_processor.image_grid_pinpoints
    _report_picture_limit(processor, settings)
    return processor


def _open_processor(folder: str | Path, model_type: str) -> ProcessorMixin:
    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (ImportError, OSError, ValueError) as error:
        kind = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(model_type, ""), None)
        if kind is None or "video_processor" not in kind.get_attributes():
            raise CheckpointError(
                f"its processor cannot be loaded: {error}; if a package is missing, install it, "
                "else choose a checkpoint whose processor transformers has"
            ) from error
        processor = make_image_only(kind).from_pretrained(folder, trust_remote_code=False)
    if not isinstance(processor, ProcessorMixin):
        # With an unknown processor_class AutoProcessor hands back the bare tokenizer.
        raise CheckpointError(
            f"AutoProcessor returned {type(processor).__name__}, not a processor "
            "with an image side; check processor_config.json"
        )
    return processor


def _complete(processor: ProcessorMixin, config: PreTrainedConfig) -> None:
    """Fill from the model's config what the processor leaves null, as Pangea-7B-hf's does."""
    vision = getattr(config, "vision_config", None)
    known = {
        "patch_size": getattr(vision, "patch_size", None),
        "vision_feature_select_strategy": getattr(config, "vision_feature_select_strategy", None),
    }
    gaps = {key: value for key, value in known.items() if getattr(processor, key, 0) is None}
    if not gaps:
        return
    if hasattr(processor, "num_additional_image_tokens"):
        # "default" drops the vision encoder's first token, which CLIP has beside its patches.
        clip = getattr(vision, "model_type", "") == "clip_vision_model"
        default = known["vision_feature_select_strategy"] == "default"
        gaps["num_additional_image_tokens"] = int(clip or default)
    for key, value in gaps.items():
        setattr(processor, key, value)
    logger.info("processor completed from the model's config: %s", gaps)


def _apply_settings(processor: ProcessorMixin, settings: Mapping) -> None:
    """Set what the config's `image_processor` says, on the image processor or around it."""
    for key, value in settings.items():
        owners = [
            part
            for part in (processor.image_processor, processor)
            if hasattr(part, key) and not callable(getattr(part, key))
        ]
        if not owners:
            known = sorted(processor.image_processor.to_dict())
            raise CheckpointError(
                f"image_processor.{key} in the config is unknown to "
                f"{type(processor.image_processor).__name__}; known: {known}"
            )
        setattr(owners[0], key, value)


def _require_complete(processor: ProcessorMixin) -> None:
    for key in ("patch_size", "vision_feature_select_strategy"):
        if getattr(processor, key, 0) is None:
            raise CheckpointError(
                f"its processor's {key} is null, and its model's config has none; "
                f"set it in the config as `image_processor: {{{key}: ...}}` of this model"
            )


def _require_template(processor: ProcessorMixin) -> None:
    """Refuse, before any weight is loaded, a chat template that shows no text or no picture."""
    advice = "give one that does as `chat_template` (a Jinja file) of this model in the config"
    try:
        rendered = render_prompt(processor, "a\nb")
    except PromptError as error:
        raise CheckpointError(f"{error}; {advice}") from error
    except Exception as error:  # a template is a program of the checkpoint's
        raise CheckpointError(
            f"its chat template fails ({type(error).__name__}: {error}); {advice}"
        ) from error
    token = getattr(processor, "image_token", None) or ""
    if token not in rendered:
        raise CheckpointError(
            f"its chat template puts no {token!r} where the picture is: {rendered!r}; {advice}"
        )


def _report_picture_limit(processor: ProcessorMixin, settings: Mapping) -> None:
    """Log how many tokens a picture may take where the processor counts in pixels (Qwen)."""
    pictures = processor.image_processor
    if not hasattr(pictures, "merge_size"):
        return
    size = dict(pictures.size)
    if not size.get("shortest_edge") or not size.get("longest_edge"):
        if "size" not in settings:
            return
        raise CheckpointError(
            f"image_processor.size in the config is {settings.get('size')}; expected "
            "{shortest_edge: ..., longest_edge: ...}, both numbers of pixels in all"
        )
    tokens = size["longest_edge"] // (pictures.patch_size * pictures.merge_size) ** 2
    logger.info("a picture takes at most %d tokens", tokens)
    if tokens > MANY_TOKENS and "size" not in settings:
        logger.warning(
            "this is the checkpoint's own limit, which needs much memory and time; set "
            "image_processor: {size: {shortest_edge: ..., longest_edge: ...}} (pixels) of this "
            "model in the config"
        )
