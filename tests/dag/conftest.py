"""A copy of the project whose outputs exist and are marked as made, for planning alone."""

import shutil
from pathlib import Path

import pytest
from dry_runs import copy_project, touch_results


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    """A project in which the demo is done, by touching made-up outputs. Do not edit it."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    touch_results(folder)
    return folder


@pytest.fixture
def finished(finished_once, tmp_path):
    """The finished project moved to a path with a space: records must survive the move."""
    return Path(shutil.copytree(finished_once, tmp_path / "my study"))
