"""The conda environments hold what their rules' scripts import, at the pinned versions.

That conda-forge can solve them is not tested here: no conda channel is reachable. The workflow
.github/workflows/conda.yml does it.
"""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

from planning.code_inputs import find_code_inputs

PROJECT = Path(__file__).resolve().parents[2]
CONDA_NAME = {"torch": "pytorch", "PIL": "pillow", "yaml": "pyyaml"}
ENVIRONMENTS = ["figures", "models", "report", "tables"]


def read_pins():
    text = (PROJECT / "requirements.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9_-]+)==(\S+)", text, flags=re.MULTILINE))


def read_environment(name):
    """Channels, and package -> version as conda's own grammar of specifications reads them."""
    document = yaml.safe_load((PROJECT / f"envs/{name}.yaml").read_text())
    assert set(document) == {"channels", "dependencies"}
    specs = [MatchSpec(entry, strict=True) for entry in document["dependencies"]]
    packages = {spec.name.normalized: str(spec.version) for spec in specs}
    assert len(packages) == len(specs)
    return document["channels"], packages


def scripts_of(name):
    """Scripts of the rules whose conda directive names this environment."""
    found = []
    for path in sorted((PROJECT / "workflow/rules").glob("*.smk")):
        for block in path.read_text().split("\nrule ")[1:]:
            if f'"../../envs/{name}.yaml"' in block:
                found += re.findall(r'"\.\./scripts/(\w+)\.py"', block)
    return found


def third_party_imports(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    roots = {name.split(".")[0] for name in names}
    return roots - set(sys.stdlib_module_names) - {"culture_neurons"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_versions_are_those_of_the_requirements(name):
    channels, packages = read_environment(name)
    assert channels == ["conda-forge", "nodefaults"]
    pins = {key.lower(): version for key, version in read_pins().items()}
    pins = {CONDA_NAME.get(key, key): version for key, version in pins.items()}
    python = packages.pop("python")
    assert python == "3.11.*"  # the version that requirements-lock.txt was made with
    assert packages == {package: f"=={pins[package]}" for package in packages}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_import_of_a_rule_is_in_its_environment(name, monkeypatch):
    monkeypatch.chdir(PROJECT)
    _, packages = read_environment(name)
    scripts = scripts_of(name)
    assert scripts
    imported = {}
    for script in scripts:
        # scorers are loaded by name: all of them belong to the scoring rule
        scorers = sorted((PROJECT / "workflow/scripts/culture_neurons/scorers").glob("[a-z]*.py"))
        extra = [f"culture_neurons.scorers.{path.stem}" for path in scorers]
        for path in find_code_inputs(script, *(extra if script == "score_neurons" else [])):
            for root in third_party_imports(Path(path)):
                imported.setdefault(root, path)
    for root, path in imported.items():
        assert CONDA_NAME.get(root, root) in packages, f"{path} imports {root}"


def test_every_rule_names_an_environment():
    rules = 0
    for path in (PROJECT / "workflow/rules").glob("*.smk"):
        for block in path.read_text().split("\nrule ")[1:]:
            rules += 1
            assert re.search(
                r'conda:\s+"\.\./\.\./envs/(figures|models|report|tables)\.yaml"', block
            ), block
    assert rules == sum(len(scripts_of(name)) for name in ENVIRONMENTS)
