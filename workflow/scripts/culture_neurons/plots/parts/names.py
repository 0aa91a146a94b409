"""Names of cultures beside their codes, where there is room."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from culture_neurons.plots.parts.fonts import FIRST, choose_fonts

_ROOM = 20  # characters of a label


def read_names(path: str | Path) -> dict[str, str]:
    """Read the culture file's names: code -> name, which may be empty."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["code"].strip(): (row["name"] or "").strip() for row in rows if row["code"]}


def label_cultures(codes: Sequence[str], names: Mapping[str, str] | None) -> list[str]:
    """Put names beside codes; codes stay alone if any name is too long, or of another font.

    Args:
        codes: In the order of the labels.
        names: Code -> name; a culture may have none.
    """
    labels = [f"{code} {(names or {}).get(code, '')}".rstrip() for code in codes]
    fits = max(map(len, labels), default=0) <= _ROOM and choose_fonts(labels) == ([FIRST], [])
    return labels if fits else list(codes)
