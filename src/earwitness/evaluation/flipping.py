"""Flipping: is the decision lost when the values that an explanation names are taken away?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from earwitness import runtime
from earwitness.arguments import checked
from earwitness.attribution.endings import Ending, Endings
from earwitness.attribution.question import Question
from earwitness.attribution.validation import check_inputs, check_positive, check_target, explained
from earwitness.errors import ParameterError, check_choice
from earwitness.evaluation import statistics
from earwitness.models.inference import evaluation_mode, for_prediction


@dataclass(frozen=True)
class FlippingCurve:
    """What a network still predicts when more and more of each clip is set to zero.

    Attributes
    ----------
    fractions : ndarray, shape (n_fractions,)
        Changed values as a fraction of the clip's non-zero values.
    correct : bool ndarray, shape (n_clips, n_fractions)
        Whether the target is the most probable (the first of equal ones counts); of a network that
        ends in sigmoids, whether it is more probable than not. Empty (n_clips, 0) for a network
        with one output, which is never wrong.
    probability : ndarray, shape (n_clips, n_fractions)
        Probability of the target, averaged over time where outputs have a time axis: softmax of the
        logits, or what a network that ends in softmax or sigmoid returns; of a network with one
        output the output itself, in its unit.
    n_forwards : int
        Clips that went through the network. At most n_clips times n_fractions: a clip that a
        fraction leaves as the fraction before had it is not sent again.
    precision : str
        ``"float32"``, ``"bfloat16"``, ...
    """

    fractions: np.ndarray
    correct: np.ndarray
    probability: np.ndarray
    n_forwards: int
    precision: str

    @property
    def accuracy(self) -> np.ndarray:
        """Share of correct predictions at each fraction, 0 to 1; NaN for a network with one
        output, which is neither right nor wrong.
        """
        if self.correct.shape != self.probability.shape:
            return np.full(len(self.fractions), np.nan)
        return self.correct.mean(axis=0)

    @property
    def score(self) -> np.ndarray:
        """Mean probability of the target, or mean output, at each fraction."""
        return self.probability.mean(axis=0)

    def standard_error(self, of: str = "accuracy") -> np.ndarray:
        """Return the standard error of the mean over clips at each fraction."""
        values = self._values(of)
        if len(values) < 2:
            raise ParameterError("A standard error needs at least two clips.")
        return values.std(axis=0, ddof=1) / np.sqrt(len(values))

    def areas(self, of: str = "accuracy") -> np.ndarray:
        """Return the area under every clip's own curve, divided by the range of fractions, 0 to 1;
        (n_clips,).
        """
        if len(self.fractions) < 2:
            raise ParameterError("An area under the curve needs at least two fractions.")
        span = self.fractions[-1] - self.fractions[0]
        return np.trapezoid(self._values(of).astype(float), self.fractions, axis=1) / span

    def auc(self, of: str = "accuracy") -> float:
        """Return the area under the curve over the range of its fractions: 1 means never wrong.
        Lower is better.
        """
        return float(self.areas(of).mean())

    def auc_interval(
        self,
        of: str = "accuracy",
        level: float = 0.95,
        n_resamples: int = 2000,
        groups: Sequence | None = None,
        seed: int = 0,
    ) -> tuple[float, float]:
        """Return a percentile bootstrap interval of :meth:`auc`.

        Parameters
        ----------
        groups : sequence, length n_clips
            What belongs together, for instance speakers: whole groups are drawn, because the clips
            of one speaker are not independent. By default every clip stands for itself.
        """
        areas = self.areas(of)
        found = statistics.bootstrap(areas, groups, level=level, n_resamples=n_resamples, seed=seed)
        return found.ends

    def _values(self, of: str) -> np.ndarray:
        if of == "accuracy" and self.correct.shape != self.probability.shape:
            raise ParameterError(
                "A network with one output is neither right nor wrong: ask for the curve of its "
                "score."
            )
        return {"accuracy": self.correct, "score": self.probability}[
            check_choice(of, ["accuracy", "score"], "curve")
        ]


def _check_fractions(fractions: Sequence[float]) -> np.ndarray:
    values = np.asarray(fractions, dtype=float)
    in_range = values.ndim == 1 and values.size > 0 and ((values >= 0) & (values <= 1)).all()
    if not in_range or (np.diff(values) <= 0).any():
        raise ParameterError(
            f"fractions must increase from at least 0 to at most 1, got {fractions!r}."
        )
    return values


def _check_relevance(relevance: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    if relevance.shape != inputs.shape:
        raise ParameterError(
            f"Relevance must be shaped as the inputs, {tuple(inputs.shape)}, "
            f"got {tuple(relevance.shape)}."
        )
    if not torch.isfinite(relevance).all():
        raise ParameterError(
            "Relevance holds NaN or infinite values; they have no place in an order."
        )
    return relevance


def flipping_ranks(
    inputs: torch.Tensor, order_by: str | torch.Tensor, candidates: str | None = None, seed: int = 0
) -> torch.Tensor:
    """Return the place of each input value in its clip's flipping order, 0 first; shape of
    ``inputs``, int64.

    Arguments as for :func:`pixel_flipping`. Equal values keep their order in time (stable sort), so
    the same inputs always give the same order.
    """
    flat = inputs.flatten(1)  # (clip, value)
    if isinstance(order_by, torch.Tensor):
        keys = _check_relevance(order_by, inputs).detach().to(flat.device).flatten(1)
    elif check_choice(order_by, ["random", "amplitude"], "flipping order") == "amplitude":
        keys = flat.abs()
    else:
        keys = torch.rand(flat.shape, generator=torch.Generator().manual_seed(seed)).to(flat.device)
    default = "any" if isinstance(order_by, torch.Tensor) else "nonzero"
    order = torch.argsort(keys, dim=1, descending=True, stable=True)
    if check_choice(candidates or default, ["any", "nonzero"], "set of candidates") == "nonzero":
        silent_last = torch.argsort(
            (flat == 0).gather(1, order).to(torch.uint8), dim=1, stable=True
        )
        order = order.gather(1, silent_last)
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view(inputs.shape)


def flipped_counts(inputs: torch.Tensor, fractions: Sequence[float]) -> torch.Tensor:
    """Return how many values each fraction changes: of the clip's non-zero values, rounded half up.

    Returns
    -------
    LongTensor, shape (n_clips, n_fractions)
    """
    n_nonzero = (inputs != 0).flatten(1).sum(dim=1, dtype=torch.float64)  # (clip,)
    amounts = torch.as_tensor(_check_fractions(fractions), device=inputs.device)
    return torch.floor(n_nonzero[:, None] * amounts + 0.5).long()


def _precision(like: torch.Tensor) -> str:
    """Return the name of what matrices are multiplied in here, for a model that is like this."""
    lower = torch.is_autocast_enabled(like.device.type)
    kind = torch.get_autocast_dtype(like.device.type) if lower else like.dtype
    return str(kind).removeprefix("torch.")


def _changes(inputs: torch.Tensor, ranks: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Tell which fractions differ from the one before: (n_clips, n_fractions), the first always.

    Taking away a value that is zero already changes nothing: LRP may choose such values in the
    padding.
    """
    ranked = torch.zeros_like(inputs.flatten(1), dtype=torch.long)
    ranked.scatter_(
        1, ranks.flatten(1), (inputs != 0).flatten(1).long()
    )  # 1 where the value at that place is not 0
    removed = torch.nn.functional.pad(ranked.cumsum(dim=1), (1, 0)).gather(
        1, counts
    )  # (clip, fraction)
    changed = torch.ones_like(counts, dtype=torch.bool)
    changed[:, 1:] = removed[:, 1:] > removed[:, :-1]
    return changed


