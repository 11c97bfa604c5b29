"""Trainings of these tests compute on one thread: several test processes share the machine."""

import pytest


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Fix one thread where trainings fix two."""
    monkeypatch.setattr("earwitness.training.fitting.N_THREADS", 1)
