"""What a label says: which option is the right one."""

import re
import string
from collections.abc import Collection, Sequence
from numbers import Real

from culture_neurons.dataset.texts import find_option

_LETTER = re.compile(r"\s*\(?([A-Za-z])[.):]*\s*")


class LabelError(Exception):
    """A label that says none of the options."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


def find_answer(label, options: Sequence[Sequence[str]], label_is: str) -> int:
    """Find the index of the right option, which all prompts list in one order.

    Args:
        label: Of the row.
        options: Of each prompt.
        label_is: "index" of the right option from 0, "index1" from 1, its "letter", or its "text".

    Raises:
        LabelError: It says no option, or several.
    """
    count = len(options[0])
    if label_is == "text":
        found = {find_option(label, texts) for texts in options} - {None}
        if len(found) != 1:
            raise LabelError("label is no option", f"{label!r}, expected one of {list(options)}")
        return found.pop()
    index = _READERS[label_is](label)
    if index is not None and 0 <= index < count:
        return index
    last = string.ascii_uppercase[count - 1]
    if label_is == "letter":
        reason = "label is no letter" if index is None else "label out of range"
        raise LabelError(reason, f"{label!r}, expected a letter from A to {last}")
    first = 0 if label_is == "index" else 1
    expected = f"{label!r}, expected an integer from {first} to {first + count - 1}"
    if _read_letter(label) is not None:
        raise LabelError("label is a letter", f"{expected}: letters need dataset.label_is: letter")
    raise LabelError(
        "label out of range",
        f"{expected}, as dataset.label_is: {label_is} says; options' texts need "
        "dataset.label_is: text",
    )


def suspect_labels(labels: Collection[str], label_is: str) -> bool:
    """Say whether labels that are read as indices from 0 may count from 1: none of them is 0."""
    indices = {_read_index(label) for label in labels} - {None}
    return label_is == "index" and bool(indices) and 0 not in indices


def _read_index(label) -> int | None:
    """Read an index as datasets write it: 2, 2.0 (a column with gaps), or "2"; None: it is none."""
    if isinstance(label, str):
        digits = re.fullmatch(r"\s*([0-9]{1,9})(?:\.0*)?\s*", label)
        return int(digits[1]) if digits else None
    is_whole = isinstance(label, Real) and not isinstance(label, bool) and label % 1 == 0
    return int(label) if is_whole else None


def _read_ordinal(label) -> int | None:
    index = _read_index(label)
    return None if index is None else index - 1


def _read_letter(label) -> int | None:
    match = _LETTER.fullmatch(label) if isinstance(label, str) else None
    return string.ascii_uppercase.index(match[1].upper()) if match else None


_READERS = {"index": _read_index, "index1": _read_ordinal, "letter": _read_letter}
