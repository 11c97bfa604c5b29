"""Code as strangers write it: each of these networks once found something to mend."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network


class _Framewise(nn.Module, ABC):
    """Frames of a waveform, something done to them, their mean, logits."""

    def __init__(self):
        super().__init__()
        self.frames, self.fc = nn.Conv1d(1, 6, 8, 4), nn.Linear(6, 4)

    @abstractmethod
    def change(self, frames):
        """Return other frames."""

    def forward(self, x):
        return self.fc(self.change(self.frames(x)).mean(-1))


@network(1, 64)
class OverwrittenResults(_Framewise):
    """What PyTorch's way back would need is overwritten: only the forward pass works."""

    def change(self, frames):
        y = frames.relu()
        y += frames
        y.relu_()
        y *= 0.5
        y[:, 1] += y[:, 0]
        y -= 0.1
        gate = y.sigmoid()
        gate *= y
        gate.clamp_(max=0.4)
        y.add_(gate)
        return gate + y


@network(1, 64)
class WritesIntoParts(_Framewise):
    def change(self, frames):
        padded = frames.new_zeros(len(frames), 6, frames.shape[-1] + 4)
        padded[..., 2:-2] = frames
        padded[..., 0] = frames[..., 0]
        padded[..., 2:5] += frames[..., :3]
        return padded


@network(1, 64)
class OneHotMask(_Framewise):
    def change(self, frames):
        return frames * F.one_hot(frames.argmax(1), 6).mT


@network(1, 64)
class AddmmWithFactors(_Framewise):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(6, 6)), nn.Parameter(torch.randn(6))

    def change(self, frames):
        rows = frames.mT.flatten(0, 1)
        rows = torch.addmm(self.bias, rows, self.weight, beta=0.5, alpha=2.0)
        return rows.unflatten(0, (len(frames), -1)).mT


@network(1, 64)
class LogSumExpPooling(_Framewise):
    def change(self, frames):
        return torch.logsumexp(frames, -1, keepdim=True)


@network(1, 64)
class EvenKernelSamePadding(_Framewise):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(6, 6, 4, padding="same"), nn.BatchNorm1d(6)

    def change(self, frames):
        return self.norm(self.conv(frames))


@network(128)
class DecibelsBelowTheLoudest(nn.Module):
    """Decibels with a floor below the loudest value, in place, normalised by single numbers."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(9, 4, 3), nn.Linear(4, 4)

    def forward(self, x):
        window = torch.hann_window(16, dtype=x.dtype)
        spectrum = torch.stft(x, 16, 8, window=window, return_complex=True)
        level = 10 * torch.log10(torch.clamp(spectrum.abs().pow(2), min=1e-10))
        level -= 3.0
        level = torch.maximum(level, level.amax((-2, -1), keepdim=True) - 20)
        level = (level - level.mean()) / level.std()
        return self.fc(self.conv(level).relu().mean(-1))


@network(1, 48)
class StateSpace(_Framewise):
    """A selective state space: what is kept of the state is a gate."""

    def __init__(self):
        super().__init__()
        self.of_input = nn.Linear(6, 12)
        self.rate = nn.Parameter(torch.ones(6))

    def change(self, frames):
        steps, written = self.of_input(frames.mT).chunk(2, -1)
        steps, state, states = F.softplus(steps), 0.0, []
        for step, value in zip(steps.unbind(1), written.unbind(1), strict=True):
            state = torch.exp(-step * self.rate) * state + step * value
            states.append(state)
        return torch.stack(states, -1)
