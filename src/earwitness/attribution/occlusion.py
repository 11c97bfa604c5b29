"""Occlusion sensitivity: hide a part of the input and see how the prediction changes."""

import itertools
import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from earwitness import runtime
from earwitness.attribution.completeness import score
from earwitness.attribution.question import check_exists
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_positive, frozen, in_batches, original
from earwitness.errors import ParameterError
from earwitness.features import mel
from earwitness.models.inference import for_prediction


class OcclusionMap(NamedTuple):
    """What hiding each part of one spectrogram did to one output."""

    map: np.ndarray
    """(n_mels, n_frames): output less masked output, mean over the masks that hide a cell; > 0: the
    cell helps.
    """
    effects: np.ndarray
    """(n_masks,) output less masked output, in units of the output (MOS)."""
    boxes: np.ndarray
    """(n_masks, 4): first band, band after the last, first frame, frame after the last."""
    baseline: float
    """The output for the whole spectrogram."""
    fill: float
    """What stood in the masks, in the spectrogram's unit (dB)."""
    cost: float
    """Segments that went through the CNN again, as a share of those of evaluating each mask in
    full.
    """


def silence_db(spectrogram) -> float:
    """Return the level in dB that this mel spectrogram gives to no sound at all: 80 dB below its
    maximum, -80 at least.

    Zeroing a piece of the waveform puts this level there, as long as the loudest point of the clip
    is outside of it.
    """
    return max(mel.FLOOR_DB, float(spectrogram.max()) - mel.RANGE_DB)


def occlusion_map(
    model: nn.Module,
    spectrogram: torch.Tensor | np.ndarray,
    *,
    mask: tuple[int | None, int | None] = (24, 24),
    stride: tuple[int, int] | int | None = None,
    fill: str | float = "silence",
    output: int = 0,
    batch_size: int = 256,
) -> OcclusionMap:
    """Return what hiding each part of a spectrogram does to a quality network's output, computing
    only what changes.

    Parameters
    ----------
    model : Nisqa
        Anything with ``segments``, ``cnn`` and ``rate`` as in
        :class:`earwitness.models.nisqa.Nisqa`.
    spectrogram : Tensor or ndarray, shape (n_mels, n_frames)
        In dB. Never changed.
    mask : (int or None, int or None)
        Height in bands and width in frames; None: all of them. (24, 24) is the paper's square, (8,
        None) one of its horizontal bars, (None, 13) its vertical bar.
    stride : int or (int, int), optional
        Bands and frames from one mask to the next; default: the mask's size, so that masks touch.
        Where it is smaller masks overlap, and a cell gets the mean of all masks that hide it. The
        last mask is cut off at the edge.
    fill : "silence" or float
        What the mask shows: the level of no sound (:func:`silence_db`), or a level in dB.
    output : int
        Which of the model's outputs; 0 is the MOS.
    batch_size : int
        Segments through the CNN at a time.

    Returns
    -------
    OcclusionMap

    Raises
    ------
    ParameterError
        If a mask is larger than the spectrogram, or a stride is not positive or larger than the
        mask (cells would never be hidden); if the spectrogram is not (n_mels, n_frames) or is
        empty; if there is no such output.

    Notes
    -----
    Tilkorn et al., section "Explanation approaches"; masks are applied before the spectrogram is
    cut into segments. Chapter: speech-quality.

    Each mask changes only the segments that overlap it. The CNN, which is nearly all of the cost,
    sees those alone; what it returns for the others is computed once. Squares of 24 x 24 touch few
    segments of a clip of several seconds (``benchmarks/results/quality.md``); horizontal bars touch
    every segment and save nothing. The map is the same.
    """
    spectrogram = _checked_spectrogram(spectrogram, original(model))
    level = silence_db(spectrogram) if fill == "silence" else _checked_fill(fill, " or 'silence'")
    check_positive(batch_size=batch_size)
    boxes = _boxes(tuple(spectrogram.shape), mask, stride)
    with frozen(model), torch.no_grad():
        whole = model.segments(spectrogram[None])[0]  # (n_segments, 1, n_mels, length)
        cnn = _faster(model.cnn, whole)

        def seen(segments: torch.Tensor) -> torch.Tensor:
            return torch.cat([cnn(part) for part in segments.split(batch_size)])

        features = seen(whole)
        baseline = _output(model, features[None], output)[0]
        touched = _touched(model, spectrogram.shape, boxes).to(
            whole.device
        )  # (n_masks, n_segments)
        outputs = torch.cat(
            [
                _masked_outputs(
                    model,
                    spectrogram,
                    features,
                    boxes[group],
                    touched[group],
                    level,
                    output,
                    seen,
                )
                for group in _groups(touched.sum(1).tolist(), batch_size)
            ]
        )
    effects = (baseline - outputs).double().cpu().numpy()
    cost = float(touched.sum()) / touched.numel()
    return OcclusionMap(
        _averaged(tuple(spectrogram.shape), boxes, effects),
        effects,
        boxes.reshape(-1, 4),
        float(baseline),
        level,
        cost,
    )


