"""Do the intervals hold? Simulated studies whose truth is known, over a grid of sizes and losses.

A mask turns right answers of its own culture wrong with the probability `loss`, those of others
with a quarter of it, and wrong answers right with a tenth of either. Losses differ between
cultures, as masks and as targets, by up to a half. Images have two questions; a share of the
questions follows its image. The truth of a single culture is what its own probabilities say; that
of a mean is the mean over all cultures like these.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import product
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # each worker is a process of its own

from culture_neurons.evaluate.intervals import bound_means, bound_singles
from culture_neurons.evaluate.measures import contrast
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import bootstrap_cells
from report import describe_machine, write_result

CULTURES, IMAGES = (2, 8, 25), (16, 20, 85)
LOSSES, ACCURACIES = (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3), (0.5, 0.75, 0.99)
MEASURES = {  # as the table names them -> measure, of a mean or of single cultures
    "mean self": ("self", True),
    "mean cross": ("cross_by_mask", True),
    "mean gap": ("gap", True),
    "self": ("self", False),
    "cross by mask": ("cross_by_mask", False),
    "cross by target": ("cross_by_target", False),
    "gap": ("gap", False),
}
OTHERS, WON, SPREAD = 0.25, 0.1, 0.5  # cross loss and wins as shares of the loss; heterogeneity
PER_IMAGE, TOGETHER = 2, 0.3  # questions, and the share of them that follows the image
LEVEL = 0.95


class Cell(NamedTuple):
    """A cell of the grid."""

    cultures: int
    images: int  # of each culture
    accuracy: float
    loss: float


def draw_luck(rng: np.random.Generator, image: np.ndarray, rows: int) -> np.ndarray:
    """Draw uniform numbers (rows, questions); some questions share their image's."""
    by_image = rng.random((rows, image.max() + 1))[:, image]
    return np.where(rng.random(len(image)) < TOGETHER, by_image, rng.random((rows, len(image))))


def draw_losses(rng: np.random.Generator, cell: Cell) -> np.ndarray:
    """Draw the probability that a mask loses a culture's right answer, (masks, cultures)."""
    own, mask, target = 1 + SPREAD * rng.uniform(-1, 1, (3, cell.cultures))
    loss = OTHERS * cell.loss * mask[:, None] * target
    np.fill_diagonal(loss, cell.loss * own)
    return loss


def expect(loss: np.ndarray, accuracy: float) -> dict[str, np.ndarray]:
    """Work out the expected measures of accuracy changes under these losses."""
    return contrast(WON * loss * (1 - accuracy) - loss * accuracy, "by_mask")


def simulate(rng: np.random.Generator, cell: Cell, loss: np.ndarray) -> PairedAnswers:
    """Simulate the answers of one study."""
    count = cell.images * PER_IMAGE
    culture = np.repeat(np.arange(cell.cultures), count)
    image = np.arange(len(culture)) // PER_IMAGE
    before = draw_luck(rng, image, 1)[0] < cell.accuracy
    luck = draw_luck(rng, image, cell.cultures)
    lost, won = luck < loss[:, culture], luck < WON * loss[:, culture]
    nothing = np.zeros(luck.shape)
    return PairedAnswers(
        outcome="accuracy",
        cultures=tuple(f"{number:02}" for number in range(cell.cultures)),
        culture=culture,
        image=image,
        before=before,
        chance=np.full(len(culture), 0.25),
        asked=np.ones(luck.shape, dtype=bool),
        gained=np.where(before, -1.0 * lost, won),
        switched=nothing != 0,
        non_letter_mass=nothing,
        letter_entropy=nothing,
    )


def cover(task: tuple[Cell, int, int]) -> np.ndarray:
    """Simulate a cell's studies: share covered, share that lies above the truth, width.

    Returns:
        (3, len(MEASURES)).
    """
    cell, studies, resamples = task
    rng = np.random.default_rng([cell.cultures, cell.images, *(round(1e3 * x) for x in cell[2:])])
    alike = np.full((cell.cultures, cell.cultures), OTHERS * cell.loss)
    np.fill_diagonal(alike, cell.loss)
    overall = {name: values.mean() for name, values in expect(alike, cell.accuracy).items()}
    kept, found = np.arange(cell.cultures), []
    for seed in range(studies):
        loss = draw_losses(rng, cell)
        paired, single = simulate(rng, cell, loss), expect(loss, cell.accuracy)
        resampled = bootstrap_cells(paired, resamples, seed)
        settings = {"cross": "by_mask", "confidence": LEVEL, "seed": seed}
        means = bound_means(paired, resampled, kept, **settings)
        singles = bound_singles(paired, resampled, **settings)
        row = []
        for measure, is_mean in MEASURES.values():
            low, high = (means if is_mean else singles)[measure]
            truth = (overall if is_mean else single)[measure]
            held = (low <= truth) & (truth <= high)
            row.append([np.mean(held), np.mean(low > truth), np.mean(high - low)])
        found.append(row)
    return np.mean(found, axis=0).T


def summarise(cells: list[Cell], covered: np.ndarray) -> Iterator[tuple]:
    """Yield a row per size of a study: the lowest coverage of each measure, and where it is."""
    for size in product(CULTURES, IMAGES):
        here = [index for index, cell in enumerate(cells) if cell[:2] == size]
        row = []
        for column in range(len(MEASURES)):
            worst = min(here, key=lambda index, column=column: covered[index, 0, column])
            cell = cells[worst]
            row.append(f"{covered[worst, 0, column]:.3f} ({cell.loss:g}, {cell.accuracy:g})")
        yield (*size, *row)


def main() -> None:
    """Simulate the grid, write the lowest coverages and the whole grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=400, help="of each cell of the grid")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    cells = [Cell(*values) for values in product(CULTURES, IMAGES, ACCURACIES, LOSSES)]
    tasks = [(cell, arguments.studies, arguments.resamples) for cell in cells]
    with Pool(arguments.workers) as pool:
        covered = np.array(pool.map(cover, tasks, chunksize=1))  # (cells, 3, measures)
    facts = {
        "studies per cell": arguments.studies,
        "resamples": arguments.resamples,
        "nominal coverage": LEVEL,
        **describe_machine("numpy"),
    }
    worst = list(summarise(cells, covered))
    header = ("cultures", "images", *(f"{name}: lowest (loss, accuracy)" for name in MEASURES))
    write_result("coverage", header, worst, facts)
    rows = [
        (*cell, *(f"{held:.3f}, {above:.3f}, {100 * width:.2f}" for held, above, width in row.T))
        for cell, row in zip(cells, covered, strict=True)
    ]
    header = (*Cell._fields, *(f"{name}: held, above the truth, width" for name in MEASURES))
    write_result("coverage_grid", header, rows, facts)


if __name__ == "__main__":
    main()
