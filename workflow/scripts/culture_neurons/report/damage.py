"""General damage in words: what masks change in answers that have no culture, and in others'."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.report.means import form_change, spread_means

_LESS = "self_less"  # what a mask changes in its own culture's answers, less what in general ones


class Damage(NamedTuple):
    """What masks do to datasets without cultures.

    Attributes:
        general: Stacked `summaries` of these datasets, with keys and other_dataset.
        unchanged: The largest change that counts as none, as tables hold it.
    """

    general: pl.DataFrame
    unchanged: float

    @property
    def datasets(self) -> list[str]:
        """Name the datasets."""
        return self.general["other_dataset"].unique().sort().to_list()

    def join(self, judged: pl.DataFrame, keys: Sequence[str], outcome: str) -> pl.DataFrame:
        """Join columns on_{dataset}, the change, and self_less_{dataset}, with intervals.

        Args:
            judged: A row per value of the keys.
            keys: Columns that tell whose masks they are.
            outcome: What changes; in its unit.
        """
        for name in self.datasets:
            measures = {"general": f"on_{name}", "self_less_general": f"{_LESS}_{name}"}
            rows = self.general.filter(other_dataset=name)
            spread = spread_means(rows, keys, measures, outcome)
            spread = spread.drop("masks", "broken", "left_out")
            judged = judged.join(spread, on=keys, how="left")
        return judged

    def word(self, row: Mapping[str, object], outcome: str) -> str:
        """Say whether others and general questions are left as they were; "" if not asked.

        Args:
            row: Of `join`, with cross.
            outcome: What changes.
        """
        asked = [name for name in self.datasets if row[f"on_{name}"] is not None]
        if not asked:
            return ""
        unit, margin = OUTCOMES[outcome].unit, OUTCOMES[outcome].scale * self.unchanged
        changes = {"others": "cross", **{name: f"on_{name}" for name in asked}}
        same = [
            name
            for name, column in changes.items()
            if -margin <= row[f"{column}_low"] and row[f"{column}_high"] <= margin
        ]
        words = [
            f"{name} change by {form_change(row, column, outcome)} {unit}"
            for name, column in changes.items()
            if name not in same
        ]
        words += [f"{' and '.join(same)} unchanged (within {margin:g} {unit})"] if same else []
        words += [
            f"not shown to lose more than {name}"
            for name in asked
            if not row[f"{_LESS}_{name}_high"] < 0  # NaN is below nothing
        ]
        return "".join(f"; {part}" for part in words)
