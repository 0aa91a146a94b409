"""Options as datasets hold them: in several columns, or in one, as a list, a struct, or a text."""

import string
from collections.abc import Mapping, Sequence

from culture_neurons.dataset.literals import read_literal
from culture_neurons.dataset.texts import read_text


def read_options(row: Mapping, columns: str | Sequence[str]) -> list | None:
    """Read a row's options; None: its cell is empty.

    Args:
        row: Column -> cell.
        columns: One column, or one for each option. Empty ones at the end are no options.

    Raises:
        ValueError: The cell holds no list.
    """
    if not isinstance(columns, str):
        return _drop_empty([row[column] for column in columns])
    cell = row[columns]
    if cell is None:
        return None
    if isinstance(cell, str):
        cell = read_literal(cell)
    options = _drop_empty(_order_struct(cell)) if isinstance(cell, Mapping) else cell
    if not isinstance(options, list | tuple):
        raise ValueError(f"{cell!r} is no list")
    nested = next((option for option in options if isinstance(option, list | tuple | dict)), None)
    if nested is not None:
        raise ValueError(f"{nested!r} is no option: expected a text or a number")
    return list(options)


def _order_struct(cell: Mapping) -> list:
    """List a struct's options: keys A, B, ... in order, any others as they stand."""
    keys = list(cell)
    if all(len(key) == 1 and key.isalpha() for key in map(str, keys)):
        keys.sort(key=lambda key: str(key).upper())
        letters = list(string.ascii_uppercase[: len(keys)])
        if [str(key).upper() for key in keys] != letters:
            raise ValueError(f"{dict(cell)!r} has the keys {keys}; expected {letters}")
    return [cell[key] for key in keys]


def _drop_empty(options: list) -> list:
    while options and not read_text(options[-1]):
        options.pop()
    return options
