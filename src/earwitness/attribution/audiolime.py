"""audioLIME: which parts of a sound, separated by source and cut in time, make the network predict
as it does.

The parts ("components") add up to the sound. Mixtures of random halves of them go through the
network, and a weighted linear model learns what each part adds to the output. Parts are sounds, so
the explanation can be listened to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import nn

from earwitness import runtime
from earwitness.attribution.completeness import score
from earwitness.attribution.dft_lrp import waveforms
from earwitness.attribution.registry import method
from earwitness.attribution.separation import separate
from earwitness.attribution.validation import check_positive, check_target, frozen
from earwitness.errors import AudioError, ParameterError, check_choice


def _probability(logits: torch.Tensor) -> torch.Tensor:
    if logits.shape[-1] == 1:
        raise ParameterError(
            "The only output of a network has no probability by softmax; explain its 'logit'."
        )
    return logits.softmax(-1)


SCALES = {"logit": lambda logits: logits, "probability": _probability}


@dataclass(frozen=True)
class Components:
    """The parts of a sound: every source in every segment of time.

    Attributes
    ----------
    parts : ndarray, shape (n_components, n_samples), float64
        They add up to the signal, to the rounding of double precision. Segments of one source
        follow each other.
    sources : tuple of str
        Source of each component.
    spans : ndarray, shape (n_components, 2), int
        First sample and the one after the last.
    sample_rate : int
        Hz.
    """

    parts: np.ndarray = field(repr=False)
    sources: tuple[str, ...]
    spans: np.ndarray = field(repr=False)
    sample_rate: int

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def signal(self) -> np.ndarray:
        """The sound that the parts add up to, (n_samples,)."""
        return self.parts.sum(0)

    def label(self, component: int) -> str:
        """Return source and span of a component in words."""
        start, stop = self.spans[component] / self.sample_rate
        return f"{self.sources[component]}, {start:.2f} to {stop:.2f} s"


def components(
    signal,
    sample_rate: int = 8000,
    separator: str = "harmonic-percussive",
    n_segments: int = 8,
    **options,
) -> Components:
    """Return the parts of a signal (n_samples,): sources x ``n_segments`` equal spans of where it
    sounds.

    Parameters
    ----------
    signal : array_like, shape (n_samples,)
        Silence before and behind (exact zeros) has no parts: only what lies between is separated
        and cut.
    sample_rate : int
        Hz; chooses the length of the separators' windows.
    separator : str
        A name of :data:`earwitness.attribution.separation.SEPARATORS`; ``"none"`` cuts in time
        only.
    n_segments : int
        At least 1.
    **options
        The separator's.

    Raises
    ------
    AudioError
        If the signal is silent, or not (n_samples,) of finite values.
    ParameterError
        If there are fewer samples than segments.
    """
    signal = np.asarray(
        signal.detach().cpu().double() if hasattr(signal, "detach") else signal, np.float64
    )
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise AudioError(
            f"audioLIME takes one channel (n_samples,) of finite values, got shape {signal.shape}."
        )
    if not signal.any():
        raise AudioError("The clip is silent: there are no components to explain it by.")
    sounding = np.flatnonzero(signal)
    first, last = sounding[0], sounding[-1] + 1
    if not 1 <= n_segments <= last - first:
        raise ParameterError(
            f"n_segments must lie between 1 and the {last - first} samples, got {n_segments!r}."
        )
    edges = np.linspace(first, last, n_segments + 1).round().astype(int)
    sources = separate(
        signal[first:last], sample_rate, separator, **options
    )  # silence would pass for steadiness
    spans = np.array([*zip(edges[:-1], edges[1:], strict=True)] * len(sources))
    parts = np.zeros((len(spans), len(signal)))
    for row, (start, stop) in enumerate(spans):
        parts[row, start:stop] = [*sources.values()][row // n_segments][
            start - first : stop - first
        ]
    names = tuple(name for name in sources for _ in range(n_segments))
    return Components(parts, names, spans, sample_rate)


@dataclass(frozen=True)
class Explanation:
    """What each component adds to the output, by a linear model around one sound.

    Attributes
    ----------
    components : Components
    weights : ndarray, shape (n_components,)
        In units of what is explained: what a component adds.
    intercept : float
        What the linear model expects of silence.
    r2 : float
        Share of the weighted variance of the network's outputs that the linear model explains; 1 is
        all of it. Low: the components do not act independently, and the weights mean little.
    """

    components: Components
    weights: np.ndarray
    intercept: float
    r2: float

    @property
    def order(self) -> np.ndarray:
        """Components from the one that speaks most for the output to the one that speaks most
        against it.
        """
        return np.argsort(-self.weights, kind="stable")

    def top(self, k: int) -> np.ndarray:
        """Return the ``k`` components that speak most for the output.

        Raises
        ------
        ParameterError
            If there are not as many.
        """
        if not 1 <= k <= len(self.weights):
            raise ParameterError(
                f"There are {len(self.weights)} components; k must lie between 1 and that, got "
                f"{k!r}."
            )
        return self.order[:k]

    def listen(self, k: int) -> np.ndarray:
        """Return the sum of the top ``k`` components, (n_samples,): the explanation to listen
        to.
        """
        return self.components.parts[self.top(k)].sum(0)

    def without(self, k: int) -> np.ndarray:
        """Return the signal without its top ``k`` components, (n_samples,)."""
        return self.components.signal - self.listen(k)


def explain(
    model: nn.Module,
    parts: Components,
    target: int,
    *,
    n_samples: int = 1000,
    kernel_width: float = 0.25,
    alpha: float = 1.0,
    of: str = "logit",
    prepare: Callable[[torch.Tensor], torch.Tensor] | None = None,
    autocast: bool | str = False,
    batch_size: int = 100,
    seed: int = 0,
) -> Explanation:
    """Explain one output of a network by the components of a sound.

    Parameters
    ----------
    model : nn.Module
        Returns logits (batch, n_classes); left as it was.
    parts : Components
    target : int
        Output index.
    n_samples : int
        Mixtures to ask the network about, the whole signal among them; at least 2.
    kernel_width : float
        Of the kernel exp(-d^2 / width^2) ^ 1/2 on the cosine distance d between a mixture's
        switches and all on.
    alpha : float
        L2 penalty of the linear model.
    of : {"logit", "probability"}
    prepare : callable, optional
        Mixtures (batch, n_samples) -> inputs of the network; by default (batch, 1, n_samples), so
        that the signal is taken as the network's input, and mixtures are not scaled anew. A
        spectrogram network needs its transform here.
    autocast : bool or "auto"
        Multiply in bfloat16; ``"auto"``: where the processor does so in hardware.
    batch_size : int
        Mixtures at a time.
    seed : int
        Of the random mixtures.

    Raises
    ------
    ParameterError, UnknownNameError
        If an argument is outside what is described here.

    Notes
    -----
    Haunschmid, Manilow and Widmer (2020) [haunschmid2020]; kernel, distance and ridge regression of
    Ribeiro, Singh and Guestrin (2016) [ribeiro2016], as in the authors' program. Every component is
    on in half of the mixtures. The cost is that of the forward passes: mixtures are one matrix
    product a batch, and one that is drawn twice (common with few components) is asked about once.
    Chapter: audible-explanations.
    """
    from sklearn.linear_model import (
        Ridge,  # takes as long to import as torch, and only this function needs it
    )

    check_positive(n_samples=n_samples, batch_size=batch_size)
    if n_samples < 2 or kernel_width <= 0 or alpha < 0:
        raise ParameterError(
            f"audioLIME needs n_samples >= 2, kernel_width > 0 and alpha >= 0, got {n_samples!r}, "
            f"{kernel_width!r}, {alpha!r}."
        )
    switches = np.random.default_rng(seed).integers(0, 2, (n_samples, len(parts)))
    switches[0] = 1
    different, which = np.unique(switches, axis=0, return_inverse=True)
    outputs = outputs_of(model, parts, target, different, of, prepare, autocast, batch_size)[which]
    linear = Ridge(alpha=alpha).fit(
        switches, outputs, sample_weight=(near := kernel(switches, kernel_width))
    )
    return Explanation(
        parts, linear.coef_, float(linear.intercept_), float(linear.score(switches, outputs, near))
    )


def kernel(switches: np.ndarray, width: float) -> np.ndarray:
    """Return how near mixtures (n, n_components) of 0 and 1 are to the whole signal, (n,), 0 to
    1.
    """
    cosine = np.sqrt(
        switches.mean(1)
    )  # between a vector of n_on ones and all ones: n_on / sqrt(n_on n)
    return np.exp(-(((1 - cosine) / width) ** 2) / 2)


def outputs_of(
    model,
    parts: Components,
    target: int,
    switches: np.ndarray,
    of: str = "logit",
    prepare=None,
    autocast: bool | str = False,
    batch_size: int = 100,
) -> np.ndarray:
    """Return the network's output for each mixture (n, n_components) of 0 and 1, (n,), float64.

    Arguments as for :func:`explain`. Where the network has an output at each step of time, the
    sum over time.
    """
    like = next(model.parameters(), torch.empty(0))
    index = check_target(target, 1).to(like.device)
    sounds = torch.as_tensor(parts.parts).to(like.device, like.dtype)
    rows = torch.as_tensor(switches).to(like.device, like.dtype).split(batch_size)
    prepare, scale = (
        prepare or (lambda mixtures: mixtures[:, None]),
        SCALES[check_choice(of, SCALES, "output to explain")],
    )
    multiply = runtime.autocast(like.device, autocast, like.dtype)
    with frozen(model), torch.inference_mode(), multiply:
        outputs = []
        for row in runtime.progress(rows, "mixtures"):
            with runtime.autocast(like.device, False):
                mixtures = row @ sounds  # (batch, n_samples)
            outputs.append(
                score(scale(model(prepare(mixtures)).to(like.dtype)), index.expand(len(row)))
            )
    return torch.cat(outputs).double().cpu().numpy()


def spread(explanation: Explanation) -> np.ndarray:
    """Return relevance (n_samples,) of the samples: each component's weight, shared out by its
    energy.

    Sums to the sum of the weights of all components that hold any energy.
    """
    energy = explanation.components.parts**2  # (component, sample)
    total = energy.sum(1, keepdims=True)
    return explanation.weights @ np.divide(
        energy, total, out=np.zeros_like(energy), where=total > 0
    )


def of_components(
    model,
    inputs: torch.Tensor,
    target,
    explain: Callable[..., Explanation],
    sample_rate: int,
    separator: str,
    n_segments: int,
    separator_options: Mapping | None,
) -> torch.Tensor:
    """Return what ``explain(model, parts, index, prepare=...)`` gives each clip's components,
    spread over its samples.

    Raises
    ------
    ParameterError
        If the inputs are no waveforms.
    """
    relevance = []
    for samples, index in zip(
        waveforms(inputs, "audioLIME's separation").flatten(1), target, strict=True
    ):
        parts = components(samples, sample_rate, separator, n_segments, **(separator_options or {}))
        shape = inputs.shape[1:]
        explanation = explain(
            model,
            parts,
            int(index),
            prepare=lambda mixtures, shape=shape: mixtures.view(-1, *shape),
        )
        relevance.append(spread(explanation))
    return torch.as_tensor(np.stack(relevance)).view(inputs.shape).to(inputs.device, inputs.dtype)


@method("audiolime", "audioLIME", "perturbation", "#661100", "8", "--")
def audiolime(
    model,
    inputs,
    target,
    *,
    separator: str = "harmonic-percussive",
    n_segments: int = 8,
    n_samples: int = 1000,
    kernel_width: float = 0.25,
    alpha: float = 1.0,
    of: str = "logit",
    autocast: bool | str = False,
    sample_rate: int = 8000,
    seed: int = 0,
    batch_size: int = 100,
    separator_options: Mapping | None = None,
) -> torch.Tensor:
    """Return the weights of audioLIME's components, each spread over its samples in proportion to
    its energy.

    The inputs (batch, 1, time) are the sounds that are taken apart. Options as for
    :func:`components` and :func:`explain`; every clip gets the same random mixtures.
    """
    how = partial(
        explain,
        n_samples=n_samples,
        kernel_width=kernel_width,
        alpha=alpha,
        of=of,
        autocast=autocast,
        batch_size=batch_size,
        seed=seed,
    )
    return of_components(
        model, inputs, target, how, sample_rate, separator, n_segments, separator_options
    )
