"""Do masks matter in another dataset than that they were found on? A row per scorer and dataset."""

from collections.abc import Mapping

import polars as pl

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.report.means import spread_means, spread_ranks
from culture_neurons.report.verdicts import KEYS, NOT_SHOWN, word_left_out
from culture_neurons.storage.schemas import EXCHANGED

_MEASURES = {"self": "self", "cross_by_mask": "cross", "gap": "gap"}  # measure -> column


def judge_transfer(
    summaries: pl.DataFrame, ranks: pl.DataFrame, study: pl.DataFrame, alpha: float
) -> pl.DataFrame:
    """Judge what masks do to cultures' questions of other datasets.

    No control was asked them: a mask is compared with those of the other cultures alone.

    Args:
        summaries: Stacked `summaries` of the other datasets, with KEYS and other_dataset.
        ranks: Stacked `ranks` of them, with the same.
        study: Stacked `summaries` of the study's own dataset, with KEYS.
        alpha: Level of the ranks.

    Returns:
        Columns KEYS, other_dataset, outcome; masks, broken, left_out; in the outcome's unit self in
        the study, and self, cross, gap there, with intervals; gap_p_exchanged; verdict.
    """
    keys = [*KEYS, "other_dataset"]
    if summaries.is_empty():  # and without files of types to join by
        return summaries.select(*keys, "outcome")
    parts = []
    for outcome in OUTCOMES:
        judged = spread_means(summaries, keys, _MEASURES, outcome)
        tested = spread_ranks(ranks.filter(outcome=outcome), keys, alpha)
        own = spread_means(study, KEYS, {"self": "study_self"}, outcome)
        own = own.drop("masks", "broken", "left_out")
        judged = judged.join(tested, on=keys, how="left").join(own, on=KEYS, how="left")
        words = [_word_verdict(row, alpha) for row in judged.iter_rows(named=True)]
        parts.append(
            judged.with_columns(outcome=pl.lit(outcome), verdict=pl.Series(words, dtype=pl.String))
        )
    return pl.concat(parts, how="diagonal").sort([*keys, "outcome"])


def list_shown(
    summaries: pl.DataFrame, ranks: pl.DataFrame, study: pl.DataFrame, alpha: float, outcome: str
) -> list[tuple[str, str]]:
    """List the models and scorers whose masks have a verdict that is shown there.

    None where no ranks are, as of datasets without cultures. Arguments: see `judge_transfer`.
    """
    if ranks.is_empty():
        return []
    judged = judge_transfer(summaries, ranks, study, alpha).filter(outcome=outcome)
    shown = judged.filter(~pl.col("verdict").str.starts_with(NOT_SHOWN))
    return shown.select("model", "scorer").rows()


def _word_verdict(row: Mapping[str, object], alpha: float) -> str:
    if row["broken"] > row["left_out"]:
        return f"{NOT_SHOWN}: {row['broken']} of {row['masks']} masks break the model"
    reaching = [name for name in ("self", "gap") if not row[f"{name}_high"] < 0]
    failed = [f"{name}'s interval reaches 0" for name in reaching]
    p = row.get("gap_p_exchanged")
    failed += ["too few masks to exchange"] if p is None else []
    failed += ["gap within exchanged"] if p is not None and not p <= alpha else []
    if failed:
        return f"{NOT_SHOWN}: {', '.join(failed)}"
    words = f"own culture loses more there, beyond {EXCHANGED}"
    return words + word_left_out(row["broken"], row["masks"])
