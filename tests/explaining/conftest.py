"""Shared by the tests of explanations."""

import pytest
from small import explain


@pytest.fixture(scope="session")
def one():
    """The small network's explanation of a short sound; nobody changes it."""
    return explain()
