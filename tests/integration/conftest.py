"""One finished study for all tests."""

import pytest
from small_study import finish_small_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study in a path with a space."""
    return finish_small_study(tmp_path_factory.mktemp("integration") / "my study")
