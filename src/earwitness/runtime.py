"""Settings of the process that decide how fast the same arithmetic runs, and on which device.

Set once where work starts (command line, notebooks, tests); ``EARWITNESS_TUNE=0`` leaves everything
as it is.
"""

import ctypes
import os
import platform
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from earwitness.arguments import checked
from earwitness.errors import ParameterError

# glibc's mallopt parameters (malloc.h): keep large blocks in the heap instead of mapping and
# faulting them anew.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def tune() -> bool:
    """Keep large tensors in the heap and BLAS of numpy on one thread; return whether anything was
    set.

    Notes
    -----
    With glibc's default settings every large CPU tensor is mapped and page-faulted at each
    operation, which doubles the time of AudioNet at batch 100; a numpy BLAS pool that spins between
    torch's forward passes triples it. ``benchmarks/runtime.py`` measures both.
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
        If torch does not know the name, or this machine has no such device that computes.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.ones(1, device=found).item()  # "meta" holds shapes only and cannot
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise ParameterError(
            f"This machine offers no device {name!r}; use 'auto' or 'cpu'. ({error})"
        ) from None
    return found


def check_seed(value: int) -> int:
    """Return ``value`` if every generator takes it as a seed: a whole number from 0 to 2³² - 1.

    Raises
    ------
    ParameterError
        Otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**32:
        raise ParameterError(f"A seed is a whole number from 0 to {2**32 - 1}, got {value!r}.")
    return int(value)


def seed(value: int) -> np.random.Generator:
    """Seed torch, numpy's and Python's global generators and return a generator of its own for
    explicit use.

    Raises
    ------
    ParameterError
        If ``value`` is not a whole number from 0 to 2³² - 1.
    """
    value = check_seed(value)
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002  librosa and scikit-learn draw from the global generator
    torch.manual_seed(value)
    return np.random.default_rng(value)


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Compute on ``n`` threads in the block: torch adds up in another order on another number of
    them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(
    device: torch.device, wanted: bool | str = "auto", dtype: torch.dtype = torch.float32
) -> torch.autocast:
    """Return the context in which matrices multiply in bfloat16, or one in which nothing changes.

    Parameters
    ----------
    device : torch.device
    wanted : bool or "auto"
        ``"auto"``: where the processor does so in hardware and the model is float32.
    dtype : torch.dtype
        Of the model.

    Raises
    ------
    ParameterError
        If ``wanted`` is none of the three, or True for a model that is not float32.
    """
    if not isinstance(wanted, bool) and wanted != "auto":
        raise ParameterError(f"autocast must be True, False or 'auto', got {wanted!r}.")
    if wanted is True and dtype != torch.float32:
        raise ParameterError(f"autocast is for float32 models, this one is {dtype}.")
    wins = dtype == torch.float32 and has_fast_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=wins if wanted == "auto" else wanted)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the processor multiplies in bfloat16 (AVX512-BF16 or AMX on a CPU, Ampere or
    later on a GPU).
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@checked
def progress(work: Iterable, what: str, total: int | None = None) -> Iterator:
    """Yield the items of ``work``; a terminal shows a bar from the third second on, anything else
    nothing.
    """
    from tqdm import tqdm

    return iter(tqdm(work, what, total, delay=2, disable=None, leave=False))
