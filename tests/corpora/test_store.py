"""Finding, fetching and verifying corpora, against a server on this machine and small corpora of a
few bytes.
"""

import functools
import hashlib
import http.server
import io
import json
import threading
import zipfile

import pytest
import yaml

from earwitness import catalogue, corpora
from earwitness.corpora import store
from earwitness.errors import DamagedDataError, MissingDataError, StorageError, UnknownNameError
from earwitness_book import project

FILES = {"0_ann_0.wav": b"zero", "1_ann_0.wav": b"one!", "sub/2_ann_0.wav": b"two"}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """The server's log is no part of the test's output."""


@pytest.fixture
def server(tmp_path):
    """A folder and the address under which it is served on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A checkout that knows one corpus, ``tiny``; returns a function that states what is known
    about it.
    """
    folder = tmp_path / "home"
    (folder / "data" / "manifests").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    monkeypatch.setenv("EARWITNESS_HOME", str(folder))
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)

    def know(files, downloads, **more):
        listing = "".join(f"{sha256(content)}  {name}\n" for name, content in files.items())
        (folder / "data" / "manifests" / "tiny.sha256").write_text(listing)
        about = {
            "title": "Tiny",
            "home": "https://example.org",
            "licence": "CC0",
            "files": len(files),
            "size_bytes": sum(map(len, files.values())),
            "manifest": "tiny.sha256",
            "downloads": downloads,
            **more,
        }
        (folder / "data" / "corpora.yaml").write_text(yaml.safe_dump({"tiny": about}))

    return know


@pytest.fixture
def tiny(server, home):
    """The corpus ``tiny``, served as a zip whose checksum is known; returns the served folder."""
    folder, address = server
    archive = zipped({f"tiny-1.0/recordings/{name}": content for name, content in FILES.items()})
    (folder / "tiny.zip").write_bytes(archive)
    home(
        FILES,
        [
            {
                "url": f"{address}/tiny.zip",
                "sha256": sha256(archive),
                "unpack": True,
                "below": "recordings",
            }
        ],
    )
    return folder


def nothing_left(folder):
    return not folder.exists() or not any(path.is_file() for path in folder.rglob("*"))


def test_download_puts_every_file_in_place_and_verifies_it(tiny, tmp_path):
    where = store.download("tiny", progress=False)
    assert where == catalogue.corpus_folder("tiny") == tmp_path / "cache" / "corpora" / "tiny"
    found = {
        path.relative_to(where).as_posix(): path.read_bytes()
        for path in where.rglob("*")
        if path.is_file()
    }
    assert found == FILES
    assert store.verify("tiny") == []
    assert [path.name for path in where.parent.iterdir()] == ["tiny"]


def test_download_goes_to_the_data_folder_that_the_user_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path / "data"))
    assert store.download("tiny", progress=False) == tmp_path / "data" / "tiny"
    assert store.verify("tiny") == []


def test_download_shows_a_progress_bar(tiny, capsys):
    store.download("tiny", progress=True)
    assert "100%" in capsys.readouterr().err


def test_an_intact_corpus_is_not_fetched_again(tiny):
    store.download("tiny", progress=False)
    (tiny / "tiny.zip").unlink()
    store.download("tiny", progress=False)
    assert store.verify("tiny") == []


def test_download_replaces_damaged_files_and_leaves_others_alone(tiny):
    where = store.download("tiny", progress=False)
    (where / "0_ann_0.wav").write_bytes(b"noise")
    (where / "1_ann_0.wav").unlink()
    (where / "notes.txt").write_text("mine")
    store.download("tiny", progress=False)
    assert store.verify("tiny") == []
    assert (where / "notes.txt").read_text() == "mine"


def test_a_download_with_another_checksum_is_refused_and_leaves_nothing(tiny, tmp_path):
    (tiny / "tiny.zip").write_bytes(b"something else")
    with pytest.raises(DamagedDataError, match="not the file that was expected"):
        store.download("tiny", progress=False)
    assert nothing_left(tmp_path / "cache" / "corpora")


def test_without_a_checksum_of_the_archive_the_manifest_decides(server, home, tmp_path):
    folder, address = server
    (folder / "tiny.zip").write_bytes(zipped({**FILES, "1_ann_0.wav": b"ONE!"}))
    home(FILES, [{"url": f"{address}/tiny.zip", "sha256": None, "unpack": True}])
    with pytest.raises(DamagedDataError, match="Problems found: 1. 1_ann_0.wav is damaged"):
        store.download("tiny", progress=False)
    assert nothing_left(tmp_path / "cache" / "corpora")


def test_a_failed_download_leaves_the_old_files_as_they_were(tiny):
    where = store.download("tiny", progress=False)
    (where / "0_ann_0.wav").write_bytes(b"noise")
    (tiny / "tiny.zip").write_bytes(b"something else")
    with pytest.raises(DamagedDataError):
        store.download("tiny", progress=False)
    assert (where / "0_ann_0.wav").read_bytes() == b"noise"
    assert (where / "1_ann_0.wav").read_bytes() == FILES["1_ann_0.wav"]


