"""Refuse a config's paths at which there is nothing.

Snakemake itself does not miss an input of a job whose outputs are there: it says that nothing is to
be done. Planning code: no numerical library is imported here.
"""

import os
import re

from culture_neurons.dataset.cultures import CultureError, read_cultures
from culture_neurons.dataset.sources import EXPECTED, find_source
from culture_neurons.demo.names import (
    DEMO_CHECKPOINTS,
    DEMO_DATASETS,
    list_demo_names,
    parse_demo_name,
)
from planning.errors import ConfigError, suggest_name

# "name" or "owner/name", as the Hub checks it: all else can only be a path.
_HUB_ID = re.compile(r"(\w([\w.-]*\w)?/)?\w([\w.-]*\w)?", re.ASCII)


def require_file(key: str, path: str, expected: str) -> None:
    """Refuse a path that is no file.

    Raises:
        ConfigError: With `key`, the path, and what was expected.
    """
    if not os.path.isfile(path):
        raise ConfigError(
            f"config key {key!r} is {path!r}; expected {expected}, but there is none at this path: "
            f"{_hint(path)}"
        )


def _hint(path: str) -> str:
    """Say what to do about a path at which there is nothing."""
    if path.startswith("~"):
        return "'~' stands for no folder in a config, write the whole path"
    return f"correct it (relative paths start from {os.getcwd()})"


def require_dataset(key: str, source: str) -> None:
    """Refuse a dataset that is not there, is not made by the demo, and can be no Hub id.

    Raises:
        ConfigError: With `key`, the source, and what was expected.
    """
    made = os.path.normpath(source)
    if made in DEMO_DATASETS.values():
        if source != made:
            raise ConfigError(
                f"config key {key!r} is {source!r}; expected {made!r}, as the demo's rule writes it"
            )
        return
    is_hub_id = find_source(source).form == "hub" and _HUB_ID.fullmatch(source)
    if not is_hub_id and not os.path.exists(source):
        raise ConfigError(
            f"config key {key!r} is {source!r}; expected {EXPECTED}, but there is nothing at this "
            f"path: {_hint(source)}"
        )


def require_cultures(key: str, path: str) -> list[str]:
    """Read the codes of a file of cultures, sorted.

    Raises:
        ConfigError: With `key`, and what is wrong with the file or its absence.
    """
    try:
        return sorted(set(read_cultures(path).values()))
    except CultureError as error:
        text = " ".join(str(error).splitlines())
        raise ConfigError(f"config key {key!r}: {text}") from error


def refuse_revision(key: str, revision: str | None, source: str) -> None:
    """Refuse a revision of local files, which have none.

    Raises:
        ConfigError: With `key`, the revision, and the path.
    """
    made = os.path.normpath(source) in DEMO_DATASETS.values()
    made |= source.startswith(f"{DEMO_CHECKPOINTS}/")
    if revision is not None and (made or os.path.exists(source)):
        raise ConfigError(
            f"config key {key!r} is {revision!r}, but {source!r} is on this machine; expected "
            "null: only what lies on the Hub has revisions"
        )


def require_checkpoint(key: str, checkpoint: str) -> None:
    """Refuse a checkpoint that is no folder, is not made by the demo, and can be no Hub id.

    Raises:
        ConfigError: With `key`, the checkpoint, and what was expected.
    """
    folder, name = os.path.split(os.path.normpath(checkpoint))
    if folder == DEMO_CHECKPOINTS:
        if checkpoint != f"{folder}/{name}" or parse_demo_name(name) is None:
            raise ConfigError(
                f"config key {key!r} is {checkpoint!r}; expected '{folder}/' and the name of a "
                f"demo model{suggest_name(name, list_demo_names())}"
            )
        return
    is_hub_id = not os.path.exists(checkpoint) and _HUB_ID.fullmatch(checkpoint)
    if not is_hub_id and not os.path.isdir(checkpoint):
        raise ConfigError(
            f"config key {key!r} is {checkpoint!r}; expected a folder or a Hub id, but there is no "
            "folder at this path: " + _hint(checkpoint)
        )
