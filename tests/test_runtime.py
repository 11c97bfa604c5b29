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
    monkeypatch.setattr(runtime, "threadpool_limits", lambda *args, **kwargs: limits.append((args, kwargs)))
    monkeypatch.delenv("EARWITNESS_TUNE", raising=False)
    return limits


def test_tune_keeps_large_blocks_in_the_heap_and_numpys_products_on_one_thread(recorded, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert runtime.tune() is True
    assert calls == [(-4, 0), (-1, 2**31 - 1), (-2, 2**28)]  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD of malloc.h
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
    code = ("import json, numpy; from threadpoolctl import threadpool_info; from earwitness import runtime\n"
            "def count(): return [pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas']\n"
            "before = count(); runtime.tune(); print(json.dumps([before, count()]))")
    environment = {"EARWITNESS_TUNE": switch, "OPENBLAS_NUM_THREADS": "2", "PATH": ""}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
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


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x", "cuda:97"])
def test_a_device_that_is_not_there_is_refused_with_what_to_do(name):
    with pytest.raises(ParameterError, match="no device .*; use 'auto' or 'cpu'"):
        runtime.device(name)


def test_one_seed_repeats_every_generator_and_another_does_not():
    def draw(value):
        rng = runtime.seed(value)
        return rng.random(), random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002

    assert draw(3) == draw(3)
    assert all(one != other for one, other in zip(draw(3), draw(4), strict=True))
