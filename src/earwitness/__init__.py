"""Earwitness: explainable AI for audio, reproducible, audible and teachable.

The rooms, from the ground up; imports go only up this table, and never to ``earwitness_book``:

=============== ==================================================================================
audio           samples: read, checked, resampled; rates in hertz
acoustics       physics: sphere, rooms, codecs, degradations
corpora         where sound comes from, registered one by one; ``store`` finds and downloads
features        waveform to input of a network; phonetic measurements
models          networks exactly as published, shipped weights; registered with their sample rate
attribution     one entry, ``attribute``; one module per family; one table operation to rule
evaluation      does the explanation tell the truth: flipping, shares, speech, scenes, controls
audition        makes relevance listenable
figures         every picture, one style
training        one protocol for experiments, one loop, one cache key, one export
cli             commands; takes in the book's when it is installed
=============== ==================================================================================
"""

import os as _os
import sysconfig as _sysconfig

# librosa keeps what it compiles beside its own files; where these are read-only it must be told of
# another folder before it is imported
if _os.environ.get("EARWITNESS_CACHE") and not _os.access(_sysconfig.get_path("purelib"), _os.W_OK):
    _os.environ.setdefault(
        "NUMBA_CACHE_DIR",
        _os.path.join(_os.path.expanduser(_os.environ["EARWITNESS_CACHE"]), "numba"),
    )

from earwitness import former as _former

__version__ = "0.1.0"
_former.install()


def __getattr__(name: str):
    """Return :func:`explain` where it is first used: importing the package imports nothing
    heavy.
    """
    if name != "explain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from earwitness.explaining import explain

    return explain
