"""Texts that write down a list, as JSON or as Python does; nothing in them is run."""

import ast
import json
import warnings
from contextlib import suppress


def read_literal(text: str):
    """Read a text as JSON, or else as a literal of Python.

    Raises:
        ValueError: It is neither.
    """
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # of "\d" in a text
            return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text!r} is a list neither of JSON nor of Python") from error
