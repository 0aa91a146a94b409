"""Words of titles and notes: names in a row, numbers from to, how much was asked; not where."""

from collections.abc import Iterable, Sequence

import polars as pl

from culture_neurons.outcomes import OUTCOMES


def list_names(names: Sequence[str]) -> str:
    """Write "a", "a and b", or "a, b, and c"."""
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


def label_change(outcome: str) -> str:
    """Name an axis of changes with its unit."""
    return f"{OUTCOMES[outcome].words} change ({OUTCOMES[outcome].unit})"


def name_change(outcome: str) -> str:
    """Begin a title with a change."""
    return f"{OUTCOMES[outcome].words.capitalize()} change"


def form_number(number: float) -> str:
    """Write a number as short as it is, with a true minus."""
    return f"{number:g}".replace("-", "\N{MINUS SIGN}")


def form_span(numbers: Iterable[int]) -> str:
    """Write "9" where all numbers are equal, or "9 to 12"; "0" without any."""
    ordered = sorted(numbers) or [0]
    lowest, highest = (f"{number:,}" for number in (ordered[0], ordered[-1]))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def form_count(noun: str, numbers: Iterable[int]) -> str:
    """Write "1 culture", "9 cultures", or "9 to 12 cultures"."""
    span = form_span(numbers)
    return f"{span} {noun}" if span == "1" else f"{span} {noun}s"


def count_compared(agreements: Iterable[pl.DataFrame]) -> str:
    """Say how many cultures' masks are compared, and how many questions are behind a mask.

    Args:
        agreements: Rows of tables `reliability` or `model_pairs`; these know no questions.
    """
    frames = [frame for frame in agreements if frame.height]
    note = f"n = {form_count('culture', (frame['culture'].n_unique() for frame in frames))}"
    sizes = {
        size for frame in frames if "questions" in frame.columns for size in frame["questions"]
    }
    return f"{note}, {form_count('question', sizes)} of each" if sizes else note


def count_questions(
    effects: Iterable[pl.DataFrame],
    other_questions: int | None = None,
    own_questions: int | None = None,
) -> str:
    """Say how many questions of how many cultures changes are measured on.

    Args:
        effects: Tables `effects`, each of the masks of all cultures of one model and split.
        other_questions: So many questions of each other culture count at most; None: all.
        own_questions: The same of a mask's own culture.
    """
    frames = [frame for frame in effects if frame.height]
    cultures = form_count("culture", (frame["culture"].n_unique() for frame in frames))
    asked = pl.concat(frame.select("mask_culture", "culture", "questions") for frame in frames)
    is_own = pl.col("mask_culture") == pl.col("culture")
    own, other = (asked.filter(part)["questions"] for part in (is_own, ~is_own))
    other = other.clip(upper_bound=other_questions)
    own = own.clip(upper_bound=own_questions)
    own_count = form_count("question", own)
    if form_span(other) in (form_span(own), "0"):
        return f"n = {cultures} with {own_count} each"
    return f"n = {cultures}; {own_count} of a mask's own, {form_span(other)} of each other"
