"""Operations that need a derivative of their own: their value, and how what travels back goes
through them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch

TINY = {torch.float16: 1e-7}
"""What stands for a value of exactly zero that relevance is handed to, by precision; 1e-20 where
nothing is said.
"""


def away(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` with a tiny value instead of zeros, so that relevance handed to a zero has a
    finite ratio to it.
    """
    return in_blocks(write_away, x)


def write_away(result: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Fill ``result`` with :func:`away` of ``x`` and return it."""
    if x.dtype in TINY:  # where a value of use could be as tiny
        return flags(torch.eq, x, result).mul_(TINY[x.dtype]).add_(x)
    return torch.add(x, 1e-20, out=result)  # beside any other value it rounds away


def has_zeros(x: torch.Tensor) -> bool:
    """Tell whether a value is exactly zero, block by block until one is found."""
    blocks = x.reshape(-1).split(_BLOCK) if x.numel() else ()
    return any(float(block.abs().amin()) == 0 for block in blocks)


_BLOCK = 1 << 18  # values


def in_blocks(write: Callable[..., None], first: torch.Tensor, *others: torch.Tensor):
    """Return a function of values of one shape that treats each by itself, block by block: what is
    computed from a block stays in the cache of a processor.

    ``write`` (result, values...) fills the first with what it makes of the others.
    """
    result = torch.empty_like(first, memory_format=torch.contiguous_format)
    if first.numel() <= _BLOCK or first.device.type != "cpu":
        write(result, first, *others)
    else:
        flat = (each.contiguous().view(-1).split(_BLOCK) for each in (result, first, *others))
        for blocks in zip(*flat, strict=True):
            write(*blocks)
    return result


def signs(values: torch.Tensor) -> torch.Tensor:
    """Return 1 where a value is zero or more and -1 where it is less, in its precision."""
    return torch.copysign(values.new_ones(()), values)  # of -0.0 nothing can be shared


def flags(
    compare: Callable[..., torch.Tensor], values: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return 1 where ``compare`` (values, 0) holds and 0 elsewhere, in the values' precision.

    A sum with such flags takes a tenth of what ``torch.where`` takes on a processor.
    """
    return compare(values, 0, out=torch.empty_like(values) if out is None else out)


class Step(ABC):
    """One operation of a forward pass.

    Attributes
    ----------
    x : Tensor or None
        The values it reads and its derivative needs, outside any graph.
    y : Tensor or None
        What it returned, likewise.
    """

    def __init__(self, x: torch.Tensor | None):
        self.x = None if x is None else x.detach()
        self.y: torch.Tensor | None = None

    @abstractmethod
    def value(self, *inputs: torch.Tensor):
        """Return the output, in memory of its own."""

    @abstractmethod
    def pull(self, *derivatives: torch.Tensor):
        """Return the derivative of each input from that of the output: of relevance over value."""

    def forward(self, *inputs: torch.Tensor):
        """Return the value and remember it."""
        result = self.value(*inputs)
        self.y = result.detach() if isinstance(result, torch.Tensor) else None
        return result

    def keep(self, pointer: int) -> None:
        """Copy what is needed of a memory that is about to be overwritten."""
        for name in ("x", "y"):
            held = getattr(self, name)
            if held is not None and held.untyped_storage().data_ptr() == pointer:
                setattr(self, name, held.clone())


class Elementwise(Step):
    """f(x) = x times the constant f(x) / x."""

    def __init__(self, x, function, additive, note=None, zero_at_zero_alone=False):
        super().__init__(x)
        self.function, self.additive, self.note = function, additive, note
        self.divides = not additive or zero_at_zero_alone

    def value(self, x):
        """Return f(x)."""
        y = self.function(x)
        return y.clone() if y.data_ptr() == x.data_ptr() else y

    def pull(self, c):
        """Return f(x) / x times what arrives; where only x is zero, a constant keeps it, unless
        zeros take relevance, too.
        """
        return in_blocks(self._write, c, self.x, self.y)

    def _write(self, result, c, x, y):
        if self.divides:
            torch.mul(c, y, out=result).div_(x)
            if torch.isfinite(result.sum()):  # no zero was among the divisors
                return
        if self.additive:
            write_away(result, y).mul_(c).div_(away(x))
            return
        zero = x == 0
        if self.note is not None:
            self.note((c * y)[zero].sum())
        torch.mul(c, torch.where(zero, 0, y), out=result).div_(torch.where(zero, 1, x))


class Scaled(Step):
    """The identity with a derivative of ``factor``: two factors of a product take half each."""

    def __init__(self, factor):
        super().__init__(None)
        self.factor = factor

    def value(self, x):
        """Return a copy."""
        return x.clone()

    def pull(self, c):
        """Return a part of what arrives."""
        return self.factor * c


class Winner(Step):
    """Max-pooling of windows side by side whose sizes are powers of two, half by half: several
    times as fast on a processor as PyTorch's own. Of equal values the first wins, as there.
    """

    def __init__(self, sizes):
        super().__init__(None)
        self.sizes, self.rounds = sizes, []

    def forward(self, x):
        """Return the value; only who won is remembered."""
        return self.value(x)

    def value(self, x):
        """Return the largest value of each window."""
        for back, size in enumerate(reversed(self.sizes), start=1):
            axis = -back
            for _ in range(size.bit_length() - 1):
                first, second = x.unflatten(axis, (-1, 2)).unbind(axis)
                self.rounds.append((axis, first >= second))
                x = torch.maximum(first, second)
        return x

    def pull(self, c):
        """Return what arrives at the winners, and zeros."""
        for axis, won in reversed(self.rounds):
            pairs = c.new_empty(*c.shape[: c.ndim + axis + 1], 2, *c.shape[c.ndim + axis + 1 :])
            first, second = pairs.unbind(axis)
            torch.mul(c, won.to(c.dtype), out=first)
            torch.sub(c, first, out=second)
            c = pairs.flatten(axis - 1, axis)
        return c
