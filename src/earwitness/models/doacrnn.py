"""The convolutional recurrent network that tells where speech comes from (Kiyan et al., Table
1).
"""

import numpy as np
import torch
from torch import nn

from earwitness import features
from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import ParameterError, check_number
from earwitness.models.inference import device_of, evaluation_mode
from earwitness.models.registry import register
from earwitness.models.shape import check_sizes

N_FILTERS = 64
POOLS = (8, 8, 4)  # over frequency, after each convolution
N_BLOCKS = 50  # of each LSTM in each direction
N_BINS = 512


class Normalisation(nn.Module):
    """Subtract the training mean and divide by the training standard deviation of each channel
    (buffers).
    """

    def __init__(self, n_channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels, 1, 1))
        self.register_buffer("std", torch.ones(n_channels, 1, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the normalised inputs (batch, channels, frames, bins)."""
        return (inputs - self.mean) / self.std


class Frames(nn.Module):
    """Put what is left of frequency and all filters side by side: (batch, 64, frames, 2) -> (batch,
    frames, 128).
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return a vector per frame, bins outside, filters inside."""
        return maps.permute(0, 2, 3, 1).flatten(2)


@register(sample_rate=16000, audio="ambisonic", tasks=("directions",))
class DoaCRNN(nn.Module):
    """Direction of arrival at every frame, as one of 425 classes.

    Parameters
    ----------
    n_channels : int
        6 for intensity, 2 (order + 1)² for magnitudes and phases of ambisonic channels.
    n_classes : int
        Number of directions.

    Notes
    -----
    Input (batch, n_channels, frames, 512); output: logits (batch, frames, n_classes). The decision
    for a scene is the class with the largest mean softmax: :meth:`scores`.

    Kiyan, Poschadel, Preihs and Peissig, Table 1: normalisation; three times convolution, batch
    norm, ELU, max-pooling over frequency by 8, 8, 4; two bidirectional LSTMs of 50 blocks; a dense
    layer of 100 with ELU; a dense layer of classes with softmax. The table leaves open, and we
    choose: 3 x 3 kernels (issue; Perotin et al. 2019), padding that keeps the size, no dropout. Its
    last row prints 50 x 2 N_bin, which cannot be: there are N_bin classes. Chapter:
    sound-direction.
    """

    def __init__(self, n_channels: int, n_classes: int = 425):
        check_sizes(n_channels=n_channels, n_classes=n_classes)
        super().__init__()
        self.n_channels, self.n_classes = n_channels, n_classes
        self.normalisation = Normalisation(n_channels)
        for i, pool in enumerate(POOLS, start=1):
            self.add_module(
                f"conv{i}", nn.Conv2d(n_channels if i == 1 else N_FILTERS, N_FILTERS, 3, padding=1)
            )
            self.add_module(f"bn{i}", nn.BatchNorm2d(N_FILTERS))
            self.add_module(f"elu{i}", nn.ELU())
            self.add_module(f"pool{i}", nn.MaxPool2d((1, pool)))
        self.frames = Frames()
        n_features = N_FILTERS * N_BINS // (POOLS[0] * POOLS[1] * POOLS[2])  # 64 filters x 2 bins
        self.lstm1 = nn.LSTM(n_features, N_BLOCKS, bidirectional=True, batch_first=True)
        self.lstm2 = nn.LSTM(2 * N_BLOCKS, N_BLOCKS, bidirectional=True, batch_first=True)
        self.fc1 = nn.Linear(2 * N_BLOCKS, 2 * N_BLOCKS)
        self.elu4 = nn.ELU()
        self.fc2 = nn.Linear(2 * N_BLOCKS, n_classes)

    @classmethod
    def from_card(cls, card: dict) -> nn.Module:
        """Return the untrained network that a card describes."""
        return cls(card["n_channels"], len(card["classes"]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, frames, n_classes).

        Raises
        ------
        ParameterError
            If the input is not (batch, n_channels, frames, 512).
        """
        if (
            inputs.ndim != 4
            or inputs.shape[1] != self.n_channels
            or inputs.shape[3] != N_BINS
            or not inputs.shape[2]
        ):
            raise ParameterError(
                f"DoaCRNN takes (batch, {self.n_channels}, frames, {N_BINS}), "
                f"not {tuple(inputs.shape)}."
            )
        maps = self.normalisation(inputs)
        for layer in self.convolutions():
            maps = layer(maps)
        sequence, _ = self.lstm1(self.frames(maps))  # (batch, frames, 100)
        sequence, _ = self.lstm2(sequence)
        return self.fc2(self.elu4(self.fc1(sequence)))

    def convolutions(self) -> list[nn.Module]:
        """Return convolution, batch norm, ELU and pooling of the three blocks in their order."""
        return [
            getattr(self, f"{kind}{i}")
            for i in range(1, len(POOLS) + 1)
            for kind in ("conv", "bn", "elu", "pool")
        ]

    def scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the mean over frames of the softmax, (batch, n_classes)."""
        return self(inputs).softmax(-1).mean(1)


@checked
@torch.no_grad()
def locate(network: nn.Module, mixtures: np.ndarray, kind: str, batch_size: int = 50) -> np.ndarray:
    """Return the directions that a network predicts for scenes, unit vectors (n, 3): the largest
    mean softmax.

    Parameters
    ----------
    network : DoaCRNN
        Switched to evaluation mode meanwhile.
    mixtures : ndarray, shape (n, C, T)
        Scenes; channels beyond those that it needs are not used.
    kind : str
        What it takes: ``"intensity"``, ``"order1"``, ...; see
        :func:`earwitness.features.network_input`.
    batch_size : int
    """
    check_number("batch_size", batch_size, 1, 2**31, whole=True)
    check_finite(mixtures, "The scenes")
    if np.ndim(mixtures) != 3 or not np.size(mixtures):
        raise ParameterError(f"Scenes are (n, C, T), got {np.shape(mixtures)}.")
    parts = np.array_split(mixtures, -(-len(mixtures) // batch_size))
    with evaluation_mode(network):
        inputs = (
            features.network_input(torch.from_numpy(part), kind).to(device_of(network))
            for part in parts
        )
        found = [network.scores(batch).argmax(-1).cpu() for batch in inputs]
    return sphere.directions()[torch.cat(found).numpy()]
