"""Which columns of a dataset the config names; what a row's place says stands in some of them.

Planning asks too, so this module is stdlib only.
"""

from collections.abc import Mapping, Sequence

# Words that stand for the configuration, split, and file (its name without ending) that a row is
# of, and for its number there, from 0; but where the dataset has a column of this name.
PLACES = ("name", "split", "file", "row")


def list_names(names: str | Sequence[str]) -> list[str]:
    """List the names of a column, or of several that are read together."""
    return [names] if isinstance(names, str) else list(names)


def list_columns(columns: Mapping, *, cultures: bool) -> list[str]:
    """List the columns that are read.

    Args:
        columns: The config's dataset.columns; image_id and category may be missing or None.
        cultures: Whether the questions have cultures.
    """
    named = [*list_names(columns["id"]), columns["image"], columns["label"]]
    named += list_names(columns["subset"]) if cultures else []
    for key in ("category", "image_id"):
        named += list_names(columns.get(key) or [])
    for text in columns["texts"].values():
        named += [text["question"], *list_names(text["options"])]
    return named