def test_a_server_that_sends_too_much_or_for_too_long_is_given_up(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MAX_DOWNLOAD_BYTES", 100)
    with pytest.raises(DamagedDataError, match="tiny.zip delivers more than 100 bytes"):
        store.download("tiny", progress=False)
    monkeypatch.setattr(store, "MAX_DOWNLOAD_BYTES", 10**6)
    monkeypatch.setattr(store, "MAX_DOWNLOAD_S", -1.0)
    with pytest.raises(MissingDataError, match="tiny.zip was given up after"):
        store.download("tiny", progress=False)
    assert nothing_left(tmp_path / "cache" / "corpora")


def test_a_corpus_without_licence_is_not_fetched_and_not_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path))
    with pytest.raises(
        MissingDataError, match="AudioMNIST_AZ is not downloaded from here: No licence"
    ):
        store.download("audiomnist_az")
    with pytest.raises(
        MissingDataError, match="fetch it by hand from https://github.com/Natavan-A"
    ):
        corpora.load("audiomnist_az")
    assert not catalogue.may_be_shown("audiomnist_az") and catalogue.may_be_shown("fsdd")
    assert not store.status().set_index("corpus").loc["audiomnist_az", "present"]


def test_dead_links_are_named_by_verify_and_do_not_stop_the_status(tiny):
    where = store.download("tiny", progress=False)
    (where / "dead.wav").symlink_to("nowhere")
    assert store.status().set_index("corpus").loc["tiny", "files"] == 3
    assert store.verify("tiny") == [
        f"{where}/dead.wav is a link to nothing (nowhere; No such file or directory)."
    ]


def test_a_tilde_in_the_variable_is_the_home(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EARWITNESS_DATA", "~/data")
    monkeypatch.setenv("EARWITNESS_CACHE", "~/cache")
    assert store.download("tiny", progress=False) == tmp_path / "data" / "tiny"
    assert catalogue.corpus_folder("tiny", "~/data/tiny") == tmp_path / "data" / "tiny"


def test_a_data_folder_that_cannot_be_written_is_named(tiny, monkeypatch):
    monkeypatch.setenv("EARWITNESS_DATA", "/proc")
    with pytest.raises(StorageError, match="^/proc/tiny cannot be written"):
        store.download("tiny", progress=False)


def test_the_status_needs_no_cache_that_can_be_written(tiny, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", "/proc/earwitness")
    assert not store.status().set_index("corpus").loc["tiny", "present"]


@pytest.mark.parametrize(
    ("root", "match"),
    [
        ("x" * 300, "which is no path"),
        ("a file", "which is no folder"),
        ("dead", "which is a link to nothing"),
    ],
)
def test_a_root_that_can_be_no_folder_is_named(tiny, tmp_path, root, match):
    (tmp_path / "a file").write_text("")
    (tmp_path / "dead").symlink_to("nowhere")
    with pytest.raises(MissingDataError, match=match):
        catalogue.corpus_folder("tiny", tmp_path / root)


def test_what_a_killed_download_left_is_cleared_away(tiny, tmp_path):
    left = tmp_path / "cache" / "corpora" / ".tiny.partial"
    (left / "tiny").mkdir(parents=True)
    (left / "tiny" / "9_bob_0.wav").write_bytes(b"half")
    store.download("tiny", progress=False)
    assert not left.exists()
    assert store.verify("tiny") == []


def test_single_files_and_subfolders_are_put_where_the_description_says(server, home):
    folder, address = server
    (folder / "men.zip").write_bytes(zipped({"m01.wav": b"man"}))
    (folder / "table.dat").write_bytes(b"1 2 3")
    home(
        {"men/m01.wav": b"man", "table.dat": b"1 2 3"},
        [
            {"url": f"{address}/men.zip", "sha256": None, "unpack": True, "into": "men"},
            {"url": f"{address}/table.dat", "sha256": None, "unpack": False},
        ],
    )
    store.download("tiny", progress=False)
    assert store.verify("tiny") == []


def test_an_address_that_does_not_answer_is_named_with_a_way_out(server, home, tmp_path):
    _, address = server
    home(FILES, [{"url": f"{address}/absent.zip", "sha256": None, "unpack": True}])
    with pytest.raises(
        MissingDataError, match=r"absent\.zip could not be fetched .*404.*EARWITNESS_DATA"
    ):
        store.download("tiny", progress=False)
    assert nothing_left(tmp_path / "cache" / "corpora")


def test_a_missing_corpus_is_answered_with_the_two_ways_to_get_it(tiny):
    with pytest.raises(MissingDataError, match=r"earwitness data download tiny.*EARWITNESS_DATA"):
        catalogue.corpus_folder("tiny")


def test_a_named_root_wins_over_the_environment(tiny, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path))
    assert catalogue.corpus_folder("tiny", tmp_path / "elsewhere") == tmp_path / "elsewhere"


def test_the_data_folder_wins_over_the_cache(tiny, tmp_path, monkeypatch):
    in_cache = store.download("tiny", progress=False)
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path / "data"))
    assert catalogue.corpus_folder("tiny") == in_cache, (
        "a data folder without this corpus does not hide the cached one"
    )
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    assert catalogue.corpus_folder("tiny") == tmp_path / "data" / "tiny"


