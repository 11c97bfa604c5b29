"""What masking does to an estimate of quality: of empty regions, of noise, of a disturbance whose
place is known.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from earwitness.attribution.occlusion import occlusion_map, silence_db
from earwitness.errors import ParameterError

_LARGEST_SHARE = 0.9  # a disturbance that fills more of the clip has no place in time


def empty_share(spectrogram, boxes: np.ndarray, below_db: float = 60.0) -> np.ndarray:
    """Return for each mask the share of its cells that are nearly silent, (n_masks,).

    Parameters
    ----------
    spectrogram : Tensor or ndarray, shape (n_mels, n_frames)
        In dB.
    boxes : ndarray, shape (n_masks, 4)
        First band, band after the last, first frame, frame after the last: as :class:`OcclusionMap`
        has them.
    below_db : float
        Nearly silent is so far below the loudest cell.
    """
    level = np.asarray(spectrogram)
    silent = level <= level.max() - below_db
    return np.array([silent[low:high, start:stop].mean() for low, high, start, stop in boxes])


def frame_share(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each mask the share of its frames for which ``frames`` (n_frames,) is true,
    (n_masks,).
    """
    return np.array([np.asarray(frames)[start:stop].mean() for _, _, start, stop in boxes])


@torch.no_grad()
def change_by(model, spectrogram, changed, output: int = 0) -> float:
    """Return the estimate of a changed spectrogram less that of the spectrogram, both (n_mels,
    n_frames), in MOS.

    Raises
    ------
    ParameterError
        If their shapes differ.
    """
    pair = [torch.as_tensor(np.asarray(one), dtype=torch.float32) for one in (spectrogram, changed)]
    if pair[0].shape != pair[1].shape:
        raise ParameterError(
            f"Spectrograms of {tuple(pair[0].shape)} and {tuple(pair[1].shape)} cannot be compared."
        )
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
    """Return as many frames elsewhere, (n_frames,) bool: the same pattern, shifted round the clip
    at random.

    Of 20 shifts drawn, the one that overlaps the original least, so that it really is elsewhere
    where that is possible.
    """
    frames = np.asarray(frames)
    shifts = [np.roll(frames, int(shift)) for shift in rng.integers(1, len(frames), 20)]
    return min(shifts, key=lambda shifted: int((shifted & frames).sum()))


def survey(
    model, corpus, mask: tuple = (24, 24), stride=None, clips: Sequence[int] | None = None
) -> pd.DataFrame:
    """Return a row per mask on clips of transmitted speech: what it hid and how the estimate
    changed.

    Parameters
    ----------
    model : Nisqa
    corpus : Transmission
    mask, stride
        As for :func:`earwitness.attribution.occlusion_map`.
    clips : sequence of int, optional
        Row numbers; default: all.

    Returns
    -------
    DataFrame
        ``clip``, ``condition``, ``kind``, ``quality`` (of the whole clip), ``change`` (masked less
        whole), and shares of the mask: ``empty`` (cells 60 dB or more below the loudest) and
        ``speech`` (frames in which somebody speaks).
    """
    rows = []
    for i in range(len(corpus)) if clips is None else clips:
        clip = corpus[i]
        spectrogram = model.spectrogram(clip.samples, clip.sample_rate)
        found = occlusion_map(model, spectrogram, mask=mask, stride=stride)
        rows.append(
            pd.DataFrame(
                {
                    "clip": i,
                    "condition": clip.labels["condition"],
                    "kind": clip.labels["kind"],
                    "quality": found.baseline,
                    "change": -found.effects,
                    "empty": empty_share(spectrogram, found.boxes),
                    "speech": frame_share(
                        corpus.truth(i).speech_mask(spectrogram.shape[1]), found.boxes
                    ),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def per_clip(masks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per clip of a :func:`survey`: ``condition``, ``kind``, ``quality``, the mean
    ``change``.
    """
    return (
        masks.groupby("clip", sort=False)
        .agg({"condition": "first", "kind": "first", "quality": "first", "change": "mean"})
        .reset_index()
    )


def empty_ratio(masks: pd.DataFrame, share: float = 0.95) -> float:
    """Return the mean magnitude of change by masks that hide (nearly) nothing, over that by all
    others.
    """
    empty = masks["empty"] >= share
    return float(masks.loc[empty, "change"].abs().mean() / masks.loc[~empty, "change"].abs().mean())


def hide_disturbances(model, corpus, rng: np.random.Generator) -> pd.DataFrame:
    """Return a row per clip whose disturbance has a known time: what hiding exactly those frames
    does, and controls.

    Returns
    -------
    DataFrame
        ``clip``, ``condition``, ``kind``, ``quality``, ``frames`` (share that is disturbed) and the
        change of the estimate by ``hidden`` (silence in those frames), ``elsewhere`` (silence in as
        many others) and ``repaired`` (those frames as they were sent).
    """
    rows = []
    for i in range(len(corpus)):
        clip, sent = corpus[i], corpus.reference(i)
        spectrogram = model.spectrogram(clip.samples, clip.sample_rate)
        frames = corpus.truth(i).local.mask(spectrogram.shape[1])
        if not 0 < frames.mean() <= _LARGEST_SHARE:
            continue
        silence = silence_db(spectrogram)
        with torch.no_grad():
            quality = float(model(spectrogram[None])[0, 0])
        changed = {
            "hidden": masked_frames(spectrogram, frames, silence),
            "elsewhere": masked_frames(spectrogram, moved(frames, rng), silence),
            "repaired": masked_frames(
                spectrogram, frames, model.spectrogram(sent.samples, sent.sample_rate)
            ),
        }
        rows.append(
            {
                "clip": i,
                "condition": clip.labels["condition"],
                "kind": clip.labels["kind"],
                "quality": quality,
                "frames": frames.mean(),
                **{name: change_by(model, spectrogram, one) for name, one in changed.items()},
            }
        )
    return pd.DataFrame(rows)
