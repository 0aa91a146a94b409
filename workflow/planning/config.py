"""Check a config before any job and fill in defaults: one clear line names what is wrong.

Planning code: no numerical library is imported here.
"""

import ast
import math
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from culture_neurons.dataset.cultures import CultureError, read_cultures
from culture_neurons.dataset.folds import identify_folds
from planning.errors import ConfigError, suggest_name
from planning.paths import require_checkpoint, require_dataset, require_file
from planning.renamed_keys import refuse_renamed_keys

PACKAGE = Path("workflow/scripts/culture_neurons")


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


def complete_config(config: dict, root: Path) -> dict:
    """Return the config with defaults filled in.

    Args:
        config: As read from the file.
        root: Folder of the Snakefile.

    Raises:
        ConfigError: The first thing that is wrong, with key, value, and what was expected.
    """
    schema_path = root / "workflow/schemas/config.schema.yaml"
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    _check_plain(config, "")
    refuse_renamed_keys(config)
    problems = sorted(
        _Validator(schema).iter_errors(config),
        key=lambda problem: (
            problem.validator != "additionalProperties",
            list(map(str, problem.path)),
        ),
    )
    if problems:
        raise ConfigError(_describe(problems[0]))
    completed = _fill_defaults(config, schema)
    _check_names(completed)
    _check_models(completed)
    _check_scopes(completed)
    _check_numbers(completed)
    for index, scorer in enumerate(completed["score"]["scorers"]):
        scorer["scorer"] = scorer["scorer"] or scorer["name"]
        _check_scorer(scorer, f"score.scorers[{index}]", root)
    _check_variants(completed, root)
    _check_dataset(completed["dataset"])
    _check_imported(completed)
    return completed


def _check_plain(value, key: str) -> None:
    """Refuse what YAML can say and no result file can store: keys that are no text, NaN, dates."""
    if isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str):
                raise ConfigError(
                    f"{_name(key)} has a key {name!r} of type {type(name).__name__}; expected "
                    "text, in quotes if it looks like a number"
                )
            _check_plain(part, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check_plain(part, f"{key}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{_name(key)} is {value}; expected a finite number")
    elif value is not None and not isinstance(value, str | int | float):
        raise ConfigError(f"{_name(key)} is {value!r}; expected text (in quotes) or a number")


def _fill_defaults(value, schema: dict):
    """Copy a value with defaults filled in, keys in the schema's order and free ones by alphabet.

    Snakemake compares params as text: the order of keys in the file must not rerun anything.
    """
    if isinstance(value, list):
        return [_fill_defaults(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    completed = {}
    for key, part in known.items():
        if key in value or "default" in part:
            completed[key] = _fill_defaults(value.get(key, part.get("default")), part)
    for key in sorted(value.keys() - known.keys()):
        completed[key] = _fill_defaults(value[key], {})
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


def _check_names(config: dict) -> None:
    entries = {
        "models": config["models"],
        "intervene": config["intervene"],
        "select.controls": config["select"]["controls"],
        "select.imported": config["select"]["imported"],
        "score.scorers": config["score"]["scorers"],
    }
    named = {key: [entry["name"] for entry in entries[key]] for key in entries}
    for key, names in named.items():
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"config key {key!r}: two entries are named {twice!r}; expected names that differ"
            )
    taken = {"planted"}  # names of masks, which lie in one folder
    for key in ("select.controls", "select.imported", "score.scorers"):
        for index, name in enumerate(named[key]):
            if name in taken or "_of_" in name:
                raise ConfigError(
                    f"config key '{key}[{index}].name' is {name!r}, which paths use for a control, "
                    "imported masks, or the planted neurons; expected another name, without '_of_'"
                )
        taken.update(named[key])


def _check_imported(config: dict) -> None:
    models = [model["name"] for model in config["models"]]
    cultures = _read_codes(config["dataset"]["cultures"])
    for index, entry in enumerate(config["select"]["imported"]):
        key = f"select.imported[{index}]"
        for model, path in entry["files"].items():
            if model not in models:
                raise ConfigError(
                    f"config key '{key}.files' has {model!r}; expected one of the models"
                    f"{suggest_name(model, models)}"
                )
            require_file(f"{key}.files.{model}", path, "a .pth file of masks")
        named = [culture for culture in entry["cultures"] if culture is not None]
        for culture in named:
            if culture not in cultures or named.count(culture) > 1:
                raise ConfigError(
                    f"config key '{key}.cultures' has {culture!r}; expected each code of "
                    f"dataset.cultures once, null for others{suggest_name(culture, cultures)}"
                )


def _check_models(config: dict) -> None:
    prompts = list(config["dataset"]["columns"]["texts"])
    for index, model in enumerate(config["models"]):
        if model["prompt"] not in prompts:
            raise ConfigError(
                f"config key 'models[{index}].prompt' is {model['prompt']!r}; expected one of "
                f"dataset.columns.texts{suggest_name(model['prompt'], prompts)}"
            )
        require_checkpoint(f"models[{index}].checkpoint", model["checkpoint"])
        if model["chat_template"] is not None:
            require_file(f"models[{index}].chat_template", model["chat_template"], "a Jinja file")


def _check_scopes(config: dict) -> None:
    stored = config["extract"]["scopes"]
    wanted = {"score.scopes": config["score"]["scopes"]}
    for index, scopes in enumerate(config["sensitivity"]["scopes"]):
        wanted[f"sensitivity.scopes[{index}]"] = scopes
    for key, scopes in wanted.items():
        for index, scope in enumerate(scopes):
            if scope not in stored:
                raise ConfigError(
                    f"config key '{key}[{index}]' is {scope!r}; expected one of "
                    f"extract.scopes{suggest_name(scope, list(stored))}"
                )
    owner: dict[str, str] = {}
    for name, parts in stored.items():
        for part in parts:
            if part in owner:
                raise ConfigError(
                    f"config key 'extract.scopes': token scope {part!r} stands in two stored "
                    f"scopes, {owner[part]!r} and {name!r}; expected scopes that do not overlap, "
                    "or their sums count its tokens twice"
                )
            owner[part] = name


def _check_numbers(config: dict) -> None:
    for index, entry in enumerate(config["intervene"]):
        if (entry["kind"] == "steer") != (entry["strength"] is not None):
            raise ConfigError(
                f"config key 'intervene[{index}].strength' is {entry['strength']!r} for kind "
                f"{entry['kind']!r}; expected a number for steer, null for the others"
            )
    cells = config["cells"]
    if cells["floor"] > cells["cap"]:
        raise ConfigError(
            f"config key 'cells.floor' is {cells['floor']}; expected cells.cap = {cells['cap']} or "
            "less"
        )
    known: dict[tuple, int] = {}
    for index, seed in enumerate(cells["splits"]):
        first = known.setdefault(tuple(identify_folds(cells["folds"], seed)), seed)
        if first != seed:
            raise ConfigError(
                f"config key 'cells.splits[{index}]' is {seed}, which divides {cells['folds']} "
                f"folds as {first} does; expected another seed"
            )
    names: dict[str, float] = {}
    for index, rate in enumerate(config["select"]["rates"]):
        name = f"r{rate:g}"  # as in paths
        if name in names:
            raise ConfigError(
                f"config key 'select.rates[{index}]' is {rate!r}, which paths name {name!r} as "
                f"they do {names[name]!r}; expected rates that differ in six digits"
            )
        names[name] = rate


def _check_scorer(entry: dict, key: str, root: Path) -> None:
    folder = root / PACKAGE / "scorers"
    name = entry["scorer"]
    known = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    where = f"config key '{key}.scorer' (or name)"
    if name not in known:
        raise ConfigError(
            f"{where} is {name!r}; expected a file of {PACKAGE / 'scorers'}"
            f"{suggest_name(name, known)}"
        )
    try:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise ConfigError(
            f"{where} is {name!r}, but scorers/{name}.py is not Python ({error})"
        ) from error
    function = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name),
        None,
    )
    if function is None:
        raise ConfigError(
            f"{where} is {name!r}; expected scorers/{name}.py to have a function of this name"
        )
    wanted = {argument.arg: argument.annotation for argument in function.args.kwonlyargs}
    _check_options(entry["options"], wanted, f"{key}.options", f"scorer {name!r}")


