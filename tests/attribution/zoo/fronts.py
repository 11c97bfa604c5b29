"""Networks with a front end: they hear a waveform, and see a spectrogram of it."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network


def mel_filters(n_bins: int, n_bands: int) -> torch.Tensor:
    """Return triangles (n_bands, n_bins) that widen with frequency."""
    edges = torch.linspace(0, 1, n_bands + 2) ** 1.5 * (n_bins - 1)
    bins = torch.arange(n_bins).float()
    rising = (bins - edges[:-2, None]) / (edges[1:-1, None] - edges[:-2, None])
    falling = (edges[2:, None] - bins) / (edges[2:, None] - edges[1:-1, None])
    return torch.minimum(rising, falling).clamp(min=0)


class _Front(nn.Module):
    """A short-time spectrum, what ``see`` makes of it, and a small network behind."""

    n_fft, hop, n_rows = 16, 8, 9

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(self.n_fft))
        self.register_buffer("mel", mel_filters(9, 6))
        self.conv, self.fc = nn.Conv2d(1, 5, 3, padding=1), nn.Linear(5, 4)

    def spectrum(self, x):
        return torch.stft(
            x.squeeze(1), self.n_fft, self.hop, window=self.window, return_complex=True
        )

    def classify(self, image):
        return self.fc(F.relu(self.conv(image.unsqueeze(1))).mean((2, 3)))

    def forward(self, x):
        return self.classify(self.see(self.spectrum(x)))


@network(1, 96)
class MagnitudeFront(_Front):
    def see(self, spectrum):
        return spectrum.abs()


@network(1, 96)
class PowerFront(_Front):
    def see(self, spectrum):
        return spectrum.abs().pow(2)


@network(1, 96)
class PowerOfParts(_Front):
    def see(self, spectrum):
        parts = torch.view_as_real(spectrum)
        return parts[..., 0] ** 2 + parts[..., 1] ** 2


@network(1, 96)
class RealAndImaginary(_Front):
    """Both parts as channels, as complex-valued enhancement networks take them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 5, 3, padding=1)

    def classify(self, image):
        return self.fc(F.leaky_relu(self.conv(image)).mean((2, 3)))

    def see(self, spectrum):
        return torch.stack([spectrum.real, spectrum.imag], dim=1)


@network(1, 96, target=0)
class MelFront(_Front):
    def see(self, spectrum):
        return torch.matmul(self.mel, spectrum.abs().pow(2))


@network(1, 96)
class LogMelFront(_Front):
    def see(self, spectrum):
        return torch.log(self.mel @ spectrum.abs().square() + 1e-6)


@network(1, 96)
class DecibelFront(_Front):
    """Decibels with a floor, then scaled to about -1 to 1."""

    def see(self, spectrum):
        decibels = 10.0 * torch.log10(torch.clamp(self.mel @ spectrum.abs() ** 2, min=1e-10))
        return (decibels + 4.3) / 9.1


@network(1, 96)
class MfccFront(_Front):
    def __init__(self):
        super().__init__()
        angle = math.pi / 6 * (torch.arange(6) + 0.5)[:, None] * torch.arange(4)
        self.register_buffer("dct", angle.cos() * math.sqrt(2 / 6))

    def see(self, spectrum):
        log_mel = torch.log(self.mel @ spectrum.abs().pow(2.0) + 1e-6)
        return torch.matmul(log_mel.transpose(-1, -2), self.dct).transpose(-1, -2)


@network(1, 96)
class CompressedFront(_Front):
    """Magnitudes to the power of 0.3, with per-clip mean and variance taken off."""

    def see(self, spectrum):
        image = (spectrum.abs() + 1e-8) ** 0.3
        mean, spread = image.mean((1, 2), keepdim=True), image.std((1, 2), keepdim=True)
        return (image - mean) / (spread + 1e-5)


