"""Snakemake makes and enters the environments of envs/, with a stand-in for conda and its packages.

tests/support/local_conda.py says what this shows and what it does not.
"""

import json
import os

import pytest
import yaml
from dry_runs import PROJECT, copy_project, run_snakemake
from local_conda import make_channel, make_conda

ENVIRONMENTS = ("figures", "models", "tables")
# One quick rule of each environment, and what it makes.
TARGETS = {
    "make_demo_dataset": "results/demo/dataset.parquet",
    "prepare_dataset": "results/dataset/questions.parquet",
    "plot_rejected": "results/figures/rejected.svg",
}


def read_packages(name):
    document = yaml.safe_load((PROJECT / f"envs/{name}.yaml").read_text())
    return dict(entry.replace("==", "=").split(" =") for entry in document["dependencies"])


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    packages = {}
    for name in ENVIRONMENTS:
        packages |= read_packages(name)
    return make_channel(tmp_path_factory.mktemp("channel"), packages)


@pytest.fixture
def run(channel, tmp_path, monkeypatch):
    """A function that makes targets in a folder under --sdm conda."""
    programs = make_conda(tmp_path / "conda", channel)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return lambda folder, *targets: run_snakemake(
        folder, "--sdm", "conda", "--cores", "1", *targets
    )


def test_rules_run_in_their_environments(run, tmp_path):
    study = copy_project(tmp_path / "my study")
    process = run(study, *TARGETS.values())
    assert process.returncode == 0, process.stderr[-3000:]
    found = {}
    for prefix in (study / ".snakemake/conda").glob("*_"):
        records = [json.loads(path.read_text()) for path in prefix.glob("conda-meta/*.json")]
        made = {record["name"]: record["version"] for record in records}
        name = next(name for name in ENVIRONMENTS if made == read_packages(name))
        found[name] = (prefix / "starts").exists()
    assert found == dict.fromkeys(ENVIRONMENTS, True)


def test_a_version_that_the_channel_lacks_is_an_error(run, tmp_path):
    study = copy_project(tmp_path / "my study")
    path = study / "envs/models.yaml"
    path.write_text(path.read_text().replace("numpy ==2.", "numpy ==1."))
    process = run(study, TARGETS["make_demo_dataset"])
    assert process.returncode == 1
    assert "No candidates were found for numpy ==1." in process.stderr
