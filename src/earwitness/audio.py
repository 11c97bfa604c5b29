"""Samples: read, checked, resampled; rates in Hz."""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from numbers import Real
from pathlib import Path

import numpy as np
import soundfile
import soxr

from earwitness import containers
from earwitness.errors import AudioError, MissingDataError, check_choice

MAX_DURATION_S = 60.0
MAX_RATE_HZ = 1_000_000
MAX_PEAK = 16.0  # 24 dB above full scale; what exceeds it was never scaled to -1..1
CHANNELS = ("left", "right", "mean")
_BLOCK = 1 << 16
_UNKNOWN = 1 << 62  # what libsndfile says of a FLAC from a pipe is more


def check_samples(
    samples: np.ndarray,
    sample_rate: int,
    expected_rate: int | None = None,
    what: str = "The clip",
    may_be_silent: bool = False,
    any_scale: bool = False,
) -> np.ndarray:
    """Return ``samples`` as float32 (T,) if a network can use them.

    Parameters
    ----------
    samples : array_like or tensor, shape (T,)
    sample_rate : int
        In Hz.
    expected_rate : int, optional
        In Hz, the only one that is taken.
    what : str
        What the sentence of an error calls the samples.
    may_be_silent : bool
        Take samples that are all zero.
    any_scale : bool
        Take any finite level: for measures that do not depend on it, also of relevance signals.

    Raises
    ------
    AudioError
        If they are whole numbers (of what unit?), not one channel, empty, longer than a minute,
        not finite in single precision, more than 24 dB above full scale, silent unless they may
        be, or at another rate than ``expected_rate``; if the rate is none (:func:`check_rate`).
    """
    sample_rate = check_rate(sample_rate, what)
    samples = _real(samples, what)
    if expected_rate is not None and sample_rate != expected_rate:
        raise AudioError(
            f"{what} has {sample_rate} samples a second, not {expected_rate}; resample it first."
        )
    _check_shape(samples, sample_rate, what)
    with np.errstate(over="ignore"):
        single = samples.astype(np.float32, copy=False)
    _check_values(samples, single, what, may_be_silent, any_scale)
    return single


def _check_shape(samples: np.ndarray, sample_rate: int, what: str) -> None:
    if samples.ndim != 1:
        raise AudioError(
            f"{what} has shape {samples.shape}; one channel (T,) is needed: mix or choose a "
            "channel. Of a file, read_audio(path, channel=...) takes 'left', 'right' or 'mean'."
        )
    if len(samples) == 0:
        raise AudioError(f"{what} is empty.")
    if len(samples) > MAX_DURATION_S * sample_rate:
        raise AudioError(_too_long(what, len(samples) / sample_rate))


def _too_long(what: str, duration_s: float) -> str:
    return f"{what} lasts {duration_s:.0f} s; at most {MAX_DURATION_S:.0f} s is taken."


def _check_values(
    given: np.ndarray, single: np.ndarray, what: str, may_be_silent: bool, any_scale: bool
) -> None:
    """Refuse values that no float32 holds, silence, and levels that are no samples' in -1..1."""
    if n := np.count_nonzero(~np.isfinite(given)):
        raise AudioError(f"{what} holds {n} samples that are NaN or infinite.")
    if n := np.count_nonzero(~np.isfinite(single)):
        raise AudioError(
            f"{what} holds {n} samples beyond 3.4e38, the largest of single precision."
        )
    if not may_be_silent and not single.any():
        raise AudioError(f"{what} is silent: every sample is zero.")
    peak = float(np.abs(single).max())
    if not any_scale and peak > MAX_PEAK:
        raise AudioError(
            f"{what} has a peak of {peak:.4g}, far above full scale, which is 1; divide samples "
            "in the scale of 16-bit numbers by 32768, those of 32 bits by 2147483648."
        )


def check_finite(values, what: str) -> None:
    """Refuse values that are NaN or infinite, or become so in single precision.

    Raises
    ------
    AudioError
        The message says how many.
    """
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if values.dtype.kind not in "biufc":
        raise AudioError(f"{what} must be numbers, got {values.dtype}.")
    largest = np.finfo(np.float32).max
    if n := np.count_nonzero(~(np.abs(values) <= largest)):
        raise AudioError(f"{what} holds {n} values that are NaN, infinite or beyond 3.4e38.")


def check_rate(sample_rate: int, what: str = "The clip") -> int:
    """Return ``sample_rate`` as an int, whatever kind of number it came as.

    Raises
    ------
    AudioError
        If it is no whole number of hertz from 1 to 1,000,000.
    """
    if getattr(sample_rate, "ndim", None) == 0:
        sample_rate = sample_rate.item()  # as numpy and torch load it from their files
    number = isinstance(sample_rate, Real) and not isinstance(sample_rate, bool)
    if not number or not 0 < sample_rate < math.inf:
        raise AudioError(
            f"{what} needs a sample rate, a positive number in Hz, got {sample_rate!r}."
        )
    if sample_rate != int(sample_rate) or sample_rate > MAX_RATE_HZ:
        raise AudioError(
            f"{what} needs a sample rate that is a whole number of Hz, {MAX_RATE_HZ:,} at most, "
            f"got {sample_rate!r}."
        )
    return int(sample_rate)


def _real(samples, what: str) -> np.ndarray:
    """Return samples as an array of floats; only their file knows the full scale of integers."""
    try:
        samples = np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)
    except (ValueError, TypeError) as error:
        raise AudioError(f"{what} has no samples: floats (T,) are needed ({error}).") from None
    if samples.dtype.kind in "iu":
        raise AudioError(
            f"{what} has samples that are whole numbers ({samples.dtype}); scale them to -1..1, "
            "e.g. divide those of 16 bits by 32768."
        )
    if samples.dtype.kind != "f":
        raise AudioError(
            f"{what} has no samples: an array of floats (T,) is needed, got {samples.dtype}."
        )
    return samples


