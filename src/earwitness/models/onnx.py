"""Read a network from an ONNX file into torch: the operations that networks for sound are made of.

Layers with weights become torch's own, so that rules and randomisation find them; everything else
is the torch function of the same meaning. onnx2torch (1.5.15) knows no LSTM and no GELU of today's
exporter, onnx2pytorch (0.6.0) no LSTM with an initial state; hence this reader.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from earwitness.errors import DamagedDataError, MissingDataError, ParameterError

_TYPES = {
    1: torch.float32,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
_OLDEST = 13  # before, Softmax and the axes of Squeeze mean something else


class Node:
    """One operation of a graph: its kind, inputs and outputs by name, and attributes."""

    def __init__(self, node):
        import onnx

        self.kind, self.inputs, self.outputs = node.op_type, list(node.input), list(node.output)
        self.name = node.name or self.outputs[0]
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def __str__(self) -> str:
        own = {name: value for name, value in self.attributes.items() if name != "value"}
        return f"{', '.join(self.outputs)} = {self.kind}({', '.join(self.inputs)}) {own}"

    def get(self, name: str, default=None):
        """Return an attribute; text as str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def refuse(self, why: str) -> ParameterError:
        """Return the error that this operation cannot be read, and why."""
        return ParameterError(
            f"The ONNX operation {self.kind} ({self.name}) cannot be read: {why}."
        )

    def demand(self, **wanted) -> None:
        """Raise ParameterError unless these attributes are absent or have these values."""
        for name, value in wanted.items():
            if (found := self.get(name, value)) != value:
                raise self.refuse(f"{name} is {found!r}, and only {value!r} is known here")


def load(path: str | Path) -> nn.Module:
    """Return the network of an ONNX file, in evaluation mode.

    Raises
    ------
    MissingDataError
        If there is no such file, or the package ``onnx`` is not installed.
    DamagedDataError
        If it is no ONNX file.
    ParameterError
        If it holds an operation that is not known here, by its name, or takes several inputs.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDataError(
            'Reading ONNX files needs the package onnx: pip install "earwitness[onnx]".'
        ) from None
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingDataError(f"There is no file {path}.")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (
        Exception
    ) as error:  # protobuf, the checker and missing external data have no common type
        raise DamagedDataError(
            f"{path} is no ONNX file that can be read: {str(error).splitlines()[0]}"
        ) from error
    version = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if version < _OLDEST:
        raise ParameterError(
            f"{path} is of ONNX's operator set {version}, and {_OLDEST} is the oldest known here; "
            "export it anew."
        )
    return Network(model.graph).eval()


class Network(nn.Module):
    """A graph of operations, computed in its order."""

    def __init__(self, graph):
        import onnx

        super().__init__()
        constants = {t.name: torch.tensor(onnx.numpy_helper.to_array(t)) for t in graph.initializer}
        given = [entry.name for entry in graph.input if entry.name not in constants]
        if len(given) != 1:
            raise ParameterError(
                f"The ONNX network takes {len(given)} inputs ({', '.join(given)}), and a sound is "
                f"one."
            )
        nodes = [Node(node) for node in graph.node]
        if unknown := sorted(
            {node.kind for node in nodes} - set(_LAYERS) - set(_FUNCTIONS) - {"Constant"}
        ):
            raise ParameterError(
                f"The ONNX network has operations that are not known here: {', '.join(unknown)}."
            )
        for node in nodes:
            if node.kind == "Constant":
                constants[node.outputs[0]] = _constant(node, onnx)
        self.entry, self.exits = given[0], [entry.name for entry in graph.output]
        self.text = "\n".join(map(str, nodes))
        self.steps, used = [], set()
        for number, node in enumerate(n for n in nodes if n.kind != "Constant"):
            step, needs = self._step(node, constants, number)
            self.steps.append((step, needs, node.outputs))
            used |= set(needs)
        self.constants = {}
        for number, name in enumerate(sorted((used | set(self.exits)) & set(constants))):
            self.constants[name] = f"constant{number}"
            self.register_buffer(self.constants[name], constants[name])

    def _step(self, node: Node, constants: dict, number: int) -> tuple[Callable | str, list[str]]:
        """Return what computes a node, a layer's name or a function, and what it needs."""
        if node.kind in _LAYERS:
            made = _LAYERS[node.kind](node, [constants.get(name) for name in node.inputs])
            if made is not None:
                layer, n_weights = made
                self.add_module(f"{node.kind.lower()}{number}", layer)
                return f"{node.kind.lower()}{number}", [
                    node.inputs[0],
                    *node.inputs[1 + n_weights :],
                ]
        if node.kind not in _FUNCTIONS:
            raise node.refuse("its weights are computed by the network itself")
        function = _FUNCTIONS[node.kind]
        return (lambda *values: function(node, *values)), node.inputs

    def extra_repr(self) -> str:
        """Return all operations: what is no layer has no other place in the network's text."""
        return self.text

    def forward(self, inputs: torch.Tensor):
        """Return the output of the graph, a tuple if it has several."""
        values = {"": None, self.entry: inputs}
        values |= {name: getattr(self, buffer) for name, buffer in self.constants.items()}
        for step, needs, outputs in self.steps:
            compute = getattr(self, step) if isinstance(step, str) else step
            result = compute(*(values[name] for name in needs))
            results = result if isinstance(result, tuple) else (result,)
            values |= dict(zip(outputs, results, strict=False))  # optional outputs come last
        exits = tuple(values[name] for name in self.exits)
        return exits[0] if len(exits) == 1 else exits


