"""LRP through LSTMs, GRUs and self-attention: against published numpy code, and whole networks
against one gradient. On one thread.
"""

import time

import torch
from torch import nn

from benchmarks.measure import interleaved
from benchmarks.quality import MOS_ONLY
from earwitness import attribution, runtime
from earwitness.models.doacrnn import DoaCRNN
from earwitness.models.nisqa import Nisqa

TITLE = "Recurrent networks: cost of relevance"
N_THREADS = 1
PUBLISHED_MS = 13.6
"""lrp() of LRP_for_LSTM (Arras et al., commit 1c3073b), numpy, float64: one sample of 50 steps with
60 features and 60 units in each direction, on 2 cores of the machine that this was written on. Its
licence keeps it out of here."""


class _LastStates(nn.Module):
    """The network that the published code explains: a bidirectional LSTM (or GRU), a dense layer on
    what each direction has read last.
    """

    def __init__(self, kind=nn.LSTM, features: int = 60, units: int = 60, n_classes: int = 5):
        super().__init__()
        self.units = units
        self.recurrent = kind(features, units, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * units, n_classes, bias=False)

    def forward(self, x):
        out, _ = self.recurrent(x)
        return self.dense(torch.cat([out[:, -1, : self.units], out[:, 0, self.units :]], dim=-1))


def _gradient(model, inputs, target):
    leaf = inputs.clone().requires_grad_()
    return torch.autograd.grad(model(leaf)[..., target].sum(), leaf)[0]


def _rows(model, inputs, methods: dict[str, dict], target: int = 1) -> list[dict]:
    contenders = {"forward and backward": lambda: _gradient(model, inputs, target)}
    for name, options in methods.items():
        contenders[name] = lambda options=options: attribution.attribute(
            model, inputs, target, **options
        )
    rows = interleaved(contenders)
    return [
        {**row, "ms of one core per sample": _processor_ms(contenders[row["name"]]) / len(inputs)}
        for row in rows
    ]


def _processor_ms(call, n_rounds: int = 10) -> float:
    """Return the least processor time of one call: what others do on the machine hardly counts."""
    taken = []
    for _ in range(n_rounds):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return 1000 * min(taken)


def run() -> dict[str, list[dict]]:
    """Return tables for an LSTM alone, the network of Kiyan et al., and NISQA's with
    self-attention.
    """
    runtime.tune()
    with runtime.torch_threads(N_THREADS):
        return _tables()


def _tables() -> dict[str, list[dict]]:
    torch.manual_seed(0)
    alone = _LastStates().eval().requires_grad_(False)
    rows = _rows(
        alone,
        torch.randn(32, 50, 60),
        {
            "lrp-epsilon, biases keep their share": {"epsilon": 0.001, "bias_factor": 0.0},
            "lrp-epsilon, biases hand it down": {"epsilon": 0.001, "bias_factor": 1.0},
        },
    )
    for row in rows:
        row["times faster than published code"] = PUBLISHED_MS / row["ms of one core per sample"]
    networks = {"BiLSTM of 60 units, 50 steps, batch of 32": rows}
    networks["the same with GRUs"] = _rows(
        _LastStates(nn.GRU).eval().requires_grad_(False),
        torch.randn(32, 50, 60),
        {"lrp-epsilon": {"epsilon": 0.001, "bias_factor": 0.0}},
    )
    for n_channels in (6, 18):
        whole = DoaCRNN(n_channels).eval().requires_grad_(False)
        networks[f"DoaCRNN, {n_channels} channels, batch of 16"] = _rows(
            whole,
            torch.randn(16, n_channels, 50, 512),
            {"lrp-kiyan2022": {"method": "lrp-kiyan2022"}},
        )
    attending = Nisqa(MOS_ONLY).eval().requires_grad_(False)
    clip = torch.randn(1, 48, 300, generator=torch.Generator().manual_seed(0)) * 10 - 40
    networks["NISQA with self-attention, a clip of 3 s"] = _rows(
        attending,
        clip,
        {name: {"method": name} for name in ("lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma")},
        target=0,
    )
    return networks
