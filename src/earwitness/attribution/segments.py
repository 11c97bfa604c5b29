"""Put the explanations of overlapping segments together to one of the whole spectrogram."""

import torch

from earwitness.errors import ParameterError, check_choice

_TOGETHER = {"mean": True, "sum": False}


def over_segments(relevance: torch.Tensor, n_frames: int, hop: int, together: str = "mean") -> torch.Tensor:
    """Return the relevance of each cell of a spectrogram from that of the segments which hold it.

    Parameters
    ----------
    relevance : Tensor, shape (..., n_segments, n_bands, length)
        Segment i begins at frame ``i * hop``.
    n_frames : int
        Of the spectrogram; frames in no segment get zero.
    hop : int
        Frames from one segment to the next.
    together : {"mean", "sum"}
        ``"mean"`` over the segments that hold a cell, as in the paper; ``"sum"`` keeps what the segments add up to.

    Returns
    -------
    Tensor, shape (..., n_bands, n_frames)

    Raises
    ------
    ParameterError
        If the segments reach beyond the last frame.

    Notes
    -----
    Tilkorn et al., section Experiments: "since these segments are highly overlapping an average was calculated".
    Chapter: speech-quality.
    """
    n_segments, n_bands, length = relevance.shape[-3:]
    check_choice(together, _TOGETHER, "way to put segments together")
    if hop < 1 or (n_segments - 1) * hop + length > n_frames:
        raise ParameterError(f"{n_segments} segments of {length} frames, {hop} apart, do not fit {n_frames} frames.")
    total, count = relevance.new_zeros((*relevance.shape[:-3], n_bands, n_frames)), relevance.new_zeros(n_frames)
    for number in range(n_segments):
        place = slice(number * hop, number * hop + length)
        total[..., place] += relevance[..., number, :, :]
        count[place] += 1
    return total / count.clamp_min(1) if _TOGETHER[together] else total
