"""Resemblyzer: a voice as 256 numbers, near to each other for the same speaker."""

from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import get_window
from torch import nn

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError
from earwitness.models.registry import register
from earwitness.models.spectrum import Spectrum, fourier

SAMPLE_RATE, WIDTH, HOP, N_MELS = 16000, 400, 160, 40
N_FRAMES, STEP = 160, 77  # of a part, 1.6 s; from part to part (1.3 parts a second)
SIZE, LAYERS = 256, 3
LEVEL_DB = -30.0  # re 1: quieter clips are raised to it
_COVERED = 0.75  # a last part with fewer samples than that is left out


@register(sample_rate=SAMPLE_RATE, audio="waveform", tasks=("everyday",), label="Resemblyzer")
class VoiceEncoder(nn.Module):
    """What a voice sounds like: an embedding (batch, 256) of length 1 and no negative value.

    Notes
    -----
    Input (batch, 1, T) at 16 kHz, at the level of :func:`levelled`. Power in 40 mel bands, no
    logarithm, a frame of 25 ms every 10 ms; parts of 160 frames; an LSTM of 3 x 256 cells, of whose
    last layer the last step is kept; a dense layer with ReLU; each part's vector over its length,
    their mean over its length. The package also cuts out silence, by a detector of its own, which
    is left to the caller here.

    Wan, Wang, Papir and Lopez Moreno (2018), section 2; weights of the package Resemblyzer 0.1.4
    (Apache 2.0). Chapter: everyday-networks.
    """

    front_end = "waveform"

    def __init__(self):
        super().__init__()
        self.spectrum = Spectrum(WIDTH // 2 + 1, WIDTH, HOP)
        self.register_buffer("mel", torch.zeros(N_MELS, WIDTH // 2 + 1))
        self.lstm = nn.LSTM(N_MELS, SIZE, LAYERS, batch_first=True)
        self.fc, self.relu = nn.Linear(SIZE, SIZE), nn.ReLU()
        self.outputs = [str(i) for i in range(SIZE)]

    @classmethod
    def from_card(cls, card: dict) -> "VoiceEncoder":
        """Return the untrained network that a card describes."""
        return cls()

    @staticmethod
    def read(path: Path) -> dict[str, torch.Tensor]:
        """Return the weights of the package's file, and the filters, under the names of here."""
        found = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        state = {name.replace("linear", "fc"): value for name, value in found.items()}
        state = {name: value for name, value in state.items() if "similarity" not in name}
        mel = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WIDTH, n_mels=N_MELS)
        basis = fourier(WIDTH, get_window("hann", WIDTH))
        return state | {"mel": torch.from_numpy(mel), "spectrum.basis": basis}

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the embeddings (batch, 256).

        Raises
        ------
        ParameterError
            If the input is not (batch, 1, T) of a floating type.
        """
        if waveforms.ndim != 3 or waveforms.shape[1] != 1 or not waveforms.is_floating_point():
            raise ParameterError(
                f"VoiceEncoder takes float waveforms (batch, 1, samples) at 16 kHz, got "
                f"{waveforms.dtype} {tuple(waveforms.shape)}."
            )
        parts = self.parts(self.mel_powers(waveforms))
        embedded = self.embed(parts.flatten(0, 1)).unflatten(0, parts.shape[:2])
        return _of_length_1(embedded.mean(1))

    def mel_powers(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the power in each band, (batch, 40, n_frames), with silence behind a last part."""
        n = n_parts(waveforms.shape[-1])
        length = max(waveforms.shape[-1], ((n - 1) * STEP + N_FRAMES) * HOP)
        behind = length - waveforms.shape[-1] + WIDTH // 2
        return self.mel @ self.spectrum(F.pad(waveforms, (WIDTH // 2, behind)))

    def parts(self, powers: torch.Tensor) -> torch.Tensor:
        """Return the parts (batch, n_parts, 160, 40) of mel powers (batch, 40, n_frames)."""
        return powers.unfold(2, N_FRAMES, STEP).permute(0, 2, 3, 1)

    def embed(self, parts: torch.Tensor) -> torch.Tensor:
        """Return a vector of length 1 for each part, (n, 160, 40) -> (n, 256)."""
        steps, _ = self.lstm(parts)
        return _of_length_1(self.relu(self.fc(steps[:, -1])))


def _of_length_1(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)


def n_parts(n_samples: int) -> int:
    """Return into how many parts a clip is cut, as the package does."""
    n_frames = -(-(n_samples + 1) // HOP)
    starts = range(0, max(1, n_frames - N_FRAMES + STEP + 1), STEP)
    covered = (n_samples - starts[-1] * HOP) / (N_FRAMES * HOP)
    return len(starts) - (covered < _COVERED and len(starts) > 1)


@checked
def levelled(samples: np.ndarray) -> np.ndarray:
    """Return a clip raised to -30 dB re 1; a louder one as it is.

    Raises
    ------
    AudioError
        If it is silent, or holds values that are no numbers.
    """
    check_finite(samples, "The clip")
    power = float(np.mean(np.square(samples, dtype=np.float64))) if np.size(samples) else 0.0
    if not power:
        raise AudioError("A silent clip has no voice to be compared.")
    return np.float32(samples * max(1.0, 10 ** (LEVEL_DB / 20) / power**0.5))


class Similarity(nn.Module):
    """How near voices are to one that is known: the cosine, (batch, 1, T) -> (batch, n_known).

    Parameters
    ----------
    encoder : VoiceEncoder
    known : Tensor, shape (n_known, 256)
        Embeddings of length 1. Two of them make a question of two sides: attribute's target
        ``(0, 1)`` asks what speaks for the first against the second.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, encoder: VoiceEncoder, known: torch.Tensor):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("known", known.detach().clone())

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the cosines."""
        return F.linear(self.encoder(waveforms), self.known)