def read_audio(
    path: Path, sample_rate: int | None = None, channel: str | None = None
) -> tuple[np.ndarray, int]:
    """Return the samples (T,) in [-1, 1] and the sample rate in Hz of a sound file.

    Parameters
    ----------
    path : path
        WAV (also RIFX and RF64), W64, AIFF, AU, CAF, SPHERE, FLAC, Ogg or MP3; ``~`` is the home.
    sample_rate : int, optional
        In Hz, the only one that is taken.
    channel : {"left", "right", "mean"}, optional
        Which to take of two channels, or the mean of all. Default: there must be one.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    AudioError
        If it is no sound file, is cut off, has several channels and none is chosen, or holds what
        :func:`check_samples` refuses.
    """
    if channel is not None:
        check_choice(channel, CHANNELS, "channel")
    path = existing(path)
    with _opened(path) as file:
        samples, rate = _decoded(file, path), file.samplerate
    return check_samples(_mono(samples, channel, path), rate, sample_rate, str(path)), rate


def existing(path: str | Path) -> Path:
    """Return the path of a file that is there, ``~`` expanded.

    Raises
    ------
    MissingDataError
        If there is none of that name.
    """
    try:
        path = Path(path).expanduser()
        if path.is_file():
            return path
    except (OSError, ValueError, RuntimeError, TypeError) as error:  # too long, NUL, no home
        raise MissingDataError(f"There is no file {str(path)[:200]!r} ({error}).") from None
    kind = "a folder" if path.is_dir() else "a link to nothing" if path.is_symlink() else ""
    raise MissingDataError(f"There is no file {path}{f': it is {kind}' if kind else ''}.")


def length(path: str | Path) -> tuple[int, int]:
    """Return the number of samples of a sound file, as :func:`read_audio` reads them, and its rate.

    Raises
    ------
    MissingDataError, AudioError
        As :func:`read_audio`; what the samples are is not looked at.
    """
    path = existing(path)
    about = path.stat()
    return _length(path, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)


@lru_cache(maxsize=1 << 17)
def _length(path: Path, *state: int) -> tuple[int, int]:
    with _opened(path) as file:
        told = file.seekable() and file.format not in ("MP3", "OGG", "FLAC")
        long = MAX_DURATION_S * file.samplerate < file.frames < _UNKNOWN
        return (file.frames if told or long else len(_decoded(file, path))), file.samplerate


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Yield the open sound file, if all that its container promises is there.

    libsndfile gets no name: where it does not know a content, it would take the word of an ending.
    """
    try:
        with _bytes(containers.complete(path)) as content, soundfile.SoundFile(content) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioError(_unreadable(path, error.error_string)) from None
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        if isinstance(error, AudioError):
            raise
        raise AudioError(_unreadable(path, str(error))) from None
    except PermissionError as error:
        raise AudioError(f"{path} cannot be read ({error.strerror}).") from None


@contextmanager
def _bytes(content: Path | io.BytesIO) -> Iterator[int | io.BytesIO]:
    if isinstance(content, io.BytesIO):
        yield content
        return
    with open(content, "rb") as file:
        yield os.dup(file.fileno())  # the sound file closes its own


def _unreadable(path: Path, why: str) -> str:
    return f"{path} is not a sound file that can be read ({why.strip().rstrip('.')})."


def _decoded(file: soundfile.SoundFile, path: Path) -> np.ndarray:
    """Return all samples (T, channels); how many there are is not believed before they are read."""
    stated = file.frames if file.frames < _UNKNOWN else None
    if stated is not None and stated > MAX_DURATION_S * file.samplerate:
        raise AudioError(_too_long(str(path), stated / file.samplerate))
    file.seekable = lambda: False  # or soundfile seeks after each block, which GSM refuses
    blocks, n = [np.empty((0, file.channels), np.float32)], 0
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        blocks.append(block)
        n += len(block)
        if n > MAX_DURATION_S * file.samplerate:
            raise AudioError(_too_long(str(path), n / file.samplerate))
    if stated is not None and n < stated:
        raise AudioError(
            f"{path} is cut off: {n:,} of {stated:,} samples can be read; fetch it again."
        )
    return np.concatenate(blocks)


def _mono(samples: np.ndarray, channel: str | None, path: Path) -> np.ndarray:
    """Return one channel (T,) of samples (T, channels)."""
    n = samples.shape[1]
    if n == 1 or channel == "mean":
        return samples[:, 0] if n == 1 else samples.mean(1)
    if channel is None or n != 2:
        ways = "'left', 'right' or 'mean'" if n == 2 else "'mean'"
        raise AudioError(
            f"{path} has shape {samples.shape}, {n} channels; one is needed. Choose it with "
            f"channel={ways}, on the command line with --channel."
        )
    return samples[:, ("left", "right").index(channel)]


def resample(samples: np.ndarray, sample_rate: int, target_rate: int = 8000) -> np.ndarray:
    """Return ``samples`` (T,) at ``target_rate`` Hz, float32, by soxr's high-quality filter."""
    sample_rate, target_rate = check_rate(sample_rate), check_rate(target_rate, "Resampling")
    samples = check_samples(samples, sample_rate)
    if sample_rate == target_rate:
        return samples
    return soxr.resample(samples, sample_rate, target_rate).astype(np.float32)
