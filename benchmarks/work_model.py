"""Estimate a study's GPU hours and disk use from its config; nothing is run, nothing is measured.

    python benchmarks/work_model.py [--config config/paper.yaml] [--tflops 312] [--utilisation 0.5]

Decoder tokens are counted as the engine spends them: the prompt's shared part once per image and
mask (or once per image, where masks act behind it alone), the rest once per question and mask, in
extraction every prompt whole. Pictures are encoded once per image, or, where masks work on
pictures, once per image and mask. Operations are twice the weights per token, and attention over
half of the context. Every picture is taken to be as large as the config allows, cultures as equally
large, and every cell as full as cells.cap, and what the engine saves in the first and the last
layer is not subtracted: an upper estimate. Start-up is imports and the reading of weights, once
per job.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from shapes import SHAPES

from culture_neurons.hooks.places import load_hookpoint
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import write_table
from planning.config import complete_config
from planning.study import Study

PROJECT = Path(__file__).resolve().parents[1]
QWEN, LLAVA = SHAPES["qwen2.5-vl-7b"], SHAPES["llava-v1.6-mistral-7b"]
# Checkpoint -> the shapes of its decoder and of its vision tower.
KNOWN = {
    "Qwen/Qwen2.5-VL-7B-Instruct": (QWEN, QWEN),
    "neulab/Pangea-7B-hf": (QWEN, LLAVA),
    "llava-hf/llava-v1.6-mistral-7b-hf": (LLAVA, LLAVA),
}
LLAVA_IMAGE_TOKENS, LLAVA_PATCHES = 2_928, 5 * 577  # at most, as config/paper.yaml says
TEMPLATE_TOKENS = 30  # of a prompt, before the picture: assumed
QUESTION_TOKENS = 80  # question, options, and instruction: assumed
IMPORT_SECONDS = 30.0  # of a model job, assumed; demo jobs take 5 to 10 on one core


@dataclass(frozen=True)
class ModelCost:
    """What a model costs."""

    name: str
    image_tokens: int
    decoder_weights: int  # those that every token meets
    all_weights: int
    neurons: int
    vision_operations: float  # per picture
    attention_operations: float  # per token and token of context

    def count_operations(self, prefixes: float, questions: float, pictures: float) -> float:
        """Floating-point operations of shared prompt parts, questions, and encoded pictures."""
        prefix = TEMPLATE_TOKENS + self.image_tokens
        tokens = prefixes * prefix + questions * QUESTION_TOKENS
        per_token = 2 * self.decoder_weights + self.attention_operations * prefix / 2
        return tokens * per_token + pictures * self.vision_operations


def measure_model(model: dict) -> ModelCost:
    """Count a model's weights by its published shape.

    Raises:
        SystemExit: The checkpoint's shape is not in the table.
    """
    if model["checkpoint"] not in KNOWN:
        sys.exit(f"the shape of {model['checkpoint']} is not known; known are {', '.join(KNOWN)}")
    text, tower = KNOWN[model["checkpoint"]]
    sizes, vision = text.text, tower.vision
    hidden, width, layers = (
        sizes[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    groups = hidden // sizes["num_attention_heads"] * sizes["num_key_value_heads"]
    decoder = layers * (2 * hidden * hidden + 2 * hidden * groups + 3 * hidden * width)
    if tower is QWEN:  # patches of 14 pixels, four to a token; gated MLPs
        image_tokens = model["image_processor"]["size"]["longest_edge"] // 28**2
        patches, depth, matrices = 4 * image_tokens, vision["depth"], 3
    else:
        image_tokens, patches = LLAVA_IMAGE_TOKENS, LLAVA_PATCHES
        depth, matrices = vision["num_hidden_layers"], 2
    block = 4 * vision["hidden_size"] ** 2
    block += matrices * vision["hidden_size"] * vision["intermediate_size"]
    return ModelCost(
        name=model["name"],
        image_tokens=image_tokens,
        decoder_weights=decoder,
        all_weights=decoder + depth * block + 2 * hidden * sizes["vocab_size"],
        neurons=layers * width,
        vision_operations=2.0 * depth * block * patches,
        attention_operations=4.0 * layers * hidden,
    )


@dataclass(frozen=True)
class Selector:
    """Masks that one intervene job runs, and what each is asked."""

    name: str
    masks: int
    questions: float
    images: float


def list_selectors(
    study: Study, model: str, cultures: int, questions: float, images: float, parts: int = 1
) -> list[Selector]:
    """List a model's selectors; questions and images are those of the evaluate folds.

    Others' questions are sampled of each of the parts that the folds fall into.
    """

    def ask(name: str, masks: int) -> Selector:
        limits = study.limit_questions(name)
        here, shown = questions / cultures, images / cultures  # of a culture
        other, own = (
            here if limits[key] is None else min(here, parts * limits[key])
            for key in ("other_questions", "own_questions")
        )
        # Samples of other cultures lie nearly all on pictures of their own, own ones on whole ones.
        pictures = own * shown / here + min(other, shown) * (cultures - 1)
        return Selector(name, masks, own + other * (cultures - 1), pictures)

    masks = {}
    for scorer in study.get_candidates(model):
        masks[scorer] = cultures
        for control, selector in study.get_controls(scorer).items():
            masks[selector] = cultures * study.controls[control]["draws"]
    return [ask(name, count) for name, count in masks.items()]


def list_jobs(
    config: dict, model: ModelCost, cultures: int, questions: int, images: int
) -> Iterator[tuple[str, int, float]]:
    """Yield a model's stages: name, jobs, operations of all of them."""
    # Each question with its picture, over a swapped one, and without any.
    unseen = model.count_operations(0, questions, 0)
    operations = 2 * model.count_operations(images, questions, images) + unseen
    yield "answer_questions", 1, operations
    cells = cultures * config["cells"]["folds"]
    used = min(cells * config["cells"]["cap"], questions)
    hookpoints = config["extract"]["hookpoints"]
    operations = len(hookpoints) * model.count_operations(used, used, used)
    yield "extract_activations", len(hookpoints) * config["extract"]["shards"], operations
    half = (cultures, questions / 2, images / 2)
    for hookpoint in hookpoints:
        for stage, jobs, operations in list_masked(config, model, hookpoint, *half):
            yield stage if len(hookpoints) == 1 else f"{stage} at {hookpoint}", jobs, operations


