"""Networks of waveforms: convolutions over time, and what people put between them."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

from .registry import network


@network(1, 96)
class PlainStack(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv1d(1, 6, 9, stride=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(6, 8, 5),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(4),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(32, 10),
            nn.ReLU(),
            nn.Linear(10, 4),
        )


@network(1, 96)
class FunctionalStack(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv1d(1, 6, 9, 2), nn.Conv1d(6, 8, 5), nn.Linear(8, 4)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.c1(x)), 2)
        x = torch.relu(self.c2(x)).mean(-1)
        return self.fc(F.dropout(x, 0.3, self.training))


@network(1, 128)
class M5(nn.Module):
    """Raw waveform, batch norm behind every convolution, pooled over time."""

    def __init__(self):
        super().__init__()
        self.c1, self.b1 = nn.Conv1d(1, 6, 16, 4), nn.BatchNorm1d(6)
        self.c2, self.b2 = nn.Conv1d(6, 8, 3), nn.BatchNorm1d(8)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool1d(F.relu(self.b2(self.c2(x))), 2)
        x = F.avg_pool1d(x, x.shape[-1]).permute(0, 2, 1)
        return F.log_softmax(self.fc(x), dim=2).squeeze(1)


class _Residual(nn.Module):
    def __init__(self, n=6, inplace=False):
        super().__init__()
        self.c1, self.b1 = nn.Conv1d(n, n, 3, padding=1, bias=False), nn.BatchNorm1d(n)
        self.c2, self.b2 = nn.Conv1d(n, n, 3, padding=1, bias=False), nn.BatchNorm1d(n)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x):
        y = self.b2(self.c2(self.relu(self.b1(self.c1(x)))))
        y += x
        return self.relu(y)


def _with(block, n=6, n_out=4):
    return nn.Sequential(
        nn.Conv1d(1, n, 8, 4), block, nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.Linear(3 * n, n_out)
    )


@network(1, 64)
def ResNet1d():
    return nn.Sequential(
        nn.Conv1d(1, 6, 8, 4),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        _Residual(),
        _Residual(inplace=True),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


@network(1, 64)
class PreActivation(nn.Module):
    """Batch norm and ReLU before each convolution; the sum is never rectified."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(1, 6, 8, 4)
        self.b1, self.c1 = nn.BatchNorm1d(6), nn.Conv1d(6, 6, 3, padding=1)
        self.b2, self.c2 = nn.BatchNorm1d(6), nn.Conv1d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.c2(F.relu(self.b2(self.c1(F.relu(self.b1(x))))))
        return self.fc(x.mean(dim=2))


@network(1, 64)
class Bottleneck1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(1, 8, 8, 4)
        self.body = nn.Sequential(
            nn.Conv1d(8, 3, 1),
            nn.BatchNorm1d(3),
            nn.ReLU(),
            nn.Conv1d(3, 3, 3, 2, 1),
            nn.BatchNorm1d(3),
            nn.ReLU(),
            nn.Conv1d(3, 12, 1),
            nn.BatchNorm1d(12),
        )
        self.shortcut = nn.Sequential(nn.Conv1d(8, 12, 1, 2), nn.BatchNorm1d(12))
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        x = self.stem(x).relu()
        x = torch.relu(torch.add(self.body(x), self.shortcut(x)))
        return self.fc(x.amax(-1))


