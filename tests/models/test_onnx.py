"""ONNX files: what is read answers as ONNX's own runtime, or is refused by name."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import attribution, explaining
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError
from earwitness.models import onnx as reader

onnx = pytest.importorskip("onnx", reason="the extra earwitness[onnx]")
pytest.importorskip("onnxscript", reason="torch exports with it")


def runtime(path, x):
    """Return what onnxruntime answers, or where it is not installed ONNX's own reference."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(str(path)).run(None, {"input": x})
    return onnxruntime.InferenceSession(str(path)).run(None, {"input": x})


class Crnn(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, (5, 3), padding=(2, 0)), nn.BatchNorm2d(4)
        self.cells, self.fc = kind(20, 6, batch_first=True, bidirectional=True), nn.Linear(12, 3)

    def forward(self, x):  # (batch, 1, 10, time)
        y = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), (2, 1))
        return self.fc(self.cells(y.flatten(1, 2).transpose(1, 2))[0]).mean(1)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.front, self.norm, self.fc = nn.Conv1d(1, 16, 8, 8), nn.LayerNorm(16), nn.Linear(16, 3)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

    def forward(self, x):
        return self.fc(self.norm(self.encoder(self.front(x).transpose(1, 2))).amax(1))


class Gates(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.up = (
            nn.Conv1d(1, 8, 9, dilation=2),
            nn.Conv1d(4, 4, 3, groups=2),
            nn.ConvTranspose1d(4, 2, 4, 2),
        )
        self.squeeze, self.fc = nn.Linear(2, 2), nn.Linear(4, 3)

    def forward(self, x):
        y = nn.functional.glu(self.a(nn.functional.pad(x, (16, 0))), 1)
        y = nn.functional.elu(
            self.up(nn.functional.silu(self.b(nn.functional.pad(y, (1, 1), mode="reflect"))))
        )
        y = y * torch.sigmoid(self.squeeze(y.mean(-1)))[..., None]
        centred = y - y.mean(-1, keepdim=True)
        return self.fc(torch.cat([y.mean(-1), (centred.square().mean(-1) + 1e-5).sqrt()], 1))


def sequence():
    return nn.Sequential(
        nn.Conv1d(1, 6, 9, 2, padding=4),
        nn.BatchNorm1d(6),
        nn.GELU(),
        nn.MaxPool1d(3, 2, ceil_mode=True),
        nn.AvgPool1d(3, 2, padding=1),
        nn.Hardswish(),
        nn.LeakyReLU(0.2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.Softplus(),
        nn.Linear(5, 3),
        nn.LogSoftmax(-1),
    )


def trained(model, seed=0):
    """Give a network weights, and batch norms statistics, away from their start."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) * 0.8 - (
                0.4 if tensor.min() <= 0 else -0.3
            )
    return model.eval()


NETWORKS = {
    "sequence": (sequence, (2, 1, 401)),
    "gates": (Gates, (2, 1, 300)),
    "transformer": (Transformer, (2, 1, 400)),
    "lstm": (lambda: Crnn(nn.LSTM), (2, 1, 10, 20)),
    "gru": (lambda: Crnn(nn.GRU), (2, 1, 10, 20)),
    "rnn": (lambda: Crnn(nn.RNN), (2, 1, 10, 20)),
}


def exported(path, model, x, dynamo):
    more = {"external_data": False} if dynamo else {"dynamic_axes": {"input": {0: "n"}}}
    torch.onnx.export(
        model, (x,), path, input_names=["input"], dynamo=dynamo, verbose=False, **more
    )
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_answers_as_the_runtime_and_as_the_network_that_was_exported(tmp_path, name, dynamo):
    make, shape = NETWORKS[name]
    model = trained(make())
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    path = exported(tmp_path / "net.onnx", model, x, dynamo)
    read = reader.load(path)
    found = read(x).detach().numpy()
    np.testing.assert_allclose(found, runtime(path, x.numpy())[0], atol=2e-5)
    np.testing.assert_allclose(found, model(x).detach().numpy(), atol=2e-5)


@pytest.mark.filterwarnings("ignore")
def test_what_is_read_is_explained_as_the_network_that_was_exported(tmp_path):
    model = trained(
        nn.Sequential(
            nn.Conv1d(1, 6, 9, 2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(588, 3)
        )
    )
    x = torch.randn(1, 1, 400, generator=torch.Generator().manual_seed(1))
    read = reader.load(exported(tmp_path / "net.onnx", model, x, True))
    for method in ("gradient", "lrp-epsilon", "deeplift", "integrated-gradients"):
        torch.testing.assert_close(
            attribution.attribute(read, x, 1, method),
            attribution.attribute(model, x, 1, method),
            rtol=1e-4,
            atol=1e-5,
        )


def graph(path, *nodes, inputs=("input",), rank=3, opset=18, **constants):
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    made = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, 1, [1, 1, 12]) for name in inputs],
        [helper.make_tensor_value_info("output", 1, [f"n{axis}" for axis in range(rank)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=10), path)
    return path


def node(kind, *inputs, **attributes):
    return onnx.helper.make_node(kind, list(inputs), ["output"], **attributes)


def single(kind, **attributes):
    return (node(kind, "input", **attributes),), {}


SINGLE = {
    "asymmetric padding": (
        (node("Conv", "input", "w", pads=[3, 0]),),
        {"w": np.ones((2, 1, 4), np.float32)},
    ),
    "max pool padded on one side": single("MaxPool", kernel_shape=[3], pads=[2, 0]),
    "average pool": single(
        "AveragePool", kernel_shape=[4], pads=[2, 2], strides=[3], count_include_pad=1
    ),
    **{
        f"convolution padded {side}, stride {stride}": (
            (node("Conv", "input", "w", auto_pad=side, strides=[stride]),),
            {"w": np.arange(8, dtype=np.float32).reshape(2, 1, 4)},
        )
        for side in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for stride in (1, 3)
    },
    "max pool padded by its size": single(
        "MaxPool", kernel_shape=[3], strides=[2], auto_pad="SAME_UPPER"
    ),
    "average pool padded by its size": single(
        "AveragePool", kernel_shape=[3], auto_pad="SAME_LOWER"
    ),
    "nearest resize": (
        (
            node(
                "Resize",
                *("input", "", "s"),
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
        ),
        {"s": np.array([1, 1, 2.5], np.float32)},
    ),
    "nearest resize between": (
        (node("Resize", "input", "", "s"),),
        {"s": np.array([1, 1, 3], np.float32)},
    ),
    "linear resize": (
        (node("Resize", "input", "", "", "s", mode="linear"),),
        {"s": np.array([1, 1, 30])},
    ),
    "linear resize to the corners": (
        (
            node(
                "Resize",
                *("input", "", "", "s"),
                mode="linear",
                coordinate_transformation_mode="align_corners",
            ),
        ),
        {"s": np.array([1, 1, 7])},
    ),
    "transform": (
        (
            onnx.helper.make_node("Unsqueeze", ["input", "last"], ["real"]),
            node("DFT", "real", "n", axis=2, onesided=1),
        ),
        {"last": np.array([3]), "n": np.int64(16)},
    ),
    "transform there and back": (
        (
            onnx.helper.make_node("Unsqueeze", ["input", "last"], ["real"]),
            onnx.helper.make_node("DFT", ["real"], ["spectrum"], axis=2),
            node("DFT", "spectrum", axis=2, inverse=1),
        ),
        {"last": np.array([3])},
    ),
    "short-time transform": (
        (
            onnx.helper.make_node("Squeeze", ["input", "first"], ["signal"]),
            node("STFT", "signal", "step", "window"),
        ),
        {"first": np.array([1]), "step": np.int64(2), "window": np.hanning(6).astype(np.float32)},
    ),
    **{
        kind.lower(): single(kind) for kind in ("Selu", "Celu", "Softsign", "Ceil", "Round", "Sign")
    },
    "group norm": (
        (
            onnx.helper.make_node("Reshape", ["input", "shape"], ["channels"]),
            node("GroupNormalization", "channels", "scale", "bias", num_groups=2),
        ),
        {
            "shape": np.array([1, 4, 3]),
            "scale": np.array([0.5, 2, 1, 3], np.float32),
            "bias": np.array([1, -1, 0, 2], np.float32),
        },
    ),
    "a sum of three": ((node("Sum", "input", "y", "input"),), {"y": np.ones((1, 12), np.float32)}),
    "sum of squares": single("ReduceSumSquare", keepdims=0),
    "sum of sizes": single("ReduceL1", keepdims=0),
    "log of a sum": single("ReduceLogSumExp", keepdims=0),
    "running sum": ((node("CumSum", "input", "a"),), {"a": np.int64(2)}),
    "repeated": ((node("Tile", "input", "n"),), {"n": np.array([1, 2, 3])}),
    "in Einstein's notation": (
        (node("Einsum", "input", "w", equation="bct,td->bcd"),),
        {"w": np.eye(12, 5, dtype=np.float32)},
    ),
    "hard sigmoid": single("HardSigmoid", alpha=0.3),
    "flatten": single("Flatten", axis=0),
    "slice back": (
        (node("Slice", "input", "s", "e", "a", "t"),),
        {"s": np.array([-1]), "e": np.array([-(2**31)]), "a": np.array([2]), "t": np.array([-1])},
    ),
    "slice": (
        (node("Slice", "input", "s", "e", "a", "t"),),
        {"s": np.array([-9]), "e": np.array([2**40]), "a": np.array([-1]), "t": np.array([2])},
    ),
    "gather": ((node("Gather", "input", "i", axis=2),), {"i": np.array([[0, -1], [3, 2]])}),
    "edge padding": (
        (node("Pad", "input", "p", mode="edge"),),
        {"p": np.array([0, 0, 2, 0, 0, 3])},
    ),
    "reduction": single("ReduceL2", keepdims=0),
    "power": ((node("Pow", "input", "y"),), {"y": np.float32(2)}),
    "maximum": (
        (node("Max", "input", "y", "z"),),
        {"y": np.float32(0.1), "z": np.zeros((1, 12), np.float32)},
    ),
}


RANKS = {"flatten": 2, "gather": 4} | dict.fromkeys(
    ("reduction", "sum of squares", "sum of sizes", "log of a sum"), 0
)
RANKS |= dict.fromkeys(("transform", "transform there and back", "short-time transform"), 4)


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_operation_is_that_of_onnx(tmp_path, name):
    nodes, constants = SINGLE[name]
    known = {"rank": RANKS.get(name, 3), "opset": 21 if name == "group norm" else 18}
    path = graph(tmp_path / "one.onnx", *nodes, **known, **constants)
    x = np.random.default_rng(0).standard_normal((1, 1, 12)).astype(np.float32)
    np.testing.assert_allclose(
        reader.load(path)(torch.from_numpy(x)).detach(), runtime(path, x)[0], atol=3e-6
    )


@pytest.mark.parametrize(
    ("nodes", "constants", "said"),
    [
        ((lambda: node("Det", "input")), {}, "not known here: Det"),
        (
            (lambda: node("ConvTranspose", "input", "w", auto_pad="SAME_UPPER")),
            {"w": np.ones((1, 2, 4), np.float32)},
            "ConvTranspose .* padding",
        ),
        (
            (lambda: node("GRU", "input", "w", "r", hidden_size=2)),
            {"w": np.ones((1, 6, 12), np.float32), "r": np.ones((1, 6, 2), np.float32)},
            "linear_before_reset",
        ),
    ],
)
def test_an_operation_that_cannot_be_read_is_refused_by_name(tmp_path, nodes, constants, said):
    with pytest.raises(ParameterError, match=said):
        reader.load(graph(tmp_path / "one.onnx", nodes(), **constants))


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "constants", "said"),
    [
        ("Resize", ("", "s"), {"mode": "cubic"}, {"s": np.array([1, 1, 2], np.float32)}, "'cubic'"),
        ("Resize", ("", "s"), {}, {"s": np.array([1, 2, 2], np.float32)}, "channel axis"),
        (
            "Conv",
            ("w",),
            {"auto_pad": "SAME_UPPER", "dilations": [2]},
            {"w": np.ones((2, 1, 4), np.float32)},
            "dilated",
        ),
        ("CumSum", ("a",), {"reverse": 1}, {"a": np.int64(2)}, "reverse is 1"),
    ],
)
def test_what_only_the_input_shows_is_refused_when_it_is_heard(
    tmp_path, kind, inputs, attributes, constants, said
):
    path = graph(tmp_path / "one.onnx", node(kind, "input", *inputs, **attributes), **constants)
    with pytest.raises(ParameterError, match=f"{kind} .*{said}"):
        reader.load(path)(torch.ones(1, 1, 12))


def test_networks_that_differ_in_a_function_alone_have_other_digests(tmp_path):
    nodes = {
        "relu": node("Relu", "input"),
        "tanh": node("Tanh", "input"),
        "leaky": node("LeakyRelu", "input", alpha=0.1),
        "leakier": node("LeakyRelu", "input", alpha=0.3),
    }
    found = {
        explaining.find(str(graph(tmp_path / f"{name}.onnx", one)), sample_rate=8000).digest
        for name, one in nodes.items()
    }
    assert len(found) == len(nodes)


def test_files_that_are_no_network_of_one_sound_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(DamagedDataError, match="no ONNX file"):
        reader.load(tmp_path / "text.onnx")
    with pytest.raises(MissingDataError, match="no file"):
        reader.load(tmp_path / "none.onnx")
    with pytest.raises(ParameterError, match="takes 2 inputs"):
        reader.load(
            graph(tmp_path / "two.onnx", node("Add", "input", "other"), inputs=("input", "other"))
        )