def list_masked(
    config: dict,
    model: ModelCost,
    hookpoint: str,
    cultures: int,
    questions: float,
    images: float,
) -> Iterator[tuple[str, int, float]]:
    """Yield the stages under masks of one hookpoint; questions and images of the evaluate folds."""
    study = Study(config)
    studies = len(config["cells"]["splits"]) * len(study.get_rates(hookpoint))
    # The unmodified model in each job; and in each scorer's over pictures of other cultures, beside
    # each culture's own mask (at every strength) on its own questions.
    once = model.count_operations(images, questions, images)
    swapped = len(study.get_candidates(model.name))
    on_pictures = load_hookpoint(hookpoint).on_pictures
    for stage, parts in (("intervene", 1), ("steer", 2)):
        selectors = list_selectors(study, model.name, cultures, questions, images, parts)
        total = 0.0
        for entry in config[stage]:
            strengths = len(entry.get("strengths", "1"))
            total += once * (len(selectors) + (1 + strengths) * swapped)
            kept = {"question", "options"}.issuperset(entry["tokens"])  # the prefix, once
            for selector in selectors:
                maps = strengths * selector.masks
                prefixes = selector.images * (1 if kept else maps)
                asked = maps * selector.questions
                # A mask on pictures has features of its own; others share them.
                pictures = prefixes if on_pictures else selector.images
                total += model.count_operations(prefixes, asked, pictures)
        if config[stage]:
            yield stage, studies * len(config[stage]) * len(selectors), studies * total


def tabulate_hours(config, models, dataset, arguments) -> Iterator[list[str]]:
    """Yield a row per model and stage, and the sum."""
    speed = 1e12 * arguments.tflops * arguments.utilisation
    total = 0.0
    for model in models:
        start = IMPORT_SECONDS + 2 * model.all_weights / (1e9 * arguments.gigabytes_per_second)
        for stage, jobs, operations in list_jobs(config, model, *dataset):
            seconds = operations / speed + jobs * start
            total += seconds
            yield [
                f"{model.name}: {stage}",
                str(jobs),
                f"{seconds / jobs / 3600:.2f}",
                f"{seconds / 3600:.1f}",
                f"{100 * jobs * start / seconds:.1f} %",
            ]
    yield ["all", "", "", f"{total / 3600:.0f}", ""]


