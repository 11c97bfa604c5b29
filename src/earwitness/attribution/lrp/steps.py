"""Operations that need a derivative of their own: their value, and how what travels back goes
through them.
"""

from abc import ABC, abstractmethod

import torch

TINY = {torch.float16: 1e-7}
"""What stands for a value of exactly zero that relevance is handed to, by precision; 1e-20 where
nothing is said.
"""


def away(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` with a tiny value instead of zeros, so that relevance handed to a zero has a
    finite ratio to it.
    """
    zero = x == 0
    return torch.where(zero, TINY.get(x.dtype, 1e-20), x) if zero.any() else x


def signs(values: torch.Tensor) -> torch.Tensor:
    """Return 1 where a value is zero or more and -1 where it is less, in its precision."""
    return (values < 0).to(values.dtype).mul_(-2).add_(1)


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

    def __init__(self, x, function, additive, note=None):
        super().__init__(x)
        self.function, self.additive, self.note = function, additive, note

    def value(self, x):
        """Return f(x)."""
        y = self.function(x)
        return y.clone() if y.data_ptr() == x.data_ptr() else y

    def pull(self, c):
        """Return f(x) / x times what arrives; where only x is zero, a constant keeps it."""
        zero = self.x == 0
        if self.additive or not zero.any():
            y, x = (away(self.y), away(self.x)) if self.additive else (self.y, self.x)
        else:
            y, x = torch.where(zero, 0, self.y), torch.where(zero, 1, self.x)
        if self.note is not None and zero.any():
            self.note((c * self.y)[zero].sum())
        return c.mul(y).div_(x)


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
