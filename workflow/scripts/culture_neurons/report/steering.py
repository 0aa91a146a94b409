"""What steering shows: one row per model, scorer, group of cultures, and outcome."""

from collections.abc import Mapping

import polars as pl

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.report.verdicts import KEYS, NOT_SHOWN, word_gain, word_left_out
from culture_neurons.storage.schemas import ALL_CULTURES, LOWER_HALF, OWN

_MEASURES = {"self": "self", "cross_by_mask": "cross", "cross_by_target": "other_masks"}
_BOUNDS = {"": "value", "_low": "ci_low", "_high": "ci_high"}


def judge_steering(doses: pl.DataFrame, alpha: float) -> pl.DataFrame:
    """Judge the strengths that were chosen on other questions than those that tell their effect.

    Intervals are of these cultures: that more cultures like them would gain is told by the table
    of verdicts.

    Args:
        doses: Stacked `doses`, with KEYS.
        alpha: Level of the ranks among controls.

    Returns:
        Columns KEYS, group, cultures, outcome; broken and left_out masks; in the outcome's unit
        before, self, cross, other_masks (what the other cultures' masks do to these), and of each
        control its mean and its lowest and highest draw; self_p_{control}; verdict.
    """
    means = pl.col("group").is_in([ALL_CULTURES, LOWER_HALF])
    chosen = doses.filter(pl.col("strength").is_null(), means)
    keys = [*KEYS, "group", "cultures", "outcome"]
    rows = []
    for names, part in chosen.group_by(keys, maintain_order=True):
        row = dict(zip(keys, names, strict=True))
        row |= _spread_row(part, OUTCOMES[row["outcome"]].scale)
        rows.append(row | {"verdict": _word_verdict(row, alpha)})
    return pl.DataFrame(rows).sort(keys) if rows else chosen.select(keys)


def _spread_row(part: pl.DataFrame, scale: int) -> dict[str, float | None]:
    """Spread one group's rows of one outcome to columns."""
    own, controls = part.filter(masks=OWN), part.filter(pl.col("masks") != OWN)
    row = {name: own[name][0] for name in ("broken", "left_out")}
    row |= {"before": scale * own["before"][0]}
    for measure, name in _MEASURES.items():
        (values,) = own.filter(measure=measure).to_dicts()
        row |= {f"{name}{end}": scale * values[column] for end, column in _BOUNDS.items()}
    for values in controls.filter(measure="self").iter_rows(named=True):
        name = values["masks"]
        row |= {f"{name}{end}": scale * values[column] for end, column in _BOUNDS.items()}
        row[f"self_p_{name}"] = values["rank_p"]
    return row


def _word_verdict(row: Mapping[str, object], alpha: float) -> str:
    if row["broken"] > row["left_out"]:
        return f"{NOT_SHOWN}: {row['broken']} of {row['cultures']} masks break the model"
    ranks = {name: p for name, p in row.items() if name.startswith("self_p_")}
    failed = [] if row["self_low"] > 0 else ["self's interval reaches 0"]
    failed += [f"self within {name[7:]}" for name, p in ranks.items() if not p <= alpha]
    failed += [] if ranks else ["no control"]
    if failed:
        return f"{NOT_SHOWN}: {', '.join(failed)}"
    return word_gain(row, row["outcome"]) + word_left_out(row["broken"], row["cultures"])
