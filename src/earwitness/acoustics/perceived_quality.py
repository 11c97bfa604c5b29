"""The quality of transmitted speech by PESQ, computed where the end of a process is an error of
ours."""

import atexit
import io
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_samples
from earwitness.errors import AudioError, MissingDataError

SAMPLE_RATE = 16000
_PROGRAM = Path(__file__).with_name("pesq_program.py")
_CLIP_S = 120.0  # for a clip, which takes a second, and for starting on a busy machine
_ONE_AT_A_TIME = threading.Lock()
_running: dict[int, subprocess.Popen] = {}  # kept from clip to clip, by process: none is inherited


@checked
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
    if find_spec("pesq") is None:
        raise MissingDataError("PESQ is not installed: pip install pesq; it needs a C compiler.")
    sent = check_samples(sent, sample_rate, SAMPLE_RATE, "What was sent")
    received = check_samples(received, sample_rate, SAMPLE_RATE, "What was received")
    judged = _judge(sent, received)
    if "error" in judged:
        raise AudioError(
            f"PESQ cannot judge this clip of {len(received) / SAMPLE_RATE:.2f} s: "
            f"{judged['error']}."
        )
    return judged["value"]


def _judge(sent: np.ndarray, received: np.ndarray) -> dict:
    """Return what the program says of a pair, or that it ended; the next pair then gets another."""
    content = io.BytesIO()
    np.savez(content, sent=sent, received=received, sample_rate=SAMPLE_RATE)
    with _ONE_AT_A_TIME:
        program = _running.pop(os.getpid(), None) or _start()
        line = _exchange(program, content.getvalue())
        if line:
            _running[os.getpid()] = program
            return json.loads(line)
        program.kill()
        _close(program)
        return {
            "error": f"its process ended with {program.returncode}, after {_CLIP_S:.0f} s at most"
        }


def _start() -> subprocess.Popen:
    program = subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_close, program)
    return program


def _close(program: subprocess.Popen) -> None:
    """End the program by ending its input; nothing is to do where that is done."""
    with suppress(BrokenPipeError):
        program.stdin.close()
    program.wait()
    program.stdout.close()


def _exchange(program: subprocess.Popen, content: bytes) -> bytes:
    """Return its line, b"" if it ends before, on its own or for taking too long."""
    too_late = threading.Timer(_CLIP_S, program.kill)
    too_late.start()
    try:
        program.stdin.write(len(content).to_bytes(8, "big") + content)
        program.stdin.flush()
        return program.stdout.readline()
    except BrokenPipeError:
        return b""
    finally:
        too_late.cancel()
