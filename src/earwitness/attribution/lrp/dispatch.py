"""Follow a forward pass operation by operation, each with the derivative of its frozen
linearisation.

What travels back is not relevance but a derivative: the relevance of a value x is x times what
arrives at it. So sums, means and values that are used twice come out right by themselves, and an
operation needs a rule only where its ordinary derivative is not that of a linear map.
``operations.TABLE`` has a rule for every operation by its name; what has none is refused by name,
and so is a value that no operation seen here has made.
"""

import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch.overrides import TorchFunctionMode

from earwitness.attribution import endings
from earwitness.attribution.lrp.steps import Step, away
from earwitness.attribution.validation import find_layer
from earwitness.errors import ParameterError, UnsupportedOperationError

_ALIASES = {
    "__radd__": "add",
    "__iadd__": "add_",
    "__isub__": "sub_",
    "__rmul__": "mul",
    "__imul__": "mul_",
    "__itruediv__": "div_",
    "__truediv__": "div",
    "true_divide": "div",
    "divide": "div",
    "divide_": "div_",
    "subtract": "sub",
    "subtract_": "sub_",
    "multiply": "mul",
    "multiply_": "mul_",
    "negative": "neg",
    "absolute": "abs",
    "__ipow__": "pow_",
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "clip": "clamp",
    "clip_": "clamp_",
    "moveaxis": "movedim",
    "special_log1p": "log1p",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "special_expm1": "expm1",
}
_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__).parents[2])


@dataclass(slots=True)
class Trace:
    """What is known about a value that depends on the input.

    Attributes
    ----------
    gate : bool
        Whether it says how much passes rather than what: it comes out of a sigmoid, a softmax, a
        reciprocal.
    deep : bool
        Whether a layer with weights lies between it and the input.
    floor : float, optional
        The least value it can have, where a constant is added or a clamp stands against the
        logarithm of zero.
    layer : tuple of (Step, Tensor, int), optional
        The convolution or dense layer whose output it is, what it read and the version of that: for
        a batch norm.
    n_readers : int
        How many operations have read it.
    """

    gate: bool = False
    deep: bool = False
    floor: float | None = None
    layer: tuple | None = None
    n_readers: int = 0


@dataclass(slots=True)
class Call:
    """One call of an operation inside the model."""

    name: str  # as the table has it, without the underscore of what works in place
    in_place: bool
    function: Callable
    args: tuple
    kwargs: dict
    dependent: list  # of the arguments, the tensors that depend on the input
    place: str  # dotted name of the module that runs it
    module: nn.Module
    trace: "Trace | None" = None  # what the rule says of the result

    def argument(self, position: int, name: str, default=None):
        """Return an argument by place or name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)

    def native(self):
        """Return what PyTorch returns, with PyTorch's own derivative."""
        return self.function(*self.args, **self.kwargs)

    def replaced(self, change: Callable[[torch.Tensor], torch.Tensor]) -> tuple[tuple, dict]:
        """Return the arguments with every dependent tensor changed."""
        known = {id(value): change(value) for value in self.dependent}
        return _mapped(self.args, known), _mapped(self.kwargs, known)

    @property
    def label(self) -> str:
        """The name of this operation in the ledger: that of its module, if the module is nothing
        but it.
        """
        if self.place and next(self.module.children(), None) is None:
            return self.place
        return f"{self.place}: {self.name}" if self.place else self.name