def _faster(cnn, segments: torch.Tensor):
    """Return the CNN in the faster layout; itself if it is a method, as in networks that are no
    Nisqa, or has hooks, which are to see what happens.
    """
    if not isinstance(cnn, nn.Module):
        return cnn
    hooked = any(each._forward_hooks or each._forward_pre_hooks for each in cnn.modules())
    return cnn if hooked else for_prediction(cnn, segments)


def _checked_spectrogram(spectrogram, model) -> torch.Tensor:
    if isinstance(spectrogram, np.ndarray):
        spectrogram = torch.from_numpy(spectrogram)
    if (
        not isinstance(spectrogram, torch.Tensor)
        or not spectrogram.is_floating_point()
        or spectrogram.ndim != 2
    ):
        found = tuple(getattr(spectrogram, "shape", ())) or type(spectrogram).__name__
        raise ParameterError(
            f"Occlusion takes one float spectrogram (n_mels, n_frames), got {found}."
        )
    if spectrogram.numel() == 0:
        raise ParameterError(
            f"The spectrogram is empty: {tuple(spectrogram.shape)} bands and frames."
        )
    if not (spectrogram.abs() <= torch.finfo(torch.float32).max).all():
        raise ParameterError("The spectrogram holds NaN or infinite values.")
    like = next(model.parameters())
    return spectrogram.detach().to(like.device, like.dtype)


def _checked_fill(fill, or_silence: str = "") -> float:
    if isinstance(fill, bool) or not isinstance(fill, Real) or not math.isfinite(fill):
        raise ParameterError(f"fill must be a finite level{or_silence}, got {fill!r}.")
    return float(fill)


def _output(model, features: torch.Tensor, output: int) -> torch.Tensor:
    scores = model.rate(features)
    check_exists(output, scores.shape[1], "Output")
    return scores[:, output]


def _touched(model, shape, boxes: np.ndarray) -> torch.Tensor:
    """Return which segments each mask overlaps, (n_masks, n_segments): the frames are cut as the
    spectrogram is.
    """
    like = next(model.parameters())
    frames = torch.arange(shape[1], dtype=torch.float64, device=like.device).expand(1, *shape)
    frames = model.segments(frames)[0][:, 0, 0]  # (n_segments, length)
    start, stop = (torch.from_numpy(boxes[:, 1, side]).to(frames).view(-1, 1) for side in (0, 1))
    return (frames[:, -1] >= start) & (frames[:, 0] < stop)


def _groups(sizes: Sequence[int], limit: int) -> list[slice]:
    """Return slices of consecutive masks that touch about ``limit`` segments together."""
    groups, first, filled = [], 0, 0
    for number, size in enumerate(sizes):
        if filled and filled + size > limit:
            groups.append(slice(first, number))
            first, filled = number, 0
        filled += size
    return [*groups, slice(first, len(sizes))]


def _masked_outputs(
    model, spectrogram, features, boxes, touched, level, output, seen: Callable
) -> torch.Tensor:
    """Return the outputs (n_masks,) for some masked variants, the CNN computing only the
    segments that they touch.
    """
    variants = spectrogram.repeat(len(boxes), 1, 1)
    for variant, ((low, high), (start, stop)) in zip(variants, boxes, strict=True):
        variant[low:high, start:stop] = level
    changed = features.repeat(len(boxes), 1, 1)  # (n_masks, n_segments, n_features)
    which = touched.nonzero(as_tuple=True)
    segments = model.segments(variants)[which]  # (n_touched, 1, n_mels, length)
    if len(segments):
        changed[which] = seen(segments)
    return _output(model, changed, output)


