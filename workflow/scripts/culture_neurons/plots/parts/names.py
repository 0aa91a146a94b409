"""Names of cultures beside their codes, where there is room."""

from collections.abc import Mapping, Sequence

from culture_neurons.plots.parts.fonts import FIRST, choose_fonts

_ROOM = 20  # characters of a label


def label_cultures(codes: Sequence[str], names: Mapping[str, str] | None) -> list[str]:
    """Put names beside codes; codes stay alone if any name is too long, or of another font.

    Args:
        codes: In the order of the labels.
        names: Code -> name; a culture may have none.
    """
    labels = [f"{code} {(names or {}).get(code, '')}".rstrip() for code in codes]
    fits = max(map(len, labels), default=0) <= _ROOM and choose_fonts(labels) == ([FIRST], [])
    return labels if fits else list(codes)
