"""Relevance handed back along a recorded forward pass, over memory, not modules or gradients.

Under inference mode PyTorch's dispatcher shows every operation that a forward pass runs, before
autograd takes it apart. The tape keeps each one with copies of its arguments and the addresses of
what it read and wrote. Backwards, relevance lies in memory as the values did: an operation takes
the relevance of the cells that it wrote, leaves them empty, and adds what its rule gives to the
cells that it read. So a view is nothing at all, an operation in place is one like any other, and a
value that is used twice adds up by itself.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten


@dataclass(frozen=True)
class Address:
    """Where a tensor lies: a storage, and the cells of it, complex numbers as two."""

    storage: int
    n_cells: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, tensor: torch.Tensor) -> "Address":
        plain = real_view(tensor.conj() if tensor.is_conj() else tensor)
        storage = plain.untyped_storage()
        n_cells = storage.nbytes() // plain.element_size()
        return cls(
            storage._cdata, n_cells, tuple(plain.shape), plain.stride(), plain.storage_offset()
        )

    def cells(self) -> torch.Tensor:
        """Return the index of every cell, in the tensor's shape."""
        return torch.arange(self.n_cells).as_strided(self.size, self.stride, self.offset)


def real_view(tensor: torch.Tensor) -> torch.Tensor:
    """Return complex values as (..., 2), others as they are."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def is_number(value) -> bool:
    """Return whether this is a tensor of real or complex numbers."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


class Memory:
    """Relevance by storage and cell."""

    def __init__(self):
        self.storages: dict[int, torch.Tensor] = {}

    def _storage(self, at: Address) -> torch.Tensor:
        empty = torch.zeros(at.n_cells, dtype=torch.float64)
        return self.storages.setdefault(at.storage, empty)

    def take(self, at: Address) -> torch.Tensor:
        """Return the relevance of these cells, and leave none."""
        cells = at.cells()
        values = self._storage(at)[cells].clone()  # of one number it would be a view
        self._storage(at)[cells] = 0.0
        return values

    def add(self, at: Address, values: torch.Tensor) -> None:
        self._storage(at).index_add_(0, at.cells().flatten(), values.expand(at.size).flatten())


class Cells:
    """Which cells of which storages have a property."""

    def __init__(self):
        self.storages: dict[int, torch.Tensor] = {}

    def mark(self, at: Address, value: bool) -> None:
        if at.storage not in self.storages:
            self.storages[at.storage] = torch.zeros(at.n_cells, dtype=torch.bool)
        self.storages[at.storage][at.cells()] = value

    def any(self, at: Address) -> bool:
        marks = self.storages.get(at.storage)
        return marks is not None and bool(marks[at.cells()].any())


@dataclass
class Step:
    """One operation: its arguments as they were, what it returned, and where those lie.

    ``leaves`` are the arguments, flat, ``spec`` how they fit together; ``dependent`` are the places
    of those that depend on the input, ``gates`` of those among them that are gates, ``learned`` of
    those that depend on parameters; ``storages`` says where each tensor among the arguments lay.
    """

    name: str
    function: Any
    leaves: list
    spec: Any
    dependent: list[int]
    gates: list[int]
    read: list[Address]
    outputs: list[torch.Tensor]
    written: list[Address]
    learned: tuple[int, ...] = ()
    storages: tuple[int | None, ...] = ()
    silence: torch.Tensor | None = None

    @property
    def inputs(self) -> list[torch.Tensor]:
        return [self.leaves[place] for place in self.dependent]

    def call(self, *inputs: torch.Tensor):
        """Run the operation on other values of the tensors that depend on the input."""
        leaves = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        for place, value in zip(self.dependent, inputs, strict=True):
            leaves[place] = value.clone()
        args, options = tree_unflatten(leaves, self.spec)
        return self.function(*args, **options)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by their name in the operation's schema, defaults included."""
        args, options = tree_unflatten(self.leaves, self.spec)
        schema = self.function._schema.arguments
        named = {
            argument.name: argument.default_value
            for argument in schema
            if argument.has_default_value()
        }
        return named | {a.name: value for a, value in zip(schema, args, strict=False)} | options


_CONSTANT = {"fill", "zero"}
_NEW = set(
    "new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like".split()
)
"""Operations that ask a tensor for nothing but its shape."""


class UnknownOperation(Exception):
    """The reference has no rule for an operation."""