def _scores(model, read, inputs, ranks, counts, todo, batch_size) -> torch.Tensor:
    """Return the probabilities (len(todo), n_classes) of the clips and fractions in ``todo`` (pairs
    of indices).
    """
    parts = []
    for clip, fraction in (pairs.unbind(1) for pairs in todo.split(batch_size)):
        kept = ranks[clip] >= counts[clip, fraction].view(-1, *[1] * (inputs.ndim - 1))
        parts.append(read(model(inputs[clip] * kept)))
    return torch.cat(parts)


_PROBABILITIES = {
    "softmax": torch.Tensor.float,
    "log_softmax": lambda output: output.float().exp(),
    **dict.fromkeys(("sigmoid", "special_expit"), torch.Tensor.float),
    **dict.fromkeys(("logsigmoid", "log_sigmoid"), lambda output: output.float().exp()),
}


@torch.no_grad()
def _reading(model, probe, output, class_axis, otherwise=None) -> tuple[Callable, bool]:
    """Return a function from what the model returns to probabilities (batch, n_classes), and
    whether its classes do not exclude each other. ``otherwise`` is the axis of classes where
    neither the caller nor the network's last layer tells.
    """
    question = Question(output, class_axis, probabilities=True)
    with evaluation_mode(model), Endings():
        ending = getattr(question.picked(model(probe)), "_ending", None) or Ending()
    known = ending.axis if class_axis is None else class_axis
    question.class_axis = otherwise if known is None else known

    def read(returned):
        logits = question.read(returned)  # (batch, [time, ...] n_classes)
        several = logits.shape[-1] > 1
        by_softmax = (lambda output: output.float().softmax(-1)) if several else torch.Tensor.float
        probabilities = _PROBABILITIES.get(ending.by, by_softmax)(logits)
        return probabilities.flatten(1, -2).mean(1) if logits.ndim > 2 else probabilities

    return read, "sig" in ending.by or ending.by == "special_expit"


