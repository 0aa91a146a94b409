"""What a line may touch, by the folder that it lives in: one table, held against the source.

A law is {folder or file: (third-party packages, parts of this project)}. A folder's files may use
each other; a file with a row of its own may use what stands there, and nothing else.
"""

import ast
import sys
from pathlib import Path

import pytest

from planning.code_inputs import find_code_inputs

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
SCRIPTS = WORKFLOW / "scripts"
PACKAGE = SCRIPTS / "culture_neurons"

LAWS = {
    "logs.py": ({"tqdm"}, set()),
    "neurons.py": ({"numpy"}, set()),
    "chance.py": ({"numpy"}, set()),
    "outcomes.py": (set(), set()),
    "storage": ({"pyarrow", "numpy", "huggingface_hub"}, {"neurons.py", "logs.py"}),
    "storage/frames.py": ({"polars"}, {"storage"}),
    "dataset": ({"datasets", "PIL", "pyarrow", "numpy"}, {"storage", "logs.py"}),
    # Planning reads these.
    "dataset/sources.py": (set(), {"dataset/text_tables.py"}),
    "dataset/text_tables.py": (set(), set()),
    "dataset/columns.py": (set(), set()),
    "dataset/cultures.py": (set(), {"dataset/literals.py"}),
    "dataset/literals.py": (set(), set()),
    "dataset/folds.py": (set(), set()),
    "dataset/question.py": (set(), set()),
    "hooks": ({"torch"}, {"neurons.py"}),
    "hooks/places.py": (set(), set()),  # planning reads it, and hookpoints
    "hookpoints": (set(), {"hooks/places.py"}),
    "model": (
        {"torch", "transformers", "PIL", "filelock", "numpy"},
        {"dataset/question.py", "dataset/pictures.py", "storage/hub.py", "logs.py"},
    ),
    "engine": (
        {"torch", "numpy"},
        {"model", "hooks", "neurons.py", "logs.py"}
        | {"dataset/question.py", "dataset/pictures.py", "dataset/assignment.py"},
    ),
    "identify": ({"numpy", "polars", "pyarrow"}, {"storage", "neurons.py", "chance.py"}),
    # The GPU's environment reads masks: no polars.
    "identify/mask_tables.py": ({"numpy", "pyarrow"}, {"storage", "neurons.py"}),
    # torch alone reads torch's files, and runs nothing that they hold.
    "identify/torch_masks.py": ({"torch"}, {"identify", "neurons.py"}),
    "identify/named_masks.py": ({"numpy", "safetensors"}, {"identify", "storage", "neurons.py"}),
    "identify/mask_export.py": ({"torch", "safetensors"}, {"identify", "storage", "neurons.py"}),
    "scorers": ({"numpy"}, {"identify/statistics.py", "identify/entropy.py"}),
    "evaluate": (
        {"numpy", "polars", "scipy"},
        {"storage", "dataset/assignment.py", "neurons.py", "outcomes.py"},
    ),
    "sensitivity": ({"numpy", "polars"}, {"identify", "storage", "neurons.py"}),
    **dict.fromkeys(
        ("sensitivity/prompts.py", "sensitivity/relations.py"),
        (
            {"numpy", "polars"},
            {"evaluate", "sensitivity", "storage", "neurons.py", "outcomes.py"}
            | {"dataset/cultures.py"},
        ),
    ),
    "sensitivity/origins.py": ({"numpy", "polars"}, {"dataset/cultures.py"}),
    "report": ({"polars"}, {"storage", "neurons.py", "chance.py", "outcomes.py"}),
    "report/captions.py": ({"docutils", "jinja2"}, set()),
    "report/citation.py": ({"yaml"}, set()),
    "report/provenance.py": ({"polars"}, {"storage", "dataset/cultures.py"}),
    "report/page.py": ({"jinja2"}, {"report", "storage", "outcomes.py"}),
    "validation": ({"polars", "scipy"}, {"report", "storage", "demo/names.py", "outcomes.py"}),
    "plots": (
        {"matplotlib", "numpy", "polars"},
        {"evaluate/shares.py", "report/verdicts.py", "storage", "neurons.py", "outcomes.py"},
    ),
    "demo": (
        {"torch", "transformers", "tokenizers", "datasets", "numpy", "PIL", "pyarrow"},
        {"model", "hooks", "dataset", "storage", "neurons.py", "logs.py"},
    ),
    "demo/names.py": (set(), set()),
    "planning": (
        {"yaml", "jsonschema"},
        {"dataset/sources.py", "dataset/columns.py", "dataset/cultures.py", "dataset/folds.py"}
        | {"demo/names.py", "hooks/places.py"},
    ),
}

# What a lease on a GPU waits for, beside model, hooks, and engine: an edit of any of these files
# repeats hours of work.
MODEL_JOBS = ("answer_questions", "extract_activations", "intervene", "ask_elsewhere")
OF_MODEL_JOBS = {
    "__init__.py",
    "logs.py",
    "neurons.py",
    *(f"storage/{name}.py" for name in ("schemas", "facts", "tables", "writing", "hub")),
    *(f"dataset/{name}.py" for name in ("question", "pictures", "prepared", "assignment", "folds")),
    "identify/mask_tables.py",
}


def list_modules():
    """Every file of the package and of planning, named as the laws name it."""
    named = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    planning = (WORKFLOW / "planning").glob("*.py")
    return named | {f"planning/{path.name}": path for path in planning}


MODULES = list_modules()


def find_law(name, laws=LAWS):
    """A file's row, or its folder's; None: no law covers it."""
    folder = name.rpartition("/")[0]
    while name not in laws and folder:
        name, folder = folder, folder.rpartition("/")[0]
    return laws.get(name)


