"""Time the engine against the usual loops: same model, pictures, questions, and masks.

    python benchmarks/intervene.py [--shape cpu | qwen2.5-vl-7b | llava-v1.6-mistral-7b]

(a) The usual loop: one question and one mask at a time, the picture decoded and processed each
time, `generate` of a letter and an end token, neurons set to zero by a forward hook.
(b) The same with questions batched to the engine's token budget, left-padded.
(c) On a CPU: (a) once more on the model as the workflow loads it (cpu_inference), to tell what is
won by that alone. The engine runs on this model; (a) and (b) on the one that transformers loads.
Weights are random: the answers mean nothing, their equality does.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from report import describe_machine, write_result
from shapes import SHAPES, Shape, build_checkpoint, make_masks, make_pictures, make_questions

from culture_neurons.batches import ImageGroup, TokenBudget, find_shared, pack_images
from culture_neurons.checkpoints import Checkpoint
from culture_neurons.cpu_inference import pack_linear, prepare_for_cpu
from culture_neurons.engine import answer_questions
from culture_neurons.feeding import Feed, feed_cells
from culture_neurons.hookpoints import HookedLayers, find_layers
from culture_neurons.interventions import ablate
from culture_neurons.pictures import decode_picture
from culture_neurons.prompts import Question, find_letter_tokens, render_prompt, write_body
from culture_neurons.responses import Round

NEW_TOKENS = 2  # a letter and the end token
Answers = Mapping[tuple[int, str], torch.Tensor]  # (mask, question_id) -> log probabilities


@dataclass(frozen=True)
class Study:
    """A model, and every (question, mask) pair that it is asked."""

    checkpoint: Checkpoint
    shape: Shape
    feed: Feed
    layers: HookedLayers
    masks: Sequence[Mapping[int, torch.Tensor]]
    letters: Sequence[Sequence[int]]

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.checkpoint.model.device

    @property
    def pairs(self) -> list[tuple[Question, int]]:
        """All pairs, mask by mask."""
        return [(q, mask) for mask in range(len(self.masks)) for q in self.feed.questions]

    @cached_property
    def groups(self) -> list[ImageGroup]:
        """The encoded questions by image."""
        ((_, images),) = feed_cells(self.checkpoint, self.feed)
        token = self.checkpoint.image_token
        return [ImageGroup(tuple(i), find_shared([p for _, p in i], token)) for i in images]


@dataclass(frozen=True)
class Timing:
    """One way of asking: seconds per pair, its answers, and its decoder tokens and operations."""

    name: str
    seconds: float
    answers: Answers
    tokens: int  # of all pairs
    flops: float  # per pair


def build_study(name: str) -> Study:
    """Build a shape's model with random weights, questions, pictures, and masks."""
    shape, on_gpu = SHAPES[name], name != "cpu"
    kind = ("cuda", torch.bfloat16) if on_gpu else ("cpu", torch.float32)
    checkpoint = build_checkpoint(shape, *kind)
    feed = Feed(make_questions(shape.images), make_pictures(shape), TokenBudget(shape.batch_tokens))
    return Study(
        checkpoint,
        shape,
        feed,
        find_layers(checkpoint.model, "mlp.gate_act"),
        make_masks(checkpoint, shape.masks),
        find_letter_tokens(checkpoint.processor, 4),
    )


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


