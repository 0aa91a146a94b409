"""The error of a config that cannot be run, and its hint at a name that was meant."""

import difflib
from collections.abc import Sequence


class ConfigError(Exception):
    """A config that cannot be run; the message is one line."""


def suggest_name(name: str, known: Sequence[str]) -> str:
    """Name the known name that is nearest, if one is near, and all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(known) or "none"
    return f"; did you mean {near[0]!r}? known: {listed}" if near else f"; known: {listed}"