def _correct(scores, probability, index, multi_label: bool) -> torch.Tensor:
    """Return where the target is what is predicted; nothing (n_clips, 0) of a single output."""
    if multi_label:
        return probability > 0.5
    if scores.shape[-1] > 1:
        return scores.argmax(dim=-1) == index
    return index.new_zeros(len(index), 0, dtype=torch.bool)


@checked
def pixel_flipping(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: int | Sequence[int] | torch.Tensor,
    order_by: str | torch.Tensor,
    fractions: Sequence[float],
    candidates: str | None = None,
    seed: int = 0,
    batch_size: int = 50,
    autocast: bool | str = False,
    output: str | int | Callable | None = None,
    class_axis: int | None = None,
) -> FlippingCurve:
    """Set a growing fraction of each clip to zero, in the order that an explanation gives.

    Parameters
    ----------
    model : nn.Module
        Returns logits or probabilities (batch, n_classes), or with a time axis before or behind the
        classes; used in evaluation mode, never changed.
    inputs : Tensor, shape (batch, ...)
        Waveforms (batch, 1, time) or spectrograms (batch, 1, freq, time).
    targets : int, sequence of int or LongTensor, shape (batch,)
        The true classes.
    order_by : Tensor shaped as ``inputs``, ``"random"`` or ``"amplitude"``
        A relevance: highest first, sign kept. ``"amplitude"``: largest absolute value first.
        ``"random"``: any order.
    fractions : sequence of float
        Changed values as a fraction of the clip's *non-zero* values, increasing, 0 to 1; the count
        is rounded half up.
    candidates : {"any", "nonzero"}
        Which values may be chosen. By default, as in the paper, relevance may choose any, the zero
        padding included, random and amplitude only non-zero values, so that they do perturb the
        signal.
    seed : int
        Of the random order.
    batch_size : int
        Clips at a time.
    autocast : bool or "auto"
        Whether to multiply in bfloat16; ``"auto"``: where the processor does so in hardware.
    output, class_axis
        Which of several outputs, and its axis of classes, as
        :func:`earwitness.attribution.attribute` takes them.

    Returns
    -------
    FlippingCurve

    Raises
    ------
    ParameterError, UnknownNameError
        If an argument is not what is described here.

    Notes
    -----
    Becker et al. (2018), section 3.3.2, after Bach et al. (2015) and Samek et al. (2017). Chapter:
    audiomnist.
    """
    index = check_target(targets, len(check_inputs(inputs)))
    check_positive(batch_size=batch_size)
    like = next(model.parameters(), inputs)
    multiply = runtime.autocast(like.device, autocast, like.dtype)
    probe = inputs[:1].detach().to(like.device, like.dtype)
    network, (read, multi_label) = (
        for_prediction(model, probe),
        _reading(model, probe, output, class_axis),
    )
    with torch.inference_mode():
        inputs, index = inputs.detach().to(like.device, like.dtype), index.to(like.device)
        ranks = flipping_ranks(inputs, order_by, candidates, seed)
        counts = flipped_counts(inputs, fractions)
        changed = _changes(inputs, ranks, counts)
        with multiply:
            precision = _precision(like)
            scores = _scores(network, read, inputs, ranks, counts, changed.nonzero(), batch_size)
        latest = (changed.flatten().cumsum(0) - 1).view(
            changed.shape
        )  # row of ``scores`` that each fraction stands on
        scores = scores[latest]  # (clip, fraction, class)
        probability = explained(scores, index)
        correct = _correct(scores, probability, index[:, None], multi_label)
    return FlippingCurve(
        fractions=_check_fractions(fractions),
        correct=correct.cpu().numpy(),
        probability=probability.cpu().numpy(),
        n_forwards=int(changed.sum()),
        precision=precision,
    )


