"""The table operation -> rule.

A rule is a function ``(mode, call)`` that returns what the operation returns. ``call.native()`` is
PyTorch's own output with its own derivative: right for everything that is linear in what depends on
the input, and for what has its values from a winner. Everything else is a linear map with something
taken as a constant:

    an activation f(x)                           x times f(x) / x
    a product with a gate, an attention weight   the gate is the constant, the signal takes all
    a product of two signals                     half each
    a quotient                                   the divisor is the constant
    a norm                                       its scale is the constant
    a power, a root                              as an activation
    a constant that is added                     keeps its part, and the ledger says so
"""

from collections.abc import Callable
from types import FunctionType

import torch
import torch.nn.functional as F

from earwitness.attribution.lrp import layers, recurrent
from earwitness.attribution.lrp.steps import Elementwise, Scaled, Winner, away, has_zeros

TABLE: dict[str, Callable] = {}


def operation(*names: str, title: str = "", keeps_gates: bool = False):
    """Register a rule for operations by their names.

    Parameters
    ----------
    *names : str
        As PyTorch calls the function or method, ``"relu"`` for ``F.relu``, ``x.relu()`` and
        ``torch.relu_`` alike.
    title : str
        What :func:`earwitness.attribution.explain_support` says of it.
    keeps_gates : bool
        Whether the operation leaves a gate a gate.

    Notes
    -----
    The function takes ``(mode, call)`` and returns what the operation returns, with the derivative
    of the frozen linearisation, for instance ``x * (f(x) / x).detach()`` with ``x = call.args[0]``.
    """

    def register(rule):
        rule.title, rule.keeps_gates = (
            title or rule.__name__.strip("_").replace("_", " "),
            keeps_gates,
        )
        TABLE.update(dict.fromkeys(names, rule))
        return rule

    return register


@operation(
    "view",
    "reshape",
    "permute",
    "transpose",
    "t",
    "T",
    "mT",
    "H",
    "mH",
    "adjoint",
    "flatten",
    "unflatten",
    "squeeze",
    "unsqueeze",
    "expand",
    "expand_as",
    "repeat",
    "repeat_interleave",
    "tile",
    "movedim",
    "contiguous",
    "clone",
    "to",
    "type",
    "type_as",
    "float",
    "double",
    "half",
    "bfloat16",
    "cpu",
    "cuda",
    "split",
    "split_with_sizes",
    "chunk",
    "tensor_split",
    "unsafe_chunk",
    "unsafe_split",
    "hsplit",
    "vsplit",
    "dsplit",
    "unbind",
    "getitem",
    "select",
    "narrow",
    "index_select",
    "gather",
    "take_along_dim",
    "take",
    "masked_select",
    "diagonal",
    "diag",
    "diag_embed",
    "tril",
    "triu",
    "flip",
    "fliplr",
    "flipud",
    "roll",
    "rot90",
    "unfold",
    "fold",
    "im2col",
    "col2im",
    "as_strided",
    "view_as",
    "reshape_as",
    "view_as_real",
    "view_as_complex",
    "real",
    "imag",
    "conj",
    "conj_physical",
    "resolve_conj",
    "resolve_neg",
    "broadcast_to",
    "broadcast_tensors",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "ravel",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "native_channel_shuffle",
    "_pack_padded_sequence",
    "_pad_packed_sequence",
    "requires_grad",
    "alias",
    "positive",
    "detach_copy",
    "unsafe_split_with_sizes",
    "iter",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_dropout",
    "native_dropout",
    "alpha_dropout",
    "feature_alpha_dropout",
    "index",
    "slice",
    "squeeze_copy",
    "retain_grad",
    "identity",
    "view_copy",
    "complex",
    title="as it is: moves values",
    keeps_gates=True,
)
def _moved(mode, call):
    """Linear in its input, which it moves, copies or drops."""
    result = call.native()
    if call.name in ("real", "imag", "view_as_real"):
        _even(mode, call, result, torch.zeros_like)
    source = call.args[0] if call.args else call.dependent[0]
    if isinstance(source, torch.Tensor) and isinstance(result, torch.Tensor) and not call.in_place:
        _carry(mode, source, result, call)
    return result


def _carry(mode, source, result, call):
    """Hand on what is known of a value that is moved."""
    if result is source or not source.requires_grad:
        return
    known = source._trace
    call.trace = mode.trace(gate=known.gate, deep=known.deep, floor=known.floor)


@operation(
    "sum",
    "mean",
    "nansum",
    "nanmean",
    "cumsum",
    "neg",
    "trace",
    "diff",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "upsample",
    "interpolate",
    "upsample_nearest",
    "upsample_bilinear",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
    "fft_fft",
    "fft_ifft",
    "fft_rfft",
    "fft_irfft",
    "fft_fft2",
    "fft_ifft2",
    "fft_rfft2",
    "fft_irfft2",
    "fft_fftn",
    "fft_ifftn",
    "fft_rfftn",
    "fft_irfftn",
    "fft_hfft",
    "fft_ihfft",
    "fft_fftshift",
    "fft_ifftshift",
    "istft",
    "trapezoid",
    "trapz",
    "cumulative_trapezoid",
    title="as it is: linear",
    keeps_gates=True,
)
def _linear(mode, call):
    """Linear, without a bias."""
    if "avg_pool" in call.name:
        mode.ledger.expect(call.label)
    result = call.native()
    if (
        isinstance(result, torch.Tensor)
        and not result.is_complex()
        and not call.dependent[0].is_complex()
    ):
        _even(mode, call, result, _ones(call))
    return result


