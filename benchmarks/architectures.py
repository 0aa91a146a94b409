"""Which image-text-to-text classes of the installed transformers can be studied?

Structure: every class is built without memory (meta tensors) from its default config, and the
hookpoint is looked for. Whether layers are dense or hold experts depends on a checkpoint's own
config. Trial: classes that the tests can build tiny, with a tokenizer and a processor, are run as
answer_questions would: prompts one by one, batches, and shared prefixes against plain forwards.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

import architectures
import further_architectures
import torch
import transformers
from tiny_models import PICTURES, make_checkpoint, make_questions
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from culture_neurons.demo.names import ARCHITECTURES
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.trial import find_way
from culture_neurons.hooks.hookpoints import HookpointError, find_layers
from culture_neurons.model.checkpoints import Checkpoint
from report import describe_machine, write_result

POINT = "mlp.gate_act"


def describe_structure(model_type: str, name: str) -> str:
    """Say whether a class's default config has the hookpoint, or why it is refused."""
    try:
        config = AutoConfig.for_model(model_type)
        if config.is_encoder_decoder:
            return "refused: an encoder and a decoder"
        if getattr(config, "image_token_id", None) is None:
            return "refused: its config names no token for pictures"
        with torch.device("meta"):
            model = getattr(transformers, name)(config)
        return f"{find_layers(model, POINT).axis} neurons"
    except HookpointError as error:
        reason = str(error).partition(": ")[2].partition(f"hookpoint {POINT!r}: ")
        return f"refused: {(reason[2] or reason[0]).partition(';')[0]}"
    except Exception as error:  # a survey ends with a table, whatever a class does
        reason = str(error).strip().splitlines() or [""]
        return f"cannot be built here: {type(error).__name__}: {reason[0][:80]}"


def make_tiny() -> Iterator[tuple[str, Checkpoint]]:
    """Make every tiny checkpoint of the tests: name, checkpoint."""
    for name in ARCHITECTURES:
        yield name, make_checkpoint(name)
    for name, build in (architectures.BUILDERS | further_architectures.BUILDERS).items():
        kind, config, processor = build()
        yield name, Checkpoint(architectures.make_model(kind, config), processor, "made")


def try_tiny(checkpoint: Checkpoint) -> str:
    """Say in which way a tiny checkpoint is exact."""
    questions = make_questions(20, cultures=("AAA",), folds=1, per_image=2)
    try:
        way = find_way(checkpoint, Feed(questions, PICTURES, TokenBudget(10_000)), [POINT])
    except Exception as error:  # a survey ends with a table, whatever a class does
        return f"refused: {str(error).splitlines()[0]}"
    if all(way):
        return "exact"
    without = {
        "share": "prefixes are not shared",
        "keep": "nor kept" if not way.share else "prefixes are not kept",
        "batch": "prompts go alone",
        "blind": "not asked blind",
    }
    return f"exact; {', '.join(without[key] for key, used in way._asdict().items() if not used)}"


def main() -> None:
    """Look at every class, try those that can be built tiny, write the table."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    tried: dict[str, list[str]] = {}
    for name, checkpoint in make_tiny():
        kind = type(checkpoint.model).__name__
        tried.setdefault(kind, []).append(f"{name}: {try_tiny(checkpoint)}")
    rows = [
        (
            model_type,
            name,
            describe_structure(model_type, name),
            "<br>".join(tried.get(name, ["not tried"])),
        )
        for model_type, name in sorted(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.items())
    ]
    facts = {
        "classes": len({name for _, name, _, _ in rows}),
        "of which tried": len({name for _, name, _, _ in rows if name in tried}),
        **describe_machine("torch", "transformers"),
    }
    header = ("model type", "class", "structure of its default config", "trial")
    write_result("architectures", header, rows, facts)


if __name__ == "__main__":
    main()
