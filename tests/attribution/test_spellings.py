"""Operations that can be written in two ways are explained alike by every rule."""

import pytest
import torch
import torch.nn.functional as F
from networks import largest_error
from torch import nn

from earwitness import attribution

N, C, T = 2, 3, 6


def _parameter(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64))


SQUARE, VECTOR, CUBE = _parameter(C, C), _parameter(C, seed=1), _parameter(4, C, C, seed=2)
KERNEL, BIAS = _parameter(C, C, 2, seed=3), _parameter(4, seed=4)
POSITIVE = torch.linspace(0.5, 2.0, T, dtype=torch.float64)
MASK = torch.tensor([0.0, -1.0, 0.5, 0.0, -2.0, 0.3], dtype=torch.float64).expand(T, T)


def _bilinear_written_out(x):
    products = torch.einsum("bit,bjt->btij", x, x.tanh())
    return F.linear(products.flatten(2), CUBE.flatten(1), BIAS)


def _cosine_written_out(x):
    def size(values):
        return values.pow(2).sum(1, keepdim=True).sqrt()

    return (x / size(x) * (x.tanh() / size(x.tanh()))).sum(1)


def _attention_written_out(x):
    weights = (x.mT @ x.tanh() / C**0.5 + MASK).softmax(-1)
    return weights @ x.mT


def _causal_written_out(x):
    scores = x.mT @ x.tanh() / C**0.5
    later = torch.ones(T, T, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, float("-inf")).softmax(-1) @ x.mT


def _even_kernel_written_out(x):
    return F.conv1d(F.pad(x, (0, 1)), KERNEL, VECTOR)


def _running_norm(x, function):
    mean, variance = VECTOR.detach(), SQUARE.detach()[0].abs()
    if function is F.batch_norm:
        return F.batch_norm(x, mean, variance, VECTOR, BIAS[:C], False, 0.0, 0.1)
    return F.instance_norm(x, mean, variance, VECTOR, BIAS[:C], False, 0.0, 0.1)


def _response_norm_written_out(x):
    padded = F.pad(x.pow(2)[:, None], (0, 0, 1, 1))[:, 0]
    around = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    return x / (1.0 + 0.5 * around) ** 0.75


def _places(x):
    along = x.mean(1).tanh()
    return torch.stack([along, torch.zeros_like(along)], -1)[:, None]


def _spectrum(x):
    return torch.fft.rfft(x)


