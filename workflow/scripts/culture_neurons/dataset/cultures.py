"""The culture file: code, name, and the dataset subsets that form each culture.

A subset is what rows say of their culture, as a tuple of texts: ("Sinhala", "Sri Lanka"), a
language and a country, or ("Sri Lanka",).
"""

import csv
import re
from collections.abc import Collection
from itertools import combinations
from pathlib import Path

from culture_neurons.dataset.literals import read_literal

LONGEST_CODE = 12
CODE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_CODE - 1}}}")
COLUMNS = ("code", "name", "subsets")


# What two cultures share, by relate_cultures.
LANGUAGE, COUNTRY, BOTH, NEITHER = "same language", "same country", "both", "neither"


class CultureError(Exception):
    """A culture file that cannot be used."""


def parse_subset(text: str) -> tuple[str, ...]:
    """Parse a subset, written as CVQA's "('Sinhala', 'Sri_Lanka')" or as a plain "Sri Lanka".

    Raises:
        ValueError: The text is empty, or begins with a bracket and is no list of texts.
    """
    text = text.strip()
    parts = read_literal(text) if text[:1] in ("(", "[", "{") else (text,)
    if not isinstance(parts, tuple | list) or not all(isinstance(p, str) and p for p in parts):
        raise ValueError(
            f"{text!r} is neither a name nor a list of names, as ('language', 'country') is"
        )
    if not parts:
        raise ValueError(f"{text!r} names nothing")
    return tuple(part.replace("_", " ") for part in parts)


def read_cultures(path: str | Path) -> dict[tuple[str, ...], str]:
    """Read a culture file: subset -> culture code; all subsets have as many parts.

    Raises:
        CultureError: The file or a column is missing, a code or subset occurs twice, a culture
            has no subset, a subset cannot be parsed, or subsets differ in their number of parts.
    """
    codes: set[str] = set()
    subsets: dict[tuple[str, ...], str] = {}
    for line, row in _read_rows(path):
        code = (row["code"] or "").strip()
        if code and not CODE.fullmatch(code):
            raise CultureError(
                f"{path}, line {line}: code {code!r}; expected up to {LONGEST_CODE} letters of "
                "ASCII, digits, '-', or '_', a letter or digit first: codes stand in tables and "
                "figures; the column `name` may hold anything"
            )
        if not code or code in codes:
            raise CultureError(f"{path}, line {line}: code {code!r} is empty or occurs twice")
        codes.add(code)
        texts = [part.strip() for part in (row["subsets"] or "").split(";") if part.strip()]
        if not texts or None in row:  # None: DictReader's key for fields beyond the header
            raise CultureError(
                f"{path}, line {line}: culture {code!r} has no subset or too many fields; "
                f"expected the tab-separated columns {list(COLUMNS)}, with ';' between subsets"
            )
        for text in texts:
            try:
                subset = parse_subset(text)
            except ValueError as error:
                raise CultureError(f"{path}, line {line}: subset {error}") from error
            if subset in subsets:
                raise CultureError(f"{path}, line {line}: subset {text} occurs twice")
            first = next(iter(subsets), subset)
            if len(subset) != len(first):
                raise CultureError(
                    f"{path}, line {line}: subset {text} has {len(subset)} part(s), an earlier one "
                    f"{len(first)}: {first}; expected all to be written alike, as the dataset does"
                )
            subsets[subset] = code
    if len(codes) < 2:
        raise CultureError(f"{path}: {len(codes)} culture(s); expected two or more")
    return subsets


def read_names(path: str | Path) -> dict[str, str]:
    """Read a culture file's names for people: code -> name, which may be empty.

    Raises:
        CultureError: The file or a column is missing.
    """
    rows = [row for _, row in _read_rows(path) if row["code"]]
    return {row["code"].strip(): (row["name"] or "").strip() for row in rows}


def relate_cultures(first: Collection[tuple], second: Collection[tuple]) -> str:
    """Say what two cultures of these subsets share; none but (language, country) tells."""
    language, country = (
        {subset[part] for subset in first if len(subset) == 2}
        & {subset[part] for subset in second if len(subset) == 2}
        for part in (0, 1)
    )
    if language and country:
        return BOTH
    return LANGUAGE if language else COUNTRY if country else NEITHER


def has_related(path: str | Path) -> bool:
    """Say whether any two cultures of a culture file share a language or a country.

    Raises:
        CultureError: As of `read_cultures`.
    """
    pairs: dict[str, set] = {}
    for pair, code in read_cultures(path).items():
        pairs.setdefault(code, set()).add(pair)
    return any(relate_cultures(*two) != NEITHER for two in combinations(pairs.values(), 2))


def _read_rows(path: str | Path) -> list[tuple[int, dict]]:
    """Read (line number, row) of every row that is not blank."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise CultureError(
                    f"{path}: lacks the column {missing[0]!r}; found {reader.fieldnames}, "
                    f"expected tab-separated columns {list(COLUMNS)}"
                )
            return [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, or NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise CultureError(
            f"{path}: the culture file cannot be read ({reason}); set dataset.cultures to "
            f"a tab-separated file with the columns {list(COLUMNS)}"
        ) from error
