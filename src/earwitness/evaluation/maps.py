"""Numbers of maps: how alike two are, how concentrated one is, how far noise shakes it."""

from collections.abc import Callable

import numpy as np
import scipy.stats
import torch

from earwitness.arguments import checked
from earwitness.attribution.validation import check_inputs
from earwitness.errors import ParameterError, check_number


@checked
def rank_correlations(first: torch.Tensor, second: torch.Tensor, signed: bool = True) -> np.ndarray:
    """Return Spearman's rank correlation of two maps of each clip, (batch,).

    Parameters
    ----------
    first, second : Tensor, shape (batch, ...)
    signed : bool
        Of the values as they are; if not, of their magnitudes.

    Returns
    -------
    ndarray
        0 where one of the two maps is the same everywhere: it puts nothing in an order.

    Notes
    -----
    Adebayo et al. (2018), section 3: with and without the sign [adebayo2018]. Equal values share
    their mean rank. Chapter: known-answers.
    """
    if first.shape != second.shape:
        raise ParameterError(
            f"Maps that are compared have one shape, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}."
        )
    ranks = [_centred_ranks(x if signed else x.abs()) for x in (first, second)]
    lengths = np.prod([np.linalg.norm(rank, axis=1) for rank in ranks], axis=0)
    products = (ranks[0] * ranks[1]).sum(1)
    return np.divide(products, lengths, out=np.zeros(len(lengths)), where=lengths > 0)


@checked
def rank_matrix(maps: torch.Tensor) -> np.ndarray:
    """Return the rank correlation of every two of some maps, (n, n), as
    :func:`rank_correlations` of their signed values.

    Parameters
    ----------
    maps : Tensor, shape (n, ...)
        Of the same clip.
    """
    ranks = _centred_ranks(maps)
    lengths = np.linalg.norm(ranks, axis=1)
    products, sizes = ranks @ ranks.T, np.outer(lengths, lengths)
    return np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 0)


def _centred_ranks(values: torch.Tensor) -> np.ndarray:
    flat = check_inputs(values).detach().cpu().double().flatten(1).numpy()
    ranks = scipy.stats.rankdata(flat, axis=1)
    return ranks - ranks.mean(1, keepdims=True)


@checked
def sparseness(relevance: torch.Tensor) -> np.ndarray:
    """Return the Gini index of each map's magnitudes, (batch,): 0 where all values are equal,
    towards 1 where one value has everything.

    Notes
    -----
    Hurley and Rickard (2009), Table II; for explanations Chalasani et al. (2020)
    [chalasani2020]. A map of zeros has 0. Chapter: known-answers.
    """
    values = np.sort(check_inputs(relevance).detach().cpu().double().abs().flatten(1).numpy())
    n = values.shape[1]
    weights = 2 * np.arange(1, n + 1) - n - 1
    totals = values.sum(1) * n
    return np.divide(values @ weights, totals, out=np.zeros(len(values)), where=totals > 0)


@checked
def shaken(
    explain: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    snr_db: float = 40.0,
    n_draws: int = 3,
    seed: int = 0,
    before: torch.Tensor | None = None,
) -> np.ndarray:
    """Return how far small noise moves a map, as a share of the map's length, (batch,); mean over
    draws.

    Parameters
    ----------
    explain : callable
        Inputs (batch, ...) -> maps of their shape.
    inputs : Tensor, shape (batch, ...)
    snr_db : float
        How far the white noise lies below the input, root mean squares.
    n_draws, seed : int
        Of the noise.
    before : Tensor, shape (batch, ...), optional
        The maps without noise, where they are known already.

    Notes
    -----
    The sensitivity of Yeh et al. (2019), Eq. (2) [yeh2019], as a mean instead of a maximum, which
    would grow with the number of draws. Chapter: known-answers.
    """
    check_number("n_draws", n_draws, 1, 10_000, whole=True)
    generator = torch.Generator().manual_seed(seed)
    level = check_inputs(inputs).detach().flatten(1).square().mean(1).sqrt()
    level = (level * 10 ** (-snr_db / 20)).view(-1, *[1] * (inputs.ndim - 1))
    before = explain(inputs) if before is None else before
    moved = [
        (explain(inputs + level * torch.randn(inputs.shape, generator=generator).to(inputs)))
        for _ in range(n_draws)
    ]
    lengths = before.flatten(1).norm(dim=1).double()
    found = sum((after - before).flatten(1).norm(dim=1).double() for after in moved) / n_draws
    return torch.where(lengths > 0, found / lengths, 0).cpu().numpy()