@operation("grid_sample", title="as it is: linear; where it reads is constant")
def _sampled(mode, call):
    """Values read between others, at places that may depend on the input and get nothing."""
    grid = call.argument(1, "grid")
    if not grid.requires_grad:
        return _linear(mode, call)
    rest = dict(zip(("mode", "padding_mode", "align_corners"), call.args[2:], strict=False))
    rest |= {name: value for name, value in call.kwargs.items() if name not in ("input", "grid")}
    with mode:
        return F.grid_sample(call.argument(0, "input"), grid.detach(), **rest)


@operation("stft", title="as it is: linear")
def _stft(mode, call):
    """Linear: windowed Fourier transforms, complex."""
    return mode.open(call) if isinstance(call.function, FunctionType) else call.native()


@operation(
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "amax",
    "amin",
    "aminmax",
    "median",
    "nanmedian",
    "kthvalue",
    "mode",
    "topk",
    "sort",
    "msort",
    "cummax",
    "cummin",
    "quantile",
    "nanquantile",
    title="the winner takes all",
    keeps_gates=True,
)
def _winner(mode, call):
    """Hand everything to the value that was chosen."""
    sizes = _side_by_side(call)
    return mode.run(Winner(sizes), call.args[0]) if sizes else call.native()


def _side_by_side(call) -> tuple[int, ...]:
    """Return the sizes of windows that lie side by side and are powers of two, else nothing."""
    if call.name not in ("max_pool1d", "max_pool2d", "max_pool3d") or not call.args:
        return ()
    x, n_axes = call.args[0], int(call.name[-2])
    sizes = _of_axes(call.argument(1, "kernel_size"), n_axes)
    plain = (
        _of_axes(call.argument(2, "stride") or sizes, n_axes) == sizes
        and not any(_of_axes(call.argument(3, "padding", 0), n_axes))
        and set(_of_axes(call.argument(4, "dilation", 1), n_axes)) == {1}
        and not call.kwargs.get("return_indices")
    )
    halves = max(sizes) > 1 and all(
        size.bit_count() == 1 and n % size == 0
        for n, size in zip(x.shape[-n_axes:], sizes, strict=True)
    )
    return sizes if plain and halves and x.device.type == "cpu" and x.is_contiguous() else ()