SPELLINGS = {
    "bilinear": (lambda x: F.bilinear(x.mT, x.mT.tanh(), CUBE, BIAS), _bilinear_written_out),
    "cosine similarity": (lambda x: F.cosine_similarity(x, x.tanh()), _cosine_written_out),
    "distances": (
        lambda x: torch.cdist(x.mT, SQUARE),
        lambda x: (x.mT[:, :, None] - SQUARE).pow(2).sum(-1).sqrt(),
    ),
    "distances in city blocks": (
        lambda x: torch.cdist(x.mT, x.mT.tanh(), p=1.0),
        lambda x: (x.mT[:, :, None] - x.mT.tanh()[:, None]).abs().sum(-1),
    ),
    "distances in pairs": (
        lambda x: F.pairwise_distance(x.mT, VECTOR, keepdim=True),
        lambda x: (x.mT - VECTOR + 1e-6).pow(2).sum(-1, keepdim=True).sqrt(),
    ),
    "several constants for a value": (
        lambda x: (x[:, None] - CUBE[:2, :, :1]).pow(2),
        lambda x: torch.stack([x - CUBE[0, :, :1], x - CUBE[1, :, :1]], 1).pow(2),
    ),
    "a constant less a value": (
        lambda x: BIAS[:, None, None] - x[:, None],
        lambda x: torch.stack([bias - x for bias in BIAS], 1),
    ),
    "a warp": (
        lambda x: F.grid_sample(x[:, :, None], _places(x), align_corners=True),
        lambda x: F.grid_sample(x[:, :, None], _places(x).detach(), align_corners=True),
    ),
    "aten convolution": (
        lambda x: torch.ops.aten.convolution(x, KERNEL, VECTOR, [1], [1], [2], False, [0], 1),
        lambda x: F.conv1d(x, KERNEL, VECTOR, padding=1, dilation=2),
    ),
    "torch.convolution": (
        lambda x: torch.convolution(x, KERNEL, VECTOR, [2], [0], [1], True, [1], 1),
        lambda x: F.conv_transpose1d(x, KERNEL, VECTOR, 2, 0, 1),
    ),
    "an even kernel of the same size": (
        lambda x: F.conv1d(x, KERNEL, VECTOR, padding="same"),
        _even_kernel_written_out,
    ),
    "trapezoid": (
        lambda x: torch.trapezoid(x, dx=0.5),
        lambda x: 0.25 * (x[..., 1:] + x[..., :-1]).sum(-1),
    ),
    "cumulative trapezoid": (
        lambda x: torch.cumulative_trapezoid(x),
        lambda x: (0.5 * x[..., 1:] + 0.5 * x[..., :-1]).cumsum(-1),
    ),
    "magnitude": (
        lambda x: _spectrum(x).abs(),
        lambda x: torch.linalg.vector_norm(torch.view_as_real(_spectrum(x)), dim=-1),
    ),
    "power": (
        lambda x: (_spectrum(x) * _spectrum(x).conj()).real,
        lambda x: _spectrum(x).real ** 2 + _spectrum(x).imag ** 2,
    ),
    "filtered spectrum": (
        lambda x: torch.fft.irfft(_spectrum(x) * torch.complex(POSITIVE[:4], POSITIVE[1:5]), T),
        lambda x: torch.fft.irfft(
            torch.complex(
                _spectrum(x).real * POSITIVE[:4] - _spectrum(x).imag * POSITIVE[1:5],
                _spectrum(x).real * POSITIVE[1:5] + _spectrum(x).imag * POSITIVE[:4],
            ),
            T,
        ),
    ),
    "hypot": (
        lambda x: torch.hypot(x[:, :1], x[:, 1:]),
        lambda x: (x[:, :1] ** 2 + x[:, 1:] ** 2).sqrt(),
    ),
    "addcmul": (
        lambda x: torch.addcmul(x, x, x.tanh(), value=0.5),
        lambda x: x + 0.5 * x * x.tanh(),
    ),
    "addcdiv": (
        lambda x: torch.addcdiv(x, x.tanh(), x.exp(), value=0.5),
        lambda x: x + 0.5 * (x.tanh() / x.exp()),
    ),
    "addbmm": (
        lambda x: torch.addbmm(x[0], x, x.mT @ x, beta=0.5, alpha=2.0),
        lambda x: 0.5 * x[0] + 2.0 * (x @ (x.mT @ x)).sum(0),
    ),
    "baddbmm": (
        lambda x: torch.baddbmm(x, x, x.mT @ x, beta=0.5, alpha=2.0),
        lambda x: 0.5 * x + 2.0 * (x @ (x.mT @ x)),
    ),
    "addmv": (
        lambda x: torch.stack([torch.addmv(v.sum(1), v.T, v.sum(1)[:C])[:C] for v in x[:, :, :C]]),
        lambda x: torch.stack([v.sum(1) + v.T @ v.sum(1) for v in x[:, :, :C]]),
    ),
    "addmm": (
        lambda x: torch.addmm(VECTOR, x[:, :, 0], SQUARE, beta=0.5, alpha=2.0),
        lambda x: F.linear(x[:, :, 0], 2.0 * SQUARE.mT, 0.5 * VECTOR),
    ),
    "lerp": (
        lambda x: torch.lerp(x, x.tanh(), POSITIVE),
        lambda x: x * (1 - POSITIVE) + x.tanh() * POSITIVE,
    ),
    "variance and mean": (
        lambda x: torch.cat(torch.var_mean(x, -1), 1),
        lambda x: torch.cat([x.var(-1), x.mean(-1)], 1),
    ),
    "deviation and mean": (
        lambda x: torch.cat(torch.std_mean(x, -1, correction=0), 1),
        lambda x: torch.cat([x.std(-1, correction=0), x.mean(-1)], 1),
    ),
    "gated linear unit": (
        lambda x: F.glu(x, -1),
        lambda x: x[..., : T // 2] * x[..., T // 2 :].sigmoid(),
    ),
    "attention with a mask": (
        lambda x: F.scaled_dot_product_attention(x.mT, x.mT.tanh(), x.mT, MASK),
        _attention_written_out,
    ),
    "attention with a mask of the sound": (
        lambda x: F.scaled_dot_product_attention(x.mT, x.mT.tanh(), x.mT, attn_mask=x.mT @ x),
        lambda x: (x.mT @ x.tanh() / C**0.5 + x.mT @ x).softmax(-1) @ x.mT,
    ),
    "causal attention": (
        lambda x: F.scaled_dot_product_attention(x.mT, x.mT.tanh(), x.mT, is_causal=True),
        _causal_written_out,
    ),
    "attention with a mask of truth": (
        lambda x: F.scaled_dot_product_attention(
            x.mT, x.mT.tanh(), x.mT, torch.ones(T, T, dtype=torch.bool).tril()
        ),
        _causal_written_out,
    ),
    "root mean square norm": (
        lambda x: F.rms_norm(x, (T,), POSITIVE, 0.1),
        lambda x: x / (x.pow(2).mean(-1, keepdim=True) + 0.1).sqrt() * POSITIVE,
    ),
    "local response norm": (
        lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 1.0),
        _response_norm_written_out,
    ),
    "instance norm with running statistics": (
        lambda x: _running_norm(x, F.instance_norm),
        lambda x: _running_norm(x, F.batch_norm),
    ),
    "one clip without a batch": (
        lambda x: torch.stack([F.conv1d(clip, KERNEL, VECTOR).relu() for clip in x]),
        lambda x: F.conv1d(x, KERNEL, VECTOR).relu(),
    ),
    "a product in einsum": (
        lambda x: torch.einsum("bct,dc->bdt", x, SQUARE),
        lambda x: F.linear(x.mT, SQUARE).mT,
    ),
    "a product in bmm": (
        lambda x: torch.bmm(x.mT, SQUARE.expand(N, C, C)),
        lambda x: torch.matmul(x.mT, SQUARE),
    ),
    "in place": (
        lambda x: (1 * x).mul_(2).add_(1.0).relu_().sub_(x).clamp_(max=0.5).div_(2),
        lambda x: (((x * 2) + 1.0).relu() - x).clamp(max=0.5) / 2,
    ),
    "the difference the other way round": (lambda x: torch.rsub(x, 2.0), lambda x: 2.0 - x),
    "a tensor less a value": (lambda x: torch.full_like(x, 2.0) - x, lambda x: 2.0 - x),
    "a maximum with a number": (
        lambda x: torch.maximum(x, torch.tensor(0.3, dtype=x.dtype)),
        lambda x: x.clamp(min=0.3),
    ),
    "log of a sum of exponentials": (
        lambda x: torch.logsumexp(x, -1),
        lambda x: torch.log(x.exp().sum(-1)),
    ),
}
WITHOUT_BIAS = {
    "log of a sum of exponentials",  # an exponential of zero is a constant of its own
    "an even kernel of the same size",  # padding that is written out takes its share
    "root mean square norm",
    "a maximum with a number",
}
"""Where what biases keep is handed down, the parts of these get other shares than the whole."""

