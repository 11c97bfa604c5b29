"""What other libraries return on the test table's networks, held against its reference.

``python -m benchmarks.peers`` runs the peers, writes ``results/peers.json`` and the page of the
book; with ``--page`` it only writes the page anew from that file. LXT needs an older transformers
than is current: run it where ``pip install lxt "transformers<5"`` has gone into an environment of
its own. A peer that is not installed keeps what the file says of it.
"""

import argparse
import importlib.metadata
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "attribution"))

from zoo.guided import guided  # noqa: E402
from zoo.registry import NETWORKS, Network  # noqa: E402
from zoo.rules import METHODS, Reference  # noqa: E402
from zoo.table import largest_error, reference_of  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "peers.json"
TOLERANCE = 1e-3
TINY = 1e-12


class Logits(nn.Module):
    """A network that returns its logits (batch, [time,] class) alone, as the peers want it."""

    def __init__(self, network: Network, model: nn.Module):
        super().__init__()
        self.model, self.pick = model, network.pick

    def forward(self, x):
        return self.pick(self.model(x))


def _from_logits(model, inputs, target, start: bool):
    """Return the gradient of the target's logits, or with ``start`` what begins with the logits."""
    leaf = inputs.clone().requires_grad_()
    logits = model(leaf)[..., target]
    seed = logits.detach() if start else torch.ones_like(logits)
    return torch.autograd.grad(logits, leaf, seed)[0]


def _zennit(layers: Callable) -> Callable:
    def explain(model, inputs, target):
        from zennit.composites import LayerMapComposite, layer_map_base
        from zennit.torchvision import ResNetCanonizer

        layer_map = [*layers(), *layer_map_base(stabilizer=TINY)]
        composite = LayerMapComposite(layer_map, canonizers=[ResNetCanonizer()])
        with composite.context(model) as hooked:
            return _from_logits(hooked, inputs, target, start=True)

    return explain


def _zennit_epsilon():
    from zennit.rules import Epsilon
    from zennit.types import Linear

    return [(Linear, Epsilon(TINY))]


def _zennit_epsilon_plus():
    from zennit.rules import Epsilon, ZPlus
    from zennit.types import Convolution

    return [(Convolution, ZPlus(TINY)), (nn.Linear, Epsilon(TINY))]


def _zennit_alpha_beta():
    from zennit.rules import AlphaBeta
    from zennit.types import Linear

    return [(Linear, AlphaBeta(1, 0, TINY))]


def _zennit_gamma():
    from zennit.rules import Epsilon, Gamma
    from zennit.types import Convolution

    return [(Convolution, Gamma(0.25, TINY)), (nn.Linear, Epsilon(TINY))]


def _captum_lrp(model, inputs, target):
    from captum.attr import LRP

    with torch.no_grad():
        n_axes = model(inputs).ndim
    if n_axes == 2:
        return LRP(model).attribute(inputs, target=target).detach()
    with torch.no_grad():
        n_steps = model(inputs).shape[1]
    return sum(LRP(model).attribute(inputs, target=(t, target)).detach() for t in range(n_steps))


def _captum_guided(model, inputs, target):
    from captum.attr import GuidedBackprop

    return GuidedBackprop(_Summed(model)).attribute(inputs, target=target).detach()


def _captum_deeplift(model, inputs, target):
    from captum.attr import DeepLift

    return DeepLift(_Summed(model)).attribute(inputs, torch.zeros_like(inputs), target).detach()