def _mapped(value, known: dict):
    if isinstance(value, torch.Tensor):
        return known.get(id(value), value)
    if isinstance(value, dict):
        return {key: _mapped(inner, known) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return (
            type(value)(_mapped(inner, known) for inner in value)
            if type(value) in (tuple, list)
            else value
        )
    return value


def tensors_of(value) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested arguments or results."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from tensors_of(inner)
    elif isinstance(value, dict):
        yield from tensors_of(list(value.values()))


def _depends(value: torch.Tensor) -> bool:
    """Tell whether a value depends on the input, inside a transformation of torch.func too: there
    it does not say so itself.
    """
    while is_functorch_wrapped_tensor(value):
        value = get_unwrapped(value)
    return value.requires_grad


@cache
def _opened(function: types.FunctionType) -> types.FunctionType:
    """Return a Python function of torch that does not announce itself, so that the operations
    inside it are seen.
    """
    silent = dict.fromkeys(
        ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"),
        lambda *_: False,
    )
    opened = types.FunctionType(
        function.__code__,
        {**function.__globals__, **silent},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    opened.__kwdefaults__ = function.__kwdefaults__
    return opened


@cache
def _name_of(function) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    if name in ("__get__", "__set__"):
        return getattr(function.__self__, "__name__", name) + ("_" if name == "__set__" else "")
    name = _ALIASES.get(name, name.removesuffix(".default"))
    return name.strip("_") if name.startswith("__") else name


def where() -> str:
    """Return file and line of the innermost code that is neither torch's nor ours, or nothing."""
    for frame in reversed(traceback.extract_stack()):
        if frame.name == "linearised":
            break
        if not frame.filename.startswith((_TORCH, _HERE, "<")):
            return f"{frame.filename}:{frame.lineno}: {frame.line}"
    return ""


_WATCHED: ContextVar[tuple[str, Callable] | None] = ContextVar("watched", default=None)


@contextmanager
def watched(
    layer: str, watch: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    """Inside the ``with`` block, ``watch`` sees what comes down to a layer's output, and may change
    it.

    Parameters
    ----------
    layer : str
        Dotted name of a module.
    watch : callable
        (output, relevance over output) -> relevance over output.
    """
    token = _WATCHED.set((layer, watch))
    try:
        yield
    finally:
        _WATCHED.reset(token)


class Ledger:
    """What biases, stabilisers and constants absorb, by operation in forward order."""

    def __init__(self):
        self.entries: dict[str, torch.Tensor | float] = {}

    def expect(self, label: str) -> None:
        """Open an entry for an operation that may keep something."""
        self.entries.setdefault(label, 0.0)

    def note(self, label: str, kept: torch.Tensor) -> None:
        """Add what an operation keeps, one number for the batch."""
        self.entries[label] = self.entries.get(label, 0.0) + kept


class Linearised(TorchFunctionMode):
    """Inside the ``with`` block, operations on what depends on the input run with the derivative of
    their rule.

    Parameters
    ----------
    model : nn.Module
    composite : Composite
        Which rule treats which layer, and its options.
    table : dict of str -> callable
        Operation -> rule.
    record : list, optional
        Receives (call, rule, where) of every operation; then what has no rule keeps its ordinary
        derivative, for :func:`earwitness.attribution.explain_support` alone.
    at : str, optional
        Name of the module at whose output relevance stops.
    counts : bool
        Whether the ledger counts what small stabilisers take.
    """

    def __init__(
        self,
        model: nn.Module,
        composite,
        table: dict[str, Callable],
        record: list | None = None,
        at: str | None = None,
        counts: bool = True,
    ):
        super().__init__()
        self.model, self.composite, self.table, self.record = model, composite, table, record
        self.ledger, self.at, self.stops, self.counts = Ledger(), at, [], counts
        if at is not None:
            find_layer(model, at)
        self.weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
        self.attending = {
            weight.untyped_storage().data_ptr(): module
            for module in model.modules()
            if isinstance(module, nn.MultiheadAttention)
            for weight in module.parameters()
        }
        self.stack: list[tuple[str, nn.Module]] = [("", model)]
        self.holders: dict[int, list[Step]] = {}
        self.opened: list = []

    @property
    def additive(self) -> bool:
        """Whether relevance can arrive at values that are exactly zero."""
        return self.composite.additive

    def enter(self, leaf: torch.Tensor) -> torch.Tensor:
        """Mark the input."""
        leaf._trace = Trace()
        return leaf

    def run(self, step: Step, *inputs: torch.Tensor):
        """Run a step with a derivative of its own; its output is new memory."""
        for held in (step.x, *inputs):
            if held is not None:
                self.holders.setdefault(held.untyped_storage().data_ptr(), []).append(step)
        result = _Function.apply(step, *inputs)
        for output in tensors_of(result):
            self.holders.setdefault(output.untyped_storage().data_ptr(), []).append(step)
        return result

    def _keeps_what_matters(self, call: Call) -> bool:
        """Tell whether an operation in place leaves all values that relevance comes down to: a
        ReLU, read first.
        """
        x = call.args[0]
        return (
            call.name == "relu"
            and not self.additive
            and x._base is None
            and x._trace.n_readers == 1
        )

    def overwritten(self, tensor: torch.Tensor) -> None:
        """Let steps that still need the values of a tensor copy them: it is to change in place."""
        pointer = tensor.untyped_storage().data_ptr()
        for step in self.holders.pop(pointer, ()):
            step.keep(pointer)

    def on_way_back(self, call: Call, output: torch.Tensor, constant: torch.Tensor) -> None:
        """Note what a constant part of an output absorbs."""
        if not output.requires_grad or not constant.any():
            return

        def note(derivative):
            kept = torch.where(derivative == 0, 0, derivative.conj() * constant)
            self.ledger.note(call.label, (kept.real if kept.is_complex() else kept).sum())

        self.ledger.expect(call.label)
        output.register_hook(note)

    def __torch_function__(self, function, types_, args=(), kwargs=None):
        kwargs = kwargs or {}
        dependent = [value for value in tensors_of((args, kwargs)) if _depends(value)]
        name = _name_of(function)
        if not dependent:
            return self._constant(function, args, kwargs)
        if name in _QUERIES:
            return function(*args, **kwargs)
        place, module = self.stack[-1]
        in_place = name.endswith("_") and not name.endswith("__")
        call = Call(
            name.removesuffix("_") if in_place else name,
            in_place,
            function,
            args,
            kwargs,
            dependent,
            place,
            module,
        )
        if any(map(is_functorch_wrapped_tensor, dependent)):
            return self._transformed(call)
        self._check_known(call)
        if in_place and not torch.is_grad_enabled() and args[0].requires_grad:
            self._hidden(name)
        rule = self.table.get(call.name)
        if self.opens(call, rule):
            return self.open(call)
        for value in dependent:
            value._trace.n_readers += 1
        if (in_place or name == "setitem") and not self._keeps_what_matters(call):
            self.overwritten(args[0])
        result = self._unknown(call) if rule is None else self.applied(rule, call)
        if rule is not None:
            self._note(call, rule, result)
        self._mark(call, result, rule)
        endings.note(call.name, call.function, call.args, call.kwargs, result)
        return result

    @staticmethod
    def opens(call: Call, rule) -> bool:
        """Tell whether an operation is a function in Python that consists of others, and is seen as
        these.
        """
        if not isinstance(call.function, types.FunctionType):
            return False
        return rule is None or "inplace" in call.function.__code__.co_varnames

    def _constant(self, function, args, kwargs):
        """Run an operation on what does not depend on the input; what parameters enter stays known
        as learned.
        """
        if _name_of(function).endswith("_") and args:
            self._check_hidden(function, args[0])
        result = function(*args, **kwargs)
        if isinstance(result, torch.Tensor) and any(
            map(self.is_weight, tensors_of((args, kwargs)))
        ):
            result._learned = True
        return result

    def _check_hidden(self, function, target) -> None:
        """Refuse to change, behind a detached view, a value that depends on the input."""
        if not isinstance(target, torch.Tensor) or is_functorch_wrapped_tensor(target):
            return
        if target.untyped_storage().data_ptr() in self.holders:
            self._hidden(_name_of(function))

    def _hidden(self, name: str) -> None:
        raise UnsupportedOperationError(
            f"{name!r} in {self.stack[-1][0] or 'the model'!r} changes a value that depends on the "
            "input where gradients do not see it (.data, .detach() or torch.no_grad()): call it on "
            f"the value itself, with gradients{_at()}."
        )

    def open(self, call: Call):
        """Run what a function in Python consists of, operation by operation."""
        if call.function in self.opened:
            self._refuse(call, "PyTorch does not show what it consists of")
        self.opened.append(call.function)
        try:
            with self:
                return _opened(call.function)(*call.args, **call.kwargs)
        finally:
            self.opened.pop()

    def _transformed(self, call: Call):
        """Refuse an operation inside a transformation of torch.func."""
        why = (
            "it runs inside torch.func (vmap, grad, jvp, ...), whose values LRP does not follow: "
            "let it work on the whole batch, or loop over the clips"
        )
        if self.record is None:
            self.refuse(call, why)
        self._refuse(call, why)
        return call.native()

    def check_returned(self, returned) -> None:
        """Refuse what a model returns where no operation seen here has made it."""
        for value in tensors_of(returned):
            if value.requires_grad and not hasattr(value, "_trace") and self.record is None:
                raise self._unseen(value, "the model returns")

    @staticmethod
    def _unseen(value: torch.Tensor, who: str) -> UnsupportedOperationError:
        maker = type(value.grad_fn).__name__.removesuffix("Backward")
        return UnsupportedOperationError(
            f"LRP does not see how {maker!r} makes a value that {who}: functions of "
            "torch.autograd.Function, torch.func (vmap), scripted code and extensions do not show "
            f"their operations. Write it in PyTorch's operations{_at()}."
        )

    def _check_known(self, call: Call) -> None:
        """Refuse a value that depends on the input and that no operation seen here has made."""
        for value in call.dependent:
            if not hasattr(value, "_trace"):
                if self.record is None:
                    raise self._unseen(value, f"{call.name!r} in {self._in(call)} reads")
                value._trace = Trace()
                self.record.append(
                    (
                        call.place,
                        type(value.grad_fn).__name__,
                        "missing: not seen by PyTorch",
                        where(),
                    )
                )

    def applied(self, rule: Callable, call: Call):
        """Return what an operation returns by its rule."""
        return rule(self, call)

    def _unknown(self, call: Call):
        """Run an operation without a rule, which is refused where relevance comes down to it: a
        search for the nearest code may end in an index.
        """
        result = call.native()
        known = [value for value in tensors_of(result) if value.requires_grad]
        if not known:
            return result
        why = "it is not in the table of operations"
        if self.record is not None or call.in_place:
            self._refuse(call, why)
            return result
        error = self._missing(call, why)

        def refuse(_):
            raise error

        for value in known:
            value.register_hook(refuse)
        return result

    def _missing(self, call: Call, why: str) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            f"LRP has no rule for the operation {call.name!r} in {self._in(call)}: {why}"
            f"{_at()}. Register one with "
            f"earwitness.attribution.lrp.operation({call.name!r}), or choose another method."
        )

    def _refuse(self, call: Call, why: str) -> None:
        if self.record is None:
            raise self._missing(call, why)
        self.record.append((call.place, call.name, f"missing: {why}", where()))

    def _in(self, call: Call) -> str:
        return f"{call.place or 'the model'!r} ({type(call.module).__name__})"

    def refuse(self, call: Call, sentence: str) -> None:
        """Raise for a call of a known operation that its rule does not treat."""
        raise UnsupportedOperationError(f"{call.name!r} in {self._in(call)}: {sentence}{_at()}")

    def _note(self, call: Call, rule, result) -> None:
        if self.record is not None and any(value.requires_grad for value in tensors_of(result)):
            self.record.append(
                (call.place, call.name, getattr(rule, "title", rule.__name__), where())
            )

    def _mark(self, call: Call, result, rule) -> None:
        deep = any(value._trace.deep for value in call.dependent)
        gate = getattr(rule, "keeps_gates", False) and all(
            value._trace.gate for value in call.dependent
        )
        trace = call.trace or Trace(gate=gate, deep=deep)
        changes = call.in_place or call.name == "setitem"
        targets = list(tensors_of(result))
        if changes:
            targets += [call.args[0]] + ([] if call.args[0]._base is None else [call.args[0]._base])
        for value in targets:
            if value.requires_grad and (changes or call.trace or not hasattr(value, "_trace")):
                value._trace = trace

    @staticmethod
    def trace(**known) -> Trace:
        """Return what is known of a new value."""
        return Trace(**known)

    def is_weight(self, tensor) -> bool:
        """Tell whether a tensor is a parameter of the model, or was computed from one."""
        if not isinstance(tensor, torch.Tensor) or is_functorch_wrapped_tensor(tensor):
            return False
        return hasattr(tensor, "_learned") or (tensor.untyped_storage().data_ptr() in self.weights)

    def layer(self, call: Call, step, source: torch.Tensor, learned: bool = True) -> torch.Tensor:
        """Run a layer with weights by the rule that the composite has for it."""
        step.first, step.additive = not source._trace.deep, self.additive
        step.counts = self.counts
        if self.attending and step.weight is not None:  # whoever computes with them
            pointer = step.weight.untyped_storage().data_ptr()
            step.module = self.attending.get(pointer, step.module)
        step.rule = self.composite.rule_for(step, step.kind != "norm" and not learned)
        label = call.label
        self.ledger.expect(label)
        step.note, step.label = (lambda kept: self.ledger.note(label, kept)), label
        result = self.run(step, source)
        before = (step, source, source._version) if step.kind in ("convolution", "dense") else None
        call.trace = Trace(deep=True, layer=before)
        return result

    def merged(
        self, call: Call, layer, norm, source: torch.Tensor, x: torch.Tensor
    ) -> torch.Tensor:
        """Run a batch norm behind a layer: part of the layer, unless something else reads the
        layer's output too.
        """
        for step in (layer, norm):
            step.first, step.additive = not source._trace.deep, self.additive
            step.counts = self.counts
        layer.rule, norm.rule = (
            self.composite.rule_for(layer, False),
            self.composite.rule_for(norm, False),
        )
        label, trace = call.label, x._trace
        norm.note = lambda kept: self.ledger.note(label, kept)
        call.trace = Trace(deep=True)
        return self.run(Merged(layer, norm, lambda: trace.n_readers), source, x)

    @contextmanager
    def places(self):
        """Keep track of the module that runs, for the ``with`` block, and give modules their own
        rule.
        """
        watched = _WATCHED.get()

        def push(name):
            def hook(module, inputs):
                self.stack.append((name, module))

            return hook

        def pop(name, passes):
            def hook(module, inputs, output):
                self.stack.pop()
                result = self._passed(inputs, output) if passes else None
                output = output if result is None else result
                if name == self.at:
                    self.stops.append(output)
                if watched is not None and name == watched[0]:
                    self._watch(output, watched[1])
                return result

            return hook

        with ExitStack() as hooks:
            for name, module in self.model.named_modules():
                if name:
                    hooks.callback(module.register_forward_pre_hook(push(name)).remove)
                    hooks.callback(
                        module.register_forward_hook(
                            pop(name, self.composite.passes(name, module))
                        ).remove
                    )
            yield self

    def _watch(self, output, watch) -> None:
        """Let ``watch`` change what comes down to an output; what it takes away is absorbed by the
        condition.
        """
        if not isinstance(output, torch.Tensor) or not output.requires_grad:
            return
        with torch._C.DisableTorchFunction():
            value = away(output.detach()).clone()

            def change(c):
                changed = watch(value, c)
                if changed is not c:
                    self.ledger.note("condition", (value * (c - changed)).sum())
                return changed

            output.register_hook(change)

    def stopped(self) -> torch.Tensor:
        """Return the output of the module ``at``, where relevance is to stop.

        Raises
        ------
        ParameterError
            If the model does not use it exactly once, or what it returns is no tensor that depends
            on the input.
        """
        if len(self.stops) != 1:
            raise ParameterError(
                f"The model does not use {self.at!r} exactly once; its relevance has no single "
                "place "
                "there."
            )
        (output,) = self.stops
        if not isinstance(output, torch.Tensor) or not output.requires_grad:
            raise ParameterError(
                f"{self.at!r} does not return one tensor that depends on the input."
            )
        return output

    def _passed(self, inputs, output):
        """Replace what a module does by one step that hands relevance on, value by value."""
        (x, *_) = inputs
        if not (
            isinstance(output, torch.Tensor) and output.requires_grad and output.shape == x.shape
        ):
            return None
        with torch._C.DisableTorchFunction():
            step = Passed(x, output.detach(), self.additive)
            result = self.run(step, x)
            result._trace = Trace(deep=x._trace.deep)
        return result


class Passed(Step):
    """One value out for one value in: all relevance passes."""

    def __init__(self, x, y, additive):
        super().__init__(x)
        self.known, self.additive = y, additive

    def value(self, x):
        """Return the known output."""
        return self.known.clone()

    def pull(self, c):
        """Return the derivative f(x) / x."""
        y, x = (away(self.known) if self.additive else self.known), away(self.x)
        return (y / x).mul_(c)


class Merged(Step):
    """A batch norm and the layer before it: one layer, or two where others read what is between
    them.
    """

    def __init__(self, layer, norm, n_readers):
        super().__init__(None)
        self.layer, self.norm, self.n_readers = layer, norm, n_readers

    def value(self, source, x):
        """Return what PyTorch's batch norm returns."""
        result = self.norm.value(x)
        self.layer.y = self.norm.y = result.detach()
        return result

    def keep(self, pointer):
        """Copy what either needs, once."""
        self.layer.keep(pointer)
        self.norm.y = self.layer.y
        self.norm.keep(pointer)

    def pull(self, c):
        """Return the derivatives of what the layer reads and of what the norm reads; one of them is
        nothing.
        """
        return (self.layer.pull(c), None) if self.n_readers() == 1 else (None, self.norm.pull(c))


class _Function(torch.autograd.Function):
    """An operation whose value and derivative a step knows."""

    @staticmethod
    def forward(ctx, step, *inputs):
        ctx.step, ctx.n_inputs = step, len(inputs)
        ctx.set_materialize_grads(False)
        result = step.forward(*inputs)
        # a step that holds what it returned would be held by it, and nobody free either for long
        return result.detach() if isinstance(result, torch.Tensor) else result

    @staticmethod
    def backward(ctx, *derivatives):
        if all(
            derivative is None for derivative in derivatives
        ):  # a norm behind has taken the layer in
            return None, *[None] * ctx.n_inputs
        step, ctx.step = ctx.step, None  # its values go as soon as nothing needs them
        result = step.pull(*derivatives)
        return None, *(result if isinstance(result, tuple) else (result,))


def _at() -> str:
    line = where()
    return f" ({line})" if line else ""


_QUERIES = {
    "size",
    "shape",
    "dim",
    "ndim",
    "device",
    "dtype",
    "requires_grad",
    "is_floating_point",
    "is_complex",
    "len",
    "numel",
    "stride",
    "is_contiguous",
    "layout",
    "is_cuda",
    "is_sparse",
    "is_quantized",
    "grad_fn",
    "is_leaf",
    "data_ptr",
    "storage_offset",
    "element_size",
    "is_nested",
    "names",
    "grad",
    "_version",
    "hash",
    "repr",
    "item",
    "get_device",
    "register_hook",
    "untyped_storage",
    "is_mps",
    "is_meta",
    "nelement",
    "ndimension",
    "format",
    "_base",
    "bool",
}
