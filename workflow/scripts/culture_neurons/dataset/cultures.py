"""The culture file: code, name, and the dataset subsets that form each culture."""

import ast
import csv
import re
from collections.abc import Collection
from itertools import combinations
from pathlib import Path

LONGEST_CODE = 12
CODE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_CODE - 1}}}")
COLUMNS = ("code", "name", "subsets")


# What two cultures share, by relate_cultures.
LANGUAGE, COUNTRY, BOTH, NEITHER = "same language", "same country", "both", "neither"


class CultureError(Exception):
    """A culture file that cannot be used."""


def parse_subset(text: str) -> tuple[str, str]:
    """Parse CVQA's subset, such as "('Sinhala', 'Sri_Lanka')", to ("Sinhala", "Sri Lanka").

    Raises:
        ValueError: The text is not a pair of strings.
    """
    try:
        pair = ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a pair ('language', 'country')") from error
    if not isinstance(pair, tuple | list) or list(map(type, pair)) != [str, str]:
        raise ValueError(f"{text!r} is not a pair ('language', 'country') of strings")
    language, country = pair
    return language.replace("_", " "), country.replace("_", " ")


def read_cultures(path: str | Path) -> dict[tuple[str, str], str]:
    """Read a culture file: subset (language, country) -> culture code.

    Raises:
        CultureError: The file or a column is missing, a code or subset occurs twice, a culture
            has no subset, or a subset cannot be parsed.
    """
    codes: set[str] = set()
    subsets: dict[tuple[str, str], str] = {}
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
            subsets[subset] = code
    if len(codes) < 2:
        raise CultureError(f"{path}: {len(codes)} culture(s); expected two or more")
    return subsets


def relate_cultures(first: Collection[tuple[str, str]], second: Collection[tuple[str, str]]) -> str:
    """Say what two cultures of these (language, country) pairs share."""
    language, country = (
        {pair[part] for pair in first} & {pair[part] for pair in second} for part in (0, 1)
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
