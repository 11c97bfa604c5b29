"""Samples: read, checked, resampled; rates in Hz."""

import math
from numbers import Real
from pathlib import Path

import numpy as np
import soundfile
import soxr

from earwitness.errors import AudioError, MissingDataError

MAX_DURATION_S = 60.0


def check_samples(
    samples: np.ndarray, sample_rate: int, expected_rate: int | None = None, what: str = "The clip",
    may_be_silent: bool = False,
) -> np.ndarray:
    """Return ``samples`` as float32 (T,) if a network can use them.

    Raises
    ------
    AudioError
        If they are whole numbers (of what unit?), not one channel, empty, longer than a minute, not finite, silent
        unless they may be, or at another rate than ``expected_rate``; if the rate is no positive number.
    """
    check_rate(sample_rate, what)
    samples = _real(samples, what)
    if expected_rate is not None and sample_rate != expected_rate:
        raise AudioError(f"{what} has {sample_rate} samples a second, not {expected_rate}; resample it first.")
    if samples.ndim != 1:
        raise AudioError(f"{what} has shape {samples.shape}; one channel (T,) is needed: mix or choose a channel.")
    if len(samples) == 0:
        raise AudioError(f"{what} is empty.")
    if len(samples) > MAX_DURATION_S * sample_rate:
        raise AudioError(f"{what} lasts {len(samples) / sample_rate:.0f} s; at most {MAX_DURATION_S:.0f} s is taken.")
    if not np.isfinite(samples).all():
        raise AudioError(f"{what} holds {np.count_nonzero(~np.isfinite(samples))} samples that are NaN or infinite.")
    if not may_be_silent and not samples.any():
        raise AudioError(f"{what} is silent: every sample is zero.")
    return samples.astype(np.float32, copy=False)



def check_rate(sample_rate: int, what: str = "The clip") -> None:
    """Raise AudioError if ``sample_rate`` is no positive number of hertz."""
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, Real) or not 0 < sample_rate < math.inf:
        raise AudioError(f"{what} needs a sample rate, a positive number in Hz, got {sample_rate!r}.")



def _real(samples, what: str) -> np.ndarray:
    """Return samples as an array of floats; whole numbers have a full scale that only their file knows."""
    samples = np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)
    if samples.dtype.kind in "iu":
        raise AudioError(f"{what} has samples that are whole numbers ({samples.dtype}); scale them to -1..1, e.g. "
                         "divide those of 16 bits by 32768.")
    if samples.dtype.kind != "f":
        raise AudioError(f"{what} has no samples: an array of floats (T,) is needed, got {samples.dtype}.")
    return samples



def read_audio(path: Path, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Return the samples (T,) in [-1, 1] and the sample rate in Hz of a sound file with one channel.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    AudioError
        If it is no sound file, is cut off, or holds what :func:`check_samples` refuses.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"There is no file {path}.")
    try:
        with soundfile.SoundFile(path) as file:
            samples = file.read(dtype="float32")
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} is not a sound file that can be read ({error.error_string.strip()}).") from None
    _check_complete(path)
    return check_samples(samples, rate, sample_rate, str(path)), rate



def _check_complete(path: Path) -> None:
    # libsndfile reads what is there of a truncated WAV without a word; the header says how much there should be
    with open(path, "rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        promised = int.from_bytes(head[4:8], "little") + 8
        if promised < 2**32 - 1 and path.stat().st_size < promised:
            raise AudioError(f"{path} is cut off: {path.stat().st_size} of {promised} bytes are there; fetch it again.")



def resample(samples: np.ndarray, sample_rate: int, target_rate: int = 8000) -> np.ndarray:
    """Return ``samples`` (T,) at ``target_rate`` Hz, float32, by soxr's high-quality filter."""
    samples = check_samples(samples, sample_rate)
    if sample_rate == target_rate:
        return samples
    return soxr.resample(samples, sample_rate, target_rate).astype(np.float32)
