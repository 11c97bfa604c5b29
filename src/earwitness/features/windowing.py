"""Windows of raw waveform around points in time: what the phone and speaker networks take."""

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError

SAMPLE_RATE = 16000
LENGTH = 4000  # 250 ms at 16 kHz
HOP = 160  # 10 ms
_CONSTANT = 1e-6  # deviations below this share of the mean are rounding, not sound


@checked
def frame_centres(n_samples: int, hop: int = HOP) -> np.ndarray:
    """Return the middle sample of each frame of ``hop`` samples, (n_frames,) int64; at least one
    frame.

    The first frame is samples 0 to ``hop - 1``. A rest of at most half a frame at the end belongs
    to the last one.

    Raises
    ------
    ParameterError
        If ``n_samples`` or ``hop`` is not a positive integer.
    """
    _positive(n_samples=n_samples, hop=hop)
    return np.arange(min(hop, n_samples) // 2, n_samples, hop)


@checked
def windows(samples: np.ndarray, centres: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """Return the stretches of ``length`` samples around ``centres``, zeros where they reach outside
    the utterance.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    centres : sequence of int, shape (n,)
        Samples of the utterance, 0 to T - 1, in any order; window i starts at ``centres[i] - length
        // 2``.
    length : int
        In samples.

    Returns
    -------
    ndarray, shape (n, length), float32
        A copy.

    Raises
    ------
    AudioError
        If ``samples`` is not one channel.
    ParameterError
        If a centre is not an integer or lies outside the utterance, or ``length`` is not a positive
        integer.

    Notes
    -----
    Muckenhirn et al. (2019), section 4.1: 250 ms around each frame of 10 ms. Chapter: raw-waveform.
    """
    check_finite(samples, "The utterance")
    samples, centres = np.asarray(samples, np.float32), np.asarray(centres)
    _positive(length=length)
    if samples.ndim != 1 or len(samples) == 0:
        raise AudioError(
            f"Windows are cut from one channel of samples (T,), got shape {samples.shape}."
        )
    if centres.ndim != 1 or (centres.size and centres.dtype.kind not in "iu"):
        raise ParameterError(
            f"Centres must be a list of sample numbers (integers), got {centres!r}."
        )
    if centres.size and not (0 <= centres.min() and centres.max() < len(samples)):
        raise ParameterError(
            f"Centres must lie inside the utterance, 0 to {len(samples) - 1}, "
            f"got {centres.min()} to {centres.max()}."
        )
    before = length // 2
    padded = np.pad(samples, (before, length - before - 1))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[centres.astype(np.int64)]


@checked
def normalised(windows: np.ndarray) -> np.ndarray:
    """Return each window less its mean, over its standard deviation; a constant window becomes
    zero.

    Parameters
    ----------
    windows : ndarray, shape (..., length)
        The zeros around an utterance count as samples, as they do for the network.

    Returns
    -------
    ndarray, shape (..., length), float32
        Mean 0 and variance 1 (ddof 0) along the last axis.

    Notes
    -----
    Palaz et al. (2019), Speech Communication 108, 15-32, the recipe that the paper follows.
    Chapter: raw-waveform.
    """
    check_finite(windows, "The window")
    windows = np.asarray(windows, np.float32)
    mean = windows.mean(-1, keepdims=True)
    centred = windows - mean
    deviation = np.sqrt(np.einsum("...i,...i->...", centred, centred) / windows.shape[-1])[
        ..., None
    ]
    sounding = deviation > _CONSTANT * np.abs(mean)
    centred *= np.divide(1, deviation, out=np.zeros_like(deviation), where=sounding)
    return centred


def _positive(**given: int) -> None:
    for name, value in given.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or not 1 <= value < 2**31
        ):
            raise ParameterError(f"{name} must be a positive integer below 2**31, got {value!r}.")
