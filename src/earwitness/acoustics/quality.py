"""The quality of transmitted speech by PESQ, computed where the end of a process is an error of ours."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from earwitness.audio import check_samples
from earwitness.errors import AudioError, MissingDataError

SAMPLE_RATE = 16000
_PROGRAM = Path(__file__).with_name("pesq_program.py")
_START_S, _CLIP_S = 60.0, 60.0  # for the program, and for a clip, which takes a second at most


def pesq_wideband(sent: np.ndarray, received: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    """Return the quality of speech against what was sent, by PESQ (wideband), about 1.0 to 4.6.

    A model's estimate, not an opinion of people; it ignores level, and knows no bandwidth beyond
    8 kHz.

    Parameters
    ----------
    sent, received : ndarray, shape (T,)
        In [-1, 1].
    sample_rate : int
        16,000 Hz.

    Raises
    ------
    AudioError
        If one of the two is not usable, silent or at another rate, if PESQ finds no speech in it,
        or ends its process, as it does on clips of many utterances.
    MissingDataError
        If PESQ is not installed.

    Notes
    -----
    ITU-T P.862.2. Chapter: speech-quality.
    """
    return float(pesq_of_pairs([(sent, received)], sample_rate)[0])


def pesq_of_pairs(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Return :func:`pesq_wideband` of each pair, (len(pairs),), in one process for all."""
    if find_spec("pesq") is None:
        raise MissingDataError("PESQ is not installed: pip install pesq; it needs a C compiler.")
    clips = {"sample_rate": np.array(SAMPLE_RATE)}
    for i, (sent, received) in enumerate(pairs):
        for what, samples in (("sent", sent), ("received", received)):
            name = f"What was {what} (pair {i + 1} of {len(pairs)})"
            clips[f"{what}{i}"] = check_samples(samples, sample_rate, SAMPLE_RATE, name)
    judged = _run(clips, len(pairs)) if pairs else []
    return np.array([_value(one, clips[f"received{i}"]) for i, one in enumerate(judged)])


def _value(judged: dict, samples: np.ndarray) -> float:
    if "error" in judged:
        raise AudioError(
            f"PESQ cannot judge this clip of {len(samples) / SAMPLE_RATE:.2f} s: {judged['error']}."
        )
    return judged["value"]


def _run(clips: dict, n: int) -> list[dict]:
    """Return what the program says of each pair; of the one at which it ends, that it does."""
    content = io.BytesIO()
    np.savez(content, **clips)
    command = [sys.executable, "-P", str(_PROGRAM)]
    try:
        done = subprocess.run(
            command, input=content.getvalue(), capture_output=True, timeout=_START_S + n * _CLIP_S
        )
    except subprocess.TimeoutExpired as late:
        raise AudioError(f"PESQ was given up after {late.timeout:.0f} s.") from None
    judged = [json.loads(line) for line in done.stdout.splitlines()]
    if len(judged) < n:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        judged.append({"error": f"its process ended with {done.returncode} {last}".strip()})
    return judged
