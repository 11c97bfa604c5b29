"""Results are kept under a hash, appear whole or not at all, and are made anew when damaged."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness import cache

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)
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
    assert (cache.digest({**specification, name: one}) == cache.digest({**specification, name: other})) is same


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
    code = ("import sys, time; from earwitness import cache\n"
            "with cache.atomic(sys.argv[1]) as temporary:\n"
            "    temporary.write_text('half of the n'); print('written', flush=True); time.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
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


@pytest.mark.parametrize("damage", [
    lambda path: path.write_text("damaged"), lambda path: path.write_bytes(path.read_bytes()[:2]),
    lambda path: path.unlink(), lambda path: Path(f"{path}.json").unlink(),
    lambda path: Path(f"{path}.json").write_text("{"), lambda path: Path(f"{path}.json").write_text("{}"),
])
def test_a_damaged_result_is_not_trusted_but_made_anew(damage):
    made = []
    path = cache.stored("kind", {"a": 1}, ".txt", make("whole", made))
    damage(path)
    assert not cache.intact(path)
    assert cache.stored("kind", {"a": 1}, ".txt", make("whole", made)).read_text() == "whole"
    assert made == ["whole", "whole"] and cache.intact(path)


def test_a_result_that_cannot_be_made_is_not_stored():
    def fail(path):
        path.write_text("half")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        cache.stored("kind", {"a": 1}, ".txt", fail)
    made = []
    assert cache.stored("kind", {"a": 1}, ".txt", make("whole", made)).read_text() == "whole" and made == ["whole"]


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
    code = ("import time; from earwitness import cache\n"
            "def produce(path):\n    path.write_text('half'); print('working', flush=True); time.sleep(60)\n"
            "cache.stored('kind', {'a': 1}, '.txt', produce)\n")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "working\n"
    process.kill()
    process.wait()
    process.stdout.close()
    made = []
    assert cache.stored("kind", {"a": 1}, ".txt", make("whole", made)).read_text() == "whole" and made == ["whole"]
