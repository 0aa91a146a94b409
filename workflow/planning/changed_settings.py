"""Which settings of a study are not the defaults. Planning code: no numerical library."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from planning.schema import fill_defaults


class Changed(NamedTuple):
    """A setting that is not the default; None: it is not there."""

    key: str
    value: object
    default: object


def list_changed(value: Mapping, schema: dict, default=None, key: str = "") -> list[Changed]:
    """List where a completed config differs from its schema's defaults.

    An entry of a list is named by its name: models[tiny-pangea].dtype.

    Args:
        value: The config, or a part of it.
        schema: Of the value.
        default: What the value is where nobody says anything.
        key: Of the value.
    """
    if value == default:
        return []
    is_list = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    if not value or not (is_list or isinstance(value, dict)):
        return [Changed(key, value, default)]
    parts = _name_entries(value, schema, key) if is_list else _name_parts(value, schema, key)
    known = default if isinstance(default, dict) else {}
    changed = [Changed(f"{key}.{name}", None, known[name]) for name in known if name not in value]
    for name, place, part, of_part in parts:
        usual = known[name] if name in known else fill_defaults(of_part.get("default"), of_part)
        changed += list_changed(part, of_part, usual, place)
    return changed


def _name_entries(entries: list[dict], schema: dict, key: str) -> Iterator[tuple]:
    for index, entry in enumerate(entries):
        rest = {name: entry[name] for name in entry if name != "name"}
        yield index, f"{key}[{entry.get('name', index)}]", rest, schema.get("items", {})


def _name_parts(parts: Mapping, schema: dict, key: str) -> Iterator[tuple]:
    free = schema.get("additionalProperties")
    for name, part in parts.items():
        of_part = schema.get("properties", {}).get(name, free)
        yield name, f"{key}.{name}" if key else name, part, of_part or {}
