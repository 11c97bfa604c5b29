"""LRP against the cost that no method can go below, one forward and one backward pass, and against zennit's hooks."""

import torch
from torch import nn
from zennit.composites import EpsilonPlus, LayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Gamma
from zennit.types import Convolution, Linear

from benchmarks.measure import interleaved
from earwitness import attribution, runtime
from earwitness.models import AlexNet, AudioNet

TITLE = "Relevance: cost in units of one forward and one backward pass"


def _zennit(method: str):
    return {
        "lrp-epsilon": lambda: LayerMapComposite([*layer_map_base(), (Linear, Epsilon(1e-6))]),
        "lrp-epsilon-plus": EpsilonPlus,
        "lrp-alpha1-beta0": lambda: LayerMapComposite([*layer_map_base(), (Linear, AlphaBeta(1, 0))]),
        "lrp-gamma": lambda: LayerMapComposite(
            [*layer_map_base(), (Convolution, Gamma(0.25)), (nn.Linear, Epsilon(1e-6))]),
    }[method]()


def _gradient(model, inputs, targets, relevance_start: bool = False):
    leaf = inputs.clone().requires_grad_()
    logits = model(leaf).gather(1, targets[:, None])
    return torch.autograd.grad(logits, leaf, logits.detach() if relevance_start else torch.ones_like(logits))[0]


def _zennit_relevance(model, inputs, targets, method):
    with _zennit(method).context(model) as hooked:
        return _gradient(hooked, inputs, targets, relevance_start=True)


def run(n_clips: int = 20) -> dict[str, list[dict]]:
    """Return a table for each network."""
    runtime.tune()
    tables = {}
    for network, shape in ((AudioNet, (1, 8000)), (AlexNet, (1, 227, 227))):
        torch.manual_seed(0)
        model, inputs = network(10).eval().requires_grad_(False), torch.randn(n_clips, *shape)
        targets = torch.arange(n_clips) % 10
        contenders = {"forward and backward": lambda m=model, x=inputs, t=targets: _gradient(m, x, t)}
        equal = {"forward and backward": ""}
        for method in ("lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0", "lrp-gamma"):
            def ours(m=model, x=inputs, t=targets, name=method):
                return attribution.attribute(m, x, t, name)

            def zennits(m=model, x=inputs, t=targets, name=method):
                return _zennit_relevance(m, x, t, name)

            contenders |= {f"{method}, earwitness": ours, f"{method}, zennit": zennits}
            equal |= {f"{method}, earwitness": "bit for bit" if torch.equal(ours(), zennits()) else "no",
                      f"{method}, zennit": ""}
        rows = interleaved(contenders)
        heading = f"{network.__name__}, {n_clips} clips"
        tables[heading] = [{**row, "equal to zennit": equal[row["name"]]} for row in rows]
    return tables
