"""How intelligible is a signal, by a measure that knows the clean speech."""

import warnings

import numpy as np
import pystoi

from earwitness.corpora.base import check_samples
from earwitness.errors import AudioError, ParameterError

_SHORTEST_S = 0.41  # 30 frames of 25.6 ms, every 12.8 ms


def stoi(reference: np.ndarray, signal: np.ndarray, sample_rate: int, *, extended: bool = False) -> float:
    """Return the short-time objective intelligibility of a signal.

    Parameters
    ----------
    reference : ndarray, shape (T,)
        The clean speech.
    signal : ndarray, shape (T,)
        What is heard instead: degraded speech, or a relevance signal. Its scale and sign do not matter.
    sample_rate : int
        In Hz.
    extended : bool
        The later version (Jensen and Taal 2016), made for noise that itself fluctuates.

    Returns
    -------
    float
        1 for the speech itself. What has nothing to do with it does not get 0: envelopes are clipped to those of
        the speech before they are compared, and steady white noise reaches 0.2 to 0.4 (extended: 0). So give that as
        the floor. A rank, not a share of words: how it maps to words was fitted for noisy speech, not for relevance.

    Raises
    ------
    AudioError
        If one of the two is silent, not finite, not one channel, or the speech, without its pauses, lasts less than
        410 ms.
    ParameterError
        If they differ in length.

    Notes
    -----
    Taal et al. (2011), IEEE Trans. Audio Speech Lang. Process. 19(7), 2125-2136, by pystoi. What it does not hear:
    both are resampled to 10 kHz and compared in 15 third-octave bands, centred at 150 to 3800 Hz, and all above is
    ignored; frames more than 40 dB below the loudest frame of the speech are left out; envelopes are compared over 30
    frames (384 ms) at a time, so shorter speech has no value. Chapter: raw-waveform.
    """
    reference = check_samples(reference, sample_rate, what="The clean speech").astype(float)
    signal = np.asarray(signal, float)
    if signal.shape != reference.shape:
        raise ParameterError(f"The signal must be as long as the clean speech, got {signal.shape} and "
                             f"{reference.shape} samples.")
    check_samples(signal, sample_rate, what="The signal")  # kept in double precision: relevance may be very small
    too_short = AudioError(f"STOI compares 384 ms at a time: the speech must last at least {1000 * _SHORTEST_S:.0f} ms "
                           f"without its pauses, this clip lasts {1000 * len(signal) / sample_rate:.0f} ms with them.")
    if len(signal) < _SHORTEST_S * sample_rate:
        raise too_short
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(pystoi.stoi(reference, signal / np.abs(signal).max(), sample_rate, extended=extended))
        except RuntimeWarning:
            raise too_short from None
