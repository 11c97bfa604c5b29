"""SHAP: each part's share of the output, fair in the sense of Shapley, over the parts of audioLIME.

A part's Shapley value is what it adds to the output, averaged over all orders in which the parts
can be switched on. Two ways to estimate it: a weighted regression on random mixtures (KernelSHAP)
and random orders. Both are exact where the output is the sum of what the parts add, both always add
up to the output for the sound less the output for silence.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from math import comb

import numpy as np
import torch
from torch import nn

from earwitness.attribution.audiolime import Components, Explanation, of_components, outputs_of
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_positive
from earwitness.errors import ParameterError


def _all_mixtures(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every mixture of ``n`` parts but silence and the whole, and their Shapley weights."""
    switches = np.array([*product((0, 1), repeat=n)])[1:-1].reshape(-1, n)
    sizes = switches.sum(1)
    weights = [(n - 1) / (comb(n, size) * size * (n - size)) for size in sizes]
    return switches, np.array(weights)


def _drawn_mixtures(n: int, n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mixtures drawn as the Shapley weights have it, each with its complement."""
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, n)
    chances = 1 / (sizes * (n - sizes))
    drawn = rng.choice(sizes, size=n_samples // 2, p=chances / chances.sum())
    half = (rng.random((len(drawn), n)).argsort(1) < drawn[:, None]).astype(int)
    different, counts = np.unique(np.concatenate([half, 1 - half]), axis=0, return_counts=True)
    return different, counts.astype(float)


def _mixtures(n: int, n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return _all_mixtures(n) if 2**n - 2 <= n_samples else _drawn_mixtures(n, n_samples, seed)


def _regression(switches, weights, gains, whole: float) -> np.ndarray:
    """Return the parts' values that fit the mixtures' gains best and add up to ``whole``."""
    n = switches.shape[1]
    if n == 1:
        return np.array([whole])
    design = switches[:, :-1] - switches[:, -1:]  # the last part's value follows from the sum
    if np.linalg.matrix_rank(design) < n - 1:
        raise ParameterError(
            f"{len(switches)} mixtures do not tell {n} components apart; raise n_samples."
        )
    root = np.sqrt(weights)
    values = np.linalg.lstsq(
        design * root[:, None], (gains - switches[:, -1] * whole) * root, rcond=None
    )[0]
    return np.append(values, whole - values.sum())


def kernel_shap(
    model: nn.Module,
    parts: Components,
    target: int,
    *,
    n_samples: int = 1000,
    of: str = "logit",
    prepare: Callable[[torch.Tensor], torch.Tensor] | None = None,
    batch_size: int = 100,
    seed: int = 0,
) -> Explanation:
    """Return the Shapley values of a sound's components, by weighted regression on mixtures.

    Parameters
    ----------
    model, parts, target, of, prepare, batch_size
        As for :func:`earwitness.attribution.audiolime.explain`.
    n_samples : int
        Mixtures to ask the network about; if all of them are not more, all are, and the values are
        exact. At least 2.
    seed : int
        Of the random mixtures.

    Returns
    -------
    Explanation
        ``weights`` add up to the output for the sound less ``intercept``, the output for silence;
        ``r2`` is the share of the outputs' weighted variance that the sum of the parts explains.

    Raises
    ------
    ParameterError, UnknownNameError
        If an argument is outside what is described here.

    Notes
    -----
    Lundberg and Lee (2017), Theorem 2 [lundberg2017]; mixtures come in pairs of complements, after
    Covert and Lee (2021). The sum is a constraint, where captum gives two mixtures a weight of 1e6.
    """
    _check(n_samples, batch_size)
    switches, weights = _mixtures(len(parts), n_samples, seed)
    ends = np.array([[0] * len(parts), [1] * len(parts)])
    outputs = outputs_of(
        model, parts, target, np.concatenate([ends, switches]), of, prepare, batch_size=batch_size
    )
    silence, sound = outputs[:2]
    values = _regression(switches, weights, outputs[2:] - silence, sound - silence)
    return Explanation(
        parts, values, float(silence), _r2(switches, weights, outputs[2:] - silence, values)
    )


def sampling_shap(
    model: nn.Module,
    parts: Components,
    target: int,
    *,
    n_samples: int = 1000,
    of: str = "logit",
    prepare: Callable[[torch.Tensor], torch.Tensor] | None = None,
    batch_size: int = 100,
    seed: int = 0,
) -> Explanation:
    """Return the Shapley values of a sound's components, as means over random orders.

    Arguments, returned values and errors as for :func:`kernel_shap`; ``n_samples`` mixtures are as
    many orders as they suffice for (an order of n components asks about n - 1), and at least one.
    Each order is followed by its reverse.

    Notes
    -----
    Castro et al. (2009) [castro2009], Štrumbelj and Kononenko (2010). Unbiased for any number of
    orders, where KernelSHAP is so only in the limit.
    """
    _check(n_samples, batch_size)
    n = len(parts)
    orders = _orders(n, max(1, n_samples // max(1, n - 1)), seed)
    ranks = orders.argsort(1)  # (order, component): when each is switched on
    switches = ranks[:, None, :] < np.arange(n + 1)[None, :, None]  # (order, number on, component)
    different, which = np.unique(switches.reshape(-1, n).astype(int), axis=0, return_inverse=True)
    outputs = outputs_of(model, parts, target, different, of, prepare, batch_size=batch_size)
    steps = np.diff(outputs[which].reshape(len(orders), n + 1), axis=1)  # what each switch added
    values = np.take_along_axis(steps, ranks, axis=1).mean(0)
    gains = outputs - outputs[0]  # the first of the sorted mixtures is silence
    return Explanation(
        parts, values, float(outputs[0]), _r2(different, np.ones(len(different)), gains, values)
    )


def _orders(n: int, n_orders: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = np.stack([rng.permutation(n) for _ in range(-(-n_orders // 2))])
    return np.stack([half, half[:, ::-1]], axis=1).reshape(-1, n)[:n_orders]


def _r2(switches, weights, gains, values) -> float:
    """Return the share of the gains' weighted variance that the sum of the values explains."""
    if len(gains) == 0:  # a single part: there is nothing between silence and the whole
        return 1.0
    spread = weights @ (gains - np.average(gains, weights=weights)) ** 2
    left = weights @ (gains - switches @ values) ** 2
    return 1.0 if spread == 0 else float(1 - left / spread)


def _check(n_samples: int, batch_size: int) -> None:
    check_positive(n_samples=n_samples, batch_size=batch_size)
    if n_samples < 2:
        raise ParameterError(f"SHAP needs n_samples of at least 2, got {n_samples!r}.")


def _method(estimate: Callable[..., Explanation], summary: str) -> Callable[..., torch.Tensor]:
    """Return the method that spreads an estimate of each component's value over its samples."""

    def explain(
        model,
        inputs,
        target,
        *,
        separator: str = "harmonic-percussive",
        n_segments: int = 8,
        n_samples: int = 1000,
        of: str = "logit",
        sample_rate: int = 8000,
        seed: int = 0,
        batch_size: int = 100,
        separator_options: Mapping | None = None,
    ) -> torch.Tensor:
        how = partial(estimate, n_samples=n_samples, of=of, batch_size=batch_size, seed=seed)
        return of_components(
            model, inputs, target, how, sample_rate, separator, n_segments, separator_options
        )

    explain.__name__ = explain.__qualname__ = f"{estimate.__name__}_of_components"
    explain.__doc__ = summary
    return explain


method("kernel-shap", "KernelSHAP", "perturbation", "#A65628", 4)(
    _method(
        kernel_shap,
        "Return the Shapley values of audioLIME's components (KernelSHAP), "
        "each spread over its samples in proportion to its energy.",
    )
)
method("sampling-shap", "SHAP by random orders", "perturbation", "#C4772E", 5, (0, (5, 2)))(
    _method(
        sampling_shap,
        "Return the Shapley values of audioLIME's components (random orders), "
        "each spread over its samples in proportion to its energy.",
    )
)
