"""Time the engine against the usual loops: same model, pictures, questions, and masks.

    python benchmarks/intervene.py [--shape cpu | qwen2.5-vl-7b | llava-v1.6-mistral-7b]

(a) The usual loop: one question and one mask at a time, the picture decoded and processed each
time, `generate` of a letter and an end token, neurons set to zero by a forward hook.
(b) The same with questions batched to the engine's token budget, left-padded.
(c), (d) On a CPU: (a) and (b) once more on the model as the workflow loads it (cpu_inference), to
tell what is won by that alone. The engine runs on this model; (a) and (b) on transformers' own.
Weights are random: the answers mean nothing, their equality does.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

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
    wait,
)
from torch.utils.flop_counter import FlopCounterMode

from culture_neurons.dataset.pictures import decode_picture
from culture_neurons.dataset.question import Question
from culture_neurons.model.cpu_inference import pack_linear, prepare_for_cpu
from culture_neurons.model.prompts import render_prompt, write_body
from report import write_result

NEW_TOKENS = 2  # a letter and the end token


@dataclass(frozen=True)
class Timing:
    """One way of asking, some times over."""

    name: str
    seconds: Sequence[float]  # per pair, of each round
    answers: Answers
    tokens: int  # of the decoder, for all pairs
    counted: float  # operations per pair


@contextmanager
def zero_neurons(layers, mask):
    """Silence a mask's neurons as most published code does."""

    def make_hook(index):
        def hook(_module, _inputs, activation):
            activation[..., mask[index]] = 0
            return activation

        return hook

    handles = [m.register_forward_hook(make_hook(i)) for i, m in enumerate(layers.modules)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def generate(study: Study, questions: Sequence[Question], mask: int) -> torch.Tensor:
    """Ask some questions at once by `generate`; log probabilities of the letters."""
    model, processor = study.checkpoint.model, study.checkpoint.processor
    texts = [
        render_prompt(processor, write_body(q.text, [q.options[i] for i in q.option_order]))
        for q in questions
    ]
    images = [[decode_picture(study.feed.pictures[q.image_id])] for q in questions]
    inputs = processor(
        text=texts, images=images, padding=True, padding_side="left", return_tensors="pt"
    )
    inputs = inputs.to(model.device, dtype=model.dtype)
    with zero_neurons(study.layers, study.masks[mask]), torch.inference_mode():
        output = model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    logprobs = output.logits[0].float().log_softmax(-1)
    return torch.stack([logprobs[:, ids].logsumexp(-1) for ids in study.letters], -1).cpu()


def time_loop(study: Study, pairs: Sequence[tuple[Question, int]], size: int):
    """Ask pairs, `size` questions of one mask at a time; seconds per pair, and answers."""
    found = {}
    begun = wait(study.device)
    for mask in dict.fromkeys(mask for _, mask in pairs):
        asked = [question for question, index in pairs if index == mask]
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            answers = generate(study, part, mask)
            found |= {(mask, q.question_id): row for q, row in zip(part, answers, strict=True)}
    return (wait(study.device) - begun) / len(pairs), found


def count_tokens(study: Study) -> tuple[int, int]:
    """Count decoder tokens of all pairs: in the usual loop, and in the engine."""
    prompts = [prompt for group in study.groups for _, prompt in group.asked]
    usual = sum(prompt.tokens + NEW_TOKENS - 1 for prompt in prompts)
    ours = sum(group.tokens for group in study.groups)
    return len(study.masks) * usual, len(study.masks) * ours


def count_flops(study: Study, ask: Callable[[Study], tuple[float, Answers]]) -> float:
    """Count operations per pair as torch does: vision tower and trials included.

    Packed linear modules are not counted, nor is attention on a CPU.
    """
    with FlopCounterMode(display=False) as counter:
        _, answers = ask(study)
    return counter.get_total_flops() / len(answers)


@torch.inference_mode()
def measure_peak(study: Study) -> float:
    """Floating-point operations per second of a large linear module, measured here and now."""
    device, dtype = study.device, study.checkpoint.model.dtype
    size = 8_192 if device.type == "cuda" else 1_024
    linear = torch.nn.Linear(size, size, bias=False, device=device, dtype=dtype)
    if device.type == "cpu":
        pack_linear(linear)
    x = torch.randn(size, size, device=device, dtype=dtype)
    best = 0.0
    for _ in range(10):
        begun = wait(device)
        for _ in range(5):
            linear(x)
        best = max(best, 5 * 2 * size**3 / (wait(device) - begun))
    return best


def profile_engine(study: Study) -> str:
    """Name the operations that take most of the engine's time, with their shares."""
    with torch.profiler.profile() as profile:
        time_engine(study)
    key = "self_cpu_time_total" if study.device.type == "cpu" else "self_device_time_total"
    # Operations, to which torch adds their kernels' time: kernels have rows of their own besides.
    rows = [e for e in profile.key_averages() if e.device_type == torch.autograd.DeviceType.CPU]
    times = {event.key: getattr(event, key) for event in rows}
    largest = sorted(times, key=times.__getitem__, reverse=True)[:6]
    return ", ".join(f"{name} {100 * times[name] / sum(times.values()):.0f} %" for name in largest)


def list_ways(study: Study) -> dict[str, Callable[[Study], tuple[float, Answers]]]:
    """List ways of asking: one by one, batched, and by the engine."""
    every, questions, number = study.pairs, study.feed.questions, study.shape.naive_pairs
    some = every[:: len(every) // number][:number]
    size = min(len(questions), study.feed.budget.tokens // study.groups[0].asked[0][1].tokens)
    full = [(question, mask) for mask in range(2) for question in questions[:size]]
    return {
        f"one by one, generate ({len(some)} pairs)": partial(time_loop, pairs=some, size=1),
        f"generate, {size} at a time ({len(full)} pairs)": partial(
            time_loop, pairs=full, size=size
        ),
        f"engine ({len(every)} pairs)": time_engine,
    }


def time_all(study: Study) -> list[Timing]:
    """Ask in every way, the engine last; the study's model is then as the workflow loads it."""
    usual, ours = count_tokens(study)
    ways = list_ways(study)
    counts = {name: count_flops(study, ask) for name, ask in ways.items()}
    one, many, engine = ways

    def repeat(name: str, mark: str, tokens: int) -> Timing:
        ways[name](study)  # at its own shapes, to warm up
        runs = [ways[name](study) for _ in range(ROUNDS)]
        return Timing(f"{mark}{name}", [s for s, _ in runs], runs[-1][1], tokens, counts[name])

    timings = [repeat(one, "(a) ", usual), repeat(many, "(b) ", usual)]
    if study.device.type == "cpu":
        prepare_for_cpu(study.checkpoint.model)
        timings += [repeat(one, "(c) prepared, ", usual), repeat(many, "(d) prepared, ", usual)]
    return [*timings, repeat(engine, "", ours)]


def write_row(study: Study, timing: Timing, engine: Timing, peak: float) -> list[str]:
    """Write one line of the table."""
    differences = [(engine.answers[key] - row).abs().max() for key, row in timing.answers.items()]
    seconds = statistics.median(timing.seconds)
    least, most = (f"{1e3 * bound:.1f}" for bound in (min(timing.seconds), max(timing.seconds)))
    return [
        timing.name,
        f"{1e3 * seconds:.1f} ({least} to {most})",
        f"{seconds / statistics.median(engine.seconds):.2f}",
        f"{timing.tokens:,}",
        f"{estimate_flops(study, timing.tokens) / len(study.pairs) / 1e9:.2f}",
        f"{timing.counted / 1e9:.2f}",
        f"{100 * timing.counted / seconds / peak:.0f} %",
        f"{float(max(differences)):.1e}",
    ]


HEADER = [
    "loop",
    "ms per (question, mask), median (range)",
    "times the engine",
    "decoder tokens, all pairs",
    "GFLOP per pair, work model of the decoder",
    "GFLOP per pair, counted",
    "of matmul peak",
    "largest difference of a letter's log probability",
]


def main() -> None:
    """Build, check, time, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu")
    name = parser.parse_args().shape
    if not name.startswith("cpu") and not torch.cuda.is_available():
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    study = build_study(name)
    timings = time_all(study)
    peak, engine, group = measure_peak(study), timings[-1], study.groups[0]
    rows = [write_row(study, timing, engine, peak) for timing in timings]
    described = f"{group.shared} shared", "of each loop, one after the other"
    facts = describe_study(study, name, *described) | {
        "matmul peak": f"{peak / 1e12:.3f} TFLOP/s, measured in this run",
        "engine's time by operation": profile_engine(study),
    }
    write_result(f"intervene-{name}", HEADER, rows, facts)


if __name__ == "__main__":
    main()
