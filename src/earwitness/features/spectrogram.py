"""The spectrogram of Becker et al. (2018): 227 frequencies x 227 frames of one second at 8 kHz, in
decibels.
"""

import numpy as np
import torch

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError, check_number
from earwitness.features.waveform import LENGTH, SAMPLE_RATE

N_WINDOW = 455
N_OVERLAP = 420
N_HOP = N_WINDOW - N_OVERLAP
SIZE = 227
FIRST_FRAME = 2
RANGE_DB = 80.0
_FLOOR = 1e-5


def stft(seconds: torch.Tensor) -> torch.Tensor:
    """Return the short-time Fourier transform (batch, 228, 229) of seconds (batch, 8000).

    Hann window of 455 samples (56.9 ms), hop 35 (4.4 ms), frames centred, scaled so that a sine of
    amplitude 1 has magnitude 0.5: the values of ``scipy.signal.stft``, without its last frame,
    which is half padding.
    """
    window = torch.hann_window(N_WINDOW, dtype=seconds.dtype, device=seconds.device)
    transform = torch.stft(
        seconds,
        N_WINDOW,
        N_HOP,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return transform / window.sum()


def crop(transform: torch.Tensor) -> torch.Tensor:
    """Return the (batch, 227, 227) that the network takes: no highest bin, no first two frames."""
    return transform[:, :SIZE, FIRST_FRAME : FIRST_FRAME + SIZE]


def decibels(magnitude: torch.Tensor) -> torch.Tensor:
    """Return dB relative to each clip's maximum, cut at -80 dB; magnitude (batch, freq, time)."""
    magnitude = magnitude.clamp_min(_FLOOR)
    return (20 * torch.log10(magnitude / magnitude.amax((-2, -1), keepdim=True))).clamp_min(
        -RANGE_DB
    )


@checked
def log_spectrogram(seconds: np.ndarray) -> torch.Tensor:
    """Return the spectrograms (batch, 227, 227) in dB of seconds (batch, 8000) or the (227, 227) of
    one (8000,).

    Frequency grows with the first index, time with the second: :func:`frequencies_hz`,
    :func:`frame_times_s`.

    Raises
    ------
    AudioError
        If a second is not 8000 samples long.

    Notes
    -----
    Becker et al. (2018), section 2.2.1. The paper's 228 x 230 bins are cropped to 227 x 227 "by the
    last two" frames, which leaves 228; the authors' file drops the first two and the last one, as
    here.
    """
    seconds = torch.as_tensor(np.asarray(seconds) if not torch.is_tensor(seconds) else seconds)
    if seconds.shape[-1] != LENGTH:
        raise AudioError(
            f"A spectrogram is made of {LENGTH} samples, got {tuple(seconds.shape)}; see "
            "fit_to_second."
        )
    check_finite(seconds, "The second")
    spectrograms = decibels(crop(stft(seconds.reshape(-1, LENGTH))).abs())
    return spectrograms.reshape(*seconds.shape[:-1], SIZE, SIZE)


def frequencies_hz() -> np.ndarray:
    """Return the centre frequency of each row of the spectrogram in Hz, (227,)."""
    return np.arange(SIZE) * SAMPLE_RATE / N_WINDOW


def frame_times_s() -> np.ndarray:
    """Return the centre of each column of the spectrogram in seconds, (227,)."""
    return (np.arange(SIZE) + FIRST_FRAME) * N_HOP / SAMPLE_RATE


@checked
def scale_frequencies(
    spectrogram: torch.Tensor, factor: float, fill: float = -RANGE_DB
) -> torch.Tensor:
    """Stretch (factor above 1) or compress the frequency axis: what lay at f hertz then lies at
    ``factor * f``.

    Parameters
    ----------
    spectrogram : Tensor, shape (..., freq, time)
        dB or magnitudes; frequency grows with the index, from 0 Hz.
    factor : float
        Positive.
    fill : float
        Taken where compression leaves nothing; silence in the unit of the spectrogram.

    Raises
    ------
    ParameterError
        If ``factor`` is not positive.

    Notes
    -----
    Becker et al. (2018), section 3.3.1; linear interpolation between rows, and what is pushed over
    the upper end is lost. Chapter: audiomnist.
    """
    if not factor > 0:
        raise ParameterError(f"factor must be positive, got {factor}.")
    check_number("fill", fill, -1e6, 1e6)
    check_finite(spectrogram, "The spectrogram")
    n_freq = spectrogram.shape[-2]
    source = (
        torch.arange(n_freq, dtype=torch.float64) / factor
    )  # row that each new row is read from
    below = source.floor().long().clamp_max(n_freq - 1)
    above = (below + 1).clamp_max(n_freq - 1)
    weight = (source - below).to(spectrogram.dtype)[:, None]
    scaled = spectrogram[..., below, :] * (1 - weight) + spectrogram[..., above, :] * weight
    return torch.where(
        (source <= n_freq - 1)[:, None], scaled, torch.full((), fill, dtype=spectrogram.dtype)
    )
