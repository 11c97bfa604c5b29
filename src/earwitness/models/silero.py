"""Silero VAD: is there speech in these 32 milliseconds?"""

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from earwitness.errors import ParameterError
from earwitness.models.registry import register
from earwitness.models.spectrum import Spectrum

CHUNK, CONTEXT, REFLECTED = 512, 64, 64  # samples: new, of the chunk before, mirrored at the end
SIZES = (129, 128, 64, 64, 128)  # bins, then filters of the convolutions
STRIDES = (1, 2, 2, 1)


@register(sample_rate=16000, audio="waveform", tasks=("everyday",), label="Silero VAD")
class SileroVad(nn.Module):
    """Voice activity: a logit for each chunk of 512 samples at 16 kHz.

    Notes
    -----
    Input (batch, 1, T), samples as they are, filled up with silence to whole chunks; output: logits
    (batch, chunks, 1). A magnitude spectrum of four frames, four convolutions that leave one, an
    LSTM from chunk to chunk, one dense layer. The package keeps the LSTM's state and the last 64
    samples from call to call; here all chunks of a clip go through at once, from silence on.

    The weights are those of the package silero-vad 6.2.3 (MIT), its file ``silero_vad.jit``; the
    ``.safetensors`` beside it is of another generation. Chapter: everyday-networks.
    """

    front_end = "waveform"

    def __init__(self):
        super().__init__()
        self.spectrum = Spectrum(SIZES[0], 256, 128, magnitude=True)
        for i, stride in enumerate(STRIDES, start=1):
            self.add_module(f"conv{i}", nn.Conv1d(SIZES[i - 1], SIZES[i], 3, stride, padding=1))
            self.add_module(f"relu{i}", nn.ReLU())
        self.lstm = nn.LSTM(SIZES[-1], SIZES[-1], batch_first=True)
        self.relu5, self.fc = nn.ReLU(), nn.Linear(SIZES[-1], 1)

    @classmethod
    def from_card(cls, card: dict) -> "SileroVad":
        """Return the untrained network that a card describes."""
        return cls()

    @staticmethod
    def read(path: Path) -> dict[str, torch.Tensor]:
        """Return the weights of the package's file under the names they have here.

        The file is a TorchScript archive, which only torch's own reader opens, and that reader can
        run code of the file: it must be given none but the file whose checksum was compared.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch asks authors to export anew
            found = torch.jit.load(path, map_location="cpu").state_dict()
        names = {"spectrum.basis": "stft.forward_basis_buffer"}
        for i in range(4):
            for kind in ("weight", "bias"):
                names[f"conv{i + 1}.{kind}"] = f"encoder.{i}.reparam_conv.{kind}"
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            names[f"lstm.{kind}_l0"] = f"decoder.rnn.{kind}"
        state = {own: found[f"_model.{theirs}"] for own, theirs in names.items()}
        head = {kind: found[f"_model.decoder.decoder.2.{kind}"] for kind in ("weight", "bias")}
        return state | {"fc.weight": head["weight"][..., 0], "fc.bias": head["bias"]}

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, chunks, 1).

        Raises
        ------
        ParameterError
            If the input is not (batch, 1, T) of a floating type.
        """
        features = self.features(self.chunks(waveforms))
        steps, _ = self.lstm(features.unflatten(0, (len(waveforms), -1)))  # (batch, chunks, 128)
        return self.fc(self.relu5(steps))

    def chunks(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return what each chunk is judged from, (batch * chunks, 1, 640)."""
        if waveforms.ndim != 3 or waveforms.shape[1] != 1 or not waveforms.is_floating_point():
            raise ParameterError(
                f"SileroVad takes float waveforms (batch, 1, samples) at 16 kHz, got "
                f"{waveforms.dtype} {tuple(waveforms.shape)}."
            )
        padded = F.pad(waveforms, (CONTEXT, -waveforms.shape[-1] % CHUNK))
        chunks = padded.unfold(-1, CONTEXT + CHUNK, CHUNK).squeeze(1)  # (batch, chunks, 576)
        return F.pad(chunks.flatten(0, 1)[:, None], (0, REFLECTED), mode="reflect")

    def features(self, chunks: torch.Tensor) -> torch.Tensor:
        """Return what the convolutions make of chunks, (batch * chunks, 128)."""
        found = self.spectrum(chunks)
        for i in range(1, 5):
            found = getattr(self, f"relu{i}")(getattr(self, f"conv{i}")(found))
        return found.squeeze(-1)