@network(1, 64)
class Dense1d(nn.Module):
    """Every layer reads all layers before it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(1, 4, 8, 4)
        self.layers = nn.ModuleList(nn.Conv1d(4 + 3 * k, 3, 3, padding=1) for k in range(3))
        self.fc = nn.Linear(13, 4)

    def forward(self, x):
        found = [self.stem(x)]
        for layer in self.layers:
            found.append(F.elu(layer(torch.cat(found, dim=1))))
        return self.fc(torch.cat(found, 1).mean(-1))


@network(1, 64)
class SqueezeExcitation1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv1d(1, 6, 8, 4), nn.Conv1d(6, 6, 3, padding=1)
        self.down, self.up, self.fc = nn.Linear(6, 3), nn.Linear(3, 6), nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.conv(F.relu(self.stem(x))))
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean(-1)))))
        return self.fc((x * gate.unsqueeze(-1)).mean(-1))


@network(1, 80)
class WaveNet(nn.Module):
    """Dilated causal convolutions, tanh times sigmoid, a sum of skips."""

    def __init__(self):
        super().__init__()
        self.start = nn.Conv1d(1, 4, 1)
        self.filters = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**k) for k in range(3))
        self.gates = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**k) for k in range(3))
        self.residuals = nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in range(3))
        self.skips = nn.ModuleList(nn.Conv1d(4, 8, 1) for _ in range(3))
        self.end, self.fc = nn.Conv1d(8, 8, 1), nn.Linear(8, 4)

    def forward(self, x):
        x, skips = self.start(x), 0
        for k, (f, g) in enumerate(zip(self.filters, self.gates, strict=True)):
            padded = F.pad(x, (2**k, 0))
            z = torch.tanh(f(padded)) * torch.sigmoid(g(padded))
            skips = skips + self.skips[k](z)
            x = x + self.residuals[k](z)
        return self.fc(F.relu(self.end(F.relu(skips))).mean(-1))


@network(1, 64)
class GatedLinearUnits(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv1d(1, 8, 9, 4), nn.Conv1d(4, 12, 3), nn.Linear(6, 4)

    def forward(self, x):
        return self.fc(F.glu(self.c2(F.glu(self.c1(x), dim=1)), dim=1).mean(-1))


class _GlobalLayerNorm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(1, n, 1)), nn.Parameter(torch.zeros(1, n, 1))

    def forward(self, x):
        mean = x.mean(dim=(1, 2), keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=(1, 2), keepdim=True)
        return self.gain * (x - mean) / torch.sqrt(variance + 1e-8) + self.bias


@network(1, 64)
class ConvTasNetBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv1d(1, 6, 8, 4, bias=False)
        self.body = nn.Sequential(
            nn.Conv1d(6, 8, 1),
            nn.PReLU(),
            _GlobalLayerNorm(8),
            nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=8),
            nn.PReLU(8),
            _GlobalLayerNorm(8),
            nn.Conv1d(8, 6, 1),
        )
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.encoder(x))
        return self.fc((x + self.body(x)).mean(-1))


@network(1, 64)
class MaskingSeparator(nn.Module):
    """A mask on an encoding, decoded by a transposed convolution, classified by its energy."""

    def __init__(self):
        super().__init__()
        self.encoder, self.mask = nn.Conv1d(1, 6, 8, 4), nn.Conv1d(6, 6, 3, padding=1)
        self.decoder, self.fc = nn.ConvTranspose1d(6, 2, 8, 4), nn.Linear(2, 4)

    def forward(self, x):
        code = self.encoder(x)
        sources = self.decoder(code * torch.sigmoid(self.mask(code)))
        return self.fc(sources.pow(2).mean(-1))


class _Chomp(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x[:, :, : -self.n].contiguous()


@network(1, 48)
class TCN(nn.Module):
    """Weight-normed dilated causal convolutions, cut at the end, with a sum around two of them."""

    def __init__(self):
        super().__init__()
        blocks = []
        for k, n in enumerate((1, 5, 5)):
            conv = weight_norm(nn.Conv1d(n, 5, 3, padding=2 * 2**k, dilation=2**k))
            blocks += [nn.Sequential(conv, _Chomp(2 * 2**k), nn.ReLU(), nn.Dropout(0.2))]
        self.blocks, self.fc = nn.ModuleList(blocks), nn.Linear(5, 4)

    def forward(self, x):
        x = self.blocks[0](x)
        for block in self.blocks[1:]:
            x = F.relu(block(x) + x)
        return self.fc(x[:, :, -1])


@network(1, 96)
class SincNet(nn.Module):
    """Band-pass filters computed from their cut-off frequencies."""

    def __init__(self, n=5, width=15):
        super().__init__()
        self.low, self.band = (
            nn.Parameter(torch.linspace(0.02, 0.3, n)),
            nn.Parameter(torch.full((n,), 0.1)),
        )
        self.register_buffer("time", torch.arange(-(width // 2), width // 2 + 1).float())
        self.register_buffer("window", torch.hamming_window(width, periodic=False))
        self.norm, self.conv, self.fc = nn.LayerNorm([n, 27]), nn.Conv1d(n, 6, 3), nn.Linear(6, 4)

    def filters(self):
        low = self.low.abs()[:, None]
        high = (low + self.band.abs()[:, None]).clamp(max=0.5)
        two = 2 * high * torch.sinc(2 * high * self.time) - 2 * low * torch.sinc(
            2 * low * self.time
        )
        return (two * self.window).unsqueeze(1)

    def forward(self, x):
        x = F.max_pool1d(F.conv1d(x, self.filters()), 3)
        x = F.leaky_relu(self.norm(x), 0.2)
        return self.fc(F.leaky_relu(self.conv(x)).mean(-1))


@network(1, 64)
class Depthwise(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv1d(1, 6, 8, 4),
            nn.ReLU6(),
            nn.Conv1d(6, 6, 3, padding="same", groups=6),
            nn.BatchNorm1d(6),
            nn.Hardswish(),
            nn.Conv1d(6, 8, 1),
            nn.BatchNorm1d(8),
            nn.SiLU(),
            nn.AdaptiveMaxPool1d(2),
            nn.Flatten(),
            nn.Linear(16, 4),
        )


@network(1, 64)
class ParametrizedWeightNorm(nn.Sequential):
    def __init__(self):
        super().__init__(
            parametrizations.weight_norm(nn.Conv1d(1, 6, 8, 4)),
            nn.LeakyReLU(0.1),
            parametrizations.weight_norm(nn.Conv1d(6, 6, 3)),
            nn.LeakyReLU(0.1),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            parametrizations.weight_norm(nn.Linear(12, 4)),
        )


@network(1, 64)
class SpectralNorm(nn.Sequential):
    def __init__(self):
        super().__init__(
            parametrizations.spectral_norm(nn.Conv1d(1, 6, 8, 4)),
            nn.LeakyReLU(0.2),
            nn.utils.spectral_norm(nn.Conv1d(6, 6, 3)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            nn.Linear(12, 4),
        )


@network(1, 64)
class BatchNormBehindReLU(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv1d(1, 6, 8, 4),
            nn.ReLU(),
            nn.BatchNorm1d(6),
            nn.Conv1d(6, 6, 3),
            nn.ReLU(),
            nn.BatchNorm1d(6),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            nn.Linear(12, 4),
        )


@network(2, 40)
class BatchNormFirst(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.BatchNorm1d(2),
            nn.Conv1d(2, 6, 8, 4),
            nn.ReLU(),
            nn.BatchNorm1d(6, affine=False),
            nn.Flatten(),
            nn.Linear(54, 6),
            nn.BatchNorm1d(6),
            nn.ReLU(),
            nn.Linear(6, 4),
        )


def _normed(norm):
    return nn.Sequential(
        nn.Conv1d(1, 6, 8, 4),
        norm,
        nn.GELU(),
        nn.Conv1d(6, 6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(2),
        nn.Flatten(),
        nn.Linear(12, 4),
    )


@network(1, 64)
def GroupNorm1d():
    return _normed(nn.GroupNorm(2, 6))


@network(1, 64)
def InstanceNorm1d():
    return _normed(nn.InstanceNorm1d(6, affine=True))


@network(1, 64)
def OneGroupNorm():
    return _normed(nn.GroupNorm(1, 6))


class _RmsNorm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n))

    def forward(self, x):
        x = x.transpose(1, 2)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale
        return x.transpose(1, 2)


@network(1, 64)
def RmsNormByHand():
    return _normed(_RmsNorm(6))


@network(24)
def RmsNormOfTorch():
    return nn.Sequential(nn.Linear(24, 8), nn.RMSNorm(8), nn.SiLU(), nn.Linear(8, 4))


@network(1, 64)
class UNet1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv1d(1, 4, 4, 2, 1), nn.Conv1d(4, 6, 4, 2, 1)
        self.up1, self.up2 = nn.ConvTranspose1d(6, 4, 4, 2, 1), nn.ConvTranspose1d(8, 3, 4, 2, 1)
        self.fc = nn.Linear(3, 4)

    def forward(self, x):
        a = F.leaky_relu(self.down1(x), 0.2)
        b = F.leaky_relu(self.down2(a), 0.2)
        c = torch.cat([F.relu(self.up1(b)), a], dim=1)
        return self.fc(self.up2(c).abs().mean(-1))


@network(1, 48)
class UpsamplingUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.c3 = (nn.Conv1d(n, 4, 3, padding=1) for n in (1, 4, 8))
        self.up, self.fc = (
            nn.Upsample(scale_factor=2, mode="linear", align_corners=True),
            nn.Linear(4, 4),
        )

    def forward(self, x):
        a = F.relu(self.c1(x))
        b = F.relu(self.c2(F.avg_pool1d(a, 2)))
        c = F.relu(self.c3(torch.cat((self.up(b), a), 1)))
        c = F.interpolate(c, scale_factor=2.0, mode="nearest")
        return self.fc(c.mean(-1))


class _Autoencoder(nn.Module):
    """Returns a reconstruction and logits of the code."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(40, 12), nn.Tanh(), nn.Linear(12, 5))
        self.decoder = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 40))
        self.classifier = nn.Linear(5, 4)

    def forward(self, x):
        code = self.encoder(x.flatten(1))
        return self.decoder(code).view_as(x), self.classifier(code)


