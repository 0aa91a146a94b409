"""Time capture against the bare forward on the same batches, in turns.

python benchmarks/extract.py [--shape cpu | qwen2.5-vl-7b | llava-v1.6-mistral-7b]
"""

import argparse
import statistics
import sys
import time

import torch
from report import describe_machine, write_result
from shapes import SHAPES, build_checkpoint, make_pictures, make_questions

from culture_neurons.batches import TokenBudget, pack_prompts
from culture_neurons.capture import Sums, capture
from culture_neurons.cpu_inference import prepare_for_cpu
from culture_neurons.extraction import scope_weights
from culture_neurons.feeding import Feed, feed_cells
from culture_neurons.forward import prepare_batch, run_batch
from culture_neurons.hookpoints import find_layers

SCOPES = {"image": ["image"], "text": ["question", "options"]}
ROUNDS = 15


def main() -> None:
    """Run every batch with and without capture, alternating, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu")
    name = parser.parse_args().shape
    shape, on_gpu = SHAPES[name], torch.cuda.is_available()
    if name != "cpu" and not on_gpu:
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    torch.set_num_threads(1)
    dtype = torch.bfloat16 if name != "cpu" else torch.float32
    checkpoint = build_checkpoint(shape, "cpu" if name == "cpu" else "cuda", dtype)
    device = checkpoint.model.device
    if device.type == "cpu":
        prepare_for_cpu(checkpoint.model)
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    feed = Feed(make_questions(shape.images), make_pictures(shape), TokenBudget(shape.batch_tokens))
    ((_, images),) = feed_cells(checkpoint, feed)
    asked = [item for image in images for item in image]
    batches = []
    for packed in pack_prompts(asked, feed.budget):
        prompts = [prompt for _, prompt in packed]
        weights = scope_weights(prompts, SCOPES).to(device)
        batches.append((prepare_batch(checkpoint, prompts), weights))
    sums = Sums.zeros(layers, len(SCOPES), device)

    def read_clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()  # of one thread: what else the machine does is not counted

    def run_bare() -> None:
        for batch, _ in batches:
            run_batch(checkpoint, batch)

    def run_capturing() -> None:
        for batch, weights in batches:
            with capture(layers, sums, weights):
                run_batch(checkpoint, batch)

    run_bare()
    run_capturing()
    bare, capturing, ratios = [], [], []
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows both
        begun = read_clock()
        run_bare()
        between = read_clock()
        run_capturing()
        ended = read_clock()
        bare.append(between - begun)
        capturing.append(ended - between)
        ratios.append(capturing[-1] / bare[-1] - 1)
    tokens = sum(prompt.tokens for _, prompt in asked)
    rows = [
        ["bare forward", f"{1e6 * statistics.median(bare) / tokens:.1f}", "-"],
        [
            "with capture",
            f"{1e6 * statistics.median(capturing) / tokens:.1f}",
            f"{100 * statistics.median(ratios):.1f} % "
            f"({100 * min(ratios):.1f} to {100 * max(ratios):.1f}); "
            f"of the fastest rounds {100 * (min(capturing) / min(bare) - 1):.1f} %",
        ],
    ]
    facts = {
        "shape": f"{name}: {dtype}, {layers.width} x {len(layers.modules)} neurons, 2 scopes",
        "batches": f"{len(batches)} of {len(asked)} prompts, {tokens} tokens; {ROUNDS} rounds",
        "threads": torch.get_num_threads(),
        **describe_machine("torch", "transformers"),
    }
    if on_gpu:
        facts["device"] = torch.cuda.get_device_name()
    header = ["pass", "microseconds per token, median", "overhead, median (range)"]
    write_result(f"extract-{name}", header, rows, facts)


if __name__ == "__main__":
    main()
