"""A checkout that declares an invented chapter."""

import pytest
from toy_claims import DECLARATION

from earwitness_book import records


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return an empty checkout that declares the chapter ``toy``."""
    for folder in ("notebooks", "data/published", "data/recorded"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/published/toy.yaml").write_text(DECLARATION)
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EARWITNESS_RECORDS", raising=False)
    monkeypatch.delenv("EARWITNESS_PROFILE", raising=False)
    records.forget()
    yield tmp_path
    records.forget()