@network(1, 40, output=1)
def TupleOutput():
    return _Autoencoder()


@network(1, 40, output=lambda out: out[0].flatten(1), target=7)
def Autoencoder():
    return _Autoencoder()


@network(1, 61)
class Pools(nn.Module):
    """Every pool that there is, with edges that do not fit."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1, padding_mode="reflect")
        self.pools = nn.ModuleList(
            [
                nn.MaxPool1d(3, 2, padding=1, ceil_mode=True),
                nn.AvgPool1d(4, 3, padding=1, ceil_mode=True),
                nn.AvgPool1d(3, 2, padding=1, count_include_pad=False),
                nn.LPPool1d(2, 4, ceil_mode=True),
                nn.AdaptiveMaxPool1d(7),
                nn.AdaptiveAvgPool1d(9),
            ]
        )
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        x = F.softplus(self.conv(x))
        return self.fc(torch.cat([pool(x).mean(-1) for pool in self.pools], dim=1))


@network(1, 40)
class Paddings(nn.Module):
    def __init__(self):
        super().__init__()
        modes = ("zeros", "reflect", "replicate", "circular")
        self.convs = nn.ModuleList(
            nn.Conv1d(1 if k == 0 else 4, 4, 5, padding=2, padding_mode=mode)
            for k, mode in enumerate(modes)
        )
        self.edge, self.fc = nn.ConstantPad1d((1, 2), 0.01), nn.Linear(4, 4)

    def forward(self, x):
        for conv in self.convs:
            x = F.silu(conv(x))
        x = F.pad(self.edge(x), (3, 1), mode="replicate")
        return self.fc(x.max(dim=-1).values)


@network(1, 40)
class InPlaceCode(nn.Module):
    """Overwrites what it has and reads it again, as PyTorch runs it."""

    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.fc = (
            nn.Conv1d(1, 4, 5),
            nn.Conv1d(4, 4, 3, padding=1),
            nn.Linear(4, 4),
        )

    def forward(self, x):
        x = self.c1(x)
        y = self.c2(F.relu_(x))
        y += x
        y.mul_(0.5).sub_(0.1)
        y[:, 0] = 0
        y[:, 1:3].clamp_(min=-0.3)
        return self.fc(y.mean(-1))


@network(1, 40)
class ReluInPlaceOnSkip(nn.Module):
    """The skip is rectified as well, because the ReLU before it works in place."""

    def __init__(self):
        super().__init__()
        self.c0, self.c1 = nn.Conv1d(1, 4, 8, 4), nn.Conv1d(4, 4, 3, padding=1)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(4, 4)

    def forward(self, x):
        x = self.c0(x)
        y = self.c1(self.relu(x))
        return self.fc((x + y).flatten(2).mean(2))


@network(1, 40)
class WritesIntoBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.fc = (
            nn.Conv1d(1, 3, 4, 4),
            nn.Conv1d(1, 2, 8, 4, padding=2),
            nn.Linear(5, 4),
        )

    def forward(self, x):
        both = x.new_zeros(len(x), 5, 10)
        both[:, :3] = self.a(x)
        both[:, 3:].copy_(self.b(x))
        return self.fc(torch.tanh(both).sum(-1))


@network(1, 48)
class Maxout(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc, self.out = nn.Conv1d(1, 12, 8, 4), nn.Linear(4, 9), nn.Linear(3, 4)

    def forward(self, x):
        x = self.conv(x).view(len(x), 4, 3, -1).max(2)[0].mean(-1)
        a, b, c = self.fc(x).chunk(3, dim=-1)
        return self.out(torch.maximum(torch.maximum(a, b), c))


@network(1, 48)
class LearnableScalars(nn.Module):
    """ReZero and layer scale: sums weighted by learned numbers."""

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = (
            nn.Conv1d(1, 6, 8, 4),
            nn.Conv1d(6, 6, 3, 1, 1),
            nn.Conv1d(6, 6, 1),
        )
        self.alpha, self.scale = (
            nn.Parameter(torch.tensor(0.4)),
            nn.Parameter(0.5 * torch.ones(6, 1)),
        )
        self.weights, self.fc = nn.Parameter(torch.zeros(3)), nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        y = x + self.alpha * self.a(x).relu()
        z = y + self.scale * self.b(y).tanh()
        w = self.weights.softmax(0)
        mixed = w[0] * x + w[1] * y - (1 - w[2]) * z
        return self.fc(mixed.mean(-1)) / math.sqrt(2.0)


@network(1, 64)
class StatisticsPooling(nn.Module):
    """An x-vector: frames, then mean and standard deviation over them."""

    def __init__(self):
        super().__init__()
        self.frames = nn.Sequential(
            nn.Conv1d(1, 6, 8, 4),
            nn.ReLU(),
            nn.BatchNorm1d(6),
            nn.Conv1d(6, 6, 3, dilation=2),
            nn.ReLU(),
            nn.BatchNorm1d(6),
        )
        self.segment = nn.Sequential(
            nn.Linear(12, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 4)
        )

    def forward(self, x):
        x = self.frames(x)
        return self.segment(torch.cat([x.mean(2), x.std(2)], dim=1))


@network(1, 64)
class VariancePooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 8, 4), nn.Linear(12, 4)

    def forward(self, x):
        x = F.mish(self.conv(x))
        spread = torch.sqrt(x.var(dim=-1, unbiased=False) + 1e-5)
        return self.fc(torch.cat([spread, x.min(-1).values], -1))


class _Res2(nn.Module):
    def __init__(self, n=8, scale=4, dilation=2):
        super().__init__()
        self.scale, width = scale, n // scale
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
            for _ in range(scale - 1)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(scale - 1))

    def forward(self, x):
        parts = torch.chunk(x, self.scale, dim=1)
        done = [parts[0]]
        for part, conv, norm in zip(parts[1:], self.convs, self.norms, strict=True):
            done.append(norm(F.relu(conv(part if len(done) == 1 else part + done[-1]))))
        return torch.cat(done, dim=1)


@network(1, 64)
class EcapaTdnn(nn.Module):
    """Res2 blocks with squeeze and excitation, attentive statistics pooling."""

    def __init__(self, n=8):
        super().__init__()
        self.stem, self.norm = nn.Conv1d(1, n, 8, 4), nn.BatchNorm1d(n)
        self.into, self.res2, self.out = nn.Conv1d(n, n, 1), _Res2(n), nn.Conv1d(n, n, 1)
        self.se = nn.Sequential(nn.Conv1d(n, 4, 1), nn.ReLU(), nn.Conv1d(4, n, 1), nn.Sigmoid())
        self.attention = nn.Sequential(
            nn.Conv1d(3 * n, 4, 1), nn.Tanh(), nn.Conv1d(4, n, 1), nn.Softmax(dim=2)
        )
        self.last, self.fc = nn.BatchNorm1d(2 * n), nn.Linear(2 * n, 4)

    def forward(self, x):
        x = self.norm(F.relu(self.stem(x)))
        y = self.out(self.res2(F.relu(self.into(x))))
        x = x + y * self.se(y.mean(2, keepdim=True))
        n_steps = x.shape[-1]
        context = torch.cat(
            [
                x,
                x.mean(2, keepdim=True).repeat(1, 1, n_steps),
                x.var(2, keepdim=True).clamp(min=1e-4).sqrt().repeat(1, 1, n_steps),
            ],
            dim=1,
        )
        w = self.attention(context)
        mean = (x * w).sum(2)
        spread = torch.sqrt(((x**2) * w).sum(2).sub(mean**2).clamp(min=1e-4))
        return self.fc(self.last(torch.cat([mean, spread], dim=1)))


@network(1, 48)
class ConvNeXt1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.mix = nn.Conv1d(1, 6, 4, 4), nn.Conv1d(6, 6, 7, padding=3, groups=6)
        self.norm, self.wide, self.back = nn.LayerNorm(6), nn.Linear(6, 12), nn.Linear(12, 6)
        self.gamma, self.fc = nn.Parameter(0.3 * torch.ones(6)), nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.mix(x).permute(0, 2, 1))
        y = self.gamma * self.back(F.gelu(self.wide(y)))
        return self.fc(F.layer_norm((x + y.permute(0, 2, 1)).mean(-1), (6,)))


@network(1, 48)
class Activations(nn.Module):
    """One activation after another, as functions, methods and modules."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(1 if k == 0 else 4, 4, 3, padding=1) for k in range(6))
        self.softsign, self.fc = nn.Softsign(), nn.Linear(4, 4)

    def forward(self, x):
        a, b, c, d, e, f = self.convs
        x = F.hardtanh(F.gelu(a(x), approximate="tanh"), -0.4, 0.8)
        x = torch.selu(b(x))
        x = self.softsign(c(x))
        x = F.celu(d(x)).abs()
        x = F.hardsigmoid(e(x))
        return self.fc(F.logsigmoid(f(x)).mean(-1))


