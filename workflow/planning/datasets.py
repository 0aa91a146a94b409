"""Refuse settings of a dataset that contradict each other, or what can be seen of its files.

Planning code: no numerical library is imported here.
"""

import os

from culture_neurons.dataset.columns import PLACES, list_columns, list_names
from culture_neurons.dataset.sources import DatasetError, find_columns, find_source, find_splits
from planning.errors import ConfigError, suggest_name
from planning.paths import refuse_revision, require_cultures, require_dataset, require_file


def check_dataset(key: str, dataset: dict) -> list[str]:
    """Check a dataset's settings; return the codes of its cultures, none where it has none.

    Args:
        key: Config key of the dataset.
        dataset: Its settings, complete.

    Raises:
        ConfigError: The first that is wrong, with key, value, and what was expected.
    """
    source = dataset["source"]
    require_dataset(f"{key}.source", source)
    refuse_revision(f"{key}.revision", dataset["revision"], source)
    if dataset["name"] is not None and find_source(source).form != "hub":
        raise ConfigError(
            f"config key '{key}.name' is {dataset['name']!r}, but {source!r} is on this machine; "
            "expected null: only what lies on the Hub has configurations"
        )
    if dataset["labels"] is not None:
        labels = dataset["labels"]
        require_file(f"{key}.labels", labels, "a CSV file with the columns ID,Label")
    root = dataset["image_root"]
    if root is not None and not os.path.isdir(root):
        raise ConfigError(
            f"config key '{key}.image_root' is {root!r}; expected a folder in which the pictures' "
            f"paths start, but there is none (relative paths start from {os.getcwd()})"
        )
    _check_splits(key, dataset)
    _check_options(key, dataset)
    _check_columns(key, dataset)
    if dataset["cultures"] is None:
        return []
    return require_cultures(f"{key}.cultures", dataset["cultures"])


def _check_splits(key: str, dataset: dict) -> None:
    """Splits that can be seen must be there; a file alone says none, so it is of one."""
    splits, known = list_names(dataset["split"]), find_splits(dataset["source"])
    if known:
        missing = [split for split in splits if split not in known]
        if missing:
            raise ConfigError(
                f"config key '{key}.split' has {missing}; expected one of the splits of "
                f"{dataset['source']}, or a list{suggest_name(missing[0], known)}"
            )
    if known == [] and len(splits) > 1:
        raise ConfigError(
            f"config key '{key}.split' is {splits}, but {dataset['source']} is one file; expected "
            "one split, under any name"
        )


def _check_options(key: str, dataset: dict) -> None:
    for prompt, text in dataset["columns"]["texts"].items():
        columns = text["options"]
        if isinstance(columns, str):
            continue
        many = [count for count in dataset["option_counts"] if count > len(columns)]
        if many:
            raise ConfigError(
                f"config key '{key}.columns.texts.{prompt}.options' lists {len(columns)} columns, "
                f"but {key}.option_counts has {many[0]}; expected a column for each option"
            )


def _check_columns(key: str, dataset: dict) -> None:
    """Of CSV and TSV files the columns can be seen."""
    try:
        known = find_columns(dataset["source"])
    except DatasetError as error:
        text = " ".join(str(error).removeprefix("dataset.source ").split())
        raise ConfigError(f"config key '{key}.source': {text}") from error
    if known is None:
        return
    named = list_columns(dataset["columns"], cultures=dataset["cultures"] is not None)
    missing = [name for name in named if name not in known and name not in PLACES]
    if missing:
        raise ConfigError(
            f"config key '{key}.columns' names {missing}; expected columns that every file of "
            f"{dataset['source']} has{suggest_name(missing[0], known)}"
        )