def _check_variants(config: dict, root: Path) -> None:
    scorers = {scorer["name"]: scorer for scorer in config["score"]["scorers"]}
    for index, variant in enumerate(config["sensitivity"]["variants"]):
        key, name = f"sensitivity.variants[{index}]", variant["scorer"]
        if name not in scorers:
            raise ConfigError(
                f"config key '{key}.scorer' is {name!r}; expected one of "
                f"score.scorers{suggest_name(name, list(scorers))}"
            )
        _check_scorer({**scorers[name], "options": variant["options"]}, key, root)
        if variant["options"] == scorers[name]["options"]:
            raise ConfigError(
                f"config key '{key}.options' is what {name!r} has under score.scorers; expected "
                "other options to compare with"
            )


def _check_options(
    options: dict, wanted: dict[str, ast.expr | None], key: str, scorer: str
) -> None:
    for option in options:
        if option not in wanted:
            raise ConfigError(
                f"config key {f'{key}.{option}'!r} is unknown to {scorer}"
                f"{suggest_name(option, list(wanted))}"
            )
    for option, annotation in wanted.items():
        where = f"config key '{key}.{option}'"
        meaning = ast.unparse(annotation) if annotation else "a value"
        if option not in options:
            raise ConfigError(f"{where} is missing; {scorer} expects {meaning}")
        if annotation and not _fits(options[option], annotation):
            raise ConfigError(f"{where} is {options[option]!r}; {scorer} expects {meaning}")


def _fits(value, annotation: ast.expr) -> bool:
    """Check a value against Literal[...], float, int, str, bool, None, or |; others take any."""
    if isinstance(annotation, ast.BinOp):
        return _fits(value, annotation.left) or _fits(value, annotation.right)
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return value is None
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        choices = ast.literal_eval(annotation.slice)
        choices = choices if isinstance(choices, tuple) else (choices,)
        return any(type(value) is type(choice) and value == choice for choice in choices)
    kinds = {"float": (int, float), "int": int, "str": str, "bool": bool}
    name = ast.unparse(annotation)
    if isinstance(value, bool) and name in ("float", "int"):
        return False
    return isinstance(value, kinds.get(name, object))


def _check_dataset(dataset: dict) -> None:
    _read_codes(dataset["cultures"])
    require_dataset("dataset.source", dataset["source"])
    if dataset["labels"] is not None:
        require_file("dataset.labels", dataset["labels"], "a CSV file with the columns ID,Label")


def _read_codes(path: str) -> list[str]:
    try:
        return sorted(set(read_cultures(path).values()))
    except CultureError as error:
        text = " ".join(str(error).splitlines())
        raise ConfigError(f"config key 'dataset.cultures': {text}") from error
