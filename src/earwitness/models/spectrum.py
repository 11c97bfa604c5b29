"""A spectrum as part of a network: a fixed convolution, and the power of its two halves."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Spectrum(nn.Module):
    """Power, or magnitude, of a waveform: (N, 1, T) -> (N, n_bins, n_frames).

    Parameters
    ----------
    n_bins, width, hop : int
        Number of frequencies; of samples in a frame; of samples from frame to frame.
    magnitude : bool
        The square root of the power.

    Attributes
    ----------
    basis : Tensor, shape (2 n_bins, 1, width)
        Cosines, then sines, under their window. A buffer: it is not learnt, and random weights
        leave it as it is.
    """

    def __init__(self, n_bins: int, width: int, hop: int, magnitude: bool = False):
        super().__init__()
        self.register_buffer("basis", torch.zeros(2 * n_bins, 1, width))
        self.n_bins, self.hop, self.magnitude = n_bins, hop, magnitude

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the spectrum of each frame; the last samples may be in none."""
        parts = F.conv1d(waveforms, self.basis, stride=self.hop)
        real, imaginary = parts[:, : self.n_bins], parts[:, self.n_bins :]
        power = real**2 + imaginary**2
        return power.sqrt() if self.magnitude else power


def fourier(width: int, window: np.ndarray) -> torch.Tensor:
    """Return the basis of a discrete Fourier transform, (2 n_bins, 1, width), n_bins = width / 2 +
    1.
    """
    angles = 2 * np.pi * np.outer(np.arange(width // 2 + 1), np.arange(width)) / width
    basis = np.concatenate([np.cos(angles), -np.sin(angles)]) * window
    return torch.from_numpy(basis[:, None]).float()
