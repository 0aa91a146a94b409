"""Time masks at the text's tokens alone against masks at all tokens, and check both.

    python benchmarks/tokens.py [--shape cpu | cpu-large-picture | qwen2.5-vl-7b | ...] [--masks N]

At text tokens alone the picture's prefix is run once for all masks. Each way's answers are held
against plain forwards of the library, with neurons silenced at the same tokens where they are read.
"""

import argparse
import statistics
import sys
from collections.abc import Collection

import torch
from shapes import SHAPES
from studies import (
    ROUNDS,
    Answers,
    Study,
    build_study,
    describe_study,
    estimate_flops,
    time_engine,
)

from culture_neurons.engine.batches import ImageGroup, group_image
from culture_neurons.engine.trial_runs import TEXT, run_alone
from culture_neurons.model.cpu_inference import prepare_for_cpu
from culture_neurons.model.prompts import SCOPES
from report import write_result

HEADER = [
    "masks act at",
    "ms per (question, mask), median (range)",
    "times as fast",
    "decoder tokens, all pairs",
    "GFLOP per pair, work model of the decoder",
    "largest difference of a letter's log probability from plain forwards",
]


def group_images(study: Study, tokens: Collection[str]) -> list[ImageGroup]:
    """Group the study's prompts by image, with what they share where masks act at these tokens."""
    image_token = study.checkpoint.image_token
    return [group_image(group.asked, image_token, tokens) for group in study.groups]


def count_tokens(groups: list[ImageGroup], masks: int) -> int:
    """Count decoder tokens of all pairs: what images share once per mask, or once where kept."""
    first = sum(group.shared * (1 if group.kept else masks) for group in groups)
    own = sum(prompt.tokens - group.shared for group in groups for _, prompt in group.asked)
    return first + masks * own


def find_difference(study: Study, answers: Answers, tokens: Collection[str]) -> float:
    """Find the largest difference from plain forwards, of one image's questions."""
    asked = study.groups[0].asked
    prompts = [prompt for _, prompt in asked]
    logits = run_alone(study.checkpoint, prompts, study.layers, study.masks[:3], tokens)
    logprobs = logits.log_softmax(-1)  # (masks, prompts, vocabulary)
    letters = torch.stack([logprobs[..., ids].logsumexp(-1) for ids in study.letters], -1)
    return max(
        float((answers[mask, question.question_id] - letters[mask, place]).abs().max())
        for mask in range(len(letters))
        for place, (question, _) in enumerate(asked)
    )


def main() -> None:
    """Time both ways in turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu-large-picture")
    parser.add_argument("--masks", type=int, help="in place of the shape's number")
    arguments = parser.parse_args()
    name = arguments.shape
    if not name.startswith("cpu") and not torch.cuda.is_available():
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    study = build_study(name, arguments.masks)
    if study.device.type == "cpu":
        prepare_for_cpu(study.checkpoint.model)
    ways = {"all tokens": SCOPES, "question and options": TEXT}
    runs = {way: [time_engine(study, ways[way])] for way in ways}  # the first to warm up
    for _ in range(ROUNDS):
        for way in ways:
            runs[way].append(time_engine(study, ways[way]))
    seconds = {way: [s for s, _ in runs[way][1:]] for way in ways}
    slowest = statistics.median(seconds["all tokens"])
    rows = []
    for way, tokens in ways.items():
        count = count_tokens(group_images(study, tokens), len(study.masks))
        median = statistics.median(seconds[way])
        least, most = (f"{1e3 * bound:.1f}" for bound in (min(seconds[way]), max(seconds[way])))
        rows.append(
            [
                way,
                f"{1e3 * median:.1f} ({least} to {most})",
                f"{slowest / median:.2f}",
                f"{count:,}",
                f"{estimate_flops(study, count) / len(study.pairs) / 1e9:.2f}",
                f"{find_difference(study, runs[way][-1][1], tokens):.1e}",
            ]
        )
    group = group_images(study, TEXT)[0]
    facts = describe_study(study, name, f"{group.shared} before the question", "of each, in turns")
    write_result(f"tokens-{name}-{len(study.masks)}", HEADER, rows, facts)


if __name__ == "__main__":
    main()