@network(1, 48, target=0)
class Regression(nn.Module):
    """A score in (N, 1)."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 6, 8, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
        self.fc = nn.Linear(6, 1)

    def forward(self, x):
        return 1 + 4 * self.fc(self.body(x).squeeze(-1))


@network(1, 64, class_axis=1)
def FramesClassBeforeTime():
    return nn.Sequential(nn.Conv1d(1, 6, 8, 4), nn.ReLU(), nn.Conv1d(6, 5, 1))


@network(1, 64)
class FramesTimeBeforeClass(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 8, 4), nn.Linear(6, 5)

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).transpose(1, 2))


@network(1, 64)
def Compiled():
    return torch.compile(_with(_Residual()), backend="eager")


@network(1, 64)
def Scripted():
    return torch.jit.script(_with(_Residual()))


@network(1, 64, output="logits")
class DictOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = _with(_Residual())

    def forward(self, x):
        logits = self.body(x)
        return {"logits": logits, "probabilities": logits.softmax(-1)}


@network(1, 64)
class SoftmaxAtTheEnd(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = _with(_Residual())

    def forward(self, x):
        return torch.softmax(self.body(x), dim=-1)


@network(1, 64)
def SigmoidAtTheEnd():
    return nn.Sequential(_with(_Residual()), nn.Sigmoid())


@network(1, 60)
class MultiBranch(nn.Module):
    """Filters of three lengths side by side, stacked and averaged."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv1d(1, 4, k, 4, k // 2) for k in (3, 9, 17))
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        found = torch.stack([F.relu(branch(x)) for branch in self.branches], dim=0)
        return self.fc(found.mean(0).mean(-1))


@network(1, 60)
class Highway(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.gate, self.way = nn.Linear(60, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x.flatten(1)))
        t = torch.sigmoid(self.gate(x))
        return self.fc(t * F.relu(self.way(x)) + (1 - t) * x)


@network(1, 64)
class SharedConvolution(nn.Module):
    """The same layer at two places, and a second pass over the clip turned round."""

    def __init__(self):
        super().__init__()
        self.stem, self.conv, self.fc = (
            nn.Conv1d(1, 4, 8, 4),
            nn.Conv1d(4, 4, 3, padding=1),
            nn.Linear(8, 4),
        )

    def hear(self, x):
        x = F.relu(self.stem(x))
        return F.relu(self.conv(F.relu(self.conv(x)))).mean(-1)

    def forward(self, x):
        return self.fc(torch.cat([self.hear(x), self.hear(x.flip(-1))], 1))


@network(1, 64)
class Framed(nn.Module):
    """Overlapping frames by unfold, each through the same layers."""

    def __init__(self):
        super().__init__()
        self.inner, self.fc = nn.Linear(16, 6), nn.Linear(6, 4)

    def forward(self, x):
        frames = x.squeeze(1).unfold(-1, 16, 8)
        return self.fc(F.relu(self.inner(frames)).mean(1))
