"""Settings of the process that decide how fast the same arithmetic runs, and on which device.

Set once where work starts (command line, notebooks, tests); ``EARWITNESS_TUNE=0`` leaves everything as it is.
"""

import ctypes
import os
import platform
import random
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from earwitness.errors import ParameterError

# glibc's mallopt parameters (malloc.h): keep large blocks in the heap instead of mapping and faulting them anew.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def tune() -> bool:
    """Keep large tensors in the heap and BLAS of numpy on one thread; return whether anything was set.

    Notes
    -----
    With glibc's default settings every large CPU tensor is mapped and page-faulted at each operation, which doubles
    the time of AudioNet at batch 100; a numpy BLAS pool that spins between torch's forward passes triples it.
    ``benchmarks/runtime.py`` measures both.
    """
    if os.environ.get("EARWITNESS_TUNE", "1") == "0":
        return False
    threadpool_limits(1, user_api="blas")
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_M_TOP_PAD, 2**28)
    return True


def device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``"auto"`` takes a GPU where there is one.

    Raises
    ------
    ParameterError
        If torch does not know the name, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f"This machine offers no device {name!r}; use 'auto' or 'cpu'. ({error})") from None
    return torch.device(name)


def seed(value: int) -> np.random.Generator:
    """Seed torch, numpy's and Python's global generators and return a generator of its own for explicit use."""
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002  librosa and scikit-learn draw from the global generator
    torch.manual_seed(value)
    return np.random.default_rng(value)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the processor multiplies in bfloat16 (AVX512-BF16 or AMX on a CPU, Ampere or later on a GPU)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def progress(work: Iterable, what: str, total: int | None = None) -> Iterator:
    """Yield the items of ``work``; a terminal shows a bar from the third second on, anything else nothing."""
    from tqdm import tqdm

    return iter(tqdm(work, what, total, delay=2, disable=None, leave=False))
