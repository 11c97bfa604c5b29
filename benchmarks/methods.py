"""Every method on every network of the book, against the passes that must happen, and against
captum and zennit. On one thread.

A method of many passes cannot be cheaper than these passes: how often a clip goes through the
network forward, and how often backward, is counted; what one pass takes is measured in turn with
the method.
"""

from functools import partial

import torch
from captum import attr
from torch import nn

from benchmarks.measure import interleaved
from benchmarks.relevance import _zennit
from earwitness import attribution, runtime
from earwitness.attribution.completeness import score
from earwitness.errors import EarwitnessError
from earwitness_book.chapters import book_networks, comparison

TITLE = "Methods: time beside the passes that must happen"
N_THREADS = 1
N_SAMPLES = 4  # steps, samples, masks
MIXTURES = {"n_segments": 2, "n_samples": 16}  # of methods that take the sound apart
CLIPS = {"digits": 8, "phones": 8, "speakers": 8, "silero": 4, "crepe": 4, "audionet": 4}
"""How many at once; of the others one."""
_HOW = {"recipe": "smoke"}  # of AlexNet and AudioNet: what weights they have takes no time
_PLAIN = ("digits", "phones", "speakers", "alexnet", "audionet")  # zennit knows all their modules
_FORWARD, _BOTH = "forward", "forward and backward"


def _explain(subject, method):
    options = comparison.options_of(method, subject, N_SAMPLES)
    options |= MIXTURES if "separator" in attribution.options(method) else {}
    return attribution.attribute(subject.model, subject.inputs, subject.targets, method, **options)


def _gradient(subject):
    leaf = subject.inputs.clone().requires_grad_()
    return torch.autograd.grad(score(subject.model(leaf), subject.targets).sum(), leaf)[0]


@torch.no_grad()
def _forward(subject):
    return subject.model(subject.inputs)


class _Summed(nn.Module):
    """Outputs added up over time, (batch, n)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        outputs = self.model(x)
        return outputs if outputs.ndim == 2 else outputs.flatten(1, -2).sum(1)


def _captum(method: str, subject):
    """Return a call of captum for the same map, or None where it has none."""
    model, x, y = _Summed(subject.model).eval(), subject.inputs, subject.targets
    window = tuple([x.shape[1], *(-(-size // 10) for size in x.shape[2:])])
    calls = {
        "gradient": lambda: attr.Saliency(model).attribute(x, y, abs=False),
        "gradient-x-input": lambda: attr.InputXGradient(model).attribute(x, y),
        "integrated-gradients": lambda: attr.IntegratedGradients(model).attribute(
            x, target=y, n_steps=N_SAMPLES
        ),
        "guided-backprop": lambda: attr.GuidedBackprop(model).attribute(x, y),
        "deeplift": lambda: attr.DeepLift(model).attribute(x, target=y),
        "occlusion": lambda: attr.Occlusion(model).attribute(
            x, window, target=y, strides=window, perturbations_per_eval=50
        ),
        "smoothgrad": lambda: attr.NoiseTunnel(attr.Saliency(model)).attribute(
            x, nt_type="smoothgrad", nt_samples=N_SAMPLES, stdevs=0.1, target=y, abs=False
        ),
    }
    return calls.get(method)


def _by_zennit(method: str, subject):
    leaf = subject.inputs.clone().requires_grad_()
    with _zennit(method).context(subject.model) as hooked:
        logits = hooked(leaf).gather(1, subject.targets[:, None])
        return torch.autograd.grad(logits, leaf, logits.detach())[0]


def _peer(method: str, subject) -> tuple[str, object] | None:
    """Return name and call of the peer, where one explains this network by this method."""
    if method.startswith("lrp-") and method != "lrp-kiyan2022" and subject.name in _PLAIN:
        return "zennit", partial(_by_zennit, method, subject)
    call = _captum(method, subject)
    if call is None:
        return None
    try:
        call()
    except Exception:  # whatever it does not take: then there is no peer here
        return None
    return "captum", call


def run() -> dict[str, list[dict]]:
    """Return a table for each network."""
    runtime.tune()
    with runtime.torch_threads(N_THREADS):
        return {"A network of one dense layer: what a call costs by itself": calls()} | {
            f"{book_networks.TITLES[name]}, clips: {CLIPS.get(name, 1)}": table(name)
            for name in (*book_networks.SUBJECTS, *book_networks.TRAINED)
        }


def calls() -> list[dict]:
    """Return a row for each method that takes any network: checks, hooks and bookkeeping are all
    that there is to do.
    """
    model, inputs = nn.Sequential(nn.Flatten(), nn.Linear(8, 2)).eval(), torch.ones(1, 1, 8)
    methods = ("gradient", "gradient-x-input", "lrp-epsilon", "lrp-gamma", "deeplift")
    contenders = {"forward and backward": lambda: _of_tiny(model, inputs)} | {
        method: partial(attribution.attribute, model, inputs, 0, method) for method in methods
    }
    rows = interleaved(contenders, n_rounds=30)
    return [{"method": row["name"], "ms a call": 1e3 * row["seconds"]} for row in rows]


def _of_tiny(model, inputs):
    leaf = inputs.clone().requires_grad_()
    return torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)


def table(name: str, n_rounds: int = 2) -> list[dict]:
    """Return a row for each method that applies to a network."""
    subject = book_networks.subject(name, CLIPS.get(name, 1), how=_HOW)
    contenders = {_FORWARD: partial(_forward, subject), _BOTH: partial(_gradient, subject)}
    passes, peers = {}, {}
    for method in attribution.methods():
        try:
            with comparison.counted(subject.model) as counted:
                _explain(subject, method)
        except EarwitnessError:
            continue
        contenders[method] = partial(_explain, subject, method)
        passes[method] = counted
        if peer := _peer(method, subject):
            peers[method], contenders[f"{method}, {peer[0]}"] = peer
    seconds = {row["name"]: row["seconds"] for row in interleaved(contenders, n_rounds)}
    n_clips = len(subject.inputs)
    return [
        _row(method, seconds, passes[method], peers.get(method), n_clips)
        for method in passes
        if method != "random"
    ]


def _row(method, seconds, counted, peer, n_clips) -> dict:
    forward, backward = counted.forward / n_clips, counted.backward / n_clips
    if attribution.family(method) in ("lrp", "frequency"):
        backward = forward  # one pass of relevance for each forward pass
    least = (forward - backward) * seconds[_FORWARD] + backward * seconds[_BOTH]
    theirs = f"{seconds[method] / seconds[f'{method}, {peer}']:.2f} ({peer})" if peer else ""
    return {
        "method": method,
        "ms a clip": 1e3 * seconds[method] / n_clips,
        "forward": f"{forward:.3g}",
        "backward": f"{backward:.3g}",
        "to these passes": seconds[method] / max(least, 1e-12),
        "to the peer": theirs,
    }
