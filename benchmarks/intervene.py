"""Time the engine against the usual loops: same model, pictures, questions, and masks.

    python benchmarks/intervene.py [--shape cpu | qwen2.5-vl-7b | llava-v1.6-mistral-7b]

(a) The usual loop: one question and one mask at a time, the picture decoded and processed each
time, `generate` of a letter and an end token, neurons set to zero by a forward hook.
(b) The same with questions batched to the engine's token budget, left-padded.
Weights are random: the answers mean nothing, their equality does.
"""

import argparse
import sys
import time
from contextlib import contextmanager

import torch
from report import describe_machine, write_result
from shapes import SHAPES, build_checkpoint, make_masks, make_pictures, make_questions

from culture_neurons.batches import TokenBudget, find_shared
from culture_neurons.engine import answer_questions
from culture_neurons.feeding import Feed, feed_cells
from culture_neurons.hookpoints import find_layers
from culture_neurons.interventions import ablate
from culture_neurons.pictures import decode_picture
from culture_neurons.prompts import find_letter_tokens, render_prompt, write_body
from culture_neurons.responses import Round

NEW_TOKENS = 2  # a letter and the end token


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


def generate(checkpoint, questions, pictures, layers, mask, letters):
    """Ask some questions at once by `generate`; log probabilities of the letters."""
    processor = checkpoint.processor
    texts = [
        render_prompt(processor, write_body(q.text, [q.options[i] for i in q.option_order]))
        for q in questions
    ]
    images = [[decode_picture(pictures[q.image_id])] for q in questions]
    inputs = processor(
        text=texts, images=images, padding=True, padding_side="left", return_tensors="pt"
    )
    inputs = inputs.to(checkpoint.model.device, dtype=checkpoint.model.dtype)
    with zero_neurons(layers, mask), torch.inference_mode():
        output = checkpoint.model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    logprobs = output.logits[0].float().log_softmax(-1)
    return torch.stack([logprobs[:, ids].logsumexp(-1) for ids in letters], -1).cpu()


def wait(device) -> float:
    """Read the clock when the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def time_loop(checkpoint, pairs, size, pictures, layers, masks, letters):
    """Ask (question, mask) pairs, `size` questions of one mask at a time; seconds and answers."""
    found = {}
    begun = wait(checkpoint.model.device)
    for index in dict.fromkeys(index for _, index in pairs):
        asked = [question for question, mask in pairs if mask == index]
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            answers = generate(checkpoint, part, pictures, layers, masks[index], letters)
            found |= {
                (index, question.question_id): row
                for question, row in zip(part, answers, strict=True)
            }
    return wait(checkpoint.model.device) - begun, found


def time_engine(checkpoint, feed, layers, masks, letters):
    """Ask every question under every mask by the engine; seconds and answers."""
    maps = [ablate({layer: n.to(checkpoint.model.device) for layer, n in m.items()}) for m in masks]
    rounds = [Round(range(len(maps)), [question.question_id for question in feed.questions])]
    found = {}
    begun = wait(checkpoint.model.device)
    for responses in answer_questions(checkpoint, feed, letters, layers, maps, rounds):
        for row, mask in enumerate(responses.masks):
            for column, question_id in enumerate(responses.questions):
                found[mask, question_id] = torch.from_numpy(responses.letters[row, column])
    return wait(checkpoint.model.device) - begun, found


def count_work(checkpoint, feed, masks):
    """Decoder tokens of all (question, mask) pairs: in the usual loop, and in the engine."""
    ((_, images),) = feed_cells(checkpoint, feed)
    prompts = [[prompt for _, prompt in asked] for asked in images]
    whole = sum(prompt.tokens + NEW_TOKENS - 1 for image in prompts for prompt in image)
    shared = [find_shared(image, checkpoint.image_token) for image in prompts]
    ours = sum(
        s + sum(prompt.tokens - s for prompt in image)
        for s, image in zip(shared, prompts, strict=True)
    )
    return masks * whole, masks * ours, prompts[0][0].tokens, shared[0]


def count_flops(checkpoint, tokens: int, context: int) -> float:
    """2 x decoder parameters x tokens, and attention over half of the context per token."""
    decoder = checkpoint.model.get_decoder()
    weights = sum(p.numel() for name, p in decoder.named_parameters() if "embed" not in name)
    text = checkpoint.model.config.get_text_config()
    attention = 4 * text.num_hidden_layers * text.hidden_size * context / 2
    return tokens * (2 * weights + attention)


def count_saved(checkpoint, layers, tokens: int, masks: int, pairs: int) -> float:
    """Operations that savings.py leaves out, where all masks of an image share a pass.

    In the first layer, which every mask changes, all linear modules but the neurons' reader run
    for one mask; the last layer's MLP runs for one token of a pair.
    """
    decoder = checkpoint.model.get_decoder().layers
    weights = sum(m.weight.numel() for m in decoder[0].modules() if isinstance(m, torch.nn.Linear))
    once = weights - layers.readers[0].weight.numel()
    last = sum(weight.numel() for weight in decoder[-1].mlp.parameters() if weight.dim() > 1)
    return 2 * (once * tokens * (masks - 1) / masks + last * (tokens - pairs))


def measure_peak(device, dtype) -> float:
    """Floating-point operations per second of a large matmul, measured here and now."""
    size = 8_192 if device.type == "cuda" else 1_024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        begun = wait(device)
        for _ in range(5):
            a @ b
        best = max(best, 5 * 2 * size**3 / (wait(device) - begun))
    return best


def profile_engine(device, run) -> str:
    """Name the operations that take most of the engine's time, with their shares."""
    with torch.profiler.profile() as profile:
        run()
    key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    times = {event.key: getattr(event, key) for event in profile.key_averages()}
    largest = sorted(times, key=times.__getitem__, reverse=True)[:6]
    return ", ".join(f"{name} {100 * times[name] / sum(times.values()):.0f} %" for name in largest)


