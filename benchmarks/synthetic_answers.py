"""Synthetic questions and answers for the benchmarks of the statistics."""

import sys
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))


def name_mask(answers: pl.DataFrame, mask) -> pl.DataFrame:
    """Make outcomes of answers: whose mask they were given under (neurons.MaskName)."""
    return answers.with_columns(
        mask_culture=pl.lit(mask.culture), draw=pl.lit(mask.draw, pl.UInt32)
    )


def put_beside(answers: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Put the unmodified model's answers beside outcomes under masks, as one job does."""
    unmodified = answers.with_columns(
        mask_culture=pl.lit(None, pl.String), draw=pl.lit(None, pl.UInt32)
    )
    return pl.concat([unmodified.select(outcomes.columns), outcomes])


def make_questions(cultures: int, count: int) -> pl.DataFrame:
    """Make the evaluate questions, two per image."""
    culture = np.repeat([f"C{number:02d}" for number in range(cultures)], count)
    number = np.arange(len(culture))
    return pl.DataFrame(
        {
            "question_id": [f"q{index:06d}" for index in number],
            "image_id": [f"i{index // 2:06d}" for index in number],
            "culture": culture,
            "answer": number % 4,
        }
    )


def make_answers(questions: pl.DataFrame, accuracy: float, rng: np.random.Generator):
    """Make random answers to four options."""
    count = len(questions)
    letters = np.log(rng.dirichlet(np.ones(5), count))
    return pl.DataFrame(
        {
            "question_id": questions["question_id"],
            "predicted": rng.integers(4, size=count),
            "correct": rng.random(count) < accuracy,
            "option_logprobs": letters[:, :4].tolist(),
            "non_letter_mass": np.exp(letters[:, 4]),
        }
    )
