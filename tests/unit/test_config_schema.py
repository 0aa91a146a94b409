"""Config and schema say the same, and no mutation of the config escapes the check."""

import copy
import functools
import random
import re

import pytest
import yaml
from config_mutations import DEFAULT, ROOT, mutate

from planning import config as config_check
from planning.config import ConfigError, complete_config

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture(autouse=True)
def _repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(config_check, "read_schema", lambda _: copy.deepcopy(SCHEMA))  # slow


def schema_keys(schema, path=""):
    """Dotted keys of the schema; list entries as []."""
    keys = set()
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        keys |= {here} | schema_keys(part, here) | schema_keys(part.get("items", {}), f"{here}[]")
    return keys


def config_keys(value, known, path=""):
    """Dotted keys of a config, down to the keys that the user may choose freely."""
    keys = set()
    if isinstance(value, dict):
        for name, part in value.items():
            here = f"{path}.{name}" if path else name
            keys.add(here)
            if any(key.startswith((f"{here}.", f"{here}[]")) for key in known):
                keys |= config_keys(part, known, here)
    elif isinstance(value, list):
        for part in value:
            keys |= config_keys(part, known, f"{path}[]")
    return keys


def key_lines(node, path=""):
    """Yield the dotted keys of a YAML tree with their lines, from 0; list entries as []."""
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from key_lines(part, f"{path}[]")
    elif isinstance(node, yaml.MappingNode):
        for key, part in node.value:
            here = f"{path}.{key.value}" if path else key.value
            yield here, key.start_mark.line
            yield from key_lines(part, here)


def parts_of(schema, path="config"):
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}", name, part, schema
        yield from parts_of(part, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts_of(schema[key], f"{path}[]")


def test_demo_config_and_schema_have_the_same_keys():
    known = schema_keys(SCHEMA)
    found = config_keys(DEFAULT, known)
    assert found <= known
    text = (ROOT / "config/config.yaml").read_text()
    for key in known - found:  # of a list that the demo leaves empty: a comment shows an entry
        above, _, name = key.rpartition("[].")
        assert functools.reduce(dict.get, above.split("."), DEFAULT) == [], key
        assert re.search(rf"^ *#   .*\b{name}: ", text, flags=re.MULTILINE), key


def test_every_key_of_the_demo_config_has_a_comment():
    """In its line or above it, where it stands first: later entries of a list repeat keys."""
    text = (ROOT / "config/config.yaml").read_text()
    lines = text.splitlines()
    first = {}
    for key, line in key_lines(yaml.compose(text)):
        first.setdefault(key, line)
    keys = first.keys() & schema_keys(SCHEMA) - DEFAULT.keys()  # sections speak for themselves
    assert len(keys) > 60
    for key in sorted(keys):
        line = first[key]
        assert "#" in lines[line] or lines[line - 1].lstrip().startswith("#"), key


def test_every_key_has_a_description_and_a_default_unless_it_is_required():
    for path, name, part, parent in parts_of(SCHEMA):
        assert part.get("description"), path
        if parent["type"] == "object" and name not in parent.get("required", []):
            assert "default" in part, path


def test_no_object_of_the_schema_takes_unknown_keys():
    for path, _, part, _ in parts_of(SCHEMA):
        for schema in (part, part.get("items", {})):
            if "properties" in schema:
                assert schema["additionalProperties"] is False, path


def test_two_hundred_mutations_are_completed_or_refused_by_name():
    rng = random.Random(20250131)
    refused = 0
    for number in range(250):
        config, name = mutate(rng)
        try:
            complete_config(config, ROOT)
        except ConfigError as error:
            refused += 1
            message = str(error)
            assert len(message.splitlines()) == 1, (number, message)
            assert repr(name).strip("'\"") in message, (number, name, message)
    assert refused > 100


def test_every_message_of_a_wrong_type_names_its_dotted_key():
    for key in schema_keys(SCHEMA):
        if "[]" in key:
            continue
        config = copy.deepcopy(DEFAULT)
        *path, last = key.split(".")
        functools.reduce(dict.__getitem__, path, config)[last] = object()
        with pytest.raises(ConfigError, match=f"^config key '{re.escape(key)}' is <object"):
            complete_config(config, ROOT)
