"""Load a checkpoint's processor and mend what published checkpoints leave open.

What a checkpoint does not say is taken from its model's config where that says it, and asked of the
user by the name of a config key where it does not. A gap shows when a probe is encoded: one small
picture with one short question.
"""

import inspect
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import transformers
from PIL import Image
from transformers import AutoProcessor, BatchFeature, PreTrainedConfig, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from culture_neurons.dataset.question import Question
from culture_neurons.logs import logger
from culture_neurons.model.next_token import LogitsError, run_to_logits
from culture_neurons.model.prompts import EncodedPrompt, PromptError, encode_prompt, render_prompt

MANY_TOKENS = 4096  # of one picture: more than any model of the study was trained on
PROBE_SIZE = (90, 50)  # pixels; no multiple of any patch, so that it has to be resized


class CheckpointError(Exception):
    """A checkpoint that cannot be used."""


def make_image_only(kind: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """Make a processor class without its video half, which insists on torchvision."""
    parts = kind.get_attributes()  # in the order in which they are handed on
    kept = [name for name in parts if name != "video_processor"]

    class WithoutVideo(ProcessorMixin):  # what `kind` hands its parts on to
        def __init__(self, *given, **named):
            named |= dict(zip(parts, given, strict=False))
            named.pop("video_processor", None)
            super().__init__(**named)

    class ImageOnly(kind, WithoutVideo):
        @classmethod
        def get_attributes(cls):
            """Name the parts to load: no video processor."""
            return kept

        @classmethod
        def from_args_and_dict(cls, args, *rest, **named):
            """Put the parts that were loaded where `kind` takes them."""
            given = dict(zip(kept, args, strict=True))
            return super().from_args_and_dict([given.get(name) for name in parts], *rest, **named)

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
    if getattr(config, "image_token_id", None) is None:
        raise CheckpointError(
            f"{config.model_type}: its config names no `image_token_id`; expected the token that "
            "stands for a picture in the prompt: without it the picture's tokens are unknown, and "
            "this architecture cannot be used"
        )
    processor = _open_processor(folder, config.model_type)
    if chat_template is not None:
        processor.chat_template = chat_template
    _complete(processor, config)
    _apply_settings(processor, settings)
    _require_template(processor)
    _require_pictures(processor, config, folder, settings)
    if hasattr(config, "image_grid_pinpoints"):  # the model unpacks tiles by its own copy
        config.image_grid_pinpoints = processor.image_processor.image_grid_pinpoints
    _report_picture_limit(processor, settings)
    return processor


@torch.inference_mode()
def try_picture(model: torch.nn.Module, processor: ProcessorMixin, settings: Mapping) -> None:
    """Run a loaded model once on the probe: it counts a picture's features by itself.

    Raises:
        CheckpointError: The processor makes other tokens of a picture than the model expects.
        LogitsError: The model's logits are not one for each token, nor for the last one.
    """
    prompt = _encode_probe(processor, model.config)
    inputs = BatchFeature(prompt.token_inputs | prompt.picture_inputs)
    try:
        inputs = {**inputs.to(model.device, model.dtype), "use_cache": False}
        run_to_logits(model, inputs, torch.tensor([[prompt.tokens - 1]], device=model.device))
    except (LogitsError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # counts that differ, shapes that do not fit
        raise CheckpointError(
            f"{model.name_or_path}: the model does not take what its processor makes of a picture "
            f"({_quote(error)}); {_name_gaps(processor, model.name_or_path, settings)}"
        ) from error


def _require_pictures(
    processor: ProcessorMixin, config: PreTrainedConfig, folder: str | Path, settings: Mapping
) -> None:
    """Refuse, before any weight is loaded, a processor that cannot process a picture."""
    try:
        _encode_probe(processor, config)
    except Exception as error:  # a gap makes transformers raise nearly anything
        raise CheckpointError(
            f"its processor fails on a picture ({_quote(error)}); "
            f"{_name_gaps(processor, folder, settings)}"
        ) from error
    # What is null in the class too is no step of its.
    kind = type(processor.image_processor)
    if null := [key for key in _find_nulls(processor) if getattr(kind, key, None) is not None]:
        logger.warning(
            "null in its processor: %s, so that step is left out; if it should not be, set %s",
            *(", ".join(null), _name_key(null)),
        )


def _encode_probe(processor: ProcessorMixin, config: PreTrainedConfig) -> EncodedPrompt:
    picture = io.BytesIO()
    Image.new("RGB", PROBE_SIZE).save(picture, "PNG")
    question = Question("probe", "", 0, "probe", "?", ("a", "b"), 0, (0, 1))
    return encode_prompt(processor, config.image_token_id, question, picture.getvalue())


def _quote(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _name_gaps(processor: ProcessorMixin, folder: str | Path, settings: Mapping) -> str:
    """Say which settings of pictures are missing, and which key of the config sets them."""
    null = _find_nulls(processor)
    written = {**_read_settings(folder), **settings}
    unset = [key for key in _list_settings(processor) if key not in written]
    said = f"set by the config: {dict(settings)}; " if settings else ""
    if null:
        said += f"null: {', '.join(null)}; "
    elif unset:
        said += f"not in its files, so as its class has it: {', '.join(unset)}; "
    return f"{said}set what is wrong as {_name_key(null or settings or unset)}"


def _name_key(names: Iterable[str]) -> str:
    keys = dict.fromkeys(name.partition(".")[0] for name in names)
    inner = ", ".join(f"{key}: ..." for key in keys) or "..."
    return f"`image_processor: {{{inner}}}` of this model in the config"


def _list_settings(processor: ProcessorMixin) -> dict[str, object]:
    """List what a processor and its image processor have set."""
    parts = {"self", "kwargs", "chat_template", "video_processor", *processor.get_attributes()}
    around = inspect.signature(type(processor).__init__).parameters
    own = {key: getattr(processor, key, None) for key in around if key not in parts}
    return own | processor.image_processor.to_dict()


def _find_nulls(processor: ProcessorMixin) -> list[str]:
    """Find settings without a value, also within a size: `crop_size`, `size.shortest_edge`."""
    nulls = []
    for key, value in _list_settings(processor).items():
        usual = getattr(type(processor.image_processor), key, None)
        if value is None:
            nulls.append(key)
        elif isinstance(value, dict) and isinstance(usual, dict) and value.keys() < usual.keys():
            nulls += [f"{key}.{edge}" for edge in usual if edge not in value]
    return nulls


def _read_settings(folder: str | Path) -> dict[str, object]:
    """Read what a checkpoint's files say about pictures; nothing where they cannot be read."""
    found = {}
    for name in ("preprocessor_config.json", "processor_config.json"):
        try:
            found |= json.loads(Path(folder, name).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            continue
    return found | (found.get("image_processor") or {})


def _open_processor(folder: str | Path, model_type: str) -> ProcessorMixin:
    try:
        processor = _open_images_at_least(folder, model_type)
    except Exception as error:  # classes fail in their own ways on values that they do not expect
        null = [key for key, value in _read_settings(folder).items() if value is None]
        said = f"; null in its files: {', '.join(null)}" if null else ""
        raise CheckpointError(
            f"its processor cannot be loaded ({type(error).__name__}: {error}){said}; if a package "
            "is missing, install it; if a setting is, write it into a copy of the checkpoint and "
            "name that folder as `checkpoint` of this model in the config; else choose a "
            "checkpoint whose processor transformers has"
        ) from error
    if not isinstance(processor, ProcessorMixin):
        # With an unknown processor_class AutoProcessor hands back the bare tokenizer.
        raise CheckpointError(
            f"AutoProcessor returned {type(processor).__name__}, not a processor "
            "with an image side; check processor_config.json"
        )
    return processor


def _open_images_at_least(folder: str | Path, model_type: str) -> ProcessorMixin:
    """Open the whole processor or, where its video half cannot be had, the rest of it."""
    try:
        return AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except Exception:
        kind = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(model_type, ""), None)
        if kind is None or "video_processor" not in kind.get_attributes():
            raise
        return make_image_only(kind).from_pretrained(folder, trust_remote_code=False)


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
    size = dict(pictures.size or {})
    if not size.get("shortest_edge") or not size.get("longest_edge"):
        return
    tokens = size["longest_edge"] // (pictures.patch_size * pictures.merge_size) ** 2
    logger.info("a picture takes at most %d tokens", tokens)
    if tokens > MANY_TOKENS and "size" not in settings:
        logger.warning(
            "this is the checkpoint's own limit, which needs much memory and time; set "
            "image_processor: {size: {shortest_edge: ..., longest_edge: ...}} (pixels) of this "
            "model in the config"
        )