def _of_axes(size, n_axes: int) -> tuple[int, ...]:
    """Return a size for each axis; PyTorch takes one for all, and a list of one, too."""
    sizes = tuple(size) if isinstance(size, tuple | list) else (size,)
    return sizes * (n_axes // len(sizes))


@operation(
    "norm",
    "linalg_vector_norm",
    "linalg_norm",
    "linalg_matrix_norm",
    "std",
    "hypot",
    "frobenius_norm",
    title="in proportion to what each value adds",
)
def _homogeneous(mode, call):
    """A norm or deviation: its derivative times its input is itself."""
    order = call.argument(1, "ord" if "linalg" in call.name else "p", 2)
    if call.name in ("norm", "linalg_vector_norm") and order == 0:
        mode.refuse(call, "a norm of order 0 counts values, and has no derivative.")
    result = call.native()
    if call.name == "std":
        return _dead(mode, call, result)
    if not result.is_complex():
        _even(mode, call, result, torch.zeros_like)
    return result


@operation("cdist", "pairwise_distance", "pdist", title="in proportion to what each value adds")
def _distance(mode, call):
    """The norm of differences: what a network of prototypes returns."""
    if call.name == "pdist":
        mode.refuse(call, "write it as torch.cdist(x, x), and choose its upper triangle.")
    names = ("p", "eps", "keepdim") if call.name == "pairwise_distance" else ("p",)
    given = {"p": 2.0, "eps": 1e-6, "keepdim": False}
    given |= dict(zip(names, call.args[2:], strict=False)) | call.kwargs
    first, second = (call.argument(i, name) for i, name in enumerate(("x1", "x2")))
    with mode:
        if call.name == "cdist":
            apart = first.unsqueeze(-2) - second.unsqueeze(-3)
        else:
            apart = first - second + given["eps"]
        return torch.linalg.vector_norm(apart, given["p"], dim=-1, keepdim=given["keepdim"])


def _dead(mode, call, result):
    """Let relevance of a deviation that is exactly zero go evenly to what it is taken over."""
    zero = result.detach() == 0
    if not mode.additive or not zero.any():
        return result
    axes = call.argument(1, "dim")
    axes = None if isinstance(axes, bool) else axes
    x = call.args[0]
    nothing = mode.run(Elementwise(x, torch.zeros_like, additive=True), x)
    return result + zero.to(result.dtype) * torch.mean(
        nothing, axes, keepdim=bool(call.kwargs.get("keepdim", False))
    )


@operation("abs", "relu", "leaky_relu", "prelu", title="as it is: linear on each side of zero")
def _piecewise(mode, call):
    """f(x) / x is its ordinary derivative."""
    x = call.argument(0, "input")
    if mode.additive and not x.is_complex():
        return _activation(mode, call)
    result = call.native()
    if mode.additive:
        _even(mode, call, result, torch.zeros_like)
    return result


def _even(mode, call, result, of_ones, keeps=True):
    """Let relevance of a value that is exactly zero go evenly to what it was summed from.

    ``of_ones`` returns what the operation makes of ones; where that is nothing, relevance is kept,
    unless something else hands it on.
    """
    if not mode.additive or not result.requires_grad:
        return
    if not has_zeros(result.detach()):
        return
    zero = result.detach() == 0
    with torch.no_grad():
        count = of_ones(result)
    tiny, lost = away(torch.zeros((), dtype=result.dtype)).item(), zero & (count == 0)
    factor = torch.where(zero & ~lost, 1 / count, 1).to(result.dtype)

    def hand(c):
        if keeps and lost.any():
            mode.ledger.note(call.label, tiny * c[lost].real.sum())
        return torch.where(lost, 0, c * factor)

    result.register_hook(hand)


def _ones(call, args=None, kwargs=None):
    """Return a function that runs a call with ones for what depends on the input."""

    def of_ones(_):
        ones_args, ones_kwargs = call.replaced(torch.ones_like)
        if call.in_place:
            ones_args = (torch.ones_like(call.args[0]), *ones_args[1:])
        return call.function(*ones_args, **ones_kwargs)

    return of_ones


_GATES = {
    "sigmoid",
    "hardsigmoid",
    "softmax",
    "softmin",
    "rsqrt",
    "reciprocal",
    "exp",
    "relu6",
    "hardtanh",
}
_ZERO_AT_ZERO_ALONE = {  # zero where the input is, and nowhere else
    "abs",
    "arctan",
    "asinh",
    "atan",
    "celu",
    "elu",
    "erf",
    "expm1",
    "log1p",
    "selu",
    "sinh",
    "sqrt",
    "tanh",
}
_ZERO_TO_ZERO = {
    "gelu",
    "silu",
    "elu",
    "selu",
    "celu",
    "mish",
    "hardswish",
    "tanh",
    "softshrink",
    "hardshrink",
    "relu6",
    "hardtanh",
    "expm1",
    "log1p",
    "sqrt",
    "square",
    "sin",
    "tan",
    "erf",
    "sinh",
    "asinh",
    "atan",
    "arctan",
    "abs",
    "relu",
    "leaky_relu",
    "prelu",
    "rrelu",
    "asin",
    "special_erf",
}


@operation(
    "gelu",
    "silu",
    "elu",
    "selu",
    "celu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "tanh",
    "softplus",
    "softshrink",
    "hardshrink",
    "relu6",
    "hardtanh",
    "logsigmoid",
    "log_sigmoid",
    "softmax",
    "log_softmax",
    "softmin",
    "exp",
    "expm1",
    "log1p",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "square",
    "sin",
    "cos",
    "tan",
    "erf",
    "erfc",
    "sinh",
    "cosh",
    "asinh",
    "atan",
    "arctan",
    "threshold",
    "rrelu",
    "sinc",
    "exp2",
    "acosh",
    "asin",
    "logit",
    "special_erf",
    title="activation: x times f(x) / x",
)
def _activation(mode, call):
    """f(x) is x times a constant."""
    x = call.argument(0, "input")
    if x.is_complex() and call.name != "abs":
        mode.refuse(call, "LRP has no rule for it on complex values; take their magnitude first.")
    kwargs = {name: value for name, value in call.kwargs.items() if name != "input"}
    function, arguments = out_of_place(call), call.args[1:]
    note = None if call.name in _ZERO_TO_ZERO else (lambda kept: mode.ledger.note(call.label, kept))
    source = x.clone() if call.in_place else x
    result = mode.run(
        Elementwise(
            source,
            lambda x: function(x, *arguments, **kwargs),
            mode.additive,
            note,
            call.name in _ZERO_AT_ZERO_ALONE,
        ),
        source,
    )
    call.trace = mode.trace(gate=call.name in _GATES, deep=x._trace.deep)
    return x.copy_(result) if call.in_place else result


def out_of_place(call):
    """Return the function of a call that leaves what it reads as it is."""
    if not call.in_place:
        return call.function
    return (
        getattr(torch, call.name, None)
        or getattr(F, call.name, None)
        or getattr(torch._C._nn, call.name)
    )


@operation("pow", "float_power", title="activation: x times f(x) / x")
def _power(mode, call):
    """A power is x times a constant; its exponent is a constant."""
    base, exponent = call.args[0], call.argument(1, "exponent")
    if (
        not isinstance(base, torch.Tensor) or not base.requires_grad
    ):  # a constant to the power of a value
        function = out_of_place(call)
        step = Elementwise(exponent, lambda e: function(base, e), mode.additive)
        return mode.run(step, exponent)
    exponent = exponent.detach() if isinstance(exponent, torch.Tensor) else exponent
    gate = base._trace.gate or (isinstance(exponent, int | float) and exponent < 0)
    deep, call.args, call.kwargs = base._trace.deep, (base, exponent), {}
    result = _activation(mode, call)
    call.trace = mode.trace(gate=gate, deep=deep)
    return result


@operation("log", "log2", "log10", title="logarithm over that of the least value")
def _logarithm(mode, call):
    """log x = log x0 + x times a constant; x0 is what a constant or a clamp before it leaves of
    silence, 1 without.
    """
    x = call.args[0]
    floor, function = x._trace.floor, out_of_place(call)
    start = 0.0 if floor is None else float(function(torch.tensor(floor, dtype=torch.float64)))
    start *= 1 - mode.composite.bias_factor  # what silence would keep is handed down
    source = x.clone() if call.in_place else x
    result = start + mode.run(
        Elementwise(source, lambda x: function(x) - start, mode.additive), source
    )
    mode.on_way_back(call, result, torch.as_tensor(start, dtype=result.dtype, device=result.device))
    return x.copy_(result) if call.in_place else result


@operation("clamp", "clamp_min", "clamp_max", title="the limit keeps what it takes")
def _clamped(mode, call):
    """A limit that excludes zero is a constant that wins over the value; other limits make an
    activation.
    """
    low = call.argument(1, "min") if call.name != "clamp_max" else None
    high = (
        call.argument(2, "max")
        if call.name == "clamp"
        else (call.argument(1, "max") if call.name == "clamp_max" else None)
    )
    limits = [value.detach() if isinstance(value, torch.Tensor) else value for value in (low, high)]
    x = call.args[0]
    low, high = limits
    excludes_zero = any(
        value is not None and bool((torch.as_tensor(value) * sign > 0).any())
        for value, sign in ((low, 1), (high, -1))
    )
    deep, gate = x._trace.deep, x._trace.gate or (low == 0 and high == 1)
    source = x.clone() if call.in_place else x
    if excludes_zero:
        y = torch.clamp(source, low, high)
        mode.on_way_back(call, y, torch.where(y.detach() == source.detach(), 0, y.detach()))
    else:
        y = mode.run(
            Elementwise(source, lambda x: torch.clamp(x, low, high), mode.additive), source
        )
    floor = float(low) if excludes_zero and isinstance(low, int | float) and low > 0 else None
    call.trace = mode.trace(gate=gate, deep=deep, floor=floor)
    return x.copy_(y) if call.in_place else y


@operation(
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "max",
    "min",
    title="the winner takes all",
    keeps_gates=True,
)
def _larger(mode, call):
    """The larger of two; a constant among them keeps what it wins."""
    result = call.native()
    both = [
        value
        for value in (*call.args[:2], *call.kwargs.values())
        if isinstance(value, torch.Tensor)
    ]
    constants = [value for value in both if not value.requires_grad and value.is_floating_point()]
    if isinstance(result, torch.Tensor) and constants:
        (constant,) = constants
        x = call.dependent[0].detach()
        wins, ties = result.detach() != x, x == constant
        mode.on_way_back(
            call, result, result.detach() * (wins.to(result.dtype) + 0.5 * ties.to(result.dtype))
        )
        if constant.numel() == 1 and constant > 0 and call.name in ("maximum", "max", "fmax"):
            trace = call.dependent[0]._trace
            call.trace = mode.trace(gate=trace.gate, deep=trace.deep, floor=float(constant))
    return result


@operation("add", "sub", "rsub", title="sum: as it is, a constant keeps its part", keeps_gates=True)
def _added(mode, call):
    """A sum or difference of values; a constant term keeps its part, or hands it down."""
    terms = [*call.args[:2], *[call.kwargs[name] for name in ("other",) if name in call.kwargs]]
    constants = [
        term for term in terms if not (isinstance(term, torch.Tensor) and term.requires_grad)
    ]
    if not constants and call.name == "sub" and mode.additive and not call.kwargs:
        with mode:
            return (
                call.args[0].add_(-call.args[1])
                if call.in_place
                else torch.add(call.args[0], -call.args[1])
            )
    if not constants or (not isinstance(constants[0], torch.Tensor) and constants[0] == 0):
        result = call.native()
        if not result.is_complex():
            _even(mode, call, result, _ones(call))
        return result
    x, factor = call.dependent[0], mode.composite.bias_factor
    trace, before = x._trace, x.detach().clone() if factor else x.detach()
    result = _affine(mode, call, 1 - factor)
    if factor:
        result.register_hook(_handing(factor, before, result.detach().clone(), call))
    if call.name == "add" and isinstance(constants[0], int | float) and constants[0] > 0:
        call.trace = mode.trace(gate=trace.gate, deep=trace.deep, floor=float(constants[0]))
    return result


def _handing(bias_factor, x, y, call):
    """Return a hook that hands down a part of what an added constant would keep."""
    sign = (
        -1
        if call.name == "rsub" or (call.name == "sub" and call.args[0] is not call.dependent[0])
        else 1
    )

    def hand(c):
        return (1 - bias_factor) * c + sign * bias_factor * c * away(y) / away(x)

    return hand


def _affine(mode, call, keeps=1):
    """Run an operation that is affine in what depends on the input, and note what its constant part
    keeps.
    """
    args, kwargs = call.replaced(torch.zeros_like)
    changes, start = call.in_place or call.name == "setitem", None
    if changes and not call.args[0].requires_grad:
        args = (call.args[0].clone(), *args[1:])
    if changes and mode.additive:
        start = torch.ones_like(args[0]) if call.args[0].requires_grad else args[0].clone()
    with torch.no_grad():
        constant = call.function(*args, **kwargs)
        constant = args[0] if call.name == "setitem" else constant
    result = call.native()
    if mode.additive and call.name not in ("add", "sub", "rsub"):
        constant = _with_zeros(call, result, constant, start)
    mode.on_way_back(call, call.args[0] if call.name == "setitem" else result, keeps * constant)
    return result


def _with_zeros(call, result, constant, start):
    """Return the constant part of an output, a tiny value where a constant is zero: relevance can
    reach it.
    """
    args, kwargs = call.replaced(torch.ones_like)
    target = call.args[0] if call.name == "setitem" else result
    if start is not None:
        args = (start, *args[1:])
    with torch.no_grad():
        of_ones = call.function(*args, **kwargs)
        of_ones = args[0] if call.name == "setitem" else of_ones
    return torch.where(of_ones == constant, away(target.detach()), constant)


@operation(
    "cat",
    "stack",
    "hstack",
    "vstack",
    "dstack",
    "column_stack",
    "row_stack",
    "block_diag",
    "where",
    "masked_fill",
    "masked_scatter",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "setitem",
    "copy",
    "pad",
    "constant_pad_nd",
    "nan_to_num",
    "fill_diagonal",
    "select_scatter",
    "slice_scatter",
    "diagonal_scatter",
    "lerp",
    "fill",
    "zero",
    title="as it is: constants keep their part",
    keeps_gates=True,
)
def _assembled(mode, call):
    """Values put together with others; constants among them keep their part."""
    if call.name == "lerp":
        call.args = tuple(
            value.detach() if i == 2 and isinstance(value, torch.Tensor) else value
            for i, value in enumerate(call.args)
        )
    if call.name == "nan_to_num" or (
        call.name == "pad" and not call.argument(3, "value") and not mode.additive
    ):
        return call.native()
    only_dependent = {id(value) for value in call.dependent}
    if call.name in ("cat", "stack", "hstack", "vstack") and all(
        id(value) in only_dependent for value in call.args[0]
    ):
        return call.native()
    return _affine(mode, call)


@operation(
    "mul",
    "dot",
    "mv",
    "mm",
    "bmm",
    "matmul",
    "rmatmul",
    "einsum",
    "inner",
    "outer",
    "tensordot",
    "chain_matmul",
    "linalg_multi_dot",
    "kron",
    "vdot",
    "cross",
    "ger",
    title="product: a gate is constant, signals share",
)
def _product(mode, call):
    """A product: linear in one value that depends on the input; of two, gates are constants and
    signals share.
    """
    if (
        call.name in ("mm", "matmul")
        and len(call.dependent) == 1
        and call.args[0] is call.dependent[0]
    ):
        other = call.argument(1, "other", call.kwargs.get("mat2"))
        if mode.is_weight(other) and other.ndim == 2:
            return _dense(mode, call, call.args[0], other.mT, None)
    if call.name in _MATRICES and len(call.dependent) == 1:
        learned = [value for value in _tensors(call.args) if mode.is_weight(value)]
        if (
            len(learned) > 1
            and mode.composite.kinds["dense"] is not mode.composite.named["epsilon"]
        ):
            mode.refuse(
                call, "several learned tensors at once are no layer: multiply by one after another."
            )
        if len(learned) == 1:
            return _learned_product(mode, call, call.dependent[0], learned[0])
    result = _shared_product(mode, call)
    traces = [value._trace for value in call.dependent]
    gate = all(trace.gate for trace in traces) and (call.name == "mul" or len(traces) > 1)
    call.trace = mode.trace(gate=gate, deep=any(trace.deep for trace in traces))
    return result


_MATRICES = {"mm", "bmm", "matmul", "rmatmul", "einsum", "inner", "tensordot", "mv"}


def _tensors(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def _learned_product(mode, call, x, weight):
    """A product with one learned tensor is a dense layer, however it is written."""

    def product(value, other):
        known = {id(x): value, id(weight): other}
        swap = lambda given: known.get(id(given), given)  # noqa: E731
        return call.function(*(_swapped(given, swap) for given in call.args), **call.kwargs)

    return mode.layer(
        call, layers.Product(x, weight, product, name=call.place, module=call.module), x
    )


def _shared_product(mode, call):
    """Gates are constants; what is left is linear in one signal, or shared by several."""
    signals = list(call.dependent)
    if mode.composite.gates == "signal":
        signals = [value for value in signals if not value._trace.gate] or signals
    kept = {id(value) for value in signals}
    frozen = [value for value in call.dependent if id(value) not in kept]
    args, kwargs = call.replaced(lambda value: value if id(value) in kept else value.detach())
    into_gate = call.in_place and any(value is call.args[0] for value in frozen)
    if len(signals) > 1 or into_gate:
        function = out_of_place(call)
        result = (
            _halves(mode, call, function, args, kwargs, signals)
            if len(signals) > 1
            else function(*args, **kwargs)
        )
        return call.args[0].copy_(result) if call.in_place else result
    result = call.function(*args, **kwargs)
    if not result.is_complex() and not signals[0].is_complex():
        (signal,) = signals

        def of_ones(_):
            ones = (torch.ones_like(given) if given is signal else given for given in args)
            return out_of_place(call)(
                *(
                    _swapped(given, lambda v: torch.ones_like(v) if v is signal else v)
                    for given in ones
                ),
                **kwargs,
            )

        if not call.in_place and mode.additive and call.name == "mul":
            _even(mode, call, result, of_ones, keeps=False)
            return _through_mask(mode, result, signal, of_ones)
        if not call.in_place:
            _even(mode, call, result, of_ones)
    return result


def _through_mask(mode, result, signal, of_ones):
    """Let relevance of what a mask makes zero go to what is masked."""
    with torch.no_grad():
        masked = of_ones(result) == 0
    if not masked.any():
        return result
    nothing = mode.run(Elementwise(signal, torch.zeros_like, additive=True), signal)
    return result + masked.to(result.dtype) * nothing


def _halves(mode, call, function, args, kwargs, signals):
    """Return a product of several signals, of which each takes an equal part."""
    if mode.additive and call.name == "mul" and not any(value.is_complex() for value in signals):
        first, second = torch.broadcast_tensors(*args[:2])
        parts = [
            mode.run(Elementwise(one, lambda v, o=other: v * o.detach(), True), one)
            for one, other in ((first, second), (second, first))
        ]
        return parts[0] / 2 + parts[1] / 2
    parts = {id(value): mode.run(Scaled(1 / len(signals)), value) for value in signals}
    swap = lambda value: parts.get(id(value), value)  # noqa: E731
    return function(
        *(_swapped(value, swap) for value in args),
        **{name: _swapped(value, swap) for name, value in kwargs.items()},
    )


def _swapped(value, swap):
    if isinstance(value, torch.Tensor):
        return swap(value)
    return (
        type(value)(_swapped(inner, swap) for inner in value)
        if type(value) in (list, tuple)
        else value
    )


@operation("div", "floor_divide", title="quotient: the divisor is constant")
def _quotient(mode, call):
    """A quotient: its divisor is the scale, and constant."""
    number, divisor = call.args[0], call.argument(1, "other")
    trace = call.dependent[0]._trace
    call.trace = mode.trace(gate=trace.gate, deep=trace.deep)
    if not (isinstance(divisor, torch.Tensor) and divisor.requires_grad):
        result = call.native()
        if not result.is_complex() and not call.in_place:
            _even(mode, call, result, _ones(call))
        return result
    kwargs = {name: value for name, value in call.kwargs.items() if name != "other"}
    if isinstance(number, torch.Tensor) and number.requires_grad:
        result = call.function(number, divisor.detach(), **kwargs)
        if not result.is_complex() and not call.in_place:
            _even(
                mode,
                call,
                result,
                lambda _: call.function(torch.ones_like(number), divisor.detach(), **kwargs),
            )
        return result
    call.trace.gate = True
    return mode.run(
        Elementwise(divisor, lambda divisor: torch.div(number, divisor), mode.additive), divisor
    )


@operation("addmm", "addmv", "addbmm", "baddbmm", "addcmul", "addcdiv", title="product and sum")
def _product_and_sum(mode, call):
    """A product that is added to something."""
    start, first, second = call.args[:3]
    beta, alpha = call.kwargs.get("beta", 1), call.kwargs.get("alpha", call.kwargs.get("value", 1))
    fixed = not start.requires_grad and start.ndim == 1
    if call.name == "addmm" and fixed and mode.is_weight(second):
        return _dense(mode, call, first, _times(second.mT, alpha), _times(start, beta))
    with mode:
        product = {
            "addmm": torch.matmul,
            "addmv": torch.matmul,
            "baddbmm": torch.matmul,
            "addcmul": torch.mul,
            "addcdiv": torch.div,
            "addbmm": lambda a, b: torch.matmul(a, b).sum(0),
        }[call.name](first, second)
        if beta == 0:
            return product * alpha
        result = start * beta + product * alpha
    return call.args[0].copy_(result) if call.in_place else result


def _times(values, factor):
    """Return learned values times a number, still known as learned."""
    if factor == 1:
        return values
    result = values * factor
    result._learned = True
    return result


@operation("var", title="activation: x times f(x) / x")
def _variance(mode, call):
    """A variance is of degree two in its values: half of its derivative."""
    half = mode.run(Scaled(0.5), call.args[0])
    return _dead(mode, call, call.function(half, *call.args[1:], **call.kwargs))


@operation("var_mean", "std_mean", title="activation: x times f(x) / x")
def _variance_and_mean(mode, call):
    x = call.args[0]
    names = ("dim", "unbiased", "keepdim") if len(call.args) > 2 else ("dim",)
    options = dict(zip(names, call.args[1:], strict=False)) | call.kwargs
    mean = {name: value for name, value in options.items() if name in ("dim", "keepdim")}
    with mode:
        return getattr(torch, call.name.removesuffix("_mean"))(x, **options), torch.mean(x, **mean)


@operation("logsumexp", "special_logsumexp", title="in proportion to exp(x)")
def _log_of_sum(mode, call):
    """The logarithm of a sum of exponentials: each passes all, the sum shares."""
    x, keeps = call.args[0], call.argument(2, "keepdim", False)
    axes = call.argument(1, "dim")
    with torch.no_grad():
        y = torch.logsumexp(x, axes, keepdim=True)
        shares = (x - y).exp() * y  # sums to y

    def note(kept):
        mode.ledger.note(call.label, kept)

    parts = mode.run(Elementwise(x, lambda _: shares.clone(), mode.additive, note), x)
    return parts.sum(axes, keepdim=keeps)


@operation("bilinear", title="product: signals share")
def _bilinear(mode, call):
    """A dense layer on the products of two inputs."""
    first, second, weight = call.args[:3]
    bias = call.argument(3, "bias")
    with mode:
        products = first[..., :, None] * second[..., None, :]
        return F.linear(products.flatten(-2), weight.flatten(1), bias)


@operation("cosine_similarity", title="norm: its scale is constant")
def _cosine(mode, call):
    """A product of values over their norms, which are constants."""
    given = {"dim": 1, "eps": 1e-8} | dict(zip(("x1", "x2", "dim", "eps"), call.args, strict=False))
    given |= call.kwargs

    def over_norm(x):
        size = torch.linalg.vector_norm(x, dim=given["dim"], keepdim=True)
        return x / size.clamp(min=given["eps"])

    with mode:
        return (over_norm(given["x1"]) * over_norm(given["x2"])).sum(given["dim"])


@operation("glu", title="gate: the signal takes all")
def _glu(mode, call):
    """A gated linear unit."""
    with mode:
        signal, gate = torch.chunk(call.args[0], 2, call.argument(1, "dim", -1))
        return signal * torch.sigmoid(gate)


@operation("scaled_dot_product_attention", title="attention weights are constant")
def _attention(mode, call):
    """What is read, by weights that are constant."""
    query, key, value = (call.argument(i, name) for i, name in enumerate(("query", "key", "value")))
    rest = {
        name: inner for name, inner in call.kwargs.items() if name not in ("query", "key", "value")
    }
    mask = call.argument(3, "attn_mask")
    if mode.composite.gates == "half":
        names = ("attn_mask", "dropout_p", "is_causal")
        rest |= dict(zip(names, call.args[3:], strict=False))
        return _attention_shared(mode, query, key, value, **rest)
    arguments = [
        inner.detach() if isinstance(inner, torch.Tensor) else inner for inner in call.args[3:]
    ]
    if isinstance(mask, torch.Tensor) and "attn_mask" in rest:
        rest["attn_mask"] = mask.detach()
    return call.function(query.detach(), key.detach(), value, *arguments, **rest)


def _attention_shared(mode, query, key, value, attn_mask=None, is_causal=False, **options):
    """Attention written out: its weights take their half of the product with what is read."""
    scale = options.get("scale") or query.shape[-1] ** -0.5
    if options.get("enable_gqa"):
        key, value = (
            part.repeat_interleave(query.shape[-3] // part.shape[-3], -3) for part in (key, value)
        )
    with mode:
        scores = (query @ key.mT) * scale
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, float("-inf"))
        elif attn_mask is not None:
            scores = scores + attn_mask
        return scores.softmax(-1) @ value


@operation("linear", title="layer")
def _linear_layer(mode, call):
    """A dense layer."""
    x, weight, bias = (call.argument(i, name) for i, name in enumerate(("input", "weight", "bias")))
    if weight.requires_grad or not x.requires_grad:
        with mode:
            y = torch.matmul(x, weight.mT)
            return y if bias is None else y + bias
    return _dense(mode, call, x, weight, bias)


def _dense(mode, call, x, weight, bias):
    step = layers.Dense(x, weight, bias, name=call.place, module=call.module)
    return mode.layer(call, step, x, learned=mode.is_weight(weight))


@operation("convolution", title="layer")
def _any_convolution(mode, call):
    """A convolution as ATen calls it."""
    x, weight, bias, *sizes = call.args
    if weight.requires_grad or len(sizes) != 6:
        mode.refuse(call, "write it as conv1d, conv2d or conv_transpose1d.")
    return _convolved(mode, call, x, weight, bias, sizes)


_AXES = {"conv1d": 1, "conv2d": 2, "conv3d": 3}


@operation("conv1d", "conv2d", "conv3d", title="layer")
def _convolution(mode, call):
    """A convolution."""
    n = _AXES[call.name]
    x, weight, bias = (call.argument(i, name) for i, name in enumerate(("input", "weight", "bias")))
    stride, padding, dilation, groups = (
        call.argument(i, name, default)
        for i, (name, default) in enumerate(
            (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)), start=3
        )
    )
    if weight.requires_grad:
        return _shared_product(mode, call)
    dilation, inside = _sizes(dilation, n), None
    if isinstance(padding, str):
        total = [
            d * (k - 1) if padding == "same" else 0
            for d, k in zip(dilation, weight.shape[2:], strict=True)
        ]
        odd = [width % 2 for width in total]
        if any(odd):
            more = [side for extra in reversed(odd) for side in (0, extra)]
            inside = F.pad(torch.ones_like(x), more).detach()
            with mode:
                x = F.pad(x, more)
        padding = [width // 2 for width in total]
    sizes = _sizes(stride, n), _sizes(padding, n), dilation, False, [0] * n, groups
    return _convolved(mode, call, x, weight, bias, sizes, inside)


@operation("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", title="layer")
def _transposed_convolution(mode, call):
    """A transposed convolution."""
    n = int(call.name[-2])
    x, weight, bias = (call.argument(i, name) for i, name in enumerate(("input", "weight", "bias")))
    stride, padding, output_padding, groups, dilation = (
        call.argument(i, name, default)
        for i, (name, default) in (
            enumerate(
                (
                    ("stride", 1),
                    ("padding", 0),
                    ("output_padding", 0),
                    ("groups", 1),
                    ("dilation", 1),
                ),
                start=3,
            )
        )
    )
    if weight.requires_grad:
        return _shared_product(mode, call)
    sizes = (
        _sizes(stride, n),
        _sizes(padding, n),
        _sizes(dilation, n),
        True,
        _sizes(output_padding, n),
        groups,
    )
    return _convolved(mode, call, x, weight, bias, sizes)


def _sizes(value, n):
    return [value] * n if isinstance(value, int) else list(value) * (n if len(value) == 1 else 1)


def _convolved(mode, call, x, weight, bias, sizes, inside=None):
    alone = x.ndim == weight.ndim - 1  # no axis of clips
    if alone:
        with mode:
            x = x[None]
        inside = None if inside is None else inside[None]
    step = layers.Convolution(x, weight, bias, *sizes, name=call.place, module=call.module)
    step.inside = inside
    y = mode.layer(call, step, x, learned=mode.is_weight(weight))
    if alone:
        y._trace = mode.trace(deep=True)
        with mode:
            y = y[0]
        call.trace = mode.trace(deep=True)
    return y


@operation("batch_norm", title="layer; merged with a convolution or dense layer right before it")
def _batch_norm(mode, call):
    """A batch norm with running statistics: a linear map, part of the layer before it where there
    is one.
    """
    names = (
        ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        if isinstance(call.function, type(_sizes))
        else (
            "input",
            "weight",
            "bias",
            "running_mean",
            "running_var",
            "training",
            "momentum",
            "eps",
        )
    )
    given = (
        {"weight": None, "bias": None, "training": False, "eps": 1e-5}
        | dict(zip(names, call.args, strict=False))
        | call.kwargs
    )
    x, variance = given["input"], given["running_var"]
    if given["training"] or variance is None:
        mode.refuse(
            call,
            "a batch norm without running statistics mixes the clips of a batch: train it with "
            "track_running_stats=True, or explain a network without it.",
        )
    scale = (variance + given["eps"]).rsqrt()
    scale = scale if given["weight"] is None else scale * given["weight"]
    shift = -given["running_mean"] * scale
    shift = shift if given["bias"] is None else shift + given["bias"]
    before, source, version = x._trace.layer or (None, None, None)
    merges = (
        before is not None
        and source._version == version
        and (before.kind == "convolution" or x.ndim == 2)
    )
    norm = layers.Affine(x, scale, shift, name=call.place, module=call.module)
    with torch.no_grad():
        known = call.native()
    norm.value = lambda _: known
    return (
        mode.merged(call, before.scaled(scale, shift), norm, source, x)
        if merges
        else mode.layer(call, norm, x)
    )


@operation("layer_norm", title="norm: its scale is constant")
def _layer_norm(mode, call):
    """A layer norm."""
    given = _given(call, ("input", "normalized_shape", "weight", "bias", "eps"), eps=1e-5)
    x, shape = given["input"], given["normalized_shape"]
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    with torch.no_grad():
        known, _, scale = torch.native_layer_norm(
            x, shape, given["weight"], given["bias"], given["eps"]
        )
    scale = scale.flatten(-len(shape)).to(x.dtype)
    return _normalised(mode, call, given, *_last_axes(x, shape), known=known, scale=scale)


@operation("rms_norm", title="norm: its scale is constant")
def _rms_norm(mode, call):
    """An RMS norm: no centring, no bias."""
    given = _given(call, ("input", "normalized_shape", "weight", "eps"), eps=None, bias=None)
    if given["eps"] is None:
        given["eps"] = torch.finfo(given["input"].dtype).eps
    return _normalised(
        mode, call, given, *_last_axes(given["input"], given["normalized_shape"]), centres=False
    )


@operation("group_norm", title="norm: its scale is constant")
def _group_norm(mode, call):
    """A group norm."""
    given = _given(call, ("input", "num_groups", "weight", "bias", "eps"), eps=1e-5)
    return _normalised(
        mode, call, _channelwise(given), *_channel_groups(given["input"], given["num_groups"])
    )


@operation("instance_norm", title="norm: its scale is constant")
def _instance_norm(mode, call):
    """An instance norm: statistics of each channel of each clip, or running ones."""
    given = _given(
        call,
        (
            "input",
            "running_mean",
            "running_var",
            "weight",
            "bias",
            "use_input_stats",
            "momentum",
            "eps",
        ),
        eps=1e-5,
        use_input_stats=True,
    )
    if not given["use_input_stats"]:
        call.args, call.kwargs = (
            (),
            {
                "input": given["input"],
                "running_mean": given["running_mean"],
                "running_var": given["running_var"],
                "weight": given["weight"],
                "bias": given["bias"],
                "training": False,
                "eps": given["eps"],
            },
        )
        call.function = F.batch_norm
        return _batch_norm(mode, call)
    return _normalised(
        mode, call, _channelwise(given), *_channel_groups(given["input"], given["input"].shape[1])
    )


def _given(call, names, **defaults):
    return (
        {"weight": None, "bias": None}
        | defaults
        | dict(zip(names, call.args, strict=False))
        | call.kwargs
    )


def _channelwise(given):
    """Return the arguments with weight and bias as (channel, 1, ...)."""
    shape = (-1, *[1] * (given["input"].ndim - 2))
    return given | {
        name: given[name].view(shape) for name in ("weight", "bias") if given[name] is not None
    }


def _last_axes(x, shape):
    """Return how values that are normalised together become the last axis, and back."""
    n = len(shape)
    return (lambda values: values.flatten(-n)), (lambda values: values.unflatten(-1, tuple(shape)))


def _channel_groups(x, n_groups):
    shape = x.shape
    return (lambda values: values.reshape(shape[0], n_groups, -1)), (
        lambda values: values.reshape(shape)
    )


def _normalised(mode, call, given, fold, unfold, centres=True, known=None, scale=None):
    x = given["input"]
    if known is None:
        with torch.no_grad():
            known, folded = call.native(), fold(x)
            spread = folded.var(-1, correction=0) if centres else folded.square().mean(-1)
            scale = (spread + given["eps"]).rsqrt()[..., None]
    step = layers.Centred(
        x,
        given["weight"],
        given["bias"],
        known,
        scale,
        fold,
        unfold,
        centres,
        name=call.place,
        module=call.module,
    )
    return mode.layer(call, step, x)


@operation("lstm", "gru", "rnn_tanh", "rnn_relu", title="recurrent layer: gates are constant")
def _recurrent(mode, call):
    """A recurrent layer, all its steps at once."""
    return recurrent.layer(mode, call)


@operation(
    "lstm_cell",
    "gru_cell",
    "rnn_tanh_cell",
    "rnn_relu_cell",
    title="recurrent layer: gates are constant",
)
def _cell(mode, call):
    """One step of a recurrent layer."""
    return recurrent.cell(mode, call)


@operation("embedding", "embedding_bag", "one_hot", title="constant")
def _looked_up(mode, call):
    """A look-up by index has no derivative."""
    mode.refuse(call, "a look-up by an index that depends on the input carries no relevance.")


@operation(
    "sign",
    "floor",
    "ceil",
    "round",
    "trunc",
    "angle",
    "frac",
    "heaviside",
    "sgn",
    "detach",
    "data",
    title="constant",
)
def _constant(mode, call):
    """A value that tells how, not what: a phase, a sign, a whole number."""
    return call.native().detach()


@operation("local_response_norm", title="norm: its scale is constant")
def _response_norm(mode, call):
    """Opened: its operations have rules."""
    return mode.open(call)
