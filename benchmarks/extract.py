"""Time capture, at one hookpoint and at all of the decoder, against the bare forward, in turns.

python benchmarks/extract.py [--shape cpu | qwen2.5-vl-7b | llava-v1.6-mistral-7b]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from shapes import SHAPES, build_checkpoint, make_pictures, make_questions

from culture_neurons.engine.batches import Asked, TokenBudget, pack_prompts
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import scope_weights
from culture_neurons.engine.whole_prompts import prepare_prompts, run_prompts
from culture_neurons.hooks.capture import capture, make_sums
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.cpu_inference import prepare_for_cpu
from report import describe_machine, write_result

HOOKPOINTS = ("mlp.gate_act", "mlp.neuron", "attn.out", "attn.head")  # of the decoder
SCOPES = {"image": ["image"], "text": ["question", "options"]}
ROUNDS = 15


def prepare_batches(checkpoint: Checkpoint, asked: Sequence[Asked], budget: TokenBudget):
    """Pack questions into batches on the device, each with its tokens' weights by scope."""
    batches = []
    for packed in pack_prompts(asked, budget):
        prompts = [prompt for _, prompt in packed]
        weights = scope_weights(prompts, SCOPES).to(checkpoint.model.device)
        batches.append((prepare_prompts(checkpoint, prompts), weights))
    return batches


def time_in_turns(device: torch.device, *runs: Callable[[], None]) -> list[list[float]]:
    """Time runs in turns, so that a busy machine slows all; seconds of each run's rounds."""

    def read_clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()  # of one thread: what else the machine does is not counted

    seconds = [[] for _ in runs]
    for run in runs:  # warm up
        run()
    for _ in range(ROUNDS):
        for run, taken in zip(runs, seconds, strict=True):
            begun = read_clock()
            run()
            taken.append(read_clock() - begun)
    return seconds


def write_rows(seconds: Mapping[str, Sequence[float]], tokens: int) -> list[list[str]]:
    """Write the table's lines: seconds of each round by pass, the bare one first; tokens of one."""
    bare = next(iter(seconds.values()))
    rows = []
    for name, taken in seconds.items():
        ratios = [
            100 * (with_it / without - 1) for without, with_it in zip(bare, taken, strict=True)
        ]
        overhead = (
            f"{statistics.median(ratios):.1f} % ({min(ratios):.1f} to {max(ratios):.1f}); "
            f"of the fastest rounds {100 * (min(taken) / min(bare) - 1):.1f} %"
        )
        per_token = f"{1e6 * statistics.median(taken) / tokens:.1f}"
        rows.append([name, per_token, "-" if taken is bare else overhead])
    return rows


def main() -> None:
    """Run every batch with and without capture, alternating, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu")
    name = parser.parse_args().shape
    if not name.startswith("cpu") and not torch.cuda.is_available():
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    torch.set_num_threads(1)
    shape = SHAPES[name]
    kind = ("cpu", torch.float32) if name.startswith("cpu") else ("cuda", torch.bfloat16)
    checkpoint = build_checkpoint(shape, *kind)
    device = checkpoint.model.device
    if device.type == "cpu":
        prepare_for_cpu(checkpoint.model)
    layers = [find_layers(checkpoint.model, name) for name in HOOKPOINTS]
    feed = Feed(make_questions(shape.images), make_pictures(shape), TokenBudget(shape.batch_tokens))
    ((_, images),) = feed_cells(checkpoint, feed)
    asked = [item for image in images for item in image]
    batches = prepare_batches(checkpoint, asked, feed.budget)
    sums = [make_sums(of_one, len(SCOPES), device) for of_one in layers]

    def run(count: int) -> None:
        for batch, weights in batches:
            with ExitStack() as hooks:
                for of_one, its in zip(layers[:count], sums, strict=False):
                    hooks.enter_context(capture(of_one, its, weights))
                run_prompts(checkpoint, batch)

    tokens = sum(prompt.tokens for _, prompt in asked)
    passes = {
        "bare forward": partial(run, 0),
        f"with capture at {HOOKPOINTS[0]}": partial(run, 1),
        f"with capture at {', '.join(HOOKPOINTS)}": partial(run, len(HOOKPOINTS)),
    }
    seconds = time_in_turns(device, *passes.values())
    rows = write_rows(dict(zip(passes, seconds, strict=True)), tokens)
    facts = {
        "shape": f"{name}: {kind[1]}, {layers[0].axis} neurons, 2 scopes",
        "batches": f"{len(batches)} of {len(asked)} prompts, {tokens} tokens; {ROUNDS} rounds",
        "threads": torch.get_num_threads(),
        **describe_machine("torch", "transformers"),
    }
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name()
    header = ["pass", "microseconds per token, median", "overhead, median (range)"]
    write_result(f"extract-{name}", header, rows, facts)


if __name__ == "__main__":
    main()
