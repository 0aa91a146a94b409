"""Hold a config against its JSON schema: say what does not fit in one line, fill in defaults."""

import math
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from planning.errors import ConfigError, suggest_name


def _match_whole(_validator, pattern, value, _schema):
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern}")


# JSON Schema takes 4.0 for an integer, which range() refuses, and Python's "$" lets a name end in
# a line break.
_Validator = validators.extend(
    Draft202012Validator,
    {"pattern": _match_whole},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def read_schema(root: Path) -> dict:
    """Read the schema of configs; `root` is the folder of the Snakefile."""
    path = root / "workflow/schemas/config.schema.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def check_schema(config: dict, schema: dict) -> None:
    """Refuse a config that the schema does not allow.

    Raises:
        ConfigError: The first problem, an unknown key before all others.
    """
    problems = sorted(
        _Validator(schema).iter_errors(config),
        key=lambda problem: (
            problem.validator != "additionalProperties",
            list(map(str, problem.path)),
        ),
    )
    if problems:
        raise ConfigError(_describe(problems[0]))


def check_plain(value, key: str = "") -> None:
    """Refuse what YAML can say and no result file can store: keys that are no text, NaN, dates.

    Raises:
        ConfigError: The first such value below `key`.
    """
    if isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str):
                raise ConfigError(
                    f"{_name(key)} has a key {name!r} of type {type(name).__name__}; expected "
                    "text, in quotes if it looks like a number"
                )
            check_plain(part, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            check_plain(part, f"{key}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{_name(key)} is {value}; expected a finite number")
    elif value is not None and not isinstance(value, str | int | float):
        raise ConfigError(f"{_name(key)} is {value!r}; expected text (in quotes) or a number")


def fill_defaults(value, schema: dict):
    """Copy a value with defaults filled in, keys in the schema's order and free ones by alphabet.

    Snakemake compares params as text: the order of keys in the file must not rerun anything.
    """
    if isinstance(value, list):
        return [fill_defaults(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    completed = {}
    for key, part in known.items():
        if key in value or "default" in part:
            completed[key] = fill_defaults(value.get(key, part.get("default")), part)
    free = schema.get("additionalProperties")
    for key in sorted(value.keys() - known.keys()):
        completed[key] = fill_defaults(value[key], free if isinstance(free, dict) else {})
    return completed


def _name(key: str) -> str:
    return f"config key {key!r}" if key else "the config"


def _describe(problem) -> str:
    path = _dotted(problem.absolute_path)
    value = problem.instance
    schema = problem.schema
    if problem.validator == "additionalProperties":
        known = list(schema["properties"])
        name = next(key for key in value if key not in known)
        where = f"{path}.{name}" if path else name
        return f"config key {where!r} is unknown{suggest_name(name, known)}"
    if problem.validator == "required":
        missing = next(key for key in problem.validator_value if key not in value)
        where = f"{path}.{missing}" if path else missing
        return f"config key {where!r} is missing; expected: {_meaning(schema, missing)}"
    expected = {
        "type": lambda: f"a value of type {_or(problem.validator_value)}",
        "enum": lambda: f"one of {problem.validator_value}",
        "minItems": lambda: f"a list of {problem.validator_value} or more entries",
        "minProperties": lambda: f"{problem.validator_value} or more entries",
        "uniqueItems": lambda: "no entry twice",
        "minLength": lambda: "a text that is not empty",
        "minimum": lambda: f"{problem.validator_value} or more",
        "maximum": lambda: f"{problem.validator_value} or less",
        "multipleOf": lambda: f"a multiple of {problem.validator_value}",
        "exclusiveMinimum": lambda: f"more than {problem.validator_value}",
        "exclusiveMaximum": lambda: f"less than {problem.validator_value}",
        "not": lambda: f"a value other than {problem.validator_value['const']}",
        "pattern": lambda: f"a name that matches {problem.validator_value}",
    }.get(problem.validator, lambda: problem.message)()
    hint = ""
    if problem.validator == "enum" and isinstance(value, str):
        hint = suggest_name(value, problem.validator_value)
    if problem.validator == "type" and isinstance(value, str) and _is_number(value):
        hint = "; write it without quotes, and 1e-2 as 1.0e-2 or 0.01, which YAML needs"
    return f"{_name(path)} is {value!r}; expected {expected}{hint}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _meaning(schema: dict, key: str) -> str:
    return schema["properties"][key].get("description", "a value")


def _dotted(path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _or(kinds) -> str:
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
