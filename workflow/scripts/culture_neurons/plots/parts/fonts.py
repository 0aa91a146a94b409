"""Fonts for a dataset's own words, which may be of any script."""

from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

FIRST = "DejaVu Sans"  # comes with matplotlib: Latin, Greek, Cyrillic, Arabic, and more
_BOXES = "Last Resort"  # has every character, as a box with the name of its script


def choose_fonts(names: Sequence[str], first: str = FIRST) -> tuple[list[str], list[str]]:
    """Choose font families of this machine that together have the letters of names.

    Args:
        names: What is drawn.
        first: The family to take what it has.

    Returns:
        Families, the first one first; the names of which some letter is in no font.
    """
    families = [first]
    missing = {ord(char) for name in names for char in name if not char.isspace()}
    missing -= _read_characters(findfont(FontProperties(family=first)))
    for font in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if not missing:
            break
        if font.name.startswith(_BOXES) or font.name in families:
            continue
        found = missing & _read_characters(font.fname)
        if found:
            families.append(font.name)
            missing -= found
    return families, [name for name in names if missing & set(map(ord, name))]


def _read_characters(path: str) -> set[int]:
    """Read which characters a font file has."""
    return set(FT2Font(path).get_charmap())
