"""A finished small study for each test to break."""

import shutil
from pathlib import Path

import pytest
from small_study import finish_small_study


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """Run the small study once. Do not change it."""
    return finish_small_study(tmp_path_factory.mktemp("finished") / "my study")


@pytest.fixture
def study(finished_study, tmp_path):
    """A copy of the finished study, to break."""
    return Path(shutil.copytree(finished_study, tmp_path / "a study", symlinks=True))
