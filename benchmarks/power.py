"""How many images must a culture have? Power of its own cell's test, by simulation.

A question has four options with normal logits of standard deviation SPREAD; the right one's is
higher by what gives the model its accuracy. A mask lowers the right option's logit on its own
culture, by the same amount whatever the accuracy: the amount that costs `--loss` points at the
accuracy 0.75. It also moves every option's logit by noise of either sign. Images have two
questions, and half of each variance is the image's. A culture is found where q of its own cell,
among 25 own cells alike, is at most 0.05.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from culture_neurons.evaluate.significance import adjust_p, mcnemar, sign_flip
from report import describe_machine, write_result

CULTURES, PER_IMAGE, OPTIONS = 25, 2, 4
SPREAD = 1.5  # of options' logits
ACCURACIES, NOISES = (0.3, 0.5, 0.75, 0.9), (0.1, 0.3, 1.0)  # noise: nats, standard deviation
PUBLISHED = 0.75  # accuracy at which `--loss` holds
FLIPS, ALPHA, POWER, MOST = 1000, 0.05, 0.8, 4096  # MOST: images
PRECISION = 0.05  # of a number of images, relative


def draw_logits(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    """Draw normal numbers (*shape, PER_IMAGE, OPTIONS); half of the variance is the image's."""
    image = rng.normal(size=(*shape, 1, OPTIONS))
    return spread * (image + rng.normal(size=(*shape, PER_IMAGE, OPTIONS))) / np.sqrt(2)


def read_answers(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read whether the first option, the right one, is chosen, and its log-probability."""
    logp = logits[..., 0] - np.log(np.exp(logits).sum(axis=-1))
    return logits.argmax(axis=-1) == 0, logp


def shift_right(logits: np.ndarray, shift: float) -> np.ndarray:
    """Add to the right option's logit."""
    return logits + shift * (np.arange(OPTIONS) == 0)


def solve(function: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Find where an increasing function reaches a target, by bisection."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return high


def find_power(
    rng: np.random.Generator, images: int, lead: float, drop: float, noise: float, studies: int
) -> np.ndarray:
    """Simulate studies: the share of own cells found by accuracy, and by log-probability."""
    found = []
    for _ in range(studies):
        before = shift_right(draw_logits(rng, (CULTURES, images), SPREAD), lead)
        after = shift_right(before + draw_logits(rng, (CULTURES, images), noise), -drop)
        (right, logp), (right_after, logp_after) = map(read_answers, (before, after))
        net = (right_after.astype(int) - right).sum(axis=-1)  # (cultures, images)
        sums = (logp_after - logp).sum(axis=-1)
        p = [
            mcnemar((net < 0).sum(axis=1), (net > 0).sum(axis=1)),
            sign_flip(sums.T, FLIPS, [int(rng.integers(2**32))]),
        ]
        means = net.mean(axis=1), sums.mean(axis=1)
        losses = [
            (adjust_p(each) <= ALPHA) & (mean < 0) for each, mean in zip(p, means, strict=True)
        ]
        found.append([loss.mean() for loss in losses])
    return np.mean(found, axis=0)


def find_images(power: Callable[[int], float]) -> int:
    """Find the number of images from which on the power is POWER, to PRECISION; MOST at most."""
    low, high = 4, 8
    while high < MOST and power(high) < POWER:
        low, high = high, 2 * high
    while high - low > max(1, PRECISION * high):
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def tabulate(loss: float, studies: int) -> Iterator[list]:
    """Yield a row per accuracy and noise."""
    rng = np.random.default_rng(0)
    sample = draw_logits(rng, (40_000,), SPREAD)
    drop = find_lead(sample, PUBLISHED) - find_lead(sample, PUBLISHED - loss)
    for accuracy, noise in product(ACCURACIES, NOISES):
        lead = find_lead(sample, accuracy)
        moved = sample + draw_logits(rng, (len(sample),), noise)
        before, after = (
            read_answers(shift_right(logits, by))
            for logits, by in ((sample, lead), (moved, lead - drop))
        )
        points, nats = (
            float(y.mean(dtype=float) - x.mean(dtype=float))
            for x, y in zip(before, after, strict=True)
        )
        row = [accuracy, noise, f"{100 * points:.1f}", f"{nats:.2f}"]
        yield row + count_images(lead, drop, noise, studies)


def find_lead(sample: np.ndarray, accuracy: float) -> float:
    """Find by how much the right option's logit is higher at an accuracy."""

    def measure_accuracy(lead: float) -> float:
        return float(read_answers(shift_right(sample, lead))[0].mean())

    return solve(measure_accuracy, accuracy, -9, 9)


def count_images(lead: float, drop: float, noise: float, studies: int) -> list[str]:
    """Count the images that each outcome needs, and say how often noise alone is found there."""

    def simulate(count: int, drop: float) -> np.ndarray:
        return find_power(np.random.default_rng([1, count]), count, lead, drop, noise, studies)

    columns = []
    for outcome in range(2):
        images = find_images(lambda count, outcome=outcome: simulate(count, drop)[outcome])
        alone = simulate(images, 0.0)[outcome]
        columns += [str(images) if images < MOST else f"{MOST} or more", f"{100 * alone:.0f} %"]
    return columns


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", type=float, default=0.06, help="of accuracy, at 0.75")
    parser.add_argument("--studies", type=int, default=40, help=f"of {CULTURES} cultures each")
    arguments = parser.parse_args()
    header = ("accuracy", "noise, nats", "change, points", "change, nats")
    header += ("images by accuracy", "noise found", "images by log-probability", "noise found")
    facts = {
        "power": f"{POWER}, of own cells at q <= {ALPHA} among {CULTURES}",
        "loss at an accuracy of 0.75": arguments.loss,
        "studies per number of images": arguments.studies,
        "flipped signs": FLIPS,
        **describe_machine("numpy", "scipy"),
    }
    write_result("power", header, list(tabulate(arguments.loss, arguments.studies)), facts)


if __name__ == "__main__":
    main()