METHODS = {
    "epsilon": ("lrp-epsilon", {}),
    "positive": ("lrp-alpha1-beta0", {}),
    "gamma": ("lrp-gamma", {}),
    "half the gate": ("lrp-epsilon", {"gates": "half"}),
    "biases handed down": ("lrp-epsilon", {"bias_factor": 1.0}),
}
CASES = [
    (spelling, method)
    for spelling in SPELLINGS
    for method in METHODS
    if method != "biases handed down" or spelling not in WITHOUT_BIAS
]


class _Network(nn.Module):
    """An operation between a layer below and the mean above."""

    def __init__(self, function):
        super().__init__()
        self.first, self.function = nn.Conv1d(1, C, 3, padding=1), function
        self.parts = nn.ParameterList([SQUARE, VECTOR, CUBE, KERNEL, BIAS])

    def forward(self, x):
        values = self.function(self.first(x[0, :, None]))  # one clip of N rows
        return torch.stack([values.sum(), (values * values.detach()).sum()])[None]


def _network(function):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return _Network(function).double()


@pytest.mark.parametrize(("spelling", "method"), CASES)
def test_both_spellings_have_the_same_map(spelling, method):
    x = torch.randn(1, N, T, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    name, options = METHODS[method]
    stabilisers = {"epsilon": 1e-12} | ({"stabilizer": 1e-12} if name == "lrp-gamma" else {})
    short, written_out = (_network(function) for function in SPELLINGS[spelling])
    torch.testing.assert_close(short(x), written_out(x))
    found, expected = (
        attribution.attribute(model, x, 1, name, **options | stabilisers)
        for model in (short, written_out)
    )
    assert expected.abs().sum() > 0 and largest_error(found, expected) < 1e-7