def _boxes(shape: tuple[int, ...], mask, stride) -> np.ndarray:
    """Return the masks' edges (n_masks, n_axes, 2): first place and the one after the last."""
    mask = _listed(mask, "mask")
    if len(mask) != len(shape):
        raise ParameterError(f"A mask needs {len(shape)} sizes here, got {mask}.")
    sizes = [n if size is None else size for size, n in zip(mask, shape, strict=True)]
    stride = tuple(sizes) if stride is None else _listed(stride, "stride", len(shape))
    if len(stride) != len(shape):
        raise ParameterError(
            f"A stride needs {len(shape)} steps here, or one for all, got {stride}."
        )
    axes = [_edges(n, size, step) for n, size, step in zip(shape, sizes, stride, strict=True)]
    return np.array(list(itertools.product(*axes)))


def _listed(value, name: str, times: int = 1) -> tuple:
    """Return one size, so many ``times``, or a sequence of sizes as a tuple."""
    if isinstance(value, (int, np.integer)):
        return (value,) * times
    try:
        return tuple(value)
    except TypeError:
        raise ParameterError(
            f"The {name} must be made of positive integers, got {value!r}."
        ) from None


def _edges(n: int, size: int, step: int) -> list[tuple[int, int]]:
    """Return the masks along one axis of ``n`` places; the last may be cut off."""
    for value, name in ((size, "mask"), (step, "stride")):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ParameterError(f"The {name} must be made of positive integers, got {value!r}.")
    if size > n:
        raise ParameterError(f"A mask of {size} is larger than the input, which has {n} there.")
    if step > size:
        raise ParameterError(
            f"A stride of {step} is larger than the mask's {size}: what lies between would never "
            "be "
            "hidden."
        )
    n_masks = -(-(n - size) // step) + 1
    return [(step * number, min(step * number + size, n)) for number in range(n_masks)]


def _averaged(shape: tuple[int, ...], boxes: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Return for every cell the mean effect of the masks that hide it."""
    total, count = np.zeros(shape), np.zeros(shape)
    for box, effect in zip(boxes, effects, strict=True):
        place = tuple(slice(*edges) for edges in box)
        total[place] += effect
        count[place] += 1
    return total / count


@method("occlusion", family="perturbation", colour="#D55E00", marker="*")
def occlusion(
    model,
    inputs,
    target,
    *,
    mask: int | Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    fill: float = 0.0,
    batch_size: int = 50,
) -> torch.Tensor:
    """Return how much the logit loses when a part of the input is hidden: for every value, mean
    over the masks on it.

    Parameters
    ----------
    mask : int or sequence of int, optional
        Size of the mask along the last axes of the inputs, as many as it has entries; along the
        other axes it hides everything. Default: a tenth of each axis behind the channels.
    stride : int or sequence of int, optional
        From one mask to the next; default: the mask's size.
    fill : float
        What the mask shows, in units of the inputs; 0.0 is silence for a waveform.

    Notes
    -----
    Zeiler and Fergus (2014). Each mask costs a forward pass; :func:`occlusion_map` does the same
    for NISQA's networks at a fraction of the cost.
    """
    default = [max(1, n // 10) for n in inputs.shape[2:] or inputs.shape[1:]]
    sizes = _listed(default if mask is None else mask, "mask")
    if not 1 <= len(sizes) < inputs.ndim:
        raise ParameterError(
            f"A mask of {len(sizes)} sizes does not fit inputs of shape {tuple(inputs.shape)}."
        )
    shape = tuple(inputs.shape[-len(sizes) :])
    boxes, level = _boxes(shape, sizes, stride), _checked_fill(fill)

    @torch.no_grad()
    def hide(x, index):
        whole = score(model(x), index)
        effects = []
        for box in runtime.progress(boxes, "masks"):
            masked = x.clone()
            masked[(..., *(slice(*edges) for edges in box))] = level
            effects.append(whole - score(model(masked), index))
        return torch.stack(effects, dim=1)  # (batch, n_masks)

    effects = in_batches(hide, inputs, target, batch_size)
    maps = np.stack([_averaged(shape, boxes, row) for row in effects.double().cpu().numpy()])
    maps = torch.from_numpy(maps).to(inputs)  # (batch, *shape)
    return (
        maps.view(len(inputs), *[1] * (inputs.ndim - 1 - len(sizes)), *shape)
        .expand_as(inputs)
        .clone()
    )
