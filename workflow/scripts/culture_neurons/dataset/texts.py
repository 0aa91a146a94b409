"""Texts of a question as a prompt shows them, and what would make the prompt contradict itself."""

import re
import string
import unicodedata
from collections.abc import Sequence

# A line that reads as an option of the prompt ("B. milk", "(b) milk"), or as its answer.
_OPTION = re.compile(r"\s*\(?([A-Za-z])[.):]\s+(?=\S)")
_ANSWER = re.compile(r"\s*(?:correct\s+)?answer\s*:", re.IGNORECASE)


def read_text(value) -> str:
    """Read a cell as text without space around it; an empty cell, also of numbers, is ""."""
    return "" if value is None or value != value else str(value).strip()


def read_line(value) -> str:
    """Read a cell as one line of text: a line break in an option would forge another option."""
    return re.sub(r"\s*[\n\r\v\f\x85\u2028\u2029]\s*", " ", read_text(value))


def write_key(text: str) -> str:
    """Write a text as a reader sees it, to compare: case, Unicode form, and spaces do not count.

    Characters that are not seen are left out, from zero-width spaces to marks of direction.
    """
    seen = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join(seen.casefold().split())


def strip_letters(options: Sequence[str]) -> list[str]:
    """Strip the letters of options that have them, all and in order: the prompt has its own.

    Raises:
        ValueError: An option begins with a letter of the prompt's, and not all do in order.
    """
    own = string.ascii_uppercase[: len(options)]
    found = [_OPTION.match(option) for option in options]
    letters = [match[1].upper() if match else "" for match in found]
    if letters == list(own):
        return [option[match.end() :] for option, match in zip(options, found, strict=True)]
    begun = next((o for o, letter in zip(options, letters, strict=True) if letter in [*own]), None)
    if begun is not None:
        raise ValueError(f"{begun!r} begins with a letter, and not all options do in order")
    return list(options)


def find_option(label, options: Sequence[str]) -> int | None:
    """Find the option that a label is the text of, with its letter before it or without."""
    line = read_line(label)
    letter = _OPTION.match(line)
    for index, option in enumerate(options):
        if option == line:
            return index
        own = letter and letter[1].upper() == string.ascii_uppercase[index]
        if own and option == line[letter.end() :]:
            return index
    return None


def find_forged_line(text: str, options: int) -> str | None:
    """Find a line of a question that reads as one of its options, or as the answer."""
    letters = string.ascii_uppercase[:options]
    for line in text.splitlines():
        option = _OPTION.match(line)
        if _ANSWER.match(line) or (option and option[1].upper() in letters):
            return line.strip()
    return None
