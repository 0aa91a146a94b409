"""Check a scorer's entry against its file: the function, its arguments, and their annotations.

The file is read, never run: planning imports no numerical library.
"""

import ast
import operator
from collections.abc import Sequence
from pathlib import Path

from planning.errors import ConfigError, suggest_name

SCORERS = Path("workflow/scripts/culture_neurons/scorers")


def check_scorer(entry: dict, key: str, root: Path, uncounted: Sequence[str] = ()) -> dict:
    """Hold an entry's `scorer` and `options` against the scorer's file.

    Args:
        entry: An entry of score.scorers.
        key: The entry's key.
        root: Folder of the Snakefile.
        uncounted: Hookpoints of the config that have no activation probabilities.

    Returns:
        The options, with the file's defaults for those that are left out.

    Raises:
        ConfigError: There is no such file or function, the options are not its arguments, or it
            needs activation probabilities where there are none.
    """
    folder = root / SCORERS
    name = entry["scorer"]
    known = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    where = f"config key '{key}.scorer' (or name)"
    if name not in known:
        raise ConfigError(
            f"{where} is {name!r}; expected a file of {SCORERS}{suggest_name(name, known)}"
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
    defaults = dict(zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True))
    arguments = {argument.arg: argument.annotation for argument in defaults}
    given = {
        argument.arg: ast.literal_eval(default)
        for argument, default in defaults.items()
        if default is not None
    }
    options = given | entry["options"]
    _check_options(options, arguments, f"{key}.options", f"scorer {name!r}")
    if uncounted:
        _refuse_probability(options, tree, f"{key}.options", name, uncounted)
    return options


def _refuse_probability(
    options: dict, tree: ast.Module, key: str, scorer: str, uncounted: Sequence[str]
) -> None:
    """Refuse a scorer of activation probabilities where a hookpoint has none."""
    needless = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NO_PROBABILITY"
        ),
        None,
    )
    where = f"extract.hookpoints has {uncounted[0]!r}, which has none: a norm is never 0"
    if needless is None:
        raise ConfigError(
            f"config key '{key.removesuffix('.options')}': scorer {scorer!r} needs activation "
            f"probabilities, but {where}; leave the one or the other out"
        )
    for option, values in needless.items():
        if options[option] not in values:
            raise ConfigError(
                f"config key '{key}.{option}' is {options[option]!r}, with which scorer {scorer!r} "
                f"needs activation probabilities, but {where}; expected "
                f"{' or '.join('null' if value is None else str(value) for value in values)}"
            )


def _check_options(
    options: dict, arguments: dict[str, ast.expr | None], key: str, scorer: str
) -> None:
    for option in options:
        if option not in arguments:
            raise ConfigError(
                f"config key {f'{key}.{option}'!r} is unknown to {scorer}"
                f"{suggest_name(option, list(arguments))}"
            )
    for option, annotation in arguments.items():
        where = f"config key '{key}.{option}'"
        meaning = _word(annotation) if annotation else "a value"
        if option not in options:
            raise ConfigError(f"{where} is missing; {scorer} expects {meaning}")
        if annotation and not _fits(options[option], annotation):
            raise ConfigError(f"{where} is {options[option]!r}; {scorer} expects {meaning}")


def _word(annotation: ast.expr) -> str:
    """Write an annotation for people: "float with 0 <= quantile < 1 | None"."""
    if isinstance(annotation, ast.BinOp):
        return f"{_word(annotation.left)} | {_word(annotation.right)}"
    if _is_annotated(annotation):
        kind, bounds = annotation.slice.elts
        return f"{ast.unparse(kind)} with {bounds.value}"
    return ast.unparse(annotation)


def _is_annotated(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated"


def _fits(value, annotation: ast.expr) -> bool:
    """Check a value against an annotation.

    Known are Literal[...], float, int, str, bool, None, |, and Annotated[kind, "0 <= name < 1"]: a
    comparison of numbers with the option's name. Others take any value.
    """
    if isinstance(annotation, ast.BinOp):
        return _fits(value, annotation.left) or _fits(value, annotation.right)
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return value is None
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        choices = ast.literal_eval(annotation.slice)
        choices = choices if isinstance(choices, tuple) else (choices,)
        return any(type(value) is type(choice) and value == choice for choice in choices)
    if _is_annotated(annotation):
        kind, bounds = annotation.slice.elts
        return _fits(value, kind) and _lies_within(value, bounds.value)
    kinds = {"float": (int, float), "int": int, "str": str, "bool": bool}
    name = ast.unparse(annotation)
    if isinstance(value, bool) and name in ("float", "int"):
        return False
    return isinstance(value, kinds.get(name, object))


def _lies_within(value, bounds: str) -> bool:
    """Check a value against a chain of comparisons, "0 <= name < 1": the name stands for it."""
    chain = ast.parse(bounds, mode="eval").body
    terms = [
        value if isinstance(term, ast.Name) else ast.literal_eval(term)
        for term in (chain.left, *chain.comparators)
    ]
    known = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
    return all(
        known[type(sign)](left, right)
        for sign, left, right in zip(chain.ops, terms, terms[1:], strict=False)
    )
