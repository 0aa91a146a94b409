"""What asking a sample of other cultures' questions saves, and what it costs in interval width.

    python benchmarks/others.py [--cultures 25] [--questions 100] [--resamples 2000]

Simulated answers: a mask flips some answers of its own culture and few of others, both ways.
Needs the workflow's environment.
"""

import argparse

import numpy as np
import polars as pl
from report import describe_machine, write_result
from synthetic_answers import make_answers, make_questions

from culture_neurons.effects import summarise_effects
from culture_neurons.pairing import pair_outcomes
from culture_neurons.resampling import bootstrap_cells

LOST_OWN, LOST_OTHER, WON = 0.2, 0.03, 0.03  # probabilities of a flip
SAMPLES = (None, 50, 20, 15, 10, 5)


def flip_answers(
    questions: pl.DataFrame, answers: pl.DataFrame, masks: list[str], rng: np.random.Generator
) -> pl.DataFrame:
    """Make answers under masks by flipping some of the unmodified model's."""
    right = answers["correct"].to_numpy()
    frames = []
    for mask in masks:
        lost = np.where(questions["culture"].to_numpy() == mask, LOST_OWN, LOST_OTHER)
        flipped = rng.random(len(right)) < np.where(right, lost, WON)
        frames.append(answers.with_columns(mask=pl.lit(mask), correct=right ^ flipped))
    return pl.concat(frames)


def main() -> None:
    """Make the answers, summarise them for every sample size, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cultures", type=int, default=25)
    parser.add_argument("--questions", type=int, default=100, help="per culture, evaluated")
    parser.add_argument("--resamples", type=int, default=2_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    questions = make_questions(arguments.cultures, arguments.questions)
    answers = make_answers(questions, 0.7, rng)
    cultures = questions["culture"].unique().sort().to_list()
    outcomes = flip_answers(questions, answers, cultures, rng)
    rows = []
    for others in SAMPLES:
        paired = pair_outcomes(questions, answers, outcomes, cultures, others)
        plain, smooth = (
            bootstrap_cells(paired, arguments.resamples, 0, smooth=flag) for flag in (False, True)
        )
        summary = pl.DataFrame(
            summarise_effects(paired, plain, smooth, cross="by_mask", confidence=0.95, seed=0)
        )
        means = {
            row["measure"]: row
            for row in summary.filter(pl.col("culture").is_null()).iter_rows(named=True)
        }
        widths = [
            f"{means[name]['value'] * 100:.2f} +- "
            f"{(means[name]['ci_high'] - means[name]['ci_low']) * 50:.2f}"
            for name in ("cross_by_mask", "gap")
        ]
        asked = paired.asked.mean()
        rows.append((others or "all", f"{asked:.3f}", f"{1 / asked:.1f}", *widths))
    facts = {
        "cultures": arguments.cultures,
        "questions per culture": arguments.questions,
        "simulated flips": f"own {LOST_OWN}, other {LOST_OTHER}, to right {WON}",
        **describe_machine("numpy", "polars"),
    }
    header = ("others", "share of all answers", "times cheaper", "mean cross, points", "mean gap")
    write_result("others", header, rows, facts)


if __name__ == "__main__":
    main()
