"""Does relevance know what the direct sound is? Measures for simulated scenes, whose parts are known."""

import numpy as np
import scipy.stats

from earwitness.errors import AudioError, ParameterError
from earwitness.features import ambisonic_stft


def direct_dominated(direct, rest) -> np.ndarray:
    """Return the bins (frames, 512) in which the direct sound is stronger than all the rest: an ideal binary mask.

    Parameters
    ----------
    direct, rest : array_like, shape (T,)
        One channel of the direct sound, and the sum of reverberation and noise in the same channel.

    Raises
    ------
    AudioError
        If they differ in length or are not what :func:`earwitness.features.ambisonic_stft` takes.
    """
    direct, rest = np.asarray(direct), np.asarray(rest)
    if direct.ndim != 1 or direct.shape != rest.shape:
        raise AudioError(f"Direct sound and the rest must be one channel of one length, got {direct.shape} and "
                         f"{rest.shape}.")
    ours, others = (ambisonic_stft(part[None])[0].abs().numpy() for part in (direct, rest))
    return ours > others


def roc_area(scores, truth) -> float:
    """Return the area under the ROC curve: how likely a true value scores above a false one; 0.5 is chance.

    Parameters
    ----------
    scores : array_like
        Higher for what is taken to be true; equal scores count half.
    truth : array_like of bool, shape of ``scores``

    Raises
    ------
    ParameterError
        If shapes differ, scores are not finite, or all of the truth is the same.
    """
    scores, truth = _array(scores).ravel(), np.asarray(truth, bool).ravel()
    if scores.shape != truth.shape or not np.isfinite(scores).all():
        raise ParameterError(f"A ROC curve needs a finite score for each of {truth.size} values, got {scores.size}.")
    n_true = int(truth.sum())
    if n_true in (0, truth.size):
        raise ParameterError("A ROC curve needs true and false values; here all are the same.")
    ranks = scipy.stats.rankdata(scores)
    return float((ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * (truth.size - n_true)))


def sdr_db(reference, estimate) -> float:
    """Return the signal-to-distortion ratio of an estimate against a reference, in dB; its scale does not matter.

    Raises
    ------
    AudioError
        If lengths differ, values are not finite, or one of the two is silent.

    Notes
    -----
    Le Roux, Wisdom, Erdogan and Hershey (2019), SDR - half-baked or well done?, the scale-invariant one. All that is
    not the reference counts as distortion: noise, reverberation, and what a filter took away.
    """
    reference, estimate = _array(reference), _array(estimate)
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise AudioError(f"Reference and estimate must be one channel of one length, got {reference.shape} and "
                         f"{estimate.shape}.")
    if not (np.isfinite(reference).all() and np.isfinite(estimate).all()):
        raise AudioError("A ratio of signals needs finite samples.")
    if not (reference.any() and estimate.any()):
        raise AudioError("A ratio of signals needs sound; one of the two is silent.")
    target = (estimate @ reference) / (reference @ reference) * reference
    distortion = estimate - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))


def musical_noise(before, after) -> float:
    """Return how much a treatment of noise raised the kurtosis of its power spectrum: 1 is no musical noise.

    Parameters
    ----------
    before, after : array_like, shape (T,)
        Noise, and what a treatment made of it. Lonely bins that are left over here and there sound like notes; they are
        outliers, which kurtosis counts.

    Raises
    ------
    AudioError
        If lengths differ or one of the two is silent.

    Notes
    -----
    Kurtosis of |X|² about zero, fourth over squared second moment, after over before: Uemura, Takahashi, Saruwatari,
    Shikano and Kondo (2008), Automatic optimization scheme of spectral subtraction based on musical noise assessment
    via higher-order statistics. Taken in each frame and averaged over frames that sound, so that turning a whole frame
    up or down does not count.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.shape != after.shape:
        raise AudioError(f"Before and after must be of one length, got {before.shape} and {after.shape}.")
    return _kurtosis(after) / _kurtosis(before)


def _kurtosis(samples: np.ndarray) -> float:
    power = ambisonic_stft(samples[None])[0].abs().square().numpy()  # (frame, bin)
    sounding = power.sum(1) > 1e-6 * power.sum(1).max()
    if not sounding.any():
        raise AudioError("Silence has no kurtosis.")
    power = power[sounding] / power[sounding].mean(1, keepdims=True)
    return float(np.mean((power**4).mean(1) / (power**2).mean(1) ** 2))


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
