"""One finished study for all tests, and a browser for each."""

import pytest
from chromium import Chromium
from dry_runs import run_snakemake
from small_study import copy_small_study

TWO_OF_EACH = "tests/configs/two_of_each.yaml"


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study of two rates and two splits."""
    folder = copy_small_study(tmp_path_factory.mktemp("browser") / "my study")
    run = ("--cores", "all", "--resources", "gpu=1", "--configfile", TWO_OF_EACH)
    finished = run_snakemake(folder, *run)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return folder


@pytest.fixture
def chromium(tmp_path):
    """A browser that must have nothing to complain of."""
    browser = Chromium(tmp_path / "profile")
    yield browser
    browser.close()
    assert browser.complaints == []


@pytest.fixture
def pictures(tmp_path):
    """A folder for a test's screenshots, which pytest keeps of its last three runs."""
    return tmp_path / "pictures"
