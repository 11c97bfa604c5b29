"""A small stand-in for NISQA's networks: segments, a CNN with batch norm and pooling, a BiLSTM, the
last steps.
"""

import torch
from torch import nn


class Clone(nn.Module):
    """Between a ReLU and a max-pooling: what captum's DeepLIFT needs to be right."""

    def forward(self, x):
        return x.clone()


def small_cnn(n_bands=8, n_features=4):
    """Return a CNN (segments, 1, n_bands, 5) -> (segments, n_features) with trained-looking batch
    norms.
    """
    generator = torch.Generator().manual_seed(5)
    cnn = nn.Sequential()
    for name, layer in [
        ("conv1", nn.Conv2d(1, 3, 3, padding=1)),
        ("bn1", nn.BatchNorm2d(3)),
        ("relu1", nn.ReLU()),
        ("clone1", Clone()),
        ("pool1", nn.MaxPool2d(2, padding=(0, 1))),
        ("conv2", nn.Conv2d(3, 6, 3, padding=1)),
        ("relu2", nn.ReLU()),
        ("flatten", nn.Flatten()),
        ("fc_out", nn.Linear(6 * (n_bands // 2) * 3, n_features)),
    ]:
        cnn.add_module(name, layer)
    for parameter in cnn.parameters():
        scale = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.3
        parameter.data = scale * torch.randn(parameter.shape, generator=generator)
    cnn.bn1.weight.data = cnn.bn1.weight.data.abs() + 0.5
    cnn.bn1.running_mean.data = torch.tensor([0.2, -0.1, 0.4])
    cnn.bn1.running_var.data = torch.tensor([0.5, 1.5, 2.0])
    return cnn.eval()


class SmallQuality(nn.Module):
    """``segments``, ``cnn`` and ``rate`` as NISQA's networks have them; the whole takes (N,
    n_bands, n_frames).
    """

    def __init__(self, hop=2, n_bands=8, n_features=4):
        super().__init__()
        torch.manual_seed(3)
        self.hop, self.cnn = hop, small_cnn(n_bands, n_features)
        self.lstm, self.linear = (
            nn.LSTM(n_features, 6, batch_first=True, bidirectional=True),
            nn.Linear(12, 2),
        )
        self.n_segments_seen = 0
        self.cnn.register_forward_pre_hook(self._count)
        self.double().eval()

    def _count(self, _, inputs):
        self.n_segments_seen += len(inputs[0])

    def segments(self, spectrograms):
        return spectrograms.unfold(2, 5, self.hop).permute(0, 2, 1, 3).unsqueeze(2)

    def rate(self, features):
        steps = self.lstm(features)[0]
        return self.linear(torch.cat([steps[:, -1, :6], steps[:, 0, 6:]], dim=1))

    def forward(self, spectrograms):
        cut = self.segments(spectrograms)
        return self.rate(self.cnn(cut.flatten(0, 1)).view(*cut.shape[:2], -1))


def spectrogram(n_bands=8, n_frames=23, seed=1, n=None):
    """Return one spectrogram (n_bands, n_frames), or ``n`` of them, in units of about 1."""
    shape = (n_bands, n_frames) if n is None else (n, n_bands, n_frames)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
