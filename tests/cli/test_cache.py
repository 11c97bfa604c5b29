"""What is kept is shown by kind, and removed on request; what is in use is not."""

import os
import time

import pytest

from earwitness import cache
from earwitness.cli import main


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    old = cache.stored("models", {"of": "old"}, ".pt", lambda path: path.write_bytes(b"x" * 2000))
    new = cache.stored("models", {"of": "new"}, ".pt", lambda path: path.write_bytes(b"y" * 1000))
    long_ago = time.time() - 40 * 86_400
    for path in (old, old.with_name(old.name + ".json")):
        os.utime(path, (long_ago, long_ago))
    return old, new


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["cache", *arguments])
    said = capsys.readouterr()
    return end.value.code, said.out + said.err


def test_status_counts_files_and_megabytes_of_each_kind(kept, capsys):
    (row,) = [row for row in cache.inventory() if row["kind"] == "models"]
    size = sum(path.stat().st_size for path in cache.place("models").glob("[!.]*") if
               path.suffix != ".lock")  # fmt: skip
    assert row["files"] == 4 and row["megabytes"] == pytest.approx(size / 1e6)
    code, said = run(capsys, "status")
    assert code == 0 and "models" in said and str(cache.place()) in said


def test_only_what_was_not_used_for_long_goes(kept, capsys):
    old, new = kept
    code, said = run(capsys, "clean", "models", "--unused-for", "30")
    assert code == 0 and "free again" in said
    assert not old.exists() and cache.intact(new)
    again = cache.stored("models", {"of": "old"}, ".pt", lambda path: path.write_bytes(b"z"))
    assert again.read_bytes() == b"z"


def test_all_of_a_kind_goes_without_an_age_and_no_other_kind(kept, capsys):
    other = cache.stored("executed", {"n": 1}, ".ipynb", lambda path: path.write_text("{}"))
    assert run(capsys, "clean", "models")[0] == 0
    assert not any(path.exists() for path in kept) and cache.intact(other)


def test_a_kind_that_is_not_kept_is_named(kept, capsys):
    code, said = run(capsys, "clean", "modles")
    assert code == 2 and "Did you mean 'models'?" in said
