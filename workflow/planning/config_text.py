"""Refuse what reading YAML files hides: keys that stand twice, octal numbers, files merged.

Of a key that stands twice, the first is lost silently; 010 is read as 8.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml


class ConfigTextError(Exception):
    """A config file that would be read otherwise than it looks; the message is one line."""


def refuse_hidden(paths: Sequence[str | Path], given: Sequence[str | Path] = ()) -> None:
    """Look through config files as text, and not as values.

    Args:
        paths: All config files.
        given: Those of the command line, of which there may be one.

    Raises:
        ConfigTextError: The first thing that would be lost or misread.
    """
    if len(given) > 1:
        raise ConfigTextError(
            f"{len(given)} config files are given: {', '.join(map(str, given))}; expected one: a "
            "config is complete in itself, and files are not merged"
        )
    for path in paths:
        try:
            tree = yaml.compose(Path(path).read_text(encoding="utf-8"), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue  # Snakemake, which reads the values, says what is wrong
        for fault in _find_faults(tree, "", set()):
            raise ConfigTextError(f"{path}: config key {fault}")


def _find_faults(node: yaml.Node | None, place: str, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an anchor may lie within itself
        return
    seen.add(id(node))
    if _is_octal(node):
        yield (
            f"{place!r} is {node.value} in line {node.start_mark.line + 1}, which YAML reads as "
            f"octal: {int(node.value.replace('_', ''), 8)}; write it without the first 0"
        )
    if isinstance(node, yaml.SequenceNode):
        for index, part in enumerate(node.value):
            yield from _find_faults(part, f"{place}[{index}]", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, part in node.value:
            name = f"{place}.{key.value}" if place else str(key.value)
            line = key.start_mark.line + 1
            if name in lines:
                yield (f"{name!r} stands in line {lines[name]} and again in line {line}; keep one")
            lines[name] = line
            yield from _find_faults(part, name, seen)


def _is_octal(node: yaml.Node | None) -> bool:
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    is_number = plain and node.tag == "tag:yaml.org,2002:int"
    return bool(is_number and re.fullmatch(r"[-+]?0[0-9_]+", node.value))
