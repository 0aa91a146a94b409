"""Peak memory of answering and extracting against the number of questions: it should not grow.

    python benchmarks/memory.py

A demo architecture with random weights; every question has a picture of its own, 300 KB of noise,
read from a table as the workflow does. Each count runs in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from report import describe_machine, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

COUNTS = (100, 1_000, 10_000)
PICTURES = 100  # files differ, contents repeat: the disk should not be the subject


def write_images(path: Path, count: int) -> None:
    """Write a table of `count` pictures as rule prepare_dataset does, four to a row group."""
    from PIL import Image

    from culture_neurons.storage.schemas import SCHEMAS
    from culture_neurons.storage.tables import write_table

    rng = np.random.default_rng(0)
    file = path.with_suffix(".png")
    kinds = []
    for _ in range(PICTURES):
        pixels = rng.integers(0, 256, (320, 320, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
        kinds.append(file.read_bytes())

    def chunks():
        for start in range(0, count, 4):
            ids = [f"i{index}" for index in range(start, min(start + 4, count))]
            values = {
                "image_id": ids,
                "bytes": [kinds[int(image_id[1:]) % PICTURES] for image_id in ids],
                "width": [320] * len(ids),
                "height": [320] * len(ids),
            }
            rest = [field.name for field in SCHEMAS["images"] if field.name not in values]
            yield values | {name: [""] * len(ids) for name in rest}

    write_table(path, "images", chunks(), {})


def run_stage(stage: str, path: Path, count: int) -> None:
    """Answer or extract `count` questions and print the peak resident memory in MB."""
    import torch

    from culture_neurons.dataset.prepared import PictureFile
    from culture_neurons.dataset.question import Question
    from culture_neurons.demo.checkpoint import build_model, build_processor
    from culture_neurons.demo.world import QUESTIONS
    from culture_neurons.engine.answering import tabulate_answers
    from culture_neurons.engine.batches import TokenBudget
    from culture_neurons.engine.feeding import Feed
    from culture_neurons.engine.recording import capture_cells
    from culture_neurons.engine.way import EVERY_WAY
    from culture_neurons.hooks.hookpoints import find_layers
    from culture_neurons.model.checkpoints import Checkpoint
    from culture_neurons.model.cpu_inference import prepare_for_cpu
    from culture_neurons.model.prompts import find_letter_tokens

    torch.set_num_threads(1)
    processor = build_processor("tiny-pangea")
    model = build_model("tiny-pangea", processor.tokenizer, seed=0).eval().requires_grad_(False)
    prepare_for_cpu(model)
    checkpoint = Checkpoint(model, processor, "random weights")
    questions = [
        Question(
            question_id=f"i{index}_0",
            culture=f"C{index % (count // 50)}",  # cells of 50 questions
            fold=0,
            image_id=f"i{index}",
            text=QUESTIONS[index % len(QUESTIONS)].text,
            options=tuple(QUESTIONS[index % len(QUESTIONS)].words[:4]),
            answer=0,
            option_order=(0, 1, 2, 3),
        )
        for index in range(count)
    ]
    feed = Feed(questions, PictureFile(path), TokenBudget(4096))
    if stage == "answers":
        table = tabulate_answers(checkpoint, feed, find_letter_tokens(processor, 4), EVERY_WAY)
        len(table.tabulate_answers()["correct"])
    else:
        layers = find_layers(model, "mlp.gate_act")
        scopes = {"image": ["image"], "text": ["question", "options"]}
        sum(cell.questions for cell in capture_cells(checkpoint, feed, layers, scopes))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure both stages at all counts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs=3, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        stage, path, count = arguments.run
        run_stage(stage, Path(path), int(count))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = Path(folder) / f"{count}.parquet"
            write_images(path, count)
            peaks = []
            for stage in ("answers", "activations"):
                command = [sys.executable, __file__, "--run", stage, str(path), str(count)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                peaks.append(f"{float(done.stdout.split()[-1]):.0f}")
            rows.append([f"{count:,}", f"{path.stat().st_size / 1e6:,.0f}", *peaks])
            path.unlink()
    facts = describe_machine("torch", "transformers", "pyarrow")
    header = ["questions", "pictures, MB", "answers, peak MB", "activations, peak MB"]
    write_result("memory", header, rows, facts)


if __name__ == "__main__":
    main()
