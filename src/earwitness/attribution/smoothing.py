"""SmoothGrad and VarGrad: a gradient method's mean or variance over inputs around a clip.

The gradient of a network of ReLUs jumps from one input to the next. Its mean over noisy copies of a
clip (SmoothGrad) shows what the neighbourhood agrees about, its variance (VarGrad) where it does
not.
"""

from collections.abc import Iterator, Mapping

import torch

from earwitness import runtime
from earwitness.attribution.registry import method, registered
from earwitness.attribution.validation import check_options, check_positive, check_precise
from earwitness.errors import ParameterError, check_choice


def _noisy(inputs: torch.Tensor, n_samples: int, noise: float, seed: int) -> Iterator[torch.Tensor]:
    """Yield noisy copies of the clips; a clip gets the same noise whatever batch it is in."""
    check_positive(n_samples=n_samples)
    if isinstance(noise, bool) or not 0 < noise < float("inf"):
        raise ParameterError(f"noise must be a positive share of the clip's range, got {noise!r}.")
    flat = inputs.flatten(1)
    spread = noise * (flat.amax(1) - flat.amin(1)).view(-1, *[1] * (inputs.ndim - 1))
    generator = torch.Generator().manual_seed(seed)
    for _ in runtime.progress(range(n_samples), "noisy copies", n_samples):
        drawn = torch.randn(inputs.shape[1:], generator=generator, dtype=torch.float64)
        yield inputs + spread * drawn.to(inputs)


def _moments(model, inputs, target, of, of_options, n_samples, noise, seed, batch_size):
    """Return mean and variance of a method's relevance over noisy copies, in double precision."""
    known = [name for name, it in registered().items() if it.family == "gradient"]
    check_choice(of, sorted({*known} - {"smoothgrad", "vargrad"}), "gradient method to smooth")
    smoothed = registered()[of].function
    options = {"batch_size": batch_size} | dict(of_options or {})
    check_options(smoothed, of, options)
    mean = torch.zeros(inputs.shape, dtype=torch.float64, device=inputs.device)
    squares = torch.zeros_like(mean)
    for number, copy in enumerate(_noisy(inputs, n_samples, noise, seed), start=1):
        step = smoothed(model, copy, target, **options).double() - mean  # Welford: nothing cancels
        mean += step / number
        squares += step**2 * (number - 1) / number
    return mean, squares / n_samples


@method("smoothgrad", "SmoothGrad", "gradient", "#4477AA", "3")
def smoothgrad(
    model,
    inputs,
    target,
    *,
    of: str = "gradient",
    n_samples: int = 50,
    noise: float = 0.15,
    seed: int = 0,
    batch_size: int = 50,
    of_options: Mapping | None = None,
) -> torch.Tensor:
    """Return the mean of a gradient method over noisy copies of each clip.

    Parameters
    ----------
    of : str
        Any other method of the family ``"gradient"``.
    n_samples : int
        Noisy copies; each costs what the method costs.
    noise : float
        Standard deviation of the noise as a share of the clip's range (largest less smallest
        value); the paper finds 0.1 to 0.2 to look best on images.
    seed : int
        Of the noise, which is the same for every clip but for its scale.
    batch_size : int
        Clips at a time.
    of_options : mapping, optional
        The method's own options.

    Raises
    ------
    ParameterError, UnknownNameError
        If an option is outside what is described here.

    Notes
    -----
    Smilkov et al. (2017), section 3 [smilkov2017]. For a linear network it is the gradient itself.
    """
    mean, _ = _moments(model, inputs, target, of, of_options, n_samples, noise, seed, batch_size)
    return mean.to(inputs.dtype)


@method("vargrad", "VarGrad", "gradient", "#88CCEE", "4", "--")
def vargrad(
    model,
    inputs,
    target,
    *,
    of: str = "gradient",
    n_samples: int = 50,
    noise: float = 0.15,
    seed: int = 0,
    batch_size: int = 50,
    of_options: Mapping | None = None,
) -> torch.Tensor:
    """Return the variance of a gradient method over noisy copies of each clip; it has no sign.

    Options as for :func:`smoothgrad`; at least two copies.

    Raises
    ------
    ParameterError, UnknownNameError
        If an option is outside what is described here, or the network is in half precision.

    Notes
    -----
    Adebayo et al. (2018), appendix [adebayo2018]; the variance of the copies drawn, not an estimate
    for all. Zero for a linear network.
    """
    if n_samples == 1:
        raise ParameterError("A variance needs at least two noisy copies, got n_samples 1.")
    check_precise(inputs, "VarGrad is of small differences between gradients")
    _, variance = _moments(
        model, inputs, target, of, of_options, n_samples, noise, seed, batch_size
    )
    return variance.to(inputs.dtype)
