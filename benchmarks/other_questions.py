"""What asking a sample of other cultures' questions saves, and what it costs in interval width.

    python benchmarks/other_questions.py [--studies 40] [--cultures 25] [--questions 100]
        [--resamples 1000]

Simulated answers: a mask flips some answers of its own culture and few of others, both ways. The
widths are means over simulated studies. Needs the workflow's environment.
"""

import argparse

import numpy as np
import polars as pl
from synthetic_answers import make_answers, make_questions, name_mask, put_beside

from culture_neurons.evaluate.pairing import pair_outcomes
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.evaluate.summaries import summarise_effects
from culture_neurons.neurons import MaskName
from report import describe_machine, write_result

LOST_OWN, LOST_OTHER, WON = 0.2, 0.03, 0.03  # probabilities of a flip
SAMPLES = (None, 50, 20, 15, 10, 5, 3)
MEASURES = ("cross_by_mask", "gap")


def flip_answers(
    questions: pl.DataFrame, answers: pl.DataFrame, masks: list[str], rng: np.random.Generator
) -> pl.DataFrame:
    """Make answers under masks by flipping some of the unmodified model's."""
    right = answers["correct"].to_numpy()
    frames = []
    for mask in masks:
        lost = np.where(questions["culture"].to_numpy() == mask, LOST_OWN, LOST_OTHER)
        flipped = rng.random(len(right)) < np.where(right, lost, WON)
        frames.append(name_mask(answers.with_columns(correct=right ^ flipped), MaskName(mask)))
    return pl.concat(frames)


def measure_study(questions: pl.DataFrame, resamples: int, seed: int) -> np.ndarray:
    """Simulate a study: share asked, then mean and half-width of MEASURES, (SAMPLES, 5)."""
    rng = np.random.default_rng(seed)
    answers = make_answers(questions, 0.7, rng)
    cultures = questions["culture"].unique().sort().to_list()
    outcomes = put_beside(answers, flip_answers(questions, answers, cultures, rng))
    rows, masks = [], [MaskName(culture) for culture in cultures]
    for count in SAMPLES:
        paired = pair_outcomes(questions, outcomes, masks, count)
        plain = bootstrap_cells(paired, resamples, seed)
        settings = {"cross": "by_mask", "confidence": 0.95, "seed": seed}
        unbroken = np.zeros(len(cultures))
        summary = pl.DataFrame(summarise_effects(paired, plain, unbroken, **settings))
        means = summary.filter(pl.col("culture").is_null()).rows_by_key("measure", named=True)
        found = [means[name][0] for name in MEASURES]
        widths = [(row["value"], (row["ci_high"] - row["ci_low"]) / 2) for row in found]
        rows.append([paired.asked.mean(), *np.ravel(widths)])
    return np.array(rows)


def main() -> None:
    """Simulate the studies, average what each sample size gives, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--cultures", type=int, default=25)
    parser.add_argument("--questions", type=int, default=100, help="per culture, evaluated")
    parser.add_argument("--resamples", type=int, default=1_000)
    arguments = parser.parse_args()
    questions = make_questions(arguments.cultures, arguments.questions)
    studies = range(arguments.studies)
    averages = np.mean(
        [measure_study(questions, arguments.resamples, seed) for seed in studies], axis=0
    )
    rows = [
        (
            count or "all",
            f"{asked:.3f}",
            f"{1 / asked:.1f}",
            f"{100 * cross:.2f} ± {100 * cross_half:.2f}",
            f"{100 * gap:.2f} ± {100 * gap_half:.2f}",
        )
        for count, (asked, cross, cross_half, gap, gap_half) in zip(SAMPLES, averages, strict=True)
    ]
    facts = {
        "studies": arguments.studies,
        "cultures": arguments.cultures,
        "questions per culture": arguments.questions,
        "simulated flips": f"own {LOST_OWN}, other {LOST_OTHER}, to right {WON}",
        **describe_machine("numpy", "polars"),
    }
    header = (
        "other_questions",
        "share of all answers",
        "times cheaper",
        "mean cross, points",
        "mean gap, points",
    )
    write_result("other_questions", header, rows, facts)


if __name__ == "__main__":
    main()
