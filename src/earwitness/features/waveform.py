"""One second of sound at 8 kHz: what AudioNet takes, and what the spectrogram is made from."""

from functools import lru_cache

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_finite, resample
from earwitness.errors import AudioError, check_number

SAMPLE_RATE = 8000
LENGTH = 8000


@checked
def loudest_second(samples: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """Return the stretch of ``length`` samples with the most energy (the first of equal ones)."""
    check_number("length", length, 1, 2**31, whole=True)
    check_finite(samples, "The clip")
    if len(samples) <= length:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


@checked
def fit_to_second(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return one second at 8 kHz: resampled, and set into the middle of silence.

    Of a clip longer than a second the second with the most energy is kept (the paper calls such a
    clip an error); corpora count them in ``table.longer_than_1s``.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray, shape (8000,), float32
        Exactly zero outside the clip.

    Raises
    ------
    AudioError
        If the samples are empty, silent, not finite or not one channel.

    Notes
    -----
    Becker et al. (2018), section 2.2.1, which draws the position: :func:`pad_to_length` with
    ``rng``.
    """
    return pad_to_length(loudest_second(resample(samples, sample_rate)))


@checked
def pad_to_length(
    samples: np.ndarray, rng: np.random.Generator | None = None, length: int = LENGTH
) -> np.ndarray:
    """Return ``samples`` (at most ``length``) inside ``length`` samples of silence, at random or in
    the middle.
    """
    check_number("length", length, 1, 2**31, whole=True)
    check_finite(samples, "The clip")
    if np.ndim(samples) != 1 or len(samples) > length:
        raise AudioError(
            f"One channel of at most {length} samples is placed, got shape {np.shape(samples)}."
        )
    room = length - len(samples)
    start = room // 2 if rng is None else int(rng.integers(room + 1))
    padded = np.zeros(length, np.float32)
    padded[start : start + len(samples)] = samples
    return padded


@checked
def waveform(second: np.ndarray) -> np.ndarray:
    """Return a second (..., 8000) over its own 95th amplitude percentile plus 0.001, the input of
    AudioNet.

    Notes
    -----
    Becker et al. (2018) and the slides after Becker et al. (2024): the amplitude percentile,
    silence included. The authors' file takes the percentile of the *signed* samples, which a clip
    of a tenth of a second drives to zero.
    """
    check_finite(second, "The second")
    if not np.size(second):
        raise AudioError("There is no sample to scale.")
    level = np.percentile(np.abs(second), 95, axis=-1, keepdims=True)
    return (second / (level + 0.001)).astype(np.float32)


@lru_cache(maxsize=4)
def times_s(length: int = LENGTH) -> np.ndarray:
    """Return the time of each sample in seconds, (length,)."""
    return np.arange(length) / SAMPLE_RATE
