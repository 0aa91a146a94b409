"""Time the statistics of one scorer at the scale of a study: bootstrap, tests, ranks.

    python benchmarks/effects.py [--resamples 10000] [--cultures 25] [--questions 100]

Synthetic answers, as rule measure_effects reads them: every mask on every culture, 20 draws of a
control. Needs the workflow's environment.
"""

import argparse
import time

import numpy as np
import polars as pl
from report import describe_machine, write_result
from synthetic_answers import make_answers, make_questions

from culture_neurons.effects import measure_effects, rank_effects
from culture_neurons.pairing import pair_outcomes

DRAWS = 20
SETTINGS = {"cross": "by_mask", "confidence": 0.95, "seed": 0, "alpha": 0.05, "power": 0.8}


def make_outcomes(questions: pl.DataFrame, masks: list[str], rng: np.random.Generator):
    """Make random answers under every mask."""
    frames = [
        make_answers(questions, 0.65, rng).select(pl.lit(mask).alias("mask"), pl.all())
        for mask in masks
    ]
    return pl.concat(frames)


def main() -> None:
    """Make the answers, time the steps, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--cultures", type=int, default=25)
    parser.add_argument("--questions", type=int, default=100, help="per culture, evaluated")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    questions = make_questions(arguments.cultures, arguments.questions)
    answers = make_answers(questions, 0.7, rng)
    cultures = questions["culture"].unique().sort().to_list()
    outcomes = make_outcomes(questions, cultures, rng)
    draws = [f"*/{number}" for number in range(DRAWS)]
    drawn = make_outcomes(questions, draws, rng)

    begun = time.perf_counter()
    paired, _, _ = measure_effects(
        questions=questions,
        answers=answers,
        outcomes=outcomes,
        swapped_answers=answers,
        swapped_outcomes=outcomes,
        cultures=cultures,
        others=None,
        resamples=arguments.resamples,
        **SETTINGS,
    )
    measured = time.perf_counter()
    control = pair_outcomes(questions, answers, drawn, draws)
    rank_effects(paired, control, draws, DRAWS, SETTINGS["cross"])
    ranked = time.perf_counter()
    facts = {
        "resamples": arguments.resamples,
        "cultures": arguments.cultures,
        "questions": len(questions),
        **describe_machine("numpy", "polars", "scipy"),
    }
    rows = [
        ("effects, intervals, tests of one scorer", f"{measured - begun:.1f}"),
        (f"ranks among {DRAWS} draws of a control", f"{ranked - measured:.1f}"),
    ]
    write_result("effects", ("step", "seconds"), rows, facts)


if __name__ == "__main__":
    main()
