"""Sums as layers: what a network adds up between its layers, where hooks can see it."""

import torch
from torch import nn


class Add(nn.Module):
    """Add two tensors of one shape (batch, ...): the end of a residual connection."""

    def forward(self, first: torch.Tensor, second: torch.Tensor, /) -> torch.Tensor:
        """Return ``first + second``."""
        return first + second


class MeanOverTime(nn.Module):
    """Average a sequence over time, each step counting alike or as much as ``share`` says."""

    def forward(self, x: torch.Tensor, share: torch.Tensor | None = None, /) -> torch.Tensor:
        """Return the mean (batch, features) of ``x`` (batch, time, features); ``share`` (batch,
        time, 1) sums to 1.
        """
        return x.mean(1) if share is None else (share * x).sum(1)
