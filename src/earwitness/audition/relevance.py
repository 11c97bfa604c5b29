"""Relevance as a gain on the sound it explains."""

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, check_choice

_SIGNS = {"positive": 1.0, "negative": -1.0}


@checked
def relevance_times_signal(
    relevance: np.ndarray, samples: np.ndarray, sign: str = "positive"
) -> np.ndarray:
    """Return the signal with each sample weighted by its relevance of one sign.

    Parameters
    ----------
    relevance, samples : array_like, shape (..., T)
        Relevance of each sample in units of the explained output; the signal.
    sign : {"positive", "negative"}
        What speaks for the explained output, or against it.

    Returns
    -------
    ndarray, shape (..., T), float32
        ReLU(±relevance) / max |relevance| x samples: the most relevant sample of a clip keeps its
        amplitude, all others become softer, so the result is never louder than the signal and both
        signs can be compared.

    Raises
    ------
    AudioError
        If the shapes differ, or relevance is zero everywhere or not finite.

    Notes
    -----
    Becker et al. (2024), where the audible explanation is ReLU(R) * x.
    """
    weight = _SIGNS[check_choice(sign, _SIGNS, "sign of relevance")]
    relevance, samples = _array(relevance), _array(samples)
    if relevance.shape != samples.shape:
        raise AudioError(
            f"Relevance {relevance.shape} and samples {samples.shape} differ in shape."
        )
    check_finite(samples, "The clip")
    if not np.isfinite(relevance).all():
        raise AudioError("Relevance holds NaN or infinite values.")
    largest = np.abs(relevance).max(axis=-1, keepdims=True)  # (..., 1)
    if not largest.all():
        raise AudioError("Relevance is zero everywhere; there is nothing to hear.")
    return (np.maximum(weight * relevance, 0) / largest * samples).astype(np.float32)


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
