"""What a study shows: one row per model and scorer, with every test and what they add up to."""

from collections.abc import Mapping, Sequence

import polars as pl

from culture_neurons.outcomes import ACCURACY, LOGP, OUTCOMES
from culture_neurons.report.damage import Damage
from culture_neurons.report.means import form_change, spread_means, spread_ranks
from culture_neurons.storage.facts import STUDY

KEYS = (*STUDY, "intervention", "scorer")
# Facts of a row: those by which a published figure is found; evaluate/repeatability.py; whether
# masks are to raise an outcome, as of steering; how many masks have no neuron.
NOTED = ("checkpoint", "dataset_source", "unrepeated", "ties", "raises", "empty_masks")
NOT_SHOWN = "not shown"  # how a verdict begins that some test speaks against
_SHARED = ("masks", "broken", "left_out", "cultures")  # the same of every outcome
_EFFECTS = {"self": "self", "cross_by_mask": "cross", "gap": "gap"}  # measure -> column
_SWAPPED = {  # outcome -> the same
    ACCURACY: {name: name for name in ("relative_less_swapped", "swapped_above_chance")},
    LOGP: {},
}


def tabulate_verdicts(
    *,
    chance: pl.DataFrame,
    summaries: pl.DataFrame,
    ranks: pl.DataFrame,
    effects: pl.DataFrame,
    recovery: pl.DataFrame | None,
    published: pl.DataFrame,
    general: pl.DataFrame,
    alpha: float,
    unchanged: Mapping[str, float],
) -> pl.DataFrame:
    """Make the table of verdicts: accuracy in per cent (points), and the same of LOGP in nats.

    Args:
        chance: Of each model, from `judge_chance`.
        summaries: Stacked `summaries`, with KEYS and NOTED.
        ranks: Stacked `ranks`, with KEYS.
        effects: Stacked `effects`, with KEYS.
        recovery: Stacked `recovery`, with STUDY; None where no model is a demo's.
        published: Table of published figures: checkpoint, dataset_source, KEYS but model and
            split, published.
        general: Stacked `summaries` of datasets without cultures, with KEYS and other_dataset.
        alpha: Level of the tests.
        unchanged: Outcome -> the largest change, in tables' numbers, that counts as none.

    Returns:
        One row per model, split, rate, intervention, and scorer, with the model's checkpoint.
        Columns of LOGP begin with its name.
    """
    verdicts = summaries.select(*KEYS, *NOTED).unique().join(chance, on="model")
    for outcome, prefix in ((ACCURACY, ""), (LOGP, f"{LOGP}_")):
        damage = Damage(general, unchanged[outcome])
        judged = judge_masks(summaries, ranks, KEYS, alpha, outcome, damage)
        counted = _count_significant(effects, summaries, alpha, outcome)
        part = judged.join(counted, on=KEYS, how="left").drop([] if not prefix else _SHARED)
        part = part.rename(lambda name, prefix=prefix: name if name in KEYS else prefix + name)
        verdicts = verdicts.join(part, on=KEYS, how="left")
    at_chance = (pl.col("chance_p") > alpha) & ~pl.col("raises")
    said = pl.lit(f"{NOT_SHOWN}: answers are at chance, so no loss can be shown")
    last = ("verdict", f"{LOGP}_verdict")
    empty = pl.format("; {} of {} masks have no neuron, and change nothing", "empty_masks", "masks")
    empty = pl.when(pl.col("empty_masks") > 0).then(empty).otherwise(pl.lit(""))
    verdicts = verdicts.with_columns(
        (pl.when(at_chance).then(said).otherwise(name) + empty).alias(name) for name in last
    )
    verdicts = verdicts.sort(KEYS).select(pl.exclude("broken", *last), "broken", *last)
    if recovery is not None:
        shares = _share_recovered(recovery)
        verdicts = verdicts.join(shares, on=[*STUDY, "scorer"], how="left", maintain_order="left")
    on = [key for key in published.columns if key != "published"]
    return verdicts.join(published, on=on, how="left", maintain_order="left").drop("dataset_source")


def judge_masks(
    summaries: pl.DataFrame,
    ranks: pl.DataFrame,
    keys: Sequence[str],
    alpha: float,
    outcome: str = ACCURACY,
    damage: Damage | None = None,
) -> pl.DataFrame:
    """Judge masks by their means over cultures and their ranks, in the outcome's unit.

    Args:
        summaries: Stacked `summaries`, with keys.
        ranks: Stacked `ranks`, with keys.
        keys: Columns that tell whose masks they are.
        alpha: Level of the ranks.
        outcome: What they are judged by.
        damage: What they do to questions without a culture; None: not asked.

    Returns:
        One row per value of the keys: these, effects with intervals, rank p-values, masks, how
        many of them are broken, verdict.
    """
    judged = spread_means(summaries, keys, _EFFECTS | _SWAPPED[outcome], outcome)
    tested = spread_ranks(ranks.filter(outcome=outcome), keys, alpha)
    judged = judged.join(tested, on=keys, how="left")
    if damage is not None:
        judged = damage.join(judged, keys, outcome)
    raises = summaries.select(*keys, "raises").unique()
    rows = judged.join(raises, on=keys, maintain_order="left").iter_rows(named=True)
    words = [word_verdict(row, alpha, outcome, damage) for row in rows]
    return judged.with_columns(pl.Series("verdict", words, pl.String))


