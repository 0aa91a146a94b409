"""Refuse keys that configs had under another name, and say what they are called now."""

from collections.abc import Iterator

from planning.errors import ConfigError

# Old key, list entries as [] -> its name now.
RENAMED = {
    "select.others": "other_questions",
    "select.controls[].others": "other_questions",
    "score.scorers[].above": "min_score",
    "score.scorers[].select": "pool",
    "intervene[].alpha": "strength",
}


def refuse_renamed_keys(config: dict) -> None:
    """Look through a config as read, of which nothing is known yet.

    Raises:
        ConfigError: The first key of `RENAMED` that the config has.
    """
    for old, new in RENAMED.items():
        for key in _find_key(config, old.split("."), ""):
            raise ConfigError(f"config key {key!r} is now called {new!r}; rename it")


def _find_key(value: object, names: list[str], above: str) -> Iterator[str]:
    """Yield the full name of a key in every place where the config has it."""
    name, is_list = names[0].removesuffix("[]"), names[0].endswith("[]")
    if not isinstance(value, dict) or name not in value:
        return
    key = f"{above}.{name}" if above else name
    if len(names) == 1:
        yield key
        return
    part = value[name]
    if not is_list:
        yield from _find_key(part, names[1:], key)
    elif isinstance(part, list):
        for index, entry in enumerate(part):
            yield from _find_key(entry, names[1:], f"{key}[{index}]")