class _Summed(nn.Module):
    """Logits of all time steps added up, (batch, class)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        logits = self.model(x)
        return logits if logits.ndim == 2 else logits.sum(1)


@contextmanager
def patched_by_lxt():
    """Patch classes as LXT's own map for torchvision's transformer does it; undo it afterwards."""
    from functools import partial

    from lxt.efficient import monkey_patch, patches

    keep = partial(patches.patch_method, patches.non_linear_forward, keep_original=True)
    kinds = (nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Tanh, nn.Hardswish, nn.Mish, nn.PReLU)
    attention = partial(
        patches.patch_method, patches.cp_multi_head_attention_forward, keep_original=True
    )
    norm = partial(patches.patch_method, patches.layer_norm_forward)
    patch_map = dict.fromkeys(kinds, keep) | {nn.LayerNorm: norm, nn.MultiheadAttention: attention}
    originals = {kind: kind.forward for kind in patch_map}
    try:
        monkey_patch(None, patch_map)
        yield
    finally:
        for kind, forward in originals.items():
            kind.forward = forward


def _lxt(model, inputs, target):
    with patched_by_lxt():
        return inputs * _from_logits(model, inputs, target, start=False)


def _relevance(method: str) -> Callable:
    return lambda network, reference: reference.relevance(network.target, METHODS[method])


def _near(expected: torch.Tensor) -> Callable:
    return lambda found: largest_error(found, expected)


def _like(method: str) -> Callable:
    return lambda network, reference: _near(reference.relevance(network.target, METHODS[method]))


def _guided(network, reference):
    return _near(guided(network))


def _complete(network, reference):
    """Return how far a map is from summing to what the logit gains over that of zeros."""
    model = network.model()
    with torch.no_grad():
        ends = [
            network.pick(model(x))[..., network.target].reshape(len(x), -1).sum(1)
            for x in (network.inputs(), torch.zeros_like(network.inputs()))
        ]
    gain = ends[0] - ends[1]
    return lambda found: float(((found.flatten(1).sum(1) - gain) / gain).abs().max())


PEERS = {
    "zennit epsilon": ("zennit", _zennit(_zennit_epsilon), _like("lrp-epsilon")),
    "zennit epsilon-plus": ("zennit", _zennit(_zennit_epsilon_plus), _like("lrp-epsilon-plus")),
    "zennit alpha1-beta0": ("zennit", _zennit(_zennit_alpha_beta), _like("lrp-alpha1-beta0")),
    "zennit gamma": ("zennit", _zennit(_zennit_gamma), _like("lrp-gamma")),
    "captum LRP": ("captum", _captum_lrp, _like("lrp-epsilon")),
    "captum guided backprop": ("captum", _captum_guided, _guided),
    "captum DeepLIFT": ("captum", _captum_deeplift, _complete),
    "LXT": ("lxt", _lxt, _like("lrp-epsilon")),
}
"""Name -> (package, how it is called, what its map is held against)."""


def _is_refusal(error: Exception, package: str) -> bool:
    """Tell whether a library raised by its own will: its own line says ``raise`` or ``assert``."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"/{package}/" in last.filename and (last.line or "").startswith(("raise", "assert"))


def outcome(network: Network, reference: Reference, package: str, explain, held) -> dict:
    """Return what came of one network by one peer: kind, error, message."""
    error_of = held(network, reference)
    model = Logits(network, network.model()).eval()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = explain(model, network.inputs(), network.target)
    except Exception as error:
        kind = "refused" if _is_refusal(error, package) else "crashed"
        first = (str(error).strip() or "no message").splitlines()[0]
        return {"kind": kind, "message": f"{type(error).__name__}: {first[:160]}"}
    error = error_of(found)
    kind = "right" if error <= TOLERANCE else "wrong"
    own = sorted(
        {
            str(w.message)[:160]
            for w in said
            if f"/{package}/" in str(w.filename)
            and "required_grads" not in str(w.message)
            and "hooks" not in str(w.message)
        }
    )
    return {"kind": kind, "error": float(f"{error:.2g}"), "message": " ".join(own)}


def comparable() -> dict[str, Reference]:
    """Return the networks that end in logits, with their reference.

    Peers explain the output that they are given; where that is a probability, it is another
    question.
    """
    references = {name: reference_of(network) for name, network in NETWORKS.items()}
    return {
        name: r
        for name, r in references.items()
        if r.start.shape == r.output.shape and torch.equal(r.start, r.output)
    }


def run(names: list[str]) -> list[dict]:
    """Return a row for each network and peer."""
    rows = []
    for name, reference in comparable().items():
        for peer in names:
            result = outcome(NETWORKS[name], reference, *PEERS[peer])
            rows.append({"network": name, "family": NETWORKS[name].family, "peer": peer, **result})
    return rows


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def record() -> dict:
    """Run every peer that is installed; keep from the file what it says of the others."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"versions": {}, "rows": []}
    here = {package for package, *_ in PEERS.values() if _installed(package)}
    names = [peer for peer, (package, *_) in PEERS.items() if package in here]
    kept = [row for row in before["rows"] if row["peer"] in PEERS and row["peer"] not in names]
    named = (*here, "torch", *filter(_installed, ("torchaudio", "transformers")))
    versions = before["versions"] | {package: _installed(package) for package in named}
    rows = sorted(run(names) + kept, key=lambda row: (row["family"], row["network"]))
    return {
        "date": date.today().isoformat(),
        "tolerance": TOLERANCE,
        "versions": versions,
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the page from the file")
    if not parser.parse_args().page:
        torch.set_num_threads(1)
        RESULTS.write_text(json.dumps(record(), indent=1) + "\n")
    from benchmarks.peers_page import PAGE, page

    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
