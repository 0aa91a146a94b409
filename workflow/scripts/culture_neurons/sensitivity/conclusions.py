"""What a study concludes, and whether other settings lead to it: in numbers and in words.

The conclusion of a study is the sign of each scorer's gap and the order of scorers by it, as far as
tests show them at the reference.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

Pairs = list[tuple[str, str]]  # scorers that differ: lower gap, higher gap
Gaps = Mapping[str, Mapping[str, float]]  # scorer -> value, ci_high of its gap


class Conclusion(NamedTuple):
    """What the reference shows: scorers whose gap lies below 0, and scorers that differ."""

    scorers: list[str]
    pairs: Pairs


def find_conclusion(gaps: Gaps, comparisons: pl.DataFrame, alpha: float) -> Conclusion:
    """Find what the tests of the reference show.

    Args:
        gaps: Of the reference.
        comparisons: Table `comparisons` of the reference.
        alpha: Level of the comparisons, after adjustment.
    """
    scorers = [name for name, gap in gaps.items() if gap["ci_high"] < 0]
    return Conclusion(scorers, find_pairs(comparisons, alpha))


def read_gaps(frame: pl.DataFrame) -> Gaps:
    """Read scorers' gaps from rows that have one each, but for what could not be measured."""
    rows = (
        frame.filter(pl.col("value").is_finite())
        .select("scorer", "value", "ci_high")
        .iter_rows(named=True)
    )
    return {row.pop("scorer"): row for row in rows}


def find_pairs(comparisons: pl.DataFrame, alpha: float) -> Pairs:
    """Find the pairs of scorers whose gaps are shown to differ."""
    differences = comparisons.filter(pl.col("measure") == "gap", pl.col("q") <= alpha)
    return [
        (first, second) if value < 0 else (second, first)
        for first, second, value in differences.select("first", "second", "value").iter_rows()
    ]


def judge_settings(
    conclusion: Conclusion, settings: Mapping[str, Gaps], pairs: Mapping[str, Pairs]
) -> dict[str, object]:
    """Compare other settings with the reference's conclusion.

    A sign is kept where the gap is below 0, an order where it differs in the same direction; a
    scorer that a setting lacks is not counted.

    Args:
        conclusion: Of the reference.
        settings: Setting -> gaps.
        pairs: Setting -> scorers that are shown to differ there, where that was tested.

    Returns:
        Columns of the summary: numbers, and the conclusion in words.
    """
    signs, orders, lost = [], [], []
    for setting, gaps in settings.items():
        for scorer in conclusion.scorers:
            if scorer in gaps:
                signs.append((gaps[scorer]["value"], gaps[scorer]["ci_high"], setting, scorer))
        for lower, higher in conclusion.pairs:
            if lower in gaps and higher in gaps:
                kept = gaps[lower]["value"] < gaps[higher]["value"]
                orders.append(kept)
                lost += [] if kept else [f"{lower} before {higher} at {setting}"]
    at_reference = {frozenset(pair) for pair in conclusion.pairs}
    new = [
        f"{lower} before {higher} at {setting}"
        for setting, differing in pairs.items()
        for lower, higher in differing
        if frozenset((lower, higher)) not in at_reference
    ]
    reversed_signs = [f"{scorer} at {setting}" for value, _, setting, scorer in signs if value >= 0]
    weakest = max(signs, default=None)
    signs_shown = sum(high < 0 for _, high, *_ in signs)
    return {
        "signs": len(signs),
        "signs_kept": sum(value < 0 for value, *_ in signs),
        "signs_shown": signs_shown,
        "orders": len(orders),
        "orders_kept": sum(orders),
        "orders_new": len(new) if pairs else None,
        "weakest": f"gap {100 * weakest[0]:.1f}: {weakest[3]} at {weakest[2]}" if weakest else "",
        "conclusion": word_conclusion(
            len(signs), signs_shown, reversed_signs, bool(orders), lost, new
        ),
    }


def word_conclusion(
    signs: int,
    signs_shown: int,
    reversed_signs: Sequence[str],
    orders: bool,
    lost: Sequence[str],
    new: Sequence[str],
) -> str:
    """Say whether sign and order hold, where they do not, and what is shown elsewhere alone.

    A sign holds by the gap's value; beside it stands how many of the intervals show it.
    """
    if not signs:
        return "nothing to hold: no scorer's gap lies below 0 at the reference"
    holds = f"sign holds (shown in {signs_shown} of {signs})"
    words = [_list("sign fails: ", reversed_signs) if reversed_signs else holds]
    if orders:
        words.append(_list("order fails: ", lost) if lost else "order holds")
    else:
        words.append("no order shown at the reference")
    if new:
        words.append(_list("shown only here: ", new))
    return "; ".join(words)


def _list(head: str, names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return head + ", ".join(names[:3]) + rest