class Tape(TorchDispatchMode):
    """Records the operations that depend on ``inputs``."""

    def __init__(self, inputs, known, makes_gate, keeps_gate, rewritten):
        super().__init__()
        self.known, self.makes_gate, self.keeps_gate, self.rewritten = (
            known,
            makes_gate,
            keeps_gate,
            rewritten,
        )
        self.depends, self.gates = Cells(), Cells()
        self.learned = Cells()
        self.depends.mark(Address.of(inputs), True)
        self.steps: list[Step] = []
        self.alive = [inputs]  # a storage that is freed could lend its number to another

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        leaves, spec = tree_flatten((args, kwargs or {}))
        dependent = [place for place, leaf in enumerate(leaves) if self._depends(leaf)]
        if not dependent:
            return self._constant(func, args, kwargs or {}, leaves)
        name = func._schema.name.removeprefix("aten::")
        name = name.removesuffix("_") if func._schema.is_mutable else name
        if name in self.rewritten and not func._schema.is_mutable:
            with self:
                return self.rewritten[name](*args, **(kwargs or {}))
        return self._record(name, func, args, kwargs or {}, leaves, spec, dependent)

    def _constant(self, func, args, kwargs, leaves):
        """Run an operation on constants; what it makes of parameters is learned as they are."""
        result = func(*args, **kwargs)
        if any(self._is_learned(leaf) for leaf in leaves):
            for tensor in tree_flatten(result)[0]:
                if isinstance(tensor, torch.Tensor):
                    self.learned.mark(Address.of(tensor), True)
                    self.alive.append(tensor)
        return result

    def _is_learned(self, leaf) -> bool:
        if not isinstance(leaf, torch.Tensor) or leaf.layout != torch.strided:
            return False
        return isinstance(leaf, torch.nn.Parameter) or self.learned.any(Address.of(leaf))

    def _depends(self, leaf) -> bool:
        return is_number(leaf) and self.depends.any(Address.of(leaf))

    def _record(self, name, func, args, kwargs, leaves, spec, dependent):
        copies = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        read = [Address.of(leaves[place]) for place in dependent]
        gates = [place for place in dependent if self.gates.any(Address.of(leaves[place]))]
        if name not in self.known:
            result = self._alias_or_parts(name, func, args, kwargs, {at.storage for at in read})
            return result
        result = func(*args, **kwargs)
        found = [t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor)]
        outputs = [t for t in found if is_number(t)]
        if func._schema.is_mutable:
            outputs = outputs or [leaves[0]]
        elif all(Address.of(t).storage in {at.storage for at in read} for t in outputs):
            return result  # a view
        written = [Address.of(t) for t in outputs]
        copied = [t.clone() for t in outputs]
        step = Step(name, func, copies, spec, dependent, gates, read, copied, written)
        step.learned = [place for place, leaf in enumerate(leaves) if self._is_learned(leaf)]
        step.storages = [Address.of(x).storage if is_number(x) else None for x in leaves]
        self._note(step, outputs)
        return result

    def _alias_or_parts(self, name, func, args, kwargs, storages):
        """Run an operation without a rule: a view, a question, or one that consists of others."""
        with self:
            parts = NotImplemented if func._schema.is_mutable else func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        result = func(*args, **kwargs)
        for tensor in tree_flatten(result)[0]:
            real = is_number(tensor)
            if (
                real
                and name not in _NEW
                and (func._schema.is_mutable or Address.of(tensor).storage not in storages)
            ):
                raise UnknownOperation(func._schema.name)
        return result

    def _note(self, step: Step, outputs) -> None:
        self.alive += outputs
        self.steps.append(step)
        stays = step.name in self.keeps_gate and len(step.gates) == len(step.dependent)
        gate = self.makes_gate(step) or stays
        for at in step.written:
            self.depends.mark(at, step.name not in _CONSTANT)
            self.gates.mark(at, gate)


def record(forward, inputs: torch.Tensor, **tables):
    """Return (the tape, the inputs on it, what ``forward`` returned), with nothing fused."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode():
            inputs = inputs.clone()
            tape = Tape(inputs, **tables)
            with tape:
                output = forward(inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    for step in tape.steps:
        step.leaves, step.outputs = _plain(step.leaves), _plain(step.outputs)
    return tape, inputs, output


def _plain(values: list) -> list:
    """Return copies that autograd may keep; tensors of inference mode it may not."""
    return [
        value.detach().clone() if isinstance(value, torch.Tensor) else value for value in values
    ]


def hand_back(tape: Tape, inputs: torch.Tensor, seeds, rule) -> torch.Tensor:
    """Return the relevance of ``inputs`` by ``rule(step, of its outputs) -> of its inputs``."""
    memory = Memory()
    for tensor, relevance in seeds:
        memory.add(tensor if isinstance(tensor, Address) else Address.of(tensor), relevance)
    for step in reversed(tape.steps):
        relevances = [memory.take(at) for at in step.written]
        if not any(relevance.any() for relevance in relevances):
            continue
        for at, values in zip(step.read, rule(step, relevances), strict=True):
            if values is not None:
                memory.add(at, values)
    return memory.take(Address.of(inputs))