def measure_row(kind: str) -> float:
    """Bytes per row of a table with random values, as the workflow writes it."""
    rows = 200_000
    rng = np.random.default_rng(0)
    layer, neuron = np.divmod(np.arange(rows), 20_000)
    normal = rng.standard_normal(rows)
    columns = {
        "culture": "AAA",
        "mask_culture": "AAA",
        "draw": 0,
        "strength": None,
        "layer": layer,
        "neuron": neuron,
    }
    columns |= {"fold": 0, "scope": "image", "questions": 25, "tokens": 30_000}
    columns |= {"active": rng.integers(0, 30_000, rows), "total": normal, "score": normal}
    columns |= {"total_squares": normal**2, "rank": rng.permutation(rows)}
    columns |= {"question_id": np.arange(rows).astype(str), "predicted": rng.integers(0, 4, rows)}
    columns |= {"correct": rng.random(rows) < 0.5, "non_letter_mass": normal}
    columns["option_logprobs"] = list(rng.standard_normal((rows, 4)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}.parquet"
        write_table(path, kind, {name: columns[name] for name in SCHEMAS[kind].names}, {})
        return path.stat().st_size / rows


def tabulate_disk(config, models, dataset) -> Iterator[list[str]]:
    """Yield a row per stage: rows of all its tables, and their size.

    Every hookpoint is counted as large as mlp.gate_act.
    """
    cultures, questions, images = dataset
    splits, hookpoints = len(config["cells"]["splits"]), config["extract"]["hookpoints"]
    rates = [Study(config).rates[rate] for h in hookpoints for rate in Study(config).get_rates(h)]
    neurons = len(hookpoints) * sum(model.neurons for model in models)
    cells = cultures * config["cells"]["folds"] * len(config["extract"]["scopes"])
    study = Study(config)
    masks = outcomes = 0.0
    for model in models:
        selectors = list_selectors(study, model.name, cultures, questions / 2, images / 2)
        masks += model.neurons * sum(selector.masks for selector in selectors)
        outcomes += sum(selector.masks * selector.questions for selector in selectors)
    maps = len(config["intervene"]) + sum(len(entry["strengths"]) for entry in config["steer"])
    counts = {
        "activations": neurons * cells,
        "statistics": neurons * splits * cultures,
        "scores": neurons * splits * cultures * len(config["score"]["scorers"]),
        "masks": splits * masks * sum(rates),
        "outcomes": splits * len(rates) * maps * outcomes,
    }
    for kind, rows in counts.items():
        yield [kind, f"{rows / 1e6:,.1f} million", f"{rows * measure_row(kind) / 1e9:.1f} GB"]


def print_table(header: list[str], rows: Iterator[list[str]]) -> None:
    """Print a Markdown table."""
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def main() -> None:
    """Print both tables with what they assume."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=PROJECT / "config/paper.yaml")
    parser.add_argument("--questions", type=int, default=10_374, help="of the dataset")
    parser.add_argument("--images", type=int, default=5_239, help="of the dataset")
    parser.add_argument("--tflops", type=float, default=312, help="bf16 peak; an A100's: 312")
    parser.add_argument("--utilisation", type=float, default=0.5, help="share of it, assumed")
    parser.add_argument("--gigabytes-per-second", type=float, default=1.0, help="reading weights")
    arguments = parser.parse_args()
    config = complete_config(yaml.safe_load(arguments.config.read_text()), PROJECT)
    cultures = len((PROJECT / config["dataset"]["cultures"]).read_text().splitlines()) - 1
    dataset = (cultures, arguments.questions, arguments.images)
    models = [measure_model(model) for model in config["models"]]
    print(
        f"Estimate from the work model, not measured: {arguments.questions:,} questions on "
        f"{arguments.images:,} images of {cultures} cultures; {arguments.tflops:g} TFLOP/s at "
        f"{100 * arguments.utilisation:g} %; start-up {IMPORT_SECONDS:g} s and weights at "
        f"{arguments.gigabytes_per_second:g} GB/s\n"
    )
    hours = tabulate_hours(config, models, dataset, arguments)
    print_table(["model: stage", "jobs", "GPU hours per job", "GPU hours", "start-up"], hours)
    if config["other_datasets"]:
        print(f"Not counted: the questions of {', '.join(config['other_datasets'])}.\n")
    print_table(
        ["tables", "rows", "size with random values"], tabulate_disk(config, models, dataset)
    )


if __name__ == "__main__":
    main()
