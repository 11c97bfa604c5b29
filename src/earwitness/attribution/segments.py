"""Put the explanations of overlapping segments together to one of the whole spectrogram."""

import torch

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import ParameterError, check_number

MAX_FRAMES = 1 << 20


@checked
def over_segments(relevance: torch.Tensor, n_frames: int, hop: int) -> torch.Tensor:
    """Return the relevance of each cell of a spectrogram: the mean over the segments that hold it.

    Parameters
    ----------
    relevance : Tensor, shape (..., n_segments, n_bands, length)
        Segment i begins at frame ``i * hop``.
    n_frames : int
        Of the spectrogram; frames in no segment get zero.
    hop : int
        Frames from one segment to the next.

    Returns
    -------
    Tensor, shape (..., n_bands, n_frames)

    Raises
    ------
    ParameterError
        If the segments reach beyond the last frame.

    Notes
    -----
    Tilkorn et al., section Experiments: "since these segments are highly overlapping an average was
    calculated". Chapter: speech-quality.
    """
    check_finite(relevance, "Relevance")
    check_number("n_frames", n_frames, 1, MAX_FRAMES, whole=True)
    if relevance.ndim < 3:
        raise ParameterError(
            f"Relevance is (..., n_segments, n_bands, length), got {tuple(relevance.shape)}."
        )
    n_segments, n_bands, length = relevance.shape[-3:]
    if hop < 1 or (n_segments - 1) * hop + length > n_frames:
        raise ParameterError(
            f"{n_segments} segments of {length} frames, {hop} apart, do not fit {n_frames} frames."
        )
    total, count = (
        relevance.new_zeros((*relevance.shape[:-3], n_bands, n_frames)),
        relevance.new_zeros(n_frames),
    )
    for number in range(n_segments):
        place = slice(number * hop, number * hop + length)
        total[..., place] += relevance[..., number, :, :]
        count[place] += 1
    return total / count.clamp_min(1)
