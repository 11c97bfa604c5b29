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
