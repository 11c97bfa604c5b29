"""Commands that write sources of the book."""

from pathlib import Path


def test_a_new_chapter_builds(make_toy, call, monkeypatch):
    home = make_toy()
    status, out, _ = call("new-chapter", "room-acoustics")
    written = [Path(line).relative_to(home).as_posix() for line in out.splitlines()]
    assert status == 0 and written == [
        "book/room-acoustics/intro.md",
        "data/published/room-acoustics.yaml",
        "notebooks/room-acoustics/01-first-look.ipynb",
        "book/_toc.yml",
    ]
    status, out, err = call("build")
    assert status == 0, err
    html = Path(out.splitlines()[-1]).parent
    assert "What was measured" in (html / "room-acoustics" / "01-first-look.html").read_text()
    assert "toy/01-passes" in (home / "book" / "_toc.yml").read_text(), "the others stay"
