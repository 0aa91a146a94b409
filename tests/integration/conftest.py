"""One finished study for all tests."""

import pytest
from planning import run_snakemake
from small_study import RUN, copy_small_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study in a path with a space."""
    folder = copy_small_study(tmp_path_factory.mktemp("integration") / "my study")
    finished = run_snakemake(folder, *RUN)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return folder
