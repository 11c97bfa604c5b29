"""LRP against the cost that no method can go below, one forward and one backward pass, and against
zennit, captum and, where it is installed (``benchmarks.peers`` says how), LXT. On one thread.
"""

from functools import partial
from importlib.util import find_spec

import torch
import torchvision
from captum.attr import LRP
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn
from zennit.composites import EpsilonPlus, LayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Gamma
from zennit.types import Convolution, Linear

from benchmarks.measure import interleaved, peak_memory
from benchmarks.peers import patched_by_lxt
from earwitness import attribution, runtime
from earwitness.models import AlexNet, AudioNet

METHODS = ("lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0", "lrp-gamma")
TITLE = "Relevance: cost in units of one forward and one backward pass"
N_THREADS = 1


def _zennit(method: str):
    return {
        "lrp-epsilon": lambda: LayerMapComposite([*layer_map_base(), (Linear, Epsilon(1e-6))]),
        "lrp-epsilon-plus": EpsilonPlus,
        "lrp-alpha1-beta0": lambda: LayerMapComposite(
            [*layer_map_base(), (Linear, AlphaBeta(1, 0))]
        ),
        "lrp-gamma": lambda: LayerMapComposite(
            [*layer_map_base(), (Convolution, Gamma(0.25)), (nn.Linear, Epsilon(1e-6))]
        ),
    }[method]()


def _gradient(model, inputs, targets, relevance_start: bool = False):
    leaf = inputs.clone().requires_grad_()
    logits = model(leaf).gather(1, targets[:, None])
    return torch.autograd.grad(
        logits, leaf, logits.detach() if relevance_start else torch.ones_like(logits)
    )[0]


def _zennit_relevance(model, inputs, targets, method):
    with _zennit(method).context(model) as hooked:
        return _gradient(hooked, inputs, targets, relevance_start=True)


def _captum_relevance(model, inputs, targets):
    for layer in model.modules():
        if isinstance(layer, (Linear, nn.Flatten)):  # zennit's Linear: convolutions too
            layer.rule = EpsilonRule(1e-6)  # captum has none for some of them, and forgets this one
    return LRP(model).attribute(inputs, target=targets).detach()


def _lxt_relevance(model, inputs, targets):
    with patched_by_lxt():
        return inputs * _gradient(model, inputs, targets)


class Encoder(nn.Module):
    """A transformer encoder on frames, its mean, a dense layer."""

    def __init__(self, n_classes: int):
        super().__init__()
        layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.last = nn.Linear(256, n_classes)

    def forward(self, x):
        """Return logits (batch, n_classes) of frames (batch, time, 256)."""
        return self.last(self.layers(x).mean(1))


def _resnet18(n_classes: int) -> nn.Module:
    return torchvision.models.resnet18(num_classes=n_classes)


NETWORKS = {
    "AudioNet": (AudioNet, (1, 8000), 20),
    "AlexNet": (AlexNet, (1, 227, 227), 20),
    "ResNet-18": (_resnet18, (3, 224, 224), 4),
    "transformer encoder": (Encoder, (100, 256), 20),
}
_IN_MODULES = ("AudioNet", "AlexNet")  # sums, means and attention are not in modules of their own


def _peers(name: str, method: str) -> dict:
    """Return the peers that explain a network by a method as it is defined."""
    peers = {"zennit": partial(_zennit_relevance, method=method)} if name in _IN_MODULES else {}
    if method == "lrp-epsilon" and name in _IN_MODULES:
        peers["captum"] = _captum_relevance
    if method == "lrp-epsilon" and name == "transformer encoder" and find_spec("lxt"):
        peers["LXT"] = _lxt_relevance
    return peers


def _agreement(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    return f"to {float((ours - theirs).abs().max() / theirs.abs().max()):.0e}"


def run() -> dict[str, list[dict]]:
    """Return a table for each network."""
    runtime.tune()
    with runtime.torch_threads(N_THREADS):
        return {f"{name}, {NETWORKS[name][2]} clips": _table(name) for name in NETWORKS}


def _table(name: str) -> list[dict]:
    network, shape, n_clips = NETWORKS[name]
    torch.manual_seed(0)
    model, inputs = network(10).eval().requires_grad_(False), torch.randn(n_clips, *shape)
    targets = torch.arange(n_clips) % 10
    contenders = {"forward and backward": partial(_gradient, model, inputs, targets)}
    equal = {}
    for method in METHODS:
        ours = partial(attribution.attribute, model, inputs, targets, method)
        contenders[f"{method}, earwitness"] = ours
        for peer, explain in _peers(name, method).items():
            contenders[f"{method}, {peer}"] = partial(explain, model, inputs, targets)
            equal[f"{method}, {peer}"] = _agreement(ours(), explain(model, inputs, targets))
    memory = {row: peak_memory(call) for row, call in contenders.items()}
    reference = memory["forward and backward"]
    return [
        {
            **row,
            "memory": memory[row["name"]] / reference,
            "equal to ours": equal.get(row["name"], ""),
        }
        for row in interleaved(contenders)
    ]
