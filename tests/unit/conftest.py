"""Tiny random-weight models of the three real classes."""

import pytest


@pytest.fixture(
    scope="session", params=["tiny-llava-v1.6-mistral", "tiny-pangea", "tiny-qwen2.5-vl"]
)
def tiny(request):
    """A checkpoint of each demo architecture with random weights."""
    from tiny_models import make_checkpoint  # torch is slow to import: only where it is used

    return make_checkpoint(request.param)
