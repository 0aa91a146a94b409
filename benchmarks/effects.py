"""Time the statistics of one model at the scale of a study: bootstrap, tests, ranks, comparisons.

    python benchmarks/effects.py [--resamples 10000] [--cultures 25] [--questions 100]

Synthetic answers, as rules measure_effects and compare_scorers read them: five scorers, every mask
on every culture, four controls of 20 draws each. Reading and writing of files are not timed. Needs
the workflow's environment.
"""

import argparse
import time
from collections import defaultdict
from contextlib import contextmanager

import numpy as np
import polars as pl
from synthetic_answers import make_answers, make_questions, name_mask, put_beside

from culture_neurons.dataset.assignment import choose_questions
from culture_neurons.evaluate.comparisons import compare_scorers
from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.exchange import rank_exchanged
from culture_neurons.evaluate.pairing import pair_outcomes
from culture_neurons.evaluate.ranks import rank_effects
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import OUTCOMES
from report import describe_machine, write_result

SCORERS, CONTROLS, DRAWS = 5, 4, 20
OTHERS = 3  # questions of each other culture under a control's masks, as in config/paper.yaml
SETTINGS = {"cross": "by_mask", "confidence": 0.95, "seed": 0}
CONTROL = {"name": "random", "kind": "random", "draws": DRAWS}
TESTS = {"alpha": 0.05, "power": 0.8, "collapse": 0.1}


def make_outcomes(
    questions: pl.DataFrame,
    masks: list[MaskName],
    other_questions: int | None,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Make random answers under every mask to the questions that it is asked."""
    culture = dict(questions.select("question_id", "culture").iter_rows())
    asked = choose_questions({mask: mask.culture for mask in masks}, culture, other_questions)
    frames = []
    for mask in masks:
        own = questions.filter(pl.col("question_id").is_in(list(asked[mask])))
        frames.append(name_mask(make_answers(own, 0.65, rng), mask))
    return pl.concat(frames)


class Stopwatch:
    """Wall-clock and CPU seconds of each step, as often as it is taken."""

    def __init__(self):
        self.taken = defaultdict(list)

    @contextmanager
    def time(self, step: str):
        """Time the block as one taking of a step."""
        begun = time.perf_counter(), time.process_time()
        yield
        ended = time.perf_counter(), time.process_time()
        self.taken[step].append(np.subtract(ended, begun))

    def tabulate(self) -> list[tuple[str, int, str, str]]:
        """List step, how often it was taken, and the seconds of all its takings; the sum last."""
        sums = {step: (len(taken), *np.sum(taken, axis=0)) for step, taken in self.taken.items()}
        wall, cpu = np.sum([seconds for _, *seconds in sums.values()], axis=0)
        rows = [*sums.items(), ("one model", (1, wall, cpu))]
        return [(step, n, f"{wall:.1f}", f"{cpu:.1f}") for step, (n, wall, cpu) in rows]


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
    draws = [MaskName(culture, draw) for culture in cultures for draw in range(DRAWS)]
    drawn = make_outcomes(questions, draws, OTHERS, rng)
    watch, scorers = Stopwatch(), {}
    for number in range(SCORERS):
        outcomes = make_outcomes(questions, list(map(MaskName, cultures)), None, rng)
        with watch.time("effects, intervals, tests of a scorer"):
            scorers[f"scorer {number}"], kept, _, _ = measure_effects(
                questions=questions,
                outcomes=put_beside(answers, outcomes),
                swapped_outcomes=put_beside(answers, outcomes),
                cultures=cultures,
                other_questions=None,
                resamples=arguments.resamples,
                **SETTINGS,
                **TESTS,
            )
        with watch.time("rank among exchanged masks"):
            for paired in scorers[f"scorer {number}"].values():
                rank_exchanged(paired, kept, SETTINGS["seed"])
        for _ in range(CONTROLS):
            with watch.time(f"ranks among {DRAWS} draws of a control"):
                ranked = {**SETTINGS, "resamples": arguments.resamples, "kept": kept}
                for name, paired in scorers[f"scorer {number}"].items():
                    asked = questions, put_beside(answers, drawn), draws, OTHERS
                    rank_effects(paired, pair_outcomes(*asked, name), draws, CONTROL, **ranked)
    with watch.time("comparisons of every two scorers"):
        for name in OUTCOMES:
            paired = {scorer: answers[name] for scorer, answers in scorers.items()}
            every = dict.fromkeys(paired, kept)
            compare_scorers(paired, every, resamples=arguments.resamples, **SETTINGS)
    facts = {
        "resamples": arguments.resamples,
        "cultures": arguments.cultures,
        "questions": len(questions),
        **describe_machine("numpy", "polars", "scipy"),
    }
    header = ("step", "times", "seconds in all", "CPU seconds")
    write_result("effects", header, watch.tabulate(), facts)


if __name__ == "__main__":
    main()
