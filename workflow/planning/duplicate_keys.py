"""Refuse what reading a YAML file hides: of a key that stands twice, the first is lost silently."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml


class DuplicateKeyError(Exception):
    """A key that stands twice in a config file; the message is one line."""


def refuse_duplicate_keys(paths: Iterable[str | Path]) -> None:
    """Look through config files, as text and not as values, for keys that stand twice.

    Raises:
        DuplicateKeyError: The first such key, with both lines.
    """
    for path in paths:
        try:
            tree = yaml.compose(Path(path).read_text(encoding="utf-8"), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue  # Snakemake, which reads the values, says what is wrong
        for name, first, second in _find_duplicates(tree, "", set()):
            raise DuplicateKeyError(
                f"{path}: config key {name!r} stands in line {first} and again in line {second}; "
                "keep one"
            )


def _find_duplicates(
    node: yaml.Node | None, place: str, seen: set[int]
) -> Iterator[tuple[str, int, int]]:
    if id(node) in seen:  # an anchor may lie within itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, part in enumerate(node.value):
            yield from _find_duplicates(part, f"{place}[{index}]", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, part in node.value:
            name = f"{place}.{key.value}" if place else str(key.value)
            line = key.start_mark.line + 1
            if name in lines:
                yield name, lines[name], line
            lines[name] = line
            yield from _find_duplicates(part, name, seen)
