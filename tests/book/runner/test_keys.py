"""What the recordings, links among them and a reader's own files do to the key of a notebook."""

import shutil

import pytest
import toy

from earwitness import cache
from earwitness.errors import MissingDataError, ParameterError
from earwitness_book.runner import choices, execute, keys, notebooks, plan

CELLS = {
    "toy/02-quick": [
        toy.words("# Quick"),
        toy.code("corpus: str = 'a'  # whose; one of: a, b", ["parameters"]),
        toy.code("print(corpus)"),
    ]
}


@pytest.fixture
def recordings(make_toy, tmp_path, monkeypatch):
    """Return a folder of recordings with one corpus, which ``EARWITNESS_DATA`` names."""
    make_toy(CELLS)
    folder = tmp_path / "data"
    (folder / "bells").mkdir(parents=True)
    (folder / "bells" / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setenv("EARWITNESS_DATA", str(folder))
    return folder


def key():
    return cache.digest(
        execute.prepare(
            notebooks.find("quick"), "demo", {}, execute.environment_fingerprint()
        ).specification
    )


def test_a_link_to_nothing_is_named_and_counts_as_little_as_what_is_not_there(recordings):
    before = key()
    (recordings / "bells" / "b.wav").symlink_to(recordings / "gone.wav")
    assert any("gone.wav" in said for said in execute.environment_fingerprint().strays)
    assert key() == before


def test_the_content_of_recordings_counts_not_where_they_lie(recordings, monkeypatch, tmp_path):
    before = key()
    shutil.copytree(recordings, tmp_path / "elsewhere")
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path / "elsewhere"))
    assert key() == before
    (tmp_path / "elsewhere" / "bells" / "a.wav").write_bytes(b"RIFX")
    assert key() != before


def test_a_link_in_a_circle_is_named(recordings):
    (recordings / "bells" / "again").symlink_to(recordings)
    assert any("again" in said for said in execute.environment_fingerprint().strays)


def test_a_corpus_that_is_a_link_counts_with_what_it_points_at(recordings, tmp_path):
    for name, content in {"one": b"RIFF", "two": b"RIFF and more"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(content)
    (recordings / "linked").symlink_to(tmp_path / "one")
    before = key()
    (recordings / "linked").unlink()
    (recordings / "linked").symlink_to(tmp_path / "two")
    assert key() != before


@pytest.mark.parametrize("variable", ["EARWITNESS_DATA", "EARWITNESS_CACHE"])
def test_a_variable_that_names_a_file_is_named(recordings, monkeypatch, variable):
    monkeypatch.setenv(variable, str(recordings / "bells" / "a.wav"))
    with pytest.raises(ParameterError, match=variable):
        keys.check_folders()


def test_a_corpus_that_is_not_there_is_refused_before_anything_is_executed(recordings, monkeypatch):
    monkeypatch.setattr(
        choices,
        "_REGISTRIES",
        choices._REGISTRIES | {"corpora at hand": lambda _: ["voices", "fsdd"]},
    )
    choices.check_present("corpora at hand", "voices")
    with pytest.raises(MissingDataError, match="earwitness data download fsdd"):
        choices.check_present("corpora at hand", "fsdd")


def test_a_phrase_asks_the_registry_and_a_list_of_names_stays_one():
    assert choices.resolve("voices, aev") is None and choices.resolve("corpora with bells") is None
    assert choices.resolve("corpora", ask=False) == []
    assert "voices" in choices.resolve("corpora") and "gradient" in choices.resolve("methods")
    assert all(name.startswith("lrp") for name in choices.resolve("LRP methods"))
    assert "AudioNet" in choices.resolve("networks")


@pytest.mark.parametrize(
    ("listed", "value", "allowed"),
    [
        ("corpora, joined by +", "voices+aev", True),
        ("corpora", "voices+aev", False),
        ("corpora, joined by +", "voices+nothing", False),
        ("corpora", "json:JSONDecoder", True),
        ("corpora", "no_such_package:Thing", False),
        ("corpora", "no:thing:here", False),
        ("corpora", "/", True),
        ("corpora", "/no/such/folder", False),
        ("voices, aev", "json:JSONDecoder", False),
    ],
)
def test_what_a_phrase_allows_beside_the_registered_names(listed, value, allowed):
    assert choices.is_own(listed, value) == allowed


def test_what_is_executed_and_why_is_said_before(recordings):
    job = execute.prepare(notebooks.find("quick"), "demo", {}, execute.environment_fingerprint())
    assert plan.announce([job]) == [
        "1 of 1 notebooks is executed (1 for the first time):",
        "  toy/quick: not executed before",
    ]
    plan.remember(job, execute.execute(job))
    assert plan.announce([job]) == ["Nothing changed: 1 of 1 notebooks are kept."]
    (recordings / "bells" / "b.wav").write_bytes(b"RIFF")
    changed = execute.prepare(
        notebooks.find("quick"), "demo", {}, execute.environment_fingerprint()
    )
    head, line = plan.announce([changed])
    assert "about" in head and line == "  toy/quick: recordings changed"


@pytest.mark.parametrize("damage", ["", "{}", "[]", "{\\"])
def test_a_damaged_memory_of_the_last_time_is_no_memory(recordings, damage):
    job = execute.prepare(notebooks.find("quick"), "demo", {}, execute.environment_fingerprint())
    plan.remember(job, execute.execute(job))
    plan._memory(job).write_text(damage)
    assert plan.why(job) == "not executed before"
