"""What the chapter audible-explanations measures on channels and the sounds that they stand for."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from earwitness import evaluation, features, models
from earwitness.errors import ParameterError


def spoken_clips(trained) -> tuple[pd.DataFrame, torch.Tensor]:
    """Return the test clips of up to a second, and inputs in which each stands in the middle.

    Parameters
    ----------
    trained : Trained
        On a corpus whose phones are known.

    Returns
    -------
    DataFrame, Tensor
        Rows of the corpus' table; (clip, 1, 8000).
    """
    table = trained.corpus.table.iloc[trained.fold.test]
    table = table[~table["longer_than_1s"]]
    clips = [trained.corpus[int(row)] for row in table.index]
    seconds = [features.fit_to_second(clip.samples, clip.sample_rate) for clip in clips]
    return table, trained.prepare(np.stack(seconds))


def channels_for_half(shares: np.ndarray) -> float:
    """Return how many of the channels hold half of a clip's positive relevance, in per cent of the
    channels, mean over clips, from shares (clip, channel).
    """
    ordered = np.sort(shares, axis=1)[:, ::-1].cumsum(1)
    return 100 * float(((ordered < 0.5).sum(1) + 1).mean()) / shares.shape[1]


def shares_by_class(shares: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the mean share of each channel for each class, (class, channel), in per cent; zeros
    for a class without a clip.
    """
    means = [
        shares[classes == k].mean(0) if (classes == k).any() else np.zeros(shares.shape[1])
        for k in range(n_classes)
    ]
    return 100 * np.stack(means)


def common_channels(
    shares: np.ndarray, digits: np.ndarray, pair: tuple[int, int], n_channels: int
) -> list[int]:
    """Return the channels whose relevance two words share and other words have less of.

    Parameters
    ----------
    shares : ndarray, shape (clip, channel)
    digits : ndarray, shape (clip,)
        What is spoken.
    pair : pair of int
    n_channels : int

    Raises
    ------
    ParameterError
        If one of the two words, or any other, is not among the clips.
    """
    means = {digit: shares[digits == digit].mean(0) for digit in np.unique(digits)}
    if not set(pair) < set(means):
        raise ParameterError(
            f"The digits {pair} and others must be among the clips, there are {sorted(means)}."
        )
    both = np.minimum(means[pair[0]], means[pair[1]])
    others = np.max([mean for digit, mean in means.items() if digit not in pair], axis=0)
    # a channel through which nothing flows would come before all that other words use a little
    ahead = np.where(both > 0, both - others, -np.inf)
    return np.argsort(-ahead, kind="stable")[:n_channels].tolist()


def share_on_phone(
    relevance: torch.Tensor,
    phones: Sequence[pd.DataFrame],
    starts_s: Sequence[float],
    sample_rate: int,
    position: int = 2,
) -> pd.Series:
    """Return how much of each clip's positive relevance lies on one of its phones, in per cent.

    Parameters
    ----------
    relevance : Tensor, shape (clip, sample)
    phones : sequence of DataFrame
        Of each clip, as a corpus returns them.
    starts_s : sequence of float
        Where each clip begins in its row, in seconds.
    sample_rate : int
        In Hz.
    position : int
        Which phone, counted from 1.

    Returns
    -------
    Series
        By the clip's number. A clip of which no relevance is positive has no share, and is left
        out.
    """
    positive = relevance.clamp_min(0)
    kept = np.flatnonzero((positive.sum(1) > 0).numpy())
    if not len(kept):
        return pd.Series(dtype=float)
    shares = evaluation.shares.share_by_segment(
        positive[kept],
        [phones[clip] for clip in kept],
        sample_rate,
        [starts_s[clip] for clip in kept],
    )
    on_phone = 100 * shares[shares["position"] == position].groupby("clip")["share"].sum()
    return on_phone.set_axis(kept[on_phone.index])


def accuracy(model, inputs: torch.Tensor, digits: np.ndarray) -> float:
    """Return the share of clips that a network classifies correctly, in per cent."""
    return 100 * float((models.logits(model, inputs).argmax(1).numpy() == digits).mean())
