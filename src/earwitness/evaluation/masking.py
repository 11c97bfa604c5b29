"""What masking does to an estimate of quality: of empty regions, of noise, of a disturbance whose place is known."""

import numpy as np
import torch

from earwitness.errors import ParameterError


def empty_share(spectrogram, boxes: np.ndarray, below_db: float = 60.0) -> np.ndarray:
    """Return for each mask the share of its cells that are nearly silent, (n_masks,).

    Parameters
    ----------
    spectrogram : Tensor or ndarray, shape (n_mels, n_frames)
        In dB.
    boxes : ndarray, shape (n_masks, 4)
        First band, band after the last, first frame, frame after the last: as :class:`OcclusionMap` has them.
    below_db : float
        Nearly silent is so far below the loudest cell.
    """
    level = np.asarray(spectrogram)
    silent = level <= level.max() - below_db
    return np.array([silent[low:high, start:stop].mean() for low, high, start, stop in boxes])


def frame_share(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each mask the share of its frames for which ``frames`` (n_frames,) is true, (n_masks,)."""
    return np.array([np.asarray(frames)[start:stop].mean() for _, _, start, stop in boxes])


@torch.no_grad()
def change_by(model, spectrogram, changed, output: int = 0) -> float:
    """Return the estimate of a changed spectrogram less that of the spectrogram, both (n_mels, n_frames), in MOS.

    Raises
    ------
    ParameterError
        If their shapes differ.
    """
    pair = [torch.as_tensor(np.asarray(one), dtype=torch.float32) for one in (spectrogram, changed)]
    if pair[0].shape != pair[1].shape:
        raise ParameterError(f"Spectrograms of {tuple(pair[0].shape)} and {tuple(pair[1].shape)} cannot be compared.")
    before, after = model(torch.stack(pair))[:, output]
    return float(after - before)


def masked_frames(spectrogram, frames: np.ndarray, fill) -> np.ndarray:
    """Return a copy of a spectrogram (n_mels, n_frames) with some frames replaced.

    Parameters
    ----------
    frames : ndarray, shape (n_frames,) bool
    fill : float or array_like, shape (n_mels, n_frames)
        A level in dB, or a spectrogram to take the frames from.
    """
    return np.where(np.asarray(frames)[None], np.asarray(fill, np.float32), np.asarray(spectrogram))


def moved(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return as many frames elsewhere, (n_frames,) bool: the same pattern, shifted round the clip at random.

    Of 20 shifts drawn, the one that overlaps the original least, so that it really is elsewhere where that is possible.
    """
    frames = np.asarray(frames)
    shifts = [np.roll(frames, int(shift)) for shift in rng.integers(1, len(frames), 20)]
    return min(shifts, key=lambda shifted: int((shifted & frames).sum()))
