"""DNSMOS P.835: how good are speech, background, and the whole?"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, MissingDataError, ParameterError
from earwitness.models.registry import register

SAMPLE_RATE, N_SAMPLES = 16000, 144_160  # 9.01 s
WIDTH, HOP, N_BINS, FLOOR = 320, 160, 161, 1e-12
OUTPUTS = ("SIG", "BAK", "OVRL")
CHANNELS, POOLED = (1, 128, 64, 64, 32, 32, 32, 64), (4, 5, 6)
# from outputs to opinions, highest power first: fitted by the authors, in their package
_FITTED = {
    "SIG": (-0.08397278, 1.22083953, 0.0052439),
    "BAK": (-0.13166888, 1.60915514, -0.39604546),
    "OVRL": (-0.06766283, 1.11546468, 0.04602535),
}


class LogPower(nn.Module):
    """(N, 322, n_frames) -> (N, 1, n_frames, 161): powers of ten, -12 for silence."""

    def forward(self, parts: torch.Tensor) -> torch.Tensor:
        """Return the logarithm of the power of both halves."""
        power = parts[:, :N_BINS] ** 2 + parts[:, N_BINS:] ** 2
        return power.clamp_min(FLOOR).log10().transpose(1, 2)[:, None]


@register(sample_rate=SAMPLE_RATE, audio="waveform", tasks=("everyday",), label="DNSMOS")
class Dnsmos(nn.Module):
    """Three judgements of a noisy or processed recording: speech, background, overall.

    Notes
    -----
    Input (batch, 1, T) at 16 kHz, samples as they are; the package asks for 9.01 s, any length from
    eight frames on will do. Output (batch, 3) before the authors' last polynomial:
    :meth:`opinions`. Filters of 20 ms every 10 ms (``analysis``, a Fourier transform that training
    has changed), logarithm of their power, seven convolutions, the *largest* value of each filter
    anywhere in the clip, three dense layers.

    Reddy, Gopal and Cutler (2022); weights of the package speechmos 0.0.1.1 (MIT), its file
    ``sig_bak_ovr.onnx``. Chapter: everyday-networks.
    """

    front_end = "waveform"

    def __init__(self):
        super().__init__()
        self.analysis = nn.Conv1d(1, 2 * N_BINS, WIDTH, HOP, bias=False)
        self.spectrogram = LogPower()
        for i in range(1, 8):
            self.add_module(f"conv{i}", nn.Conv2d(CHANNELS[i - 1], CHANNELS[i], 3, padding=1))
            self.add_module(f"relu{i}", nn.ReLU())
            if i in POOLED:
                self.add_module(f"pool{i}", nn.MaxPool2d(2))
        self.largest, self.flatten = nn.AdaptiveMaxPool2d(1), nn.Flatten()
        self.fc1, self.relu8 = nn.Linear(64, 128), nn.ReLU()
        self.fc2, self.relu9 = nn.Linear(128, 64), nn.ReLU()
        self.fc3 = nn.Linear(64, len(OUTPUTS))
        self.outputs = self.classes = list(OUTPUTS)

    @classmethod
    def from_card(cls, card: dict) -> "Dnsmos":
        """Return the untrained network that a card describes."""
        return cls()

    @staticmethod
    def read(path: Path) -> dict[str, torch.Tensor]:
        """Return the weights of the package's file under the names they have here.

        Raises
        ------
        MissingDataError
            If the package ``onnx`` is not installed.
        """
        try:
            import onnx
        except ImportError:
            raise MissingDataError(
                'DNSMOS is an ONNX file, which needs the package onnx: pip install "earwitness'
                '[onnx]".'
            ) from None
        tensors = onnx.load(path).graph.initializer
        found = {t.name: torch.tensor(onnx.numpy_helper.to_array(t)) for t in tensors}
        halves = [found[f"time2freq/stft-{half}/kernel:0"] for half in ("real", "imag")]
        state = {"analysis.weight": torch.cat(halves).transpose(1, 2)}  # (322, 1, 320)
        for i in range(7):
            theirs = f"conv2d_{i}" if i else "conv2d"
            state[f"conv{i + 1}.weight"] = found[f"{theirs}/kernel:0"]
            state[f"conv{i + 1}.bias"] = found[f"{theirs}/bias:0"]
        for i, theirs in enumerate(("dense", "dense_1", "dense_3"), start=1):
            place = f"mos_estimator_logpow/{theirs}/{{}}/ReadVariableOp/resource:0"
            state[f"fc{i}.weight"] = found[place.format("MatMul")].T
            state[f"fc{i}.bias"] = found[place.format("BiasAdd")]
        return state

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the outputs (batch, 3) for waveforms (batch, 1, T)."""
        shape, least = tuple(waveforms.shape), WIDTH + 7 * HOP
        if len(shape) != 3 or shape[1] != 1 or shape[2] < least:
            raise ParameterError(
                f"Dnsmos takes waveforms (batch, 1, samples) of at least {least} samples at 16 "
                f"kHz, got {shape}."
            )
        return self.judge(self.spectrogram(self.analysis(waveforms)))

    def judge(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return the outputs (batch, 3) for spectrograms (batch, 1, n_frames, 161)."""
        maps = spectrograms
        for i in range(1, 8):
            maps = getattr(self, f"relu{i}")(getattr(self, f"conv{i}")(maps))
            if i in POOLED:
                maps = getattr(self, f"pool{i}")(maps)
        found = self.relu8(self.fc1(self.flatten(self.largest(maps))))
        return self.fc3(self.relu9(self.fc2(found)))

    @torch.no_grad()
    def opinions(self, samples: np.ndarray) -> dict[str, float]:
        """Return SIG, BAK and OVRL, each from 1 to 5, of a clip at 16 kHz as the package does.

        A clip shorter than 9.01 s is played again until it is long enough; of a longer one, every
        9.01 s that begin on a whole second are judged, and averaged.
        """
        check_finite(samples, "The clip")
        if np.ndim(samples) != 1 or not len(samples):
            raise AudioError(f"One channel is judged, got shape {np.shape(samples)}.")
        samples = np.float32(samples)
        while len(samples) < N_SAMPLES:
            samples = np.append(samples, samples)
        starts = range(0, len(samples) - N_SAMPLES + 1, SAMPLE_RATE)
        parts = np.stack([samples[start : start + N_SAMPLES] for start in starts])
        return calibrated(torch.cat([self(torch.from_numpy(part)[None, None]) for part in parts]))


@checked
def calibrated(outputs: torch.Tensor) -> dict[str, float]:
    """Return the mean opinions of outputs (n, 3), by the authors' polynomials."""
    columns = outputs.detach().double().numpy().T
    return {
        name: float(np.polyval(_FITTED[name], column).mean())
        for name, column in zip(OUTPUTS, columns, strict=True)
    }
