"""Results are kept under a hash, appear whole or not at all, and are made anew when damaged."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness import cache
from earwitness.errors import BusyError, MissingDataError, ParameterError, StorageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SPECIFICATIONS = st.dictionaries(st.text(), VALUES, max_size=5)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@given(SPECIFICATIONS, st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_keys(specification, random):
    shuffled = list(specification.items())
    random.shuffle(shuffled)
    assert cache.digest(dict(shuffled)) == cache.digest(specification)
    assert len(cache.digest(specification)) == 20


@given(SPECIFICATIONS, st.text(), VALUES, VALUES)
def test_a_digest_depends_on_every_value(specification, name, one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (
        cache.digest({**specification, name: one}) == cache.digest({**specification, name: other})
    ) is same


def test_a_digest_stays_the_same_from_release_to_release():
    assert cache.digest({"model": "AudioNet", "seed": 0}) == "ba1ea9ae78fa0e6a82fb"  # by sha256sum


def test_directories_follow_the_environment_and_exist(own_cache):
    assert cache.directory("models") == own_cache / "models" and (own_cache / "models").is_dir()


def test_a_failed_write_leaves_the_old_content_and_no_rubbish(tmp_path):
    path = tmp_path / "result.txt"
    cache.write_text(path, "old")
    with pytest.raises(RuntimeError), cache.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old" and sorted(tmp_path.iterdir()) == [path]


def test_a_process_killed_while_it_writes_leaves_the_old_content(tmp_path):
    path = tmp_path / "result.txt"
    cache.write_text(path, "old")
    code = (
        "import sys, time; from earwitness import cache\n"
        "with cache.atomic(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half of the n'); print('written', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert path.read_text() == "old"


def make(text, made):
    def produce(path):
        made.append(text)
        path.write_text(text)

    return produce


def test_a_stored_result_is_made_once_and_belongs_to_its_specification():
    made = []
    first = cache.stored("kind", {"a": 1, "b": 2}, ".txt", make("one", made))
    again = cache.stored("kind", {"b": 2, "a": 1}, ".txt", make("never", made))
    other = cache.stored("kind", {"a": 2, "b": 2}, ".txt", make("two", made))
    assert first == again != other and made == ["one", "two"]
    assert (first.read_text(), other.read_text()) == ("one", "two")
    assert json.loads(Path(f"{first}.json").read_text())["specification"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("damaged"),
        lambda path: path.write_bytes(path.read_bytes()[:2]),
        lambda path: path.unlink(),
        lambda path: Path(f"{path}.json").unlink(),
        lambda path: Path(f"{path}.json").write_text("{"),
        lambda path: Path(f"{path}.json").write_text("{}"),
    ],
)
def test_a_damaged_result_is_not_trusted_but_made_anew(damage):
    made = []
    path = cache.stored("kind", {"a": 1}, ".txt", make("whole", made))
    damage(path)
    assert not cache.intact(path)
    assert cache.stored("kind", {"a": 1}, ".txt", make("whole", made)).read_text() == "whole"
    assert made == ["whole", "whole"] and cache.intact(path)


def test_what_a_class_shares_is_read_and_never_written(own_cache, tmp_path, monkeypatch):
    def write(word):
        return lambda path: path.write_text(word)

    teachers = cache.stored("models", {"n": 1}, ".txt", write("teacher"))
    shared = tmp_path / "shared"
    own_cache.rename(shared)
    monkeypatch.setenv("EARWITNESS_CACHE_SHARED", str(shared))
    before = sorted(shared.rglob("*"))
    assert cache.stored("models", {"n": 1}, ".txt", write("student")).read_text() == "teacher"
    assert cache.kept("models", {"n": 1}, ".txt") == shared / "models" / teachers.name
    mine = cache.stored("models", {"n": 2}, ".txt", write("student"))
    again = cache.stored("models", {"n": 1}, ".txt", write("student"), shared=False)
    assert mine.parent == again.parent == own_cache / "models" and again.read_text() == "student"
    assert cache.kept("models", {"n": 1}, ".txt") == again
    assert sorted(shared.rglob("*")) == before


def test_damage_in_what_a_class_shares_is_not_trusted(own_cache, tmp_path, monkeypatch):
    cache.stored("models", {"n": 1}, ".txt", lambda path: path.write_text("teacher")).write_text(
        "?"
    )
    own_cache.rename(tmp_path / "shared")
    monkeypatch.setenv("EARWITNESS_CACHE_SHARED", str(tmp_path / "shared"))
    assert cache.kept("models", {"n": 1}, ".txt") is None


def test_a_result_that_cannot_be_made_is_not_stored():
    def fail(path):
        path.write_text("half")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        cache.stored("kind", {"a": 1}, ".txt", fail)
    made = []
    assert cache.stored(
        "kind", {"a": 1}, ".txt", make("whole", made)
    ).read_text() == "whole" and made == ["whole"]


def slow_work(folder, started):
    os.environ["EARWITNESS_CACHE"] = folder

    def produce(path):
        with open(Path(folder) / "made", "a") as log:
            log.write("x")
        time.sleep(0.5)
        path.write_text("whole")

    started.wait()
    assert cache.stored("kind", {"a": 1}, ".txt", produce).read_text() == "whole"


def test_two_processes_that_want_the_same_do_the_work_once(own_cache):
    own_cache.mkdir()
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(2)
    workers = [context.Process(target=slow_work, args=(str(own_cache), started)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (own_cache / "made").read_text() == "x"


def test_a_process_killed_while_it_works_does_not_block_the_next(own_cache):
    code = (
        "import time; from earwitness import cache\n"
        "def produce(path):\n    path.write_text('half'); print('working', flush=True); "
        "time.sleep(60)\n"
        "cache.stored('kind', {'a': 1}, '.txt', produce)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "working\n"
    process.kill()
    process.wait()
    process.stdout.close()
    made = []
    assert cache.stored(
        "kind", {"a": 1}, ".txt", make("whole", made)
    ).read_text() == "whole" and made == ["whole"]


@given(SPECIFICATIONS, st.dictionaries(st.integers(), VALUES, max_size=3))
def test_a_digest_is_that_of_the_specification_as_its_note_says_it(specification, numbered):
    specification = {**specification, "numbered": numbered, "pair": (1, 2)}
    assert cache.digest(json.loads(json.dumps(specification))) == cache.digest(specification)


def test_a_pair_of_result_and_note_of_another_specification_is_made_anew():
    one = cache.stored("kind", {"a": 1}, ".txt", make("one", []))
    two = cache.stored("kind", {"a": 2}, ".txt", make("two", []))
    shutil.copy(two, one)
    shutil.copy(f"{two}.json", f"{one}.json")
    assert not cache.intact(one)
    assert cache.stored("kind", {"a": 1}, ".txt", make("one", [])).read_text() == "one"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"[]",
        b"[1, 2]",
        b"null",
        b'"text"',
        b'{"sha256": 1}',
        b'{"sha256": "x", "specification": []}',
        b"[" * 100_000,
        b"",
    ],
)
def test_a_note_of_any_other_content_is_made_anew(content):
    path = cache.stored("kind", {"a": 1}, ".txt", make("whole", []))
    note = Path(f"{path}.json")
    right = note.read_bytes()
    note.write_bytes(content)
    assert cache.stored("kind", {"a": 1}, ".txt", make("whole", [])).read_text() == "whole"
    assert note.read_bytes() == right


def test_folders_in_the_place_of_a_result_or_its_note_give_way():
    path = cache.stored("kind", {"a": 1}, ".txt", make("whole", []))
    for place in (path, Path(f"{path}.json")):
        place.unlink()
        (place / "inner").mkdir(parents=True)
        assert cache.stored("kind", {"a": 1}, ".txt", make("whole", [])).read_text() == "whole"


def test_what_a_killed_process_left_is_removed_with_the_next_result(own_cache):
    path = cache.stored("kind", {"a": 1}, ".txt", make("whole", []))
    mine, old, new = (
        path.parent / name for name in (f".{path.name}.x", ".other.old", ".other.new")
    )
    for left in (mine, old, new):
        left.write_text("half")
    os.utime(old, (0, 0))
    path.unlink()
    cache.stored("kind", {"a": 1}, ".txt", make("whole", []))
    assert (mine.exists(), old.exists(), new.exists()) == (False, False, True)


def test_a_tilde_in_the_variable_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EARWITNESS_CACHE", "~/kept")
    assert cache.directory("models") == tmp_path / "kept" / "models"


@pytest.mark.parametrize("name", ["a file", "x" * 300, "~nobody-of-this-name/cache"])
def test_a_variable_that_can_name_no_folder_is_refused_by_its_name(name, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("EARWITNESS_CACHE", name if name[0] == "~" else str(tmp_path / name))
    with pytest.raises(ParameterError, match="^EARWITNESS_CACHE is .*cannot be a folder"):
        cache.directory("models")


def test_a_cache_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", "/proc/earwitness")
    assert cache.place("models") == Path("/proc/earwitness/models")
    with pytest.raises(
        StorageError, match="^/proc/earwitness/models cannot be written .*EARWITNESS_CACHE is /proc"
    ):
        cache.stored("models", {"a": 1}, ".txt", make("never", []))


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(own_cache):
    def produce(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=f"{own_cache}/kind/.* cannot be written .No space left"):
        cache.stored("kind", {"a": 1}, ".txt", produce)
    assert not [path for path in (own_cache / "kind").iterdir() if not path.name.endswith(".lock")]


def test_an_error_that_is_none_of_the_disk_stays_what_it_is():
    def produce(path):
        raise MissingDataError("There is no corpus.")

    with pytest.raises(MissingDataError, match="There is no corpus"):
        cache.stored("kind", {"a": 1}, ".txt", produce)


HOLD = (
    "import sys, time; from earwitness import cache\n"
    "with cache.locked(sys.argv[1]):\n    print('held', flush=True); "
    "time.sleep(float(sys.argv[2]))\n"
)


def hold(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_frozen_holder_of_a_lock_is_named_and_not_waited_for(own_cache):
    path = own_cache / "kind" / "result"
    holder = hold(path, 600)
    try:
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(
            BusyError, match=f"result is being made by process {holder.pid} on .* no sign of life"
        ):
            with cache.locked(path, limit_s=1):
                pytest.fail("two hold the lock")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_holder_at_work_is_waited_for_with_a_word(own_cache, monkeypatch, caplog):
    monkeypatch.setattr(cache, "_TELL_AFTER_S", 0.0)
    path = own_cache / "kind" / "result"
    holder = hold(path, 2)
    with cache.locked(path, limit_s=30):
        assert not holder.poll()
    assert f"Waiting for process {holder.pid} on" in caplog.text and str(path) in caplog.text
    holder.wait()
    holder.stdout.close()
    assert [left.name for left in path.parent.iterdir()] in ([], ["result.lock"])


def test_a_disk_that_is_full_when_the_lock_is_taken_is_named(tmp_path, monkeypatch):
    def full(sign):
        raise StorageError(28, f"{sign} cannot be written: the disk is full.")

    monkeypatch.setattr(cache, "_sign", full)
    with pytest.raises(StorageError, match="the disk is full"), cache.locked(tmp_path / "result"):
        pass
