"""The small spectrogram of a second that the network in a page takes: 40 mel bands x 81 frames."""

import numpy as np
import torch

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError
from earwitness.features.mel import mel_filters
from earwitness.features.waveform import LENGTH, SAMPLE_RATE

N_BANDS, N_FRAMES = 40, 81
N_FFT, N_WINDOW, N_HOP = 512, 256, 100  # samples: 64, 32 and 12.5 ms
FMAX_HZ = 4000.0
RANGE_DB = 60.0
_FLOOR = 1e-7  # of an amplitude
_FAINTEST_DB = -80.0  # a second whose loudest band is fainter is silence, not raised any further


@checked
def compact_spectrogram(seconds: np.ndarray) -> torch.Tensor:
    """Return the spectrograms (batch, 40, 81) of seconds (batch, 8000), each from 0 to 1, float32.

    1 is the loudest point of the second, 0 what lies 60 dB or more below it: silence is zero, and
    so it gets no relevance from rules that share in proportion to contributions.

    Parameters
    ----------
    seconds : ndarray, shape (batch, 8000)
        Samples at 8 kHz, in [-1, 1].

    Raises
    ------
    AudioError
        If a second is not 8000 samples long, or not finite.

    Notes
    -----
    Hann window of 32 ms every 12.5 ms, mirrored ends, magnitudes in 40 triangular bands of
    Slaney's mel scale up to 4 kHz. ``book/_extra/networks/mel.js`` computes the same.
    """
    seconds = np.asarray(seconds, np.float32)
    if seconds.ndim != 2 or seconds.shape[-1] != LENGTH:
        raise AudioError(
            f"Seconds are (batch, {LENGTH}) samples at {SAMPLE_RATE} Hz, got {seconds.shape}."
        )
    check_finite(seconds, "The second")
    magnitudes = torch.stft(
        torch.from_numpy(seconds),
        N_FFT,
        N_HOP,
        N_WINDOW,
        torch.hann_window(N_WINDOW),
        return_complex=True,
    ).abs()  # (batch, 257, 81)
    bands = torch.from_numpy(mel_filters(SAMPLE_RATE, N_FFT, N_BANDS, FMAX_HZ)) @ magnitudes
    decibels = 20 * torch.log10(bands.clamp_min(_FLOOR))
    loudest = decibels.amax((-2, -1), keepdim=True).clamp_min(_FAINTEST_DB)
    return ((decibels - loudest) / RANGE_DB + 1).clamp_min(0)