@network(1, 96)
class RfftOfFrames(_Front):
    """Frames by unfold, a window, torch.fft."""

    def spectrum(self, x):
        return torch.fft.rfft(x.squeeze(1).unfold(-1, 16, 8) * self.window).transpose(1, 2)

    def see(self, spectrum):
        return torch.log1p(spectrum.abs())


@network(1, 96)
class ConvolutionFront(nn.Module):
    """A Fourier basis as fixed filters of a convolution."""

    def __init__(self, width=16):
        super().__init__()
        angle = 2 * math.pi / width * torch.arange(width)[None] * torch.arange(9)[:, None]
        window = torch.hann_window(width)
        self.register_buffer("cosine", (angle.cos() * window)[:, None])
        self.register_buffer("sine", (-angle.sin() * window)[:, None])
        self.conv, self.fc = nn.Conv2d(1, 3, 3), nn.Linear(3, 4)

    def forward(self, x):
        real, imaginary = F.conv1d(x, self.cosine, stride=8), F.conv1d(x, self.sine, stride=8)
        image = torch.sqrt(real**2 + imaginary**2 + 1e-9)
        return self.fc(F.relu(self.conv(image[:, None])).mean((-1, -2)))


@network(1, 64)
class NormalisedByTheClip(nn.Module):
    """Mean off, divided by the standard deviation of the clip; then convolutions."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 8, 4), nn.Linear(6, 4)

    def forward(self, x):
        x = (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-7)
        return self.fc(F.relu(self.conv(x)).mean(-1))


@network(1, 64)
class NormalisedByThePeak(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 8, 4), nn.Linear(6, 4)

    def forward(self, x):
        x = x / x.abs().max(dim=-1, keepdim=True)[0].clamp(min=1e-5)
        return self.fc(F.normalize(F.relu(self.conv(x)).mean(-1), dim=-1))


@network(1, 64)
class PreEmphasis(nn.Module):
    """First difference, learned filters, squared, smoothed, compressed (LEAF)."""

    def __init__(self):
        super().__init__()
        self.filters, self.smooth = (
            nn.Conv1d(1, 8, 9, padding=4, bias=False),
            nn.Conv1d(4, 4, 5, 4, groups=4),
        )
        self.exponent, self.fc = nn.Parameter(torch.full((4, 1), 0.5)), nn.Linear(4, 4)

    def forward(self, x):
        x = torch.cat([x[..., :1], x[..., 1:] - 0.97 * x[..., :-1]], dim=-1)
        pairs = self.filters(x).unflatten(1, (4, 2)).square().sum(2)
        energy = self.smooth(pairs).clamp(min=1e-5)
        return self.fc((energy**self.exponent).mean(-1))


@network(2, 64)
class StereoMidSide(nn.Module):
    """Middle and side of two channels, resampled by a fixed filter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("low_pass", torch.hann_window(9)[None, None] / 4)
        self.conv, self.fc = nn.Conv1d(2, 6, 5, 2), nn.Linear(6, 4)

    def forward(self, x):
        left, right = x.split(1, dim=1)
        sides = torch.cat(((left + right) / 2, (left - right) / 2), dim=1)
        sides = F.conv1d(sides, self.low_pass.repeat(2, 1, 1), stride=2, padding=4, groups=2)
        return self.fc(torch.relu_(self.conv(sides)).mean(-1))


@network(1, 96)
class ResynthesisedMask(_Front):
    """A mask on the complex spectrum, back to a waveform, classified there."""

    def __init__(self):
        super().__init__()
        self.mask, self.conv = nn.Conv1d(9, 9, 3, padding=1), nn.Conv1d(1, 5, 8, 4)

    def forward(self, x):
        spectrum = self.spectrum(x)
        masked = spectrum * torch.sigmoid(self.mask(spectrum.abs()))
        sound = torch.istft(masked, self.n_fft, self.hop, window=self.window, length=x.shape[-1])
        return self.fc(F.relu(self.conv(sound.unsqueeze(1))).mean(-1))
