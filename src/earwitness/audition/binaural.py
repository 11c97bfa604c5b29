"""Ambisonic scenes for two ears: a field of virtual loudspeakers around a spherical head."""

import numpy as np

from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.audio import check_finite, check_rate
from earwitness.errors import AudioError

HEAD_RADIUS_M = 0.0875
SPEED_OF_SOUND = 343.0
_LEAST_SHADOW, _SHADOWED_DEG = 0.1, 150.0  # Brown and Duda's alpha_min and theta_min
_N_SPEAKERS = 64


@checked
def binaural(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return what the left and right ear hear of an ambisonic signal, (T, 2) for (C, T), x ahead
    and y left.

    Raises
    ------
    AudioError
        If the signal has no (C, T) shape; and ParameterError if C is no number of ambisonic
        channels.

    Notes
    -----
    The field is sampled at 64 directions with max-rE weights (Zotter and Frank 2019, section 4.6:
    order N gives P_n(cos(137.9 degrees / (N + 1.51)))), and each direction reaches either ear
    around a rigid sphere: delay of Woodworth, one-pole shadow of Brown and Duda (1998), A
    structural model for binaural sound synthesis. No pinnae: left and right are clear, up and down
    are not. Multiplied in the frequency domain; echoes do not wrap around.
    """
    samples = np.asarray(samples, float)
    if samples.ndim != 2:
        raise AudioError(f"An ambisonic signal has the shape (channels, T), not {samples.shape}.")
    check_finite(samples, "The ambisonic signal")
    sample_rate = check_rate(sample_rate)
    order, length = sphere.order_of(len(samples)), samples.shape[1]
    size = length + int(0.02 * sample_rate)
    spectra = np.fft.rfft(samples, size)  # (C, freq)
    heads = _heads(order, np.fft.rfftfreq(size, 1 / sample_rate))  # (ear, C, freq)
    return np.fft.irfft((heads * spectra).sum(1), size)[:, :length].T


def _heads(order: int, freqs_hz: np.ndarray) -> np.ndarray:
    """Return the transfer function of every ambisonic channel to either ear, (2, C, freq)."""
    k = np.arange(_N_SPEAKERS) + 0.5
    speakers = sphere.unit_vector(np.pi * (1 + 5**0.5) * k, np.arcsin(1 - 2 * k / _N_SPEAKERS))
    decoder = sphere.harmonics(speakers, order) * _max_re(order) / _N_SPEAKERS  # (speakers, C)
    ears = np.array([[0, 1, 0], [0, -1, 0]], float)
    return np.stack(
        [
            np.einsum(
                "sf,sc->cf",
                _around_head(np.arccos(np.clip(speakers @ ear, -1, 1)), freqs_hz),
                decoder,
            )
            for ear in ears
        ]
    )


def _around_head(angle: np.ndarray, freqs_hz: np.ndarray) -> np.ndarray:
    """Return the transfer function (n, freq) from directions at so many radians from an ear to
    it.
    """
    reach_s = HEAD_RADIUS_M / SPEED_OF_SOUND
    delay_s = reach_s * (1 + np.where(angle < np.pi / 2, -np.cos(angle), angle - np.pi / 2))
    least, shadowed = _LEAST_SHADOW, np.deg2rad(_SHADOWED_DEG)
    alpha = (1 + least / 2) + (1 - least / 2) * np.cos(angle / shadowed * np.pi)
    swing = 1j * np.pi * freqs_hz * reach_s  # j omega / (2 omega_0)
    return (
        (1 + alpha[:, None] * swing)
        / (1 + swing)
        * np.exp(-2j * np.pi * freqs_hz * delay_s[:, None])
    )


def _max_re(order: int) -> np.ndarray:
    """Return the weight of each channel that gathers a source's energy most, (C,)."""
    legendre = np.polynomial.legendre.Legendre
    at = np.cos(np.deg2rad(137.9 / (order + 1.51)))
    return np.concatenate([np.full(2 * n + 1, legendre.basis(n)(at)) for n in range(order + 1)])
