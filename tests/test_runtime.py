"""Settings of the process: what they change, what leaves them alone, and errors about devices."""

import ctypes
import json
import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from earwitness import runtime
from earwitness.errors import ParameterError


class RecordingLibrary:
    """Stands in for libc and notes what is asked of it."""

    def __init__(self, name):
        self.calls = calls

    def mallopt(self, parameter, value):
        self.calls.append((parameter, value))


calls: list[tuple[int, int]] = []


@pytest.fixture
def recorded(monkeypatch):
    """Calls of mallopt and limits of thread pools, neither of which reaches the process."""
    calls.clear()
    limits = []
    monkeypatch.setattr(ctypes, "CDLL", RecordingLibrary)
    monkeypatch.setattr(
        runtime, "threadpool_limits", lambda *args, **kwargs: limits.append((args, kwargs))
    )
    monkeypatch.delenv("EARWITNESS_TUNE", raising=False)
    return limits


def test_tune_keeps_large_blocks_in_the_heap_and_numpys_products_on_one_thread(
    recorded, monkeypatch
):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert runtime.tune() is True
    assert calls == [
        (-4, 0),
        (-1, 2**31 - 1),
        (-2, 2**28),
    ]  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD of malloc.h
    assert recorded == [((1,), {"user_api": "blas"})]


def test_tune_leaves_the_allocator_of_other_systems_alone(recorded, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert runtime.tune() is False
    assert calls == [] and len(recorded) == 1


def test_tune_switched_off_leaves_everything_alone(recorded, monkeypatch):
    monkeypatch.setenv("EARWITNESS_TUNE", "0")
    assert runtime.tune() is False
    assert calls == [] and recorded == []


@pytest.mark.parametrize(("switch", "expected"), [("1", {1}), ("0", None)])
def test_the_pools_of_numpy_follow_the_switch_in_a_process_of_its_own(switch, expected):
    code = (
        "import json, numpy; from threadpoolctl import threadpool_info; from earwitness import "
        "runtime\n"
        "def count(): return [pool['num_threads'] for pool in threadpool_info() if "
        "pool['user_api'] == 'blas']\n"
        "before = count(); runtime.tune(); print(json.dumps([before, count()]))"
    )
    environment = {"EARWITNESS_TUNE": switch, "OPENBLAS_NUM_THREADS": "2", "PATH": ""}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    before, after = json.loads(answer.stdout)
    assert 2 in before and (after == before if expected is None else set(after) == expected)


def test_the_torch_pool_keeps_its_threads():
    before = torch.get_num_threads()
    runtime.tune()
    assert torch.get_num_threads() == before
    assert all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.device() == torch.device("cpu")


def test_a_device_by_name_is_that_device():
    assert runtime.device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x", "cuda:97", "meta", None])
def test_a_device_that_is_not_there_is_refused_with_what_to_do(name):
    with pytest.raises(ParameterError, match="no device .*; use 'auto' or 'cpu'"):
        runtime.device(name)


def test_one_seed_repeats_every_generator_and_another_does_not():
    def draw(value):
        rng = runtime.seed(value)
        return rng.random(), random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002

    assert draw(3) == draw(3)
    assert all(one != other for one, other in zip(draw(3), draw(4), strict=True))


@pytest.mark.parametrize("value", [-1, 2**32, 1.0, "3", True, None])
def test_a_seed_that_not_every_generator_takes_is_refused(value):
    with pytest.raises(ParameterError, match="from 0 to 4294967295, got"):
        runtime.seed(value)
    assert runtime.check_seed(np.int64(2**32 - 1)) == 2**32 - 1


def test_threads_are_what_they_were_after_the_block_and_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), runtime.torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("wanted", "dtype", "fast", "enabled"),
    [
        (True, torch.float32, False, True),
        (False, torch.float32, True, False),
        ("auto", torch.float32, True, True),
        ("auto", torch.float32, False, False),
        ("auto", torch.float64, True, False),
    ],
)
def test_bfloat16_is_used_where_it_is_wanted_or_fast_and_the_model_is_float32(
    monkeypatch, wanted, dtype, fast, enabled
):
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda device: fast)
    with runtime.autocast(torch.device("cpu"), wanted, dtype):
        assert torch.is_autocast_enabled("cpu") is enabled


@pytest.mark.parametrize(
    ("wanted", "dtype", "sentence"),
    [
        ("yes", torch.float32, "True, False or 'auto', got 'yes'"),
        (1, torch.float32, "got 1"),
        (True, torch.float64, "for float32 models, this one is torch.float64"),
    ],
)
def test_other_wishes_for_bfloat16_are_refused(wanted, dtype, sentence):
    with pytest.raises(ParameterError, match=sentence):
        runtime.autocast(torch.device("cpu"), wanted, dtype)