def wait(device: torch.device) -> float:
    """Read the clock when the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def time_loop(study: Study, pairs: Sequence[tuple[Question, int]], size: int):
    """Ask pairs, `size` questions of one mask at a time; seconds per pair and answers."""
    found = {}
    begun = wait(study.device)
    for mask in dict.fromkeys(mask for _, mask in pairs):
        asked = [question for question, index in pairs if index == mask]
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            answers = generate(study, part, mask)
            found |= {(mask, q.question_id): row for q, row in zip(part, answers, strict=True)}
    return (wait(study.device) - begun) / len(pairs), found


def time_engine(study: Study):
    """Ask every question under every mask by the engine; seconds per pair and answers."""
    maps = [ablate({layer: n.to(study.device) for layer, n in m.items()}) for m in study.masks]
    rounds = [Round(range(len(maps)), [q.question_id for q in study.feed.questions])]
    ask = (study.checkpoint, study.feed, study.letters, study.layers, maps, rounds)
    found = {}
    begun = wait(study.device)
    for responses in answer_questions(*ask):
        for row, mask in enumerate(responses.masks):
            for column, question_id in enumerate(responses.questions):
                found[mask, question_id] = torch.from_numpy(responses.letters[row, column])
    return (wait(study.device) - begun) / len(study.pairs), found


def count_tokens(study: Study) -> tuple[int, int]:
    """Count decoder tokens of all pairs: in the usual loop, and in the engine."""
    prompts = [prompt for group in study.groups for _, prompt in group.asked]
    usual = sum(prompt.tokens + NEW_TOKENS - 1 for prompt in prompts)
    ours = sum(group.tokens for group in study.groups)
    return len(study.masks) * usual, len(study.masks) * ours


def count_flops(study: Study, tokens: int) -> float:
    """2 x decoder parameters x tokens, and attention over half of the context per token."""
    model, context = study.checkpoint.model, study.groups[0].asked[0][1].tokens
    named = model.get_decoder().named_parameters()
    weights = sum(weight.numel() for name, weight in named if "embed" not in name)
    text = model.config.get_text_config()
    attention = 4 * text.num_hidden_layers * text.hidden_size * context / 2
    return tokens * (2 * weights + attention)


def count_saved(study: Study) -> float:
    """Operations that savings.py leaves out of the engine's passes.

    In the first layer, which every mask changes, all linear modules but the neurons' reader run
    for one mask of a pass; the last layer's MLP runs for one token of a pair.
    """
    layers = study.checkpoint.model.get_decoder().layers
    linear = [m for m in layers[0].modules() if isinstance(m, torch.nn.Linear)]
    once = sum(m.weight.numel() for m in linear) - study.layers.readers[0].weight.numel()
    last = sum(weight.numel() for weight in layers[-1].mlp.parameters() if weight.dim() > 1)
    saved = 0
    for images, together in pack_images(study.groups, len(study.masks), study.feed.budget):
        tokens = sum(group.tokens for group in images)
        passes = -(-len(study.masks) // together)
        saved += once * tokens * (len(study.masks) - passes)
    read = count_tokens(study)[1] - len(study.pairs)
    return 2 * (saved + last * read)


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
    times = {event.key: getattr(event, key) for event in profile.key_averages()}
    largest = sorted(times, key=times.__getitem__, reverse=True)[:6]
    return ", ".join(f"{name} {100 * times[name] / sum(times.values()):.0f} %" for name in largest)


def time_all(study: Study) -> list[Timing]:
    """Ask in every way, the engine last."""
    every, number = study.pairs, study.shape.naive_pairs
    some = every[:: len(every) // number][:number]
    size = max(1, study.feed.budget.tokens // study.groups[0].asked[0][1].tokens)
    batched = every[: 4 * size]
    usual, ours = count_tokens(study)
    costs = usual, count_flops(study, usual) / len(every)
    own = (count_flops(study, ours) - count_saved(study)) / len(every)

    time_loop(study, some[:2], 1)  # warm up
    timings = [
        Timing(f"(a) one by one, generate ({len(some)} pairs)", *time_loop(study, some, 1), *costs),
        Timing(
            f"(b) generate, {size} at a time ({len(batched)} pairs)",
            *time_loop(study, batched, size),
            *costs,
        ),
    ]
    if study.device.type == "cpu":
        prepare_for_cpu(study.checkpoint.model)
        time_loop(study, some[:2], 1)
        found = time_loop(study, some, 1)
        timings.append(Timing("(c) as (a), on the engine's model", *found, *costs))
    time_engine(replace(study, masks=study.masks[:1]))
    return [*timings, Timing("engine (all pairs)", *time_engine(study), ours, own)]


def write_row(timing: Timing, engine: Timing, peak: float) -> list[str]:
    """Write one line of the table."""
    differences = [(engine.answers[key] - row).abs().max() for key, row in timing.answers.items()]
    return [
        timing.name,
        f"{timing.seconds * 1e3:.2f}",
        f"{timing.seconds / engine.seconds:.2f}",
        f"{timing.tokens:,}",
        f"{timing.flops / 1e9:.2f}",
        f"{100 * timing.flops / timing.seconds / peak:.0f} %",
        f"{float(max(differences)):.1e}",
    ]


HEADER = [
    "loop",
    "ms per (question, mask)",
    "times the engine",
    "decoder tokens, all pairs",
    "GFLOP per pair",
    "of matmul peak",
    "largest difference of a letter's log probability",
]


def main() -> None:
    """Build, check, time, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu")
    name = parser.parse_args().shape
    if name != "cpu" and not torch.cuda.is_available():
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    study = build_study(name)
    timings = time_all(study)
    peak, engine, group = measure_peak(study), timings[-1], study.groups[0]
    rows = [write_row(timing, engine, peak) for timing in timings]
    facts = {
        "shape": f"{name}: {study.checkpoint.model.dtype}, "
        f"{study.layers.width} x {len(study.layers.modules)} neurons",
        "questions": f"{len(study.feed.questions)} on {study.shape.images} images, "
        f"{group.asked[0][1].tokens} tokens, {group.shared} shared",
        "masks": f"{len(study.masks)} of 1 % of all neurons",
        "matmul peak": f"{peak / 1e12:.3f} TFLOP/s, measured in this run",
        "engine's time by operation": profile_engine(study),
        "threads": torch.get_num_threads(),
        **describe_machine("torch", "transformers"),
    }
    if study.device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name()
    write_result(f"intervene-{name}", HEADER, rows, facts)


if __name__ == "__main__":
    main()
