"""One finished study for all tests."""

import shutil

import pytest
from planning import PROJECT, RUN_STUDY, copy_project, run_snakemake


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study in a path with a space."""
    folder = copy_project(tmp_path_factory.mktemp("integration") / "my study")
    shutil.copytree(PROJECT / "tests/configs", folder / "tests/configs")
    finished = run_snakemake(folder, *RUN_STUDY)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return folder
