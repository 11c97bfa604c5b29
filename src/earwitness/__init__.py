"""Earwitness: explainable AI for audio, reproducible, audible and teachable."""

import os as _os
import sysconfig as _sysconfig

# librosa keeps what it compiles beside its own files; where these are read-only it must be told of
# another folder before it is imported
if _os.environ.get("EARWITNESS_CACHE") and not _os.access(_sysconfig.get_path("purelib"), _os.W_OK):
    _os.environ.setdefault(
        "NUMBA_CACHE_DIR",
        _os.path.join(_os.path.expanduser(_os.environ["EARWITNESS_CACHE"]), "numba"),
    )

__version__ = "0.1.0"


def __getattr__(name: str):
    """Return :func:`explain` where it is first used: importing the package imports nothing heavy."""
    if name != "explain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from earwitness.explaining import explain

    return explain
