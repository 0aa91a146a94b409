"""A copy of the project whose outputs exist and are marked as made, for planning alone."""

import shutil
from pathlib import Path

import pytest
from dry_runs import copy_project, plan, run_snakemake


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    """A project in which the demo is done, by touching made-up outputs. Do not edit it."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    listing = run_snakemake(folder, "--summary")
    assert listing.returncode == 0, listing.stderr
    for line in listing.stdout.splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    touched = run_snakemake(folder, "--touch", "--forceall", "--cores", "1")
    assert touched.returncode == 0, touched.stderr
    assert plan(folder) == set()
    return folder


@pytest.fixture
def finished(finished_once, tmp_path):
    """The finished project moved to a path with a space: records must survive the move."""
    return Path(shutil.copytree(finished_once, tmp_path / "my study"))