def word_verdict(
    row: Mapping[str, object], alpha: float, outcome: str = ACCURACY, damage: Damage | None = None
) -> str:
    """Say what the tests of a row show together, or which of them failed.

    What was not measured (None or NaN) shows nothing.

    Args:
        row: A row of the table of verdicts; {measure}_p_{control} are its rank p-values. Where it
            `raises`, a gain is to be shown.
        alpha: Level of the ranks.
        outcome: What it is of.
        damage: As of `judge_masks`.
    """
    broken = row["broken"] or 0
    if broken > (row["left_out"] or 0):
        return f"{NOT_SHOWN}: {broken} of {row['masks']} masks break the model"
    ranks = {
        tuple(name.split("_p_", 1)): p for name, p in row.items() if "_p_" in name and p is not None
    }
    failed = ["broken masks not measured"] if row["broken"] is None else []
    failed += [] if any(measure == "self" for measure, _ in ranks) else ["no control"]
    if not any(measure == "gap" for measure, _ in ranks):
        failed.append("too few masks to exchange, and no permuted control")
    shown = _lies_above_zero if row["raises"] else _lies_below_zero
    failed += [] if shown(row, "gap") else ["gap's interval reaches 0"]
    failed += ["self's interval reaches 0"] if row["raises"] and not shown(row, "self") else []
    failed += [
        f"{measure} within {control}"
        for (measure, control), p in ranks.items()
        if not p <= alpha  # NaN is at most nothing
    ]
    if failed:
        return f"{NOT_SHOWN}: {', '.join(failed)}"
    beyond = f"beyond {', '.join(sorted({name for _, name in ranks}))}"
    words = f"own culture loses more, {beyond}"
    if row["raises"]:
        words = f"{word_gain(row, outcome)}, {beyond}"
    words += word_left_out(broken, row["masks"])
    if row["raises"]:
        return words
    return words + (damage.word(row, outcome) if damage else "") + _word_swapped(row)


def word_left_out(broken: int, masks: int) -> str:
    """Say how many masks means leave out, if any."""
    return f"; without {broken} of {masks} masks, which break the model" if broken else ""


def word_gain(row: Mapping[str, object], outcome: str) -> str:
    """Say by how much steering raises its own culture, and what it does to others.

    Args:
        row: self and cross with their bounds, in the outcome's unit.
        outcome: What they are of.
    """
    own, others = (form_change(row, name, outcome) for name in ("self", "cross"))
    return (
        f"raises its own culture by {own} {OUTCOMES[outcome].unit} where it was chosen elsewhere; "
        f"others change by {others}"
    )


def _word_swapped(row: Mapping[str, object]) -> str:
    """Say whether the loss needs the culture's pictures, if that could be seen."""
    if "swapped_above_chance_low" not in row:
        return ""
    if row.get("swapped_above_chance_low") is None:
        return "; not tested over other pictures: a culture has none of another"
    if not row["swapped_above_chance_low"] > 0:  # NaN is above nothing
        return "; not tested over other pictures, where answers are at chance"
    if _lies_below_zero(row, "relative_less_swapped"):
        return ""
    return "; not shown to need the culture's pictures"


def _count_significant(
    effects: pl.DataFrame, summaries: pl.DataFrame, alpha: float, outcome: str
) -> pl.DataFrame:
    """Count the cultures whose own mask lowers the outcome, at a false discovery rate.

    Of masks that are to raise it, those that do.

    Masks that break the model are none of them. Beside them the mean change of own masks over
    swapped pictures: what of a loss is no culture's.
    """
    single = summaries.filter(pl.col("culture").is_not_null(), measure="self", outcome=outcome)
    broken = single.select(*KEYS, "culture", "broken", "raises")
    own = effects.filter(pl.col("mask_culture") == pl.col("culture"), outcome=outcome)
    own = own.join(broken, on=[*KEYS, "culture"], how="left")
    meant = pl.when("raises").then(pl.col("delta") > 0).otherwise(pl.col("delta") < 0)
    significant = (pl.col("q") <= alpha) & meant & (pl.col("broken") != 1)
    return own.group_by(KEYS).agg(
        (OUTCOMES[outcome].scale * pl.col("swapped_delta").mean()).alias("self_swapped"),
        pl.len().alias("cultures"),
        significant.sum().alias("cultures_significant"),
    )


def _share_recovered(recovery: pl.DataFrame) -> pl.DataFrame:
    """Share of planted neurons among the selected and the reverse, of all masks together.

    Beside them the recall of neurons that serve two cultures; null where there are none.
    """
    sums = {name: pl.col(name).sum() for name in ("hits", "selected", "planted")}
    shared = pl.when(pl.col("shared").sum() > 0).then(pl.col("shared").sum())
    return recovery.group_by(*STUDY, "scorer").agg(
        (sums["hits"] / sums["selected"]).alias("precision"),
        (sums["hits"] / sums["planted"]).alias("recall"),
        (pl.col("shared_hits").sum() / shared).alias("shared_recall"),
    )


def _lies_below_zero(row: Mapping[str, object], measure: str) -> bool:
    bound = row.get(f"{measure}_high")
    return bound is not None and bound < 0  # NaN is below nothing


def _lies_above_zero(row: Mapping[str, object], measure: str) -> bool:
    bound = row.get(f"{measure}_low")
    return bound is not None and bound > 0
