"""The notebooks of the chapter audible-explanations run through on the smoke profile."""

import pytest

from earwitness_book.runner import notebooks

EVERY = [
    notebook for notebook in notebooks.every() if notebook.id.startswith("audible-explanations/")
]


@pytest.mark.parametrize("notebook", EVERY, ids=[notebook.id for notebook in EVERY])
def test_it_runs_through_on_the_smoke_profile(notebook, runs_through):
    runs_through(notebook)