@pytest.mark.parametrize(
    "function", [catalogue.corpus_folder, store.verify, store.download, store.checks]
)
def test_an_unknown_corpus_is_answered_with_the_nearest_name(tiny, function):
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        function("tinny")


def test_status_tells_what_is_there(tiny):
    assert store.status().set_index("corpus").loc["tiny"].to_dict() == {
        "present": False,
        "files": 0,
        "size_mb": 0.0,
        "where": "https://example.org",
        "licence": "CC0",
    }
    where = store.download("tiny", progress=False)
    row = store.status().set_index("corpus").loc["tiny"]
    assert row["present"] and row["files"] == 3 and row["where"] == str(where)


def test_verify_names_missing_and_damaged_files_and_a_wrong_total(tiny):
    where = store.download("tiny", progress=False)
    (where / "0_ann_0.wav").write_bytes(b"ZERO")
    (where / "sub" / "2_ann_0.wav").unlink()
    damaged, missing, total = store.verify("tiny")
    assert damaged.startswith("0_ann_0.wav is damaged")
    assert missing == "sub/2_ann_0.wav is missing."
    assert total == "The 2 of 3 listed files that are there have 8 bytes, not 11."


def test_verify_accepts_the_layout_of_an_upstream_checkout(home, tmp_path):
    home(FILES, [], inside="recordings")
    for name, content in FILES.items():
        path = tmp_path / "checkout" / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert store.verify("tiny", tmp_path / "checkout") == []


def audiomnist_tree(root, speakers):
    for speaker in speakers:
        folder = root / "data" / f"{speaker:02d}"
        folder.mkdir(parents=True)
        for digit in range(10):
            for repetition in range(50):
                (folder / f"{digit}_{speaker:02d}_{repetition}.wav").write_bytes(b"x")
    metadata = {f"{speaker:02d}": {"gender": "male"} for speaker in speakers}
    (root / "data" / "audioMNIST_meta.txt").write_text(json.dumps(metadata))


def test_verify_checks_the_layout_of_audiomnist_since_no_checksums_are_known(tmp_path):
    assert "No checksums are known" in store.checks("audiomnist")
    audiomnist_tree(tmp_path, range(1, 60))
    (tmp_path / "data" / "07" / "3_07_49.wav").unlink()
    (tmp_path / "data" / "08" / "3_08_0.wav").write_bytes(b"")
    problems = store.verify("audiomnist", tmp_path)
    assert problems[:2] == ["07/3_07_49.wav is missing.", "08/3_08_0.wav is empty."]
    assert problems[2] == "60/0_60_0.wav is missing."
    assert problems[-1] == "audioMNIST_meta.txt has no entry for speaker 60."
    assert len(problems) == 2 + 500 + 1


@pytest.mark.parametrize(("content", "expected"), [("{", "is not JSON"), (None, "is missing")])
def test_verify_reports_unusable_metadata_of_audiomnist(tmp_path, content, expected):
    (tmp_path / "data").mkdir()
    if content is not None:
        (tmp_path / "data" / "audioMNIST_meta.txt").write_text(content)
    assert expected in store.verify("audiomnist", tmp_path)[-1]


def test_every_corpus_that_can_be_loaded_is_described():
    assert set(corpora.names()) <= set(catalogue.corpora())


@pytest.mark.parametrize("name", sorted(catalogue.corpora()))
def test_each_description_is_complete_and_agrees_with_its_manifest(name):
    about = catalogue.corpora()[name]
    assert {
        "title",
        "what",
        "home",
        "licence",
        "citation",
        "layout",
        "files",
        "size_bytes",
        "downloads",
    } <= set(about)
    assert all(item["url"].startswith("https://") for item in about["downloads"])
    if about["manifest"]:
        listed = catalogue.manifest(name)
        assert len(listed) == about["files"]
        assert all(len(checksum) == 64 and int(checksum, 16) for checksum in listed.values())
        for item in about["downloads"]:
            if not item["unpack"] and item["sha256"]:
                assert listed[item["url"].rsplit("/")[-1]] == item["sha256"]


def test_every_manifest_belongs_to_a_description():
    manifests = {path.name for path in (project.root() / "data" / "manifests").iterdir()}
    assert manifests == {about["manifest"] for about in catalogue.corpora().values()} - {None}
