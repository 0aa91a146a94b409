"""Code inputs: all project modules that a script imports, and no others."""

from pathlib import Path

import pytest

from planning import code_inputs
from planning.code_inputs import find_code_inputs

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow/scripts"


@pytest.fixture
def find(tmp_path, monkeypatch):
    """Write a package's files and find the closure of script.py; names as below the package."""
    monkeypatch.setattr(code_inputs, "SCRIPTS", tmp_path)
    monkeypatch.chdir(tmp_path)

    def find(script, *modules, **files):
        package = tmp_path / "culture_neurons"
        (package / "sub").mkdir(parents=True, exist_ok=True)
        for name in ("__init__", "sub/__init__"):
            (package / f"{name}.py").touch()
        for name, text in files.items():
            (package / f"{name.replace('__', '/')}.py").write_text(text)
        (tmp_path / "script.py").write_text(script)
        found = find_code_inputs("script", *modules)
        assert found == sorted(set(found))
        return {name.removeprefix("culture_neurons/").removesuffix(".py") for name in found}

    return find


def test_a_script_without_project_imports_is_its_own_closure(find):
    source = "import os\nimport numpy as np\nfrom culture_neurons_other import x\n"
    assert find(source, a="") == {"script"}


@pytest.mark.parametrize(
    "statement",
    [
        "import culture_neurons.a",
        "import os, culture_neurons.a as b",
        "from culture_neurons import a",
        "from culture_neurons import a as b",
        "from culture_neurons.a import f",
        "from culture_neurons.a import f as g, h",
        "from culture_neurons.a import *",
        "def late():\n    from culture_neurons.a import f",
        "if TYPE_CHECKING:\n    import culture_neurons.a",
    ],
)
def test_every_way_to_import_a_module_finds_it_and_its_package(statement, find):
    assert find(statement, a="", b="") == {"script", "__init__", "a"}


def test_a_name_of_the_package_itself_needs_its_init_alone(find):
    assert find("from culture_neurons import VERSION", a="") == {"script", "__init__"}
    assert find("import culture_neurons", a="") == {"script", "__init__"}


def test_a_package_runs_every_init_on_the_way(find):
    files = {"sub__c": "", "d": "", "e": ""}
    assert find("from culture_neurons.sub import c", **files) == {
        "script",
        "__init__",
        "sub/__init__",
        "sub/c",
    }
    assert find("from culture_neurons.sub.c import f", **files) == {
        "script",
        "__init__",
        "sub/__init__",
        "sub/c",
    }


def test_imports_of_a_package_s_init_count(tmp_path, find):
    find("", d="import culture_neurons.e", e="")
    code_inputs._imports.cache_clear()
    (tmp_path / "culture_neurons/sub/__init__.py").write_text("from culture_neurons.d import x\n")
    (tmp_path / "script.py").write_text("import culture_neurons.sub\n")
    found = find_code_inputs("script")
    assert [Path(name).stem for name in found] == ["__init__", "d", "e", "__init__", "script"]


def test_imports_are_followed_through_modules_and_circles(find):
    found = find(
        "import culture_neurons.a",
        a="import culture_neurons.b",
        b="from culture_neurons.sub.c import x",
        sub__c="import culture_neurons.a",
        d="",
    )
    assert found == {"script", "__init__", "a", "b", "sub/__init__", "sub/c"}


def test_modules_that_are_loaded_by_name_are_added(find):
    found = find("", "culture_neurons.sub.c", sub__c="from culture_neurons import d", d="", e="")
    assert found == {"script", "__init__", "sub/__init__", "sub/c", "d"}


@pytest.mark.parametrize(
    "statement", ["import culture_neurons.gone", "from culture_neurons.gone import x"]
)
def test_a_missing_module_is_an_error_that_names_it(statement, find):
    with pytest.raises(FileNotFoundError, match=r"culture_neurons.gone: imported, but .*gone.py"):
        find(statement)


def test_a_missing_script_is_an_error(find):
    find("")
    with pytest.raises(FileNotFoundError, match="gone.py"):
        find_code_inputs("gone")


@pytest.mark.parametrize("statement", ["from . import a", "from .a import f", "from .. import a"])
def test_a_relative_import_is_an_error_and_not_overlooked(statement, find):
    with pytest.raises(ImportError, match=r"b.py, line 1: relative import"):
        find("import culture_neurons.b", a="", b=statement)


def test_paths_are_relative_to_the_working_folder(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert find_code_inputs("intervene")[-1] == "workflow/scripts/intervene.py"
    monkeypatch.chdir(ROOT / "workflow")
    assert find_code_inputs("intervene")[-1] == "scripts/intervene.py"


def test_every_adapter_of_the_workflow_has_a_closure():
    scripts = [path.stem for path in SCRIPTS.glob("*.py")]
    assert "intervene" in scripts
    for script in scripts:
        assert all(Path(path).is_file() for path in find_code_inputs(script)), script
