"""In which frequencies do speakers differ, and in which does relevance lie: by sub-band."""

from collections.abc import Sequence

import numpy as np

from earwitness import features
from earwitness.corpora.base import check_samples
from earwitness.errors import ParameterError


def band_levels(
    samples: np.ndarray, sample_rate: int, edges_hz: Sequence[float], *, window_s: float = 0.025, hop_s: float = 0.01
) -> np.ndarray:
    """Return the mean level of a recording in each sub-band, (n_bands,), in dB re 1.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    edges_hz : sequence of float, shape (n_bands + 1,)
        Rising; a band has its lower edge and not its upper one. Every band must hold a bin (40 Hz wide for 25 ms).
    window_s, hop_s : float
        Hann windows; the power of a band is averaged over bins and frames before the logarithm, so pauses weigh little.

    Raises
    ------
    AudioError
        If the samples are silent, not finite or not one channel.
    ParameterError
        If the recording is shorter than a window, or a band holds no bin.
    """
    samples = check_samples(samples, sample_rate)
    spectra = features.spectral_relevance(samples, sample_rate, window_s, hop_s)  # conjugate of a short-time transform
    freqs_hz, _ = features.spectral_axes(len(samples), sample_rate, window_s, hop_s)
    power = (np.abs(spectra) ** 2).mean(-1)  # (n_freq,)
    return 10 * np.log10(np.maximum(_by_band(power, freqs_hz, edges_hz), np.finfo(float).tiny))


def f_ratio(band_levels: np.ndarray, speakers: Sequence) -> np.ndarray:
    """Return, for each sub-band, the variance of the speakers' means over the mean variance within speakers.

    Parameters
    ----------
    band_levels : array, shape (n_utterances, n_bands)
        Log energies, dB; see :func:`band_levels`. Utterances or frames.
    speakers : sequence, length n_utterances
        Who speaks; at least two speakers, each with at least two utterances.

    Returns
    -------
    ndarray, shape (n_bands,)
        Above 0; inf where speakers never vary. With n utterances a speaker, levels that have nothing to do with
        speakers give about ``1 / (n - 1)``, not 0.

    Raises
    ------
    ParameterError
        If shapes do not fit, values are not finite, or there are fewer speakers or utterances.

    Notes
    -----
    Lu and Dang (2008), Speech Communication 50(4), 312-322, equation (1): variances over M speakers and N utterances
    are divided by M and N. Kinnunen (2003), which the paper cites, uses the same ratio. Chapter: raw-waveform.
    """
    levels, speakers = np.asarray(band_levels, float), np.asarray(speakers)
    if levels.ndim != 2 or speakers.shape != levels.shape[:1] or not np.isfinite(levels).all():
        raise ParameterError(f"Band levels must be finite, (n_utterances, n_bands), with a speaker for each utterance; "
                             f"got {levels.shape} and {speakers.shape}.")
    names, counts = np.unique(speakers, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise ParameterError("An F-ratio needs at least two speakers with at least two utterances each, got "
                             f"{dict(zip(names.tolist(), counts.tolist(), strict=True))}.")
    means = np.stack([levels[speakers == name].mean(0) for name in names])  # (n_speakers, n_bands)
    within = np.mean([levels[speakers == name].var(0) for name in names], axis=0)
    return np.divide(means.var(0), within, out=np.full(levels.shape[1], np.inf), where=within > 0)


def _by_band(values: np.ndarray, freqs_hz: np.ndarray, edges_hz: Sequence[float]) -> np.ndarray:
    """Return the mean of ``values`` (n_freq,) over the bins of each band, (n_bands,)."""
    edges_hz = np.asarray(edges_hz, float)
    if edges_hz.ndim != 1 or len(edges_hz) < 2 or not (np.diff(edges_hz) > 0).all():
        raise ParameterError(f"Edges of sub-bands must rise, and be at least two, got {edges_hz.tolist()}.")
    members = [(freqs_hz >= low) & (freqs_hz < high) for low, high in zip(edges_hz[:-1], edges_hz[1:], strict=True)]
    for member, low, high in zip(members, edges_hz[:-1], edges_hz[1:], strict=True):
        if not member.any():
            raise ParameterError(f"No bin lies between {low:g} and {high:g} Hz: bins are {freqs_hz[1]:g} Hz apart and "
                                 f"reach to {freqs_hz[-1]:g} Hz; take wider bands or a longer window.")
    return np.array([values[member].mean() for member in members])
