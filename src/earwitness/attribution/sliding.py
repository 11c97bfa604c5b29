"""Relevance signals: explain a window of waveform at a time and put a whole utterance together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from earwitness import attribution, runtime
from earwitness.arguments import checked
from earwitness.attribution.registry import find
from earwitness.attribution.validation import check_positive
from earwitness.audio import check_samples
from earwitness.errors import AudioError, ParameterError, check_choice
from earwitness.features.windowing import LENGTH, SAMPLE_RATE, frame_centres, normalised, windows
from earwitness.models import logits
from earwitness.models.inference import for_prediction

HOP = 157  # a little less than 10 ms, without a common factor with the networks' grid of 30 samples
PREDICTED = "predicted"
_LEAST_SHARE = 0.1  # of a window that an utterance must fill: 25 ms of 250 ms
_NO_TARGET = -1  # stands for: the class that the network predicts


@checked
def relevance_signal(
    model: nn.Module,
    samples: np.ndarray,
    target: int | Sequence[int] | str,
    *,
    method: str = "guided-backprop",
    hop: int = HOP,
    length: int = LENGTH,
    overlap: str = "mean",
    batch_size: int = 100,
    sample_rate: int = SAMPLE_RATE,
    normalise: bool = True,
    **options,
) -> np.ndarray:
    """Return how much each sample of an utterance speaks for the target, (T,) float32, by sliding
    the network along it.

    Parameters
    ----------
    model : nn.Module
        Takes windows (batch, 1, length), returns logits (batch, n_classes).
    samples : ndarray, shape (T,)
        At the network's own sample rate. At least a tenth of a window long.
    target : int, sequence of int of shape (n_frames,), or "predicted"
        Output whose logit (no softmax) is explained: one for all windows, one for each, or the
        highest of each.
    method : str
        One of :func:`earwitness.attribution.methods`.
    hop : int
        Samples from window to window; windows stand around ``earwitness.features.frame_centres(T,
        hop)``. The default is for measuring the signal, see Notes; 160 gives the frames of 10 ms
        that phones are labelled by, one target each.
    length : int
        Samples in a window. Where it reaches outside the utterance it holds zeros; their relevance
        is dropped.
    overlap : {"mean", "centre"}
        What becomes of the windows' relevances at one sample, see Notes.
    batch_size : int
        Windows at a time.
    sample_rate : int
        Of samples and network, in Hz; methods that have an option of this name are told.
    normalise : bool
        Whether the network takes each window at mean zero and variance one, as the book's do, or
        the samples as they are.
    **options
        The method's own options.

    Returns
    -------
    ndarray, shape (T,), float32
        In units of the method per unit of the *normalised* window, unless ``normalise`` is False:
        each window is brought to mean zero and variance one before the network takes it, and
        relevance is with respect to that.

    Raises
    ------
    AudioError
        If the samples are silent, not finite, not one channel or shorter than a tenth of a window.
    ParameterError
        If ``hop`` is longer than a window, or there is not one target or one for each frame.

    Notes
    -----
    Muckenhirn et al. (2019), section 3.2; the paper does not say how windows are put together.
    Chapter: raw-waveform.

    ``"mean"``: the relevance of a sample is the mean over all windows that contain it (25 or 26 by
    default, fewer near the ends). For gradients this is, but for the scale of each window, the
    gradient of the sum of all windows' scores divided by the number of windows that see the sample:
    what the utterance as a whole says. What windows disagree about cancels. ``"centre"``: a sample
    keeps the relevance from the one window in whose middle hop it lies, where the network was asked
    what is spoken. Nothing is averaged, and windows meet every hop with a jump.

    Where the input is constant (digital silence) all candidates of a max-pooling are equal, and
    rounding decides which of the silent samples gets the relevance; samples that sound are not
    affected.

    The first layer moves by 10 samples and its pooling by 3 of these steps, so the relevance of a
    single window lies on a grid: a pattern of 10 and of 30 samples, lines at the multiples of 1600
    Hz, and periods rounded to whole steps. A hop that is a multiple of 10 puts all windows on the
    same grid, and the mean keeps it: with 160, F0 of many women in aev is found at 200 or 228.6 Hz,
    which are 80 and 70 samples. A hop without a common factor with 30 spreads the grids: with 157
    the 25 or 26 windows that see a sample see it in different ones of the 30 phases (with 133 they
    are 30, in all phases, for a fifth more work). Share of the 465 recordings of Table 2 whose F0 |
    F1 | F2 lie within one standard deviation, with one and the same network: 86 | 21 | 27 % with
    hop 160 or 80, 98 | 62 | 62 % with 157. The grid is measured by the chapter raw-waveform.
    """
    return relevance_signals(
        model,
        [samples],
        [target],
        method=method,
        hop=hop,
        length=length,
        overlap=overlap,
        batch_size=batch_size,
        sample_rate=sample_rate,
        normalise=normalise,
        **options,
    )[0]


@checked
def relevance_signals(
    model: nn.Module,
    signals: Sequence[np.ndarray],
    targets: int | Sequence | str,
    *,
    method: str = "guided-backprop",
    hop: int = HOP,
    length: int = LENGTH,
    overlap: str = "mean",
    batch_size: int = 100,
    sample_rate: int = SAMPLE_RATE,
    normalise: bool = True,
    **options,
) -> list[np.ndarray]:
    """Return the relevance signals of many utterances, (T,) each; batches run on from one utterance
    into the next.

    Parameters
    ----------
    signals : sequence of ndarray (T,)
    targets : int, "predicted", or a sequence with what :func:`relevance_signal` takes as target for
    each utterance model, method, hop, length, overlap, batch_size, sample_rate, normalise,
    **options
        As for :func:`relevance_signal`. The ``seed`` of a method that has one grows by one from
        batch to batch.

    Raises
    ------
    AudioError, ParameterError
        As :func:`relevance_signal`, with the number of the utterance; also if there are no
        utterances.
    """
    check_choice(overlap, _REACH, "way to put overlapping windows together")
    plans = _plans(signals, targets, hop, length, overlap, sample_rate)
    known = attribution.options(method)
    told = {"batch_size": batch_size, "sample_rate": sample_rate}
    given = {name: value for name, value in told.items() if name in known} | options
    if find(method).any_layout:
        like = next(model.parameters(), torch.empty(0))
        first = _windows(plans, [(0, 0)], length, normalise).to(like.device, like.dtype)
        model = for_prediction(
            model, first
        )  # a copy: the same gradients in four fifths of the time
    sums = [np.zeros(len(plan.samples)) for plan in plans]
    work = [*_batches(plans, batch_size)]
    for number, batch in enumerate(runtime.progress(work, "windows")):
        if "seed" in known:
            given["seed"] = options.get("seed", known["seed"]) + number
        relevances = _explain(model, plans, batch, length, method, given, normalise)
        for (clip, frame), relevance in zip(batch, relevances, strict=True):
            plan = plans[clip]
            first, last = plan.first[frame], plan.last[frame]
            start = plan.centres[frame] - length // 2
            sums[clip][first:last] += relevance[first - start : last - start]
    return [
        (total / _counts(plan)).astype(np.float32) for total, plan in zip(sums, plans, strict=True)
    ]


class _Plan(NamedTuple):
    """An utterance, its windows, and which samples each window's relevance goes to (``first`` to
    ``last - 1``).
    """

    samples: np.ndarray
    centres: np.ndarray
    targets: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _plans(signals, targets, hop: int, length: int, overlap: str, sample_rate: int) -> list[_Plan]:
    if len(signals) == 0:
        raise ParameterError("There is no utterance to explain.")
    if isinstance(targets, str | int | np.integer):
        targets = [targets] * len(signals)
    if len(targets) != len(signals):
        raise ParameterError(f"There are {len(signals)} utterances and {len(targets)} targets.")
    plans = []
    for number, (samples, target) in enumerate(zip(signals, targets, strict=True)):
        what = f"Utterance {number}"
        samples = _check_length(check_samples(samples, sample_rate, what=what), length, what)
        centres = frame_centres(len(samples), hop)
        if hop > length:
            raise ParameterError(f"A hop of {hop} samples leaves gaps between windows of {length}.")
        plans.append(
            _Plan(
                samples,
                centres,
                _targets(target, len(centres), what),
                *_REACH[overlap](centres, len(samples), hop, length),
            )
        )
    return plans


def _check_length(samples: np.ndarray, length: int, what: str) -> np.ndarray:
    if len(samples) < _LEAST_SHARE * length:
        raise AudioError(
            f"{what} has {len(samples)} samples; the network takes {length} at a time, and with "
            "less than "
            f"a tenth of that ({_LEAST_SHARE * length:.0f}) it gets little but the silence around."
        )
    return samples


def _targets(target, n_frames: int, what: str) -> np.ndarray:
    if isinstance(target, str):
        check_choice(target, [PREDICTED], "target")
        return np.full(n_frames, _NO_TARGET)
    values = np.asarray(target)
    whole = values.dtype.kind in "iu" and ((0 <= values) & (values < 1 << 31)).all()
    if not whole or values.shape not in ((), (n_frames,)):
        raise ParameterError(
            f"{what}: a target is an output index >= 0, one for each of its {n_frames} frames, or "
            f"{PREDICTED!r}; got {target!r}."
        )
    return np.broadcast_to(values, n_frames)


def _all_of_it(centres: np.ndarray, n_samples: int, hop: int, length: int):
    start = centres - length // 2
    return np.maximum(start, 0), np.minimum(start + length, n_samples)


def _middle_hop(centres: np.ndarray, n_samples: int, hop: int, length: int):
    first = hop * np.arange(len(centres))
    return first, np.append(first[1:], n_samples)


_REACH = {"mean": _all_of_it, "centre": _middle_hop}


def _counts(plan: _Plan) -> np.ndarray:
    """Return how many windows give each sample a relevance, (T,), at least 1."""
    changes = np.zeros(len(plan.samples) + 1)
    np.add.at(changes, plan.first, 1)
    np.add.at(changes, plan.last, -1)
    return changes.cumsum()[:-1]


def _batches(plans: list[_Plan], batch_size: int) -> Iterator[list[tuple[int, int]]]:
    """Yield lists of ``batch_size`` windows, each as (number of the utterance, number of the
    frame).
    """
    check_positive(batch_size=batch_size)
    places = [
        (clip, frame) for clip, plan in enumerate(plans) for frame in range(len(plan.centres))
    ]
    yield from (places[i : i + batch_size] for i in range(0, len(places), batch_size))


def _windows(plans, batch, length: int, normalise: bool) -> torch.Tensor:
    """Return the windows of one batch as the network takes them, (batch, 1, length)."""
    cut = []
    for clip in dict.fromkeys(clip for clip, _ in batch):
        frames = [frame for owner, frame in batch if owner == clip]
        cut.append(windows(plans[clip].samples, plans[clip].centres[frames], length))
    together = np.concatenate(cut)
    return torch.from_numpy(normalised(together) if normalise else together)[:, None]


def _explain(model, plans, batch, length, method, options, normalise: bool) -> np.ndarray:
    """Return the relevances (batch, length) of the windows in one batch."""
    inputs = _windows(plans, batch, length, normalise)
    index = torch.tensor([int(plans[clip].targets[frame]) for clip, frame in batch])
    if (index == _NO_TARGET).any():
        like = next(model.parameters(), inputs)
        index = torch.where(
            index == _NO_TARGET, logits(model, inputs.to(like.dtype), len(inputs)).argmax(1), index
        )
    return attribution.attribute(model, inputs, index, method, **options)[:, 0].float().numpy()