@checked
def bin_flipping(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: int | Sequence[int] | torch.Tensor,
    order_by: torch.Tensor,
    fractions: Sequence[float],
    channels: Sequence[int] | None = None,
    *,
    batch_size: int = 32,
    autocast: bool | str = False,
    output: str | int | Callable | None = None,
    class_axis: int | None = None,
) -> FlippingCurve:
    """Set a growing fraction of each scene's bins to zero, highest ``order_by`` first.

    Parameters
    ----------
    model : nn.Module
        Returns logits or probabilities (batch, frames, n_classes); a scene's score is the
        probability of its class, averaged over frames.
    inputs : Tensor, shape (batch, channels, frames, bins)
    targets : int, sequence of int or LongTensor, shape (batch,)
        The true classes.
    order_by : Tensor, shape (batch, frames, bins)
        One value for each bin, such as relevance summed over channels; equal ones go by frame, then
        by bin.
    fractions : sequence of float
        Of all bins, increasing, 0 to 1; the count is rounded half up.
    channels : sequence of int, optional
        Those in which bins become zero; by default all.
    batch_size : int
    autocast : bool or "auto"
        Whether to multiply in bfloat16; ``"auto"``: where the processor does so in hardware.
    output, class_axis
        Which of several outputs, and its axis of classes; by default that of the network's last
        layer, and the last where none is known.

    Returns
    -------
    FlippingCurve
        Its ``score`` is the mean over scenes of the true class's score.

    Raises
    ------
    ParameterError
        If shapes, fractions, channels or the precision do not fit.

    Notes
    -----
    Kiyan et al. (2022), Channel Relevance, Figure 4 [kiyan2022]. Chapter: sound-direction.
    """
    index, amounts = check_target(targets, len(check_inputs(inputs))), _check_fractions(fractions)
    if (
        inputs.ndim != 4
        or order_by.shape != inputs[:, 0].shape
        or not torch.isfinite(order_by).all()
    ):
        raise ParameterError(
            "Bins are ordered by finite values (batch, frames, bins) for inputs (batch, channels, "
            f"frames, bins), got {tuple(order_by.shape)} for {tuple(inputs.shape)}."
        )
    channels = list(range(inputs.shape[1])) if channels is None else list(channels)
    if not channels or not set(channels) <= set(range(inputs.shape[1])):
        raise ParameterError(f"Channels go from 0 to {inputs.shape[1] - 1}, got {channels}.")
    check_positive(batch_size=batch_size)
    like = next(model.parameters(), inputs)
    multiply = runtime.autocast(like.device, autocast, like.dtype)
    probe = inputs[:1].detach().to(like.device, like.dtype)
    network = for_prediction(model, probe)
    read, multi_label = _reading(model, probe, output, class_axis, otherwise=-1)
    n_bins = order_by[0].numel()
    places = (
        order_by.flatten(1)
        .argsort(dim=1, descending=True, stable=True)
        .argsort(dim=1)
        .view(order_by.shape)
    )
    scores, correct = torch.empty(len(inputs), len(amounts), dtype=torch.float32), []
    with torch.inference_mode(), multiply:
        precision = _precision(like)
        for column, amount in enumerate(amounts):
            count, right = int(amount * n_bins + 0.5), []
            for rows in torch.arange(len(inputs)).split(batch_size):
                x = inputs[rows].to(like.device, like.dtype, copy=True)
                x[:, channels] *= (places[rows] >= count)[:, None].to(x)
                means = read(network(x)).cpu()  # (batch, n_classes)
                scores[rows, column] = of_class = explained(means, index[rows])
                right.append(_correct(means, of_class, index[rows], multi_label))
            correct.append(torch.cat(right).view(len(inputs), -1))
    correct = torch.cat(correct, dim=1).numpy()
    return FlippingCurve(amounts, correct, scores.numpy(), scores.numel(), precision)
