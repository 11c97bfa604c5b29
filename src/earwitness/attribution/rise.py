"""RISE: how the output for randomly masked inputs depends on what each mask lets through."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F

from earwitness import runtime
from earwitness.attribution.audiolime import SCALES
from earwitness.attribution.completeness import score
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_positive, in_batches
from earwitness.errors import ParameterError, check_choice

_INTERPOLATION = {1: "linear", 2: "bilinear"}


def masks(
    shape: Sequence[int], cells: Sequence[int], share: float, n_masks: int, seed: int
) -> Iterator[torch.Tensor]:
    """Yield masks of ``shape``, 0 to 1: random cells let through, enlarged, shifted at random.

    Petsiuk et al. (2018), section 3.2: a grid of ``cells``, each on with probability ``share``,
    enlarged to one cell more than the input and cropped at a random place.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [-(-n // c) for n, c in zip(shape, cells, strict=True)]  # of a cell, rounded up
    large = [(c + 1) * size for c, size in zip(cells, sizes, strict=True)]
    for _ in range(n_masks):
        on = torch.rand([c + 1 for c in cells], generator=generator, dtype=torch.float64) < share
        mask = F.interpolate(
            on.double()[None, None], large, mode=_INTERPOLATION[len(cells)], align_corners=False
        )[0, 0]
        for axis, (size, n) in enumerate(zip(sizes, shape, strict=True)):
            start = int(torch.randint(size, (), generator=generator))
            mask = mask.narrow(axis, start, n)
        yield mask


@method("rise", "RISE", "perturbation", "#DDAA33", 6, "-.")  # 4 to 7: small triangles
def rise(
    model,
    inputs,
    target,
    *,
    n_masks: int = 1000,
    cells: int | Sequence[int] = 8,
    share: float = 0.5,
    fill: float = 0.0,
    of: str = "logit",
    centred: bool = True,
    seed: int = 0,
    batch_size: int = 50,
) -> torch.Tensor:
    """Return how much the output rises with what random masks let through of each value.

    Parameters
    ----------
    n_masks : int
        Masked copies of each clip; each costs a forward pass. At least 2.
    cells : int or sequence of int
        Cells of the masks along each axis behind the channels, or one number for all.
    share : float
        Probability that a cell is let through, between 0 and 1.
    fill : float
        What stands where nothing is let through, in units of the inputs; 0.0 is silence for a
        waveform, -80.0 for a spectrogram in dB.
    of : {"logit", "probability"}
        What is explained; the paper takes the probability.
    centred : bool
        Covariance of output and mask over the mask's variance: what letting the value through adds,
        of either sign, in units of the output. False: the paper's mean of the outputs weighted by
        the masks, which holds the mean output everywhere.
    seed : int
        Of the masks, which are the same for all clips.
    batch_size : int
        Clips at a time.

    Raises
    ------
    ParameterError, UnknownNameError
        If an option is outside what is described here.

    Notes
    -----
    Petsiuk et al. (2018), Eq. (6) [petsiuk2018]. Random masks leave noise that falls with the
    square root of ``n_masks``; another ``seed`` shows how much.
    """
    shape = tuple(inputs.shape[2:] or inputs.shape[1:])
    grid = _grid(cells, shape)
    check_positive(n_masks=n_masks)
    if n_masks < 2 or isinstance(share, bool) or not 0 < share < 1:
        raise ParameterError(
            "RISE needs at least 2 masks and a share between 0 and 1, got "
            f"{n_masks!r} and {share!r}."
        )
    scale = SCALES[check_choice(of, SCALES, "output to explain")]

    @torch.no_grad()
    def explain(x, index):
        drawn = masks(shape, grid, share, n_masks, seed)
        seen = _Moments(x, shape)
        for mask in runtime.progress(drawn, "masks", n_masks):
            through = mask.to(x)
            output = score(scale(model(x * through + fill * (1 - through))), index).double()
            seen.add(mask.to(x.device), output)
        result = seen.slope() if centred else seen.weighted(share)
        return result.view(len(x), *[1] * (x.ndim - 1 - len(shape)), *shape).expand_as(x).to(x)

    return in_batches(explain, inputs, target, batch_size).clone()


def _grid(cells: int | Sequence[int], shape: tuple[int, ...]) -> list[int]:
    grid = [min(cells, n) for n in shape] if isinstance(cells, int) else list(cells)
    if len(grid) != len(shape) or len(shape) not in _INTERPOLATION:
        raise ParameterError(f"Masks of {cells!r} cells do not fit inputs with axes {shape}.")
    for number in grid:
        check_positive(cells=number)
    return grid


class _Moments:
    """Running sums over masks (*shape) and outputs (batch,), in double precision."""

    def __init__(self, x: torch.Tensor, shape: tuple[int, ...]):
        zeros = torch.zeros(shape, dtype=torch.float64, device=x.device)
        self.n, self.masks, self.squares = 0, zeros, zeros.clone()
        self.outputs = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        self.products = torch.zeros(len(x), *shape, dtype=torch.float64, device=x.device)

    def add(self, mask: torch.Tensor, output: torch.Tensor) -> None:
        self.n += 1
        self.masks += mask
        self.squares += mask**2
        self.outputs += output
        self.products += output.view(-1, *[1] * mask.ndim) * mask

    def slope(self) -> torch.Tensor:
        """Return covariance over the masks' variance; zero where all masks were alike."""
        mean = self.outputs.view(-1, *[1] * self.masks.ndim) / self.n
        covariance = self.products / self.n - mean * self.masks / self.n
        variance = (self.squares / self.n - (self.masks / self.n) ** 2).expand_as(covariance)
        some = variance > 1e-12
        return torch.where(some, covariance / torch.where(some, variance, 1), 0)

    def weighted(self, share: float) -> torch.Tensor:
        return self.products / (self.n * share)
