"""Folders are listed with their links, and known by their content."""

import os
import threading

import pytest

from earwitness import folders
from earwitness.folders import tree_fingerprint, walk


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EARWITNESS_CACHE", str(folder))
    return folder


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.wav").write_bytes(b"one")
    (tmp_path / "tree" / "sub" / "b.wav").write_bytes(b"two")
    return tmp_path / "tree"


def names(folder):
    return [path.relative_to(folder).as_posix() for path in walk(folder)[0]]


def test_hidden_files_and_folders_are_no_recordings(tree):
    (tree / "._a.wav").write_bytes(b"x")
    (tree / ".git").mkdir()
    (tree / ".git" / "c.wav").write_bytes(b"x")
    assert names(tree) == ["a.wav", "sub/b.wav"]


def test_links_are_followed_and_those_to_nothing_or_in_a_circle_are_named(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.wav").write_bytes(b"three")
    (tree / "there").symlink_to(tmp_path / "elsewhere")
    (tree / "d.wav").symlink_to(tmp_path / "elsewhere" / "c.wav")
    (tree / "dead.wav").symlink_to(tmp_path / "nowhere")
    (tree / "self").symlink_to("self")
    (tree / "sub" / "round").symlink_to(tree)
    files, problems = walk(tree)
    assert [path.name for path in files] == ["a.wav", "d.wav", "b.wav", "c.wav"]
    assert [problem.split(" ", 1)[0] for problem in problems] == [
        str(tree / "dead.wav"),
        str(tree / "self"),
        str(tree / "sub" / "round"),
    ]
    assert "leads back" in problems[2] and all(
        "link to nothing" in problem for problem in problems[:2]
    )


def test_a_folder_that_is_a_link_counts_by_what_it_points_to(tree, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tree)
    one = tree_fingerprint(link)
    assert one == tree_fingerprint(tree)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.wav").write_bytes(b"ONE")
    link.unlink()
    link.symlink_to(other)
    assert tree_fingerprint(link) != one


def rewrite(path):
    about = path.stat()
    path.write_bytes(path.read_bytes().swapcase())
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: rewrite(tree / "a.wav"),
        lambda tree: (tree / "a.wav").rename(tree / "c.wav"),
        lambda tree: (tree / "a.wav").unlink(),
        lambda tree: (tree / "new.wav").write_bytes(b""),
        lambda tree: (tree / "dead").symlink_to("nowhere"),
    ],
)
def test_any_change_of_content_or_name_changes_the_fingerprint(tree, change):
    before = tree_fingerprint(tree)
    assert tree_fingerprint(tree) == before
    change(tree)
    assert tree_fingerprint(tree) != before


def test_each_file_is_hashed_once(tree, monkeypatch):
    hashed = []
    digest = folders.cache.file_digest
    monkeypatch.setattr(folders, "_SETTLED_NS", -1)
    monkeypatch.setattr(
        folders.cache, "file_digest", lambda path: hashed.append(path.name) or digest(path)
    )
    before = tree_fingerprint(tree)
    assert tree_fingerprint(tree) == before and sorted(hashed) == ["a.wav", "b.wav"]
    (tree / "a.wav").write_bytes(b"1")
    tree_fingerprint(tree)
    assert hashed[2:] == ["a.wav"]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"x": 1}'])
def test_a_damaged_memory_of_hashes_is_made_anew(tree, own_cache, content, monkeypatch):
    monkeypatch.setattr(folders, "_SETTLED_NS", -1)
    before = tree_fingerprint(tree)
    (memory,) = (own_cache / "hashes").glob("*.json")
    memory.write_bytes(content)
    assert tree_fingerprint(tree) == before


def test_a_cache_that_cannot_be_written_only_costs_time(tree, monkeypatch):
    before = tree_fingerprint(tree)
    monkeypatch.setenv("EARWITNESS_CACHE", "/proc/earwitness")
    assert tree_fingerprint(tree) == before


def test_listing_a_folder_that_a_download_changes_never_fails(tree):
    done = threading.Event()

    def change():
        while not done.is_set():
            for k in range(20):
                (tree / f"{k}").mkdir(exist_ok=True)
                (tree / f"{k}" / "c.wav").write_bytes(b"x")
            for k in range(20):
                (tree / f"{k}" / "c.wav").unlink()
                (tree / f"{k}").rmdir()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(30):
            assert {"a.wav", "sub/b.wav"} <= set(names(tree))
            tree_fingerprint(tree)
    finally:
        done.set()
        thread.join()
