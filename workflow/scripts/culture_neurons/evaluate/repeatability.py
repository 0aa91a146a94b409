"""Does the unmodified model answer again as it did? And answers that a tie decides."""

import polars as pl

from culture_neurons.evaluate.pairing import UNMODIFIED, select_mask


def count_unrepeated(answers: pl.DataFrame, outcomes: pl.DataFrame) -> int:
    """Count answers of the unmodified model that differ between two jobs.

    Batches of other shapes round differently, in half precision visibly. A mask's flips of that
    number are none of the mask's.

    Args:
        answers: question_id and predicted, of the job that asked every question.
        outcomes: Table `outcomes`, whose job asked some of them again.
    """
    again = select_mask(outcomes, UNMODIFIED).select("question_id", again="predicted")
    both = again.join(answers, on="question_id")
    return (both["again"] != both["predicted"]).sum()


def count_ties(questions: pl.DataFrame, outcomes: pl.DataFrame) -> int:
    """Count the unmodified model's answers in which another option ties with the right one.

    Args:
        questions: question_id and answer, the right option's index.
        outcomes: Table `outcomes`.
    """
    rows = select_mask(outcomes, UNMODIFIED).join(questions, on="question_id")
    return sum(
        options[right] == max(options) and options.count(options[right]) > 1
        for options, right in rows.select("option_logprobs", "answer").iter_rows()
    )