def list_imports(source):
    """Names of imported modules, also those within functions."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def find_part(module):
    """The file below the package that a module's name stands for; None for what is not ours."""
    first, *parts = module.split(".")
    if first == "planning":
        return f"planning/{parts[0]}.py"
    if first != "culture_neurons":
        return None
    while parts:
        if (PACKAGE.joinpath(*parts).with_suffix(".py")).is_file():
            return "/".join(parts) + ".py"
        if PACKAGE.joinpath(*parts).is_dir():
            return "/".join(parts) + "/__init__.py"
        parts.pop()
    return "__init__.py"


def find_breaches(name, source, laws=LAWS):
    """What a file imports and may not."""
    if name == "__init__.py":
        return list_imports(source)
    law = find_law(name, laws)
    if law is None:
        return {"no law"}
    third_party, parts = law
    own = set() if name in laws else {name.partition("/")[0]}
    breaches = set()
    for module in list_imports(source):
        part, root = find_part(module), module.split(".")[0]
        if part is None and root not in third_party | set(sys.stdlib_module_names):
            breaches.add(root)
        if part is not None and not {part, part.partition("/")[0]} & (parts | own):
            breaches.add(part)
    return breaches


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_its_folder_may(name):
    assert find_breaches(name, MODULES[name].read_text()) == set()


@pytest.mark.parametrize("law", LAWS)
def test_a_breach_of_each_law_is_seen(law):
    name = law if law.endswith(".py") else f"{law}/new.py"
    for source, breach in (
        ("import pandas", "pandas"),
        ("def f():\n    from culture_neurons.scorers.cas import cas", "scorers/cas.py"),
        ("from culture_neurons.plots import layers", "plots/layers.py"),
    ):
        if breach.partition("/")[0] != name.partition("/")[0]:
            assert find_breaches(name, source) == {breach}


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("hooks/new.py", "polars"),
        ("engine/new.py", "pyarrow"),
        ("model/new.py", "culture_neurons.identify.statistics"),
        ("engine/new.py", "culture_neurons.evaluate.effects"),
        ("hooks/new.py", "culture_neurons.model.checkpoints"),
        ("identify/new.py", "torch"),
        ("identify/new.py", "culture_neurons.evaluate.effects"),
        ("evaluate/new.py", "culture_neurons.identify.statistics"),
        ("evaluate/new.py", "culture_neurons.engine.answering"),
        ("identify/scoring.py", "culture_neurons.scorers.cas"),
        ("dataset/folds.py", "numpy"),
        ("storage/tables.py", "polars"),
        ("planning/config.py", "numpy"),
        ("plots/parts/new.py", "transformers"),
    ],
)
def test_the_wings_do_not_know_each_other(name, module):
    assert find_breaches(name, f"import {module}")


def test_a_new_folder_needs_a_law():
    assert find_breaches("cellar/new.py", "") == {"no law"}


def test_no_law_is_about_nothing():
    for name in LAWS:
        assert any(module == name or module.startswith(f"{name}/") for module in MODULES), name


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        name: {find_part(module) for module in list_imports(path.read_text())} - {None}
        for name, path in MODULES.items()
    }
    reached: dict[str, set[str]] = {}

    def reach(name, above=()):
        assert name not in above, " -> ".join([*above, name])
        if name not in reached:
            reached[name] = set()
            for part in graph[name] - {name}:
                reached[name] |= {part} | reach(part, (*above, name))
        return reached[name]

    for name in graph:
        reach(name)


def list_closure(script):
    """Files of the package that a script's job depends on, as the laws name them."""
    paths = [Path(path).resolve() for path in find_code_inputs(script)]
    return {path.relative_to(PACKAGE).as_posix() for path in paths if PACKAGE in path.parents}


@pytest.mark.parametrize("script", MODEL_JOBS)
def test_model_jobs_depend_on_few_files(script):
    wings = ("model/", "hooks/", "engine/")
    closure = {name for name in list_closure(script) if not name.startswith(wings)}
    assert "storage/tables.py" in closure
    assert {name for name in closure if not name.endswith("/__init__.py")} <= OF_MODEL_JOBS


def test_every_file_that_model_jobs_may_need_is_needed():
    needed = set.union(*map(list_closure, MODEL_JOBS))
    assert OF_MODEL_JOBS - needed == set()


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_adapters_hold_no_logic(path):
    """No function but a generator over chunks; no choice but of an input that may be absent."""
    if path.stem in ("check_demo", "show_study"):
        assert "snakemake." not in path.read_text()  # commands of the Makefile, no rule's
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node))
        if isinstance(node, ast.If | ast.IfExp):
            assert isinstance(node.test, ast.Name | ast.Attribute), ast.unparse(node.test)


@pytest.mark.parametrize("folder", ["scorers", "hookpoints"])
def test_scorers_and_hookpoints_are_loaded_by_name_alone(folder):
    for name, path in MODULES.items():
        if not name.startswith(f"{folder}/"):
            imported = {find_part(module) for module in list_imports(path.read_text())} - {None}
            assert not [part for part in imported if part.startswith(f"{folder}/")], name


@pytest.mark.parametrize(
    ("script", "folder", "module"),
    [
        ("score_neurons", "scorers", "lap"),
        ("extract_activations", "hookpoints", "attn_head"),
        ("intervene", "hookpoints", "vision_mlp"),
        ("train_demo_model", "hookpoints", "attn_head"),
        ("answer_questions", "hookpoints", None),
    ],
)
def test_a_branch_holds_one_scorer_or_hookpoint(script, folder, module):
    modules = [f"culture_neurons.{folder}.{module}"] if module else []
    paths = find_code_inputs(script, *modules)
    found = {Path(path).name for path in paths if Path(path).parent.name == folder}
    assert found == ({"__init__.py", f"{module}.py"} if module else set())