def main() -> None:
    """Build, check, time, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="cpu")
    name = parser.parse_args().shape
    shape, on_gpu = SHAPES[name], torch.cuda.is_available()
    if name != "cpu" and not on_gpu:
        sys.exit(f"shape {name} needs a GPU, and torch sees none")
    dtype = torch.bfloat16 if name != "cpu" else torch.float32
    checkpoint = build_checkpoint(shape, "cpu" if name == "cpu" else "cuda", dtype)
    device = checkpoint.model.device
    questions, pictures = make_questions(shape.images), make_pictures(shape)
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    masks, letters = (
        make_masks(checkpoint, shape.masks),
        find_letter_tokens(checkpoint.processor, 4),
    )
    feed = Feed(questions, pictures, TokenBudget(shape.batch_tokens))
    usual, ours, prompt, shared = count_work(checkpoint, feed, len(masks))
    every = [(question, mask) for mask in range(len(masks)) for question in questions]
    pairs = every[:: len(every) // shape.naive_pairs][: shape.naive_pairs]
    size = max(1, shape.batch_tokens // prompt)
    loop = (pictures, layers, masks, letters)

    time_loop(checkpoint, pairs[:2], 1, *loop)  # warm up
    time_engine(checkpoint, feed, layers, masks[:1], letters)
    one, answers_one = time_loop(checkpoint, pairs, 1, *loop)
    batched = every[: 4 * size]
    many, answers_many = time_loop(checkpoint, batched, size, *loop)
    whole, answers = time_engine(checkpoint, feed, layers, masks, letters)
    peak = measure_peak(device, dtype)
    profile = profile_engine(
        device, lambda: time_engine(checkpoint, feed, layers, masks[:3], letters)
    )

    one, many, whole = one / len(pairs), many / len(batched), whole / len(every)
    flops = {
        "usual": count_flops(checkpoint, usual, prompt),
        "ours": count_flops(checkpoint, ours, prompt),
    }
    flops["ours"] -= count_saved(checkpoint, layers, ours, len(masks), len(every))
    flops = {key: value / len(every) for key, value in flops.items()}

    def differ(other):
        return max(float((answers[key] - row).abs().max()) for key, row in other.items())

    rows = [
        ["(a) one by one, generate", one, one / whole, usual, flops["usual"], differ(answers_one)],
        ["(b) batched generate", many, many / whole, usual, flops["usual"], differ(answers_many)],
        ["engine", whole, 1.0, ours, flops["ours"], 0.0],
    ]
    table = [
        [
            what,
            f"{seconds * 1e3:.2f}",
            f"{ratio:.2f}",
            f"{tokens:,}",
            f"{operations / 1e9:.2f}",
            f"{100 * operations / seconds / peak:.0f} %",
            f"{difference:.1e}",
        ]
        for what, seconds, ratio, tokens, operations, difference in rows
    ]
    facts = {
        "shape": f"{name}: {dtype}, {layers.width} x {len(layers.modules)} neurons",
        "questions": f"{len(questions)} on {shape.images} images, {prompt} tokens, {shared} shared",
        "masks": f"{len(masks)} of 1 % of all neurons; {len(every)} (question, mask) pairs",
        "timed pairs": f"(a) {len(pairs)}, (b) {len(batched)} in batches of {size}, engine all",
        "matmul peak": f"{peak / 1e12:.3f} TFLOP/s, measured in this run",
        "bound": f"at the matmul peak the engine would be {one / flops['ours'] * peak:.1f} times "
        f"as fast as (a), {many / flops['ours'] * peak:.1f} times as (b)",
        "engine's time by operation": profile,
        "threads": torch.get_num_threads(),
        **describe_machine("torch", "transformers"),
    }
    if on_gpu:
        facts["device"] = torch.cuda.get_device_name()
    header = ["loop", "ms per (question, mask)", "times the engine", "decoder tokens, all pairs"]
    header += [
        "GFLOP per pair",
        "of matmul peak",
        "largest difference of a letter's log probability",
    ]
    write_result(f"intervene-{name}", header, table, facts)


if __name__ == "__main__":
    main()