def _constant(node: Node, onnx) -> torch.Tensor:
    for name in ("value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            return torch.tensor(node.get(name))
    if "value" not in node.attributes:
        raise node.refuse("it is no tensor and no number")
    return torch.tensor(onnx.numpy_helper.to_array(node.get("value")))


# --- layers with weights: (node, constant inputs) -> (layer, number of weights), or None


def _windows(node: Node, n_axes: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return strides, dilations, padding before and behind, none where that depends on the input's
    size.
    """
    pads = node.get("pads", [0] * 2 * n_axes)
    return (
        list(node.get("strides", [1] * n_axes)),
        list(node.get("dilations", [1] * n_axes)),
        list(pads[:n_axes]),
        list(pads[n_axes:]),
    )


def _is_same(node: Node) -> bool:
    """Tell whether a node pads so that its output has as many values as it makes steps."""
    return node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID")


def _same_pads(node: Node, sizes, kernel) -> tuple[list[int], list[int]]:
    """Return the padding before and behind that auto_pad means for axes of these sizes."""
    strides, dilations, *_ = _windows(node, len(kernel))
    if any(d != 1 for d in dilations):
        raise node.refuse("it is dilated and pads by itself, which onnxruntime cannot either")
    axes = zip(sizes, kernel, strides, strict=True)
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in axes]
    less, more = [n // 2 for n in total], [n - n // 2 for n in total]
    return (less, more) if node.get("auto_pad") == "SAME_UPPER" else (more, less)


class _SamePad(nn.Module):
    """Zeros around the input, as many as its size asks for."""

    def __init__(self, node: Node, kernel: list[int]):
        super().__init__()
        self.node, self.kernel = node, kernel

    def forward(self, x):
        return F.pad(x, _torch_pads(*_same_pads(self.node, x.shape[2:], self.kernel)))


def _torch_pads(before: list[int], behind: list[int]) -> list[int]:
    """Return padding as F.pad takes it: the last axis first."""
    return [n for pair in zip(before[::-1], behind[::-1], strict=True) for n in pair]


def _convolution(node: Node, constants):
    weight, bias = constants[1], constants[2] if len(constants) > 2 else None
    if weight is None or (bias is None and len(node.inputs) > 2 and node.inputs[2]):
        return None
    n_axes = weight.ndim - 2
    strides, dilations, before, behind = _windows(node, n_axes)
    group = node.get("group", 1)
    padding = before if before == behind else [0] * n_axes
    if node.kind == "ConvTranspose":
        if before != behind or _is_same(node):
            raise node.refuse("its padding is not the same on both sides")
        kind, n_in, n_out = _TRANSPOSED[n_axes], weight.shape[0], weight.shape[1] * group
        more = {"output_padding": list(node.get("output_padding", [0] * n_axes))}
        node.demand(output_shape=None)
    else:
        kind, n_in, n_out, more = (
            _CONVOLUTIONS[n_axes],
            weight.shape[1] * group,
            weight.shape[0],
            {},
        )
    layer = kind(
        n_in,
        n_out,
        tuple(weight.shape[2:]),
        strides,
        padding,
        dilation=dilations,
        groups=group,
        bias=bias is not None,
        **more,
    )
    _fill(layer, weight=weight, bias=bias)
    if _is_same(node):
        layer = nn.Sequential(_SamePad(node, list(weight.shape[2:])), layer)
    elif before != behind:
        layer = nn.Sequential(_Pad(_torch_pads(before, behind)), layer)
    return layer, len(node.inputs) - 1


_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


class _Pad(nn.Module):
    def __init__(self, pads: list[int]):
        super().__init__()
        self.pads = pads

    def forward(self, x):
        return F.pad(x, self.pads)


def _fill(layer: nn.Module, **weights) -> None:
    with torch.no_grad():
        for name, value in weights.items():
            if value is not None:
                getattr(layer, name).copy_(value)


def _gemm(node: Node, constants):
    if constants[1] is None or (len(constants) > 2 and constants[2] is None):
        return None
    if (node.get("alpha", 1.0), node.get("beta", 1.0), node.get("transA", 0)) != (1.0, 1.0, 0):
        return None
    weight = constants[1] if node.get("transB", 0) else constants[1].T
    bias = constants[2].expand(len(weight)) if len(constants) > 2 else None
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    _fill(layer, weight=weight, bias=bias)
    return layer, len(node.inputs) - 1


def _matmul(node: Node, constants):
    if constants[1] is None or constants[1].ndim != 2:
        return None
    layer = nn.Linear(*constants[1].shape, bias=False)
    _fill(layer, weight=constants[1].T)
    return layer, 1


class _AnyBatchNorm(nn.modules.batchnorm._BatchNorm):
    def _check_input_dim(self, x):  # an ONNX node does not say how many axes its input has
        pass


def _batch_norm(node: Node, constants):
    if any(value is None for value in constants[1:]):
        return None
    node.demand(training_mode=0)
    scale, bias, mean, variance = constants[1:]
    layer = _AnyBatchNorm(len(scale), node.get("epsilon", 1e-5))
    _fill(layer, weight=scale, bias=bias, running_mean=mean, running_var=variance)
    return layer, 4


def _layer_norm(node: Node, constants):
    if constants[1] is None:
        return None
    axes, axis = constants[1].ndim, node.get("axis", -1)
    if axis not in (-axes,) and axis < 0:
        raise node.refuse(f"axis is {axis}, its scale has {axes} axes")
    layer = nn.LayerNorm(constants[1].shape, node.get("epsilon", 1e-5))
    nn.init.zeros_(layer.bias)
    _fill(layer, weight=constants[1], bias=constants[2] if len(constants) > 2 else None)
    return layer, len(node.inputs) - 1


def _instance_norm(node: Node, constants):
    if constants[1] is None or constants[2] is None:
        return None
    layer = _AnyInstanceNorm(len(constants[1]), node.get("epsilon", 1e-5), affine=True)
    _fill(layer, weight=constants[1], bias=constants[2])
    return layer, 2


class _AnyInstanceNorm(nn.modules.instancenorm._InstanceNorm):
    def _check_input_dim(self, x):
        pass

    def _get_no_batch_dim(self):
        return -1


_GATES = {
    "LSTM": (4, [0, 2, 3, 1]),
    "GRU": (3, [1, 0, 2]),
    "RNN": (1, [0]),
}  # ONNX: iofc, zrh; torch: ifgo, rzn


class _Recurrent(nn.Module):
    """A recurrent layer of torch with ONNX's inputs and outputs, directions apart."""

    def __init__(self, layer: nn.RNNBase):
        super().__init__()
        self.layer = layer

    def forward(self, x, lengths=None, hidden=None, cell=None, *peepholes):
        if lengths is not None or any(p is not None for p in peepholes):
            raise ParameterError("Recurrent ONNX layers with lengths or peepholes cannot be read.")
        state = None
        if (hidden is not None and hidden.any()) or (cell is not None and cell.any()):
            state = (hidden, cell) if isinstance(self.layer, nn.LSTM) else hidden
        y, last = self.layer(x) if state is None else self.layer(x, state)
        directions = 2 if self.layer.bidirectional else 1
        y = y.view(*y.shape[:2], directions, -1).transpose(1, 2)  # (time, direction, batch, hidden)
        return (y, *last) if isinstance(last, tuple) else (y, last)


def _recurrent(node: Node, constants):
    weight, recurrent = constants[1:3]
    bias = constants[3] if len(constants) > 3 else None
    if weight is None or recurrent is None:
        return None
    node.demand(
        layout=0,
        clip=None,
        input_forget=0,
        **({"linear_before_reset": 1} if node.kind == "GRU" else {}),
    )
    direction = node.get("direction", "forward")
    if direction == "reverse":
        raise node.refuse("its direction is 'reverse' alone")
    usual = {
        "LSTM": [b"Sigmoid", b"Tanh", b"Tanh"],
        "GRU": [b"Sigmoid", b"Tanh"],
        "RNN": [b"Tanh"],
    }[node.kind]
    if node.get("activations", usual * len(weight)) != usual * len(weight):
        raise node.refuse("its activations are not the usual ones")
    if node.kind == "GRU" and "linear_before_reset" not in node.attributes:
        raise node.refuse("linear_before_reset is 0, and only 1 is known here")
    n_gates, order = _GATES[node.kind]
    layer = getattr(nn, node.kind)(
        weight.shape[2],
        node.get("hidden_size"),
        bias=bias is not None,
        bidirectional=direction == "bidirectional",
    )
    for number, end in enumerate(["", "_reverse"][: len(weight)]):
        parts = {"weight_ih_l0": weight[number], "weight_hh_l0": recurrent[number]}
        if bias is not None:
            parts |= dict(zip(("bias_ih_l0", "bias_hh_l0"), bias[number].chunk(2), strict=True))
        _fill(
            layer,
            **{
                name + end: torch.cat([value.chunk(n_gates)[gate] for gate in order])
                for name, value in parts.items()
            },
        )
    return _Recurrent(layer), 3 if len(node.inputs) > 3 else 2


_LAYERS: dict[str, Callable] = {
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}


# --- functions: (node, *values) -> value or values


def _numbers(value) -> list[int]:
    return [int(n) for n in value.flatten()]


def _axes(node: Node, given) -> list[int] | None:
    found = node.get("axes") if given is None else _numbers(given)
    return None if found is None else list(found)


def _reduction(reduce: Callable) -> Callable:
    def compute(node: Node, x, given=None):
        axes = _axes(node, given)
        if not axes:
            if node.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(x.ndim))
        return reduce(x, axes, bool(node.get("keepdims", 1)))

    return compute


def _pool(node: Node, x, pool: Callable, filler: float | None, **more):
    kernel = list(node.get("kernel_shape"))
    strides, dilations, before, behind = _windows(node, len(kernel))
    if _is_same(node):
        before, behind = _same_pads(node, x.shape[2:], kernel)
    if before == behind and all(2 * pad <= size for pad, size in zip(before, kernel, strict=True)):
        padding = before
    elif filler is None:
        raise node.refuse("its padding is not the same on both sides")
    else:
        x, padding = F.pad(x, _torch_pads(before, behind), value=filler), 0
    if "dilations" in node.attributes and filler is not None:
        more["dilation"] = dilations
    return pool(x, kernel, strides, padding, ceil_mode=bool(node.get("ceil_mode", 0)), **more)


def _max_pool(node: Node, x):
    node.demand(storage_order=0)
    if len(node.outputs) > 1:
        raise node.refuse("the places of its maxima are asked for")
    return _pool(node, x, (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3], float("-inf"))


def _average_pool(node: Node, x):
    if any(n != 1 for n in node.get("dilations", [1])):
        raise node.refuse("it is dilated")
    return _pool(
        node,
        x,
        (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3],
        None,
        count_include_pad=bool(node.get("count_include_pad", 0)),
    )


def _resize(node: Node, x, region=None, scales=None, sizes=None):
    node.demand(antialias=0, exclude_outside=0, keep_aspect_ratio_policy=None, axes=None)
    mode, place = _resizing(node)
    wanted = dict(size=_numbers(sizes)) if scales is None else dict(scale_factor=scales.tolist())
    ((name, given),) = wanted.items()
    if list(given[:2]) != ([1, 1] if name == "scale_factor" else list(x.shape[:2])):
        raise node.refuse("it changes the batch or channel axis")
    if mode == "linear":
        mode = ("linear", "bilinear", "trilinear")[x.ndim - 3]
    options = {} if "nearest" in mode else {"align_corners": place == "align_corners"}
    return F.interpolate(x, mode=mode, **{name: given[2:]}, **options)


def _resizing(node: Node) -> tuple[str, str]:
    """Return torch's mode, and where the values of the output lie between those of the input."""
    mode, place = node.get("mode", "nearest"), node.get("coordinate_transformation_mode")
    place, nearest = place or "half_pixel", node.get("nearest_mode", "round_prefer_floor")
    if mode == "linear" and place in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return mode, place
    if mode == "nearest" and (place, nearest) == ("asymmetric", "floor"):
        return mode, place
    if mode == "nearest" and (place, nearest) == ("half_pixel", "round_prefer_floor"):
        return "nearest-exact", place
    raise node.refuse(f"its mode is {mode!r} ({place}, {nearest})")


def _dft(node: Node, x, length=None, axis=None):
    """A Fourier transform; real values are (..., 1), complex ones (..., 2)."""
    if node.get("inverse", 0) and node.get("onesided", 0):
        raise node.refuse("it is the inverse of half a spectrum")
    axis = node.get("axis", 1) if axis is None else int(axis)
    axis = axis % x.ndim if axis >= 0 else axis % (x.ndim - 1 if axis == -1 else x.ndim)
    n = None if length is None else int(length)
    values = torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x[..., 0]
    transform = torch.fft.ifft if node.get("inverse", 0) else torch.fft.fft
    if node.get("onesided", 0):
        transform = torch.fft.rfft
    return torch.view_as_real(transform(values, n, dim=axis))


def _stft(node: Node, signal, step, window=None, length=None):
    """A short-time Fourier transform (batch, frame, frequency, 2) of (batch, time[, 1])."""
    if signal.ndim == 3:
        if signal.shape[-1] != 1:
            raise node.refuse("its signal is complex")
        signal = signal[..., 0]
    n = len(window) if length is None else int(length)
    frames = signal.unfold(-1, n, int(step))  # (batch, frame, n)
    frames = frames if window is None else frames * window
    transform = torch.fft.rfft if node.get("onesided", 1) else torch.fft.fft
    return torch.view_as_real(transform(frames))


def _group_norm(node: Node, x, scale, bias):
    return F.group_norm(x, node.get("num_groups"), scale, bias, node.get("epsilon", 1e-5))


def _cumulative_sum(node: Node, x, axis):
    node.demand(exclusive=0, reverse=0)
    return x.cumsum(int(axis))


def _reshape(node: Node, x, shape):
    wanted = _numbers(shape)
    if not node.get("allowzero", 0):
        wanted = [x.shape[axis] if n == 0 else n for axis, n in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(node: Node, x):
    axis = node.get("axis", 1) % (x.ndim + 1)
    return x.reshape(int(torch.tensor(x.shape[:axis]).prod()) if axis else 1, -1)


def _squeeze(node: Node, x, given=None):
    axes = _axes(node, given)
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(node: Node, x, given=None):
    axes = _axes(node, given)
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _slice(node: Node, x, starts, ends, axes=None, steps=None):
    starts, ends = _numbers(starts), _numbers(ends)
    axes = range(len(starts)) if axes is None else _numbers(axes)
    steps = [1] * len(starts) if steps is None else _numbers(steps)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 0:
            if (start, step) != (-1, -1) or end > -x.shape[axis] - 1:
                raise node.refuse(f"its step is {step}")
            x = x.flip(axis)
            continue
        n = x.shape[axis]
        places = range(*slice(start, end, step).indices(n))
        x = x[(slice(None),) * (axis % x.ndim) + (slice(places.start, places.stop, step),)]
    return x


def _gather(node: Node, x, indices):
    axis = node.get("axis", 0) % x.ndim
    places = torch.where(indices < 0, indices + x.shape[axis], indices)
    if places.ndim == 0:
        return x.select(axis, int(places))
    return x.index_select(axis, places.flatten()).reshape(
        *x.shape[:axis], *places.shape, *x.shape[axis + 1 :]
    )


def _pad(node: Node, x, pads=None, value=None, axes=None):
    given = _numbers(pads)
    half = len(given) // 2
    before, behind = [0] * x.ndim, [0] * x.ndim
    for number, axis in enumerate(range(x.ndim) if axes is None else _numbers(axes)):
        before[axis], behind[axis] = given[number], given[half + number]
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}
    if (mode := node.get("mode", "constant")) not in modes:
        raise node.refuse(f"its mode is {mode!r}")
    torch_pads = _torch_pads(before, behind)
    if modes[mode] == "constant":
        return F.pad(x, torch_pads, value=0.0 if value is None else float(value))
    if any(torch_pads[2 * (x.ndim - 2) :]):
        raise node.refuse(f"{mode} reaches the batch or channel axis")
    return F.pad(x, torch_pads[: 2 * (x.ndim - 2)], mode=modes[mode])


def _split(node: Node, x, sizes=None):
    axis = node.get("axis", 0)
    parts = len(node.outputs)
    return x.split(_numbers(sizes) if sizes is not None else -(-x.shape[axis] // parts), axis)


def _gemm_function(node: Node, a, b, c=None):
    a, b = (a.T if node.get("transA", 0) else a), (b.T if node.get("transB", 0) else b)
    product = node.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.get("beta", 1.0) * c


def _cast(node: Node, x):
    kind = node.get("to")
    if kind not in _TYPES:
        raise node.refuse(f"type number {kind} is not known here")
    # a model in another precision than its file's stays in its own
    return x if x.is_floating_point() and _TYPES[kind].is_floating_point else x.to(_TYPES[kind])


def _constant_of_shape(node: Node, shape):
    import onnx

    value = node.get("value")
    fill = torch.zeros(1) if value is None else torch.tensor(onnx.numpy_helper.to_array(value))
    return fill.expand(_numbers(shape)).clone()


def _divide(node: Node, a, b):
    return (
        a / b
        if a.is_floating_point() or b.is_floating_point()
        else torch.div(a, b, rounding_mode="trunc")
    )


def _clip(node: Node, x, low=None, high=None):
    return x if low is None and high is None else torch.clamp(x, low, high)


def _plain(function: Callable) -> Callable:
    return lambda node, *values: function(*values)


_FUNCTIONS: dict[str, Callable] = {
    "Identity": _plain(lambda x: x),
    "Dropout": lambda node, x, *_: x,
    "Relu": _plain(F.relu),
    "Sigmoid": _plain(torch.sigmoid),
    "Tanh": _plain(torch.tanh),
    "Erf": _plain(torch.erf),
    "Softplus": _plain(F.softplus),
    "HardSwish": _plain(F.hardswish),
    "Mish": _plain(F.mish),
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.get("alpha", 0.01)),
    "Elu": lambda node, x: F.elu(x, node.get("alpha", 1.0)),
    "PRelu": _plain(lambda x, s: torch.where(x < 0, s * x, x)),
    "Gelu": lambda node, x: F.gelu(x, approximate=node.get("approximate", "none")),
    "HardSigmoid": lambda node, x: (node.get("alpha", 0.2) * x + node.get("beta", 0.5)).clamp(0, 1),
    "Softmax": lambda node, x: x.softmax(node.get("axis", -1)),
    "LogSoftmax": lambda node, x: x.log_softmax(node.get("axis", -1)),
    "Clip": _clip,
    "Exp": _plain(torch.exp),
    "Log": _plain(torch.log),
    "Sqrt": _plain(torch.sqrt),
    "Abs": _plain(torch.abs),
    "Neg": _plain(torch.neg),
    "Reciprocal": _plain(torch.reciprocal),
    "Sin": _plain(torch.sin),
    "Cos": _plain(torch.cos),
    "Pow": _plain(lambda x, y: x ** y.to(x)),
    "Floor": _plain(torch.floor),
    "Mod": lambda node, a, b: torch.fmod(a, b) if node.get("fmod", 0) else torch.remainder(a, b),
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _divide,
    "Max": _plain(
        lambda x, *more: x if not more else torch.stack(torch.broadcast_tensors(x, *more)).amax(0)
    ),
    "Min": _plain(
        lambda x, *more: x if not more else torch.stack(torch.broadcast_tensors(x, *more)).amin(0)
    ),
    "Ceil": _plain(torch.ceil),
    "Round": _plain(torch.round),
    "Sign": _plain(torch.sign),
    "Selu": lambda node, x: (
        node.get("gamma", 1.0507009873554805) * F.elu(x, node.get("alpha", 1.6732632423543772))
    ),
    "Celu": lambda node, x: F.celu(x, node.get("alpha", 1.0)),
    "Softsign": _plain(F.softsign),
    "Sum": _plain(lambda *terms: sum(terms)),
    "CumSum": _cumulative_sum,
    "Tile": _plain(lambda x, times: x.repeat(_numbers(times))),
    "Resize": _resize,
    "DFT": _dft,
    "STFT": _stft,
    "GroupNormalization": _group_norm,
    "Einsum": lambda node, *values: torch.einsum(node.get("equation"), *values),
    "And": _plain(torch.logical_and),
    "Or": _plain(torch.logical_or),
    "LessOrEqual": _plain(torch.le),
    "GreaterOrEqual": _plain(torch.ge),
    "Equal": _plain(torch.eq),
    "Less": _plain(torch.lt),
    "Greater": _plain(torch.gt),
    "Where": _plain(torch.where),
    "Not": _plain(torch.logical_not),
    "MatMul": _plain(torch.matmul),
    "Gemm": _gemm_function,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _plain(lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True)),
    "GlobalMaxPool": _plain(lambda x: x.amax(tuple(range(2, x.ndim)), keepdim=True)),
    "ReduceMean": _reduction(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceMax": _reduction(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMin": _reduction(lambda x, axes, keep: x.amin(axes, keep)),
    "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: x.pow(2).sum(axes, keep)),
    "ReduceLogSumExp": _reduction(lambda x, axes, keep: x.logsumexp(axes, keep)),
    "ReduceL2": _reduction(lambda x, axes, keep: x.pow(2).sum(axes, keep).sqrt()),
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda node, x: x.permute(node.get("perm") or [*reversed(range(x.ndim))]),
    "Concat": lambda node, *parts: torch.cat(parts, node.get("axis")),
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "Cast": _cast,
    "Expand": _plain(
        lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, tuple(_numbers(shape))))
    ),
    "Shape": lambda node, x: torch.tensor(x.shape[node.get("start", 0) : node.get("end")]),
    "ConstantOfShape": _constant_of_shape,
    "Range": _plain(lambda start, stop, step: torch.arange(start.item(), stop.item(), step.item())),
}
