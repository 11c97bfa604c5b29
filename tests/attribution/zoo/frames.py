"""Networks of spectrograms, and networks of torchvision, shrunk."""

from functools import partial

import torch
import torch.nn.functional as F
import torchvision.models as vision
from torch import nn
from torchvision.models.googlenet import BasicConv2d
from torchvision.models.googlenet import Inception as InceptionBlock

from .registry import network


@network(1, 16, 20)
class VggLike(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(120, 10),
            nn.ReLU(inplace=True),
            nn.Linear(10, 4),
        )


@network(1, 16, 20)
class SpectrogramBatchNormFirst(nn.Module):
    """Batch norm over mel bands, then averages over frequency and time (AudioSet's CNNs)."""

    def __init__(self):
        super().__init__()
        self.bn0 = nn.BatchNorm2d(16)
        self.c1, self.b1 = nn.Conv2d(1, 5, 3, 1, 1, bias=False), nn.BatchNorm2d(5)
        self.c2, self.b2 = nn.Conv2d(5, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6)
        self.fc1, self.fc2 = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x):
        x = self.bn0(x.transpose(1, 2)).transpose(1, 2)
        x = F.avg_pool2d(F.relu_(self.b1(self.c1(x))), kernel_size=(2, 2))
        x = F.avg_pool2d(F.relu_(self.b2(self.c2(x))), kernel_size=(2, 2))
        x = x.mean(dim=2)
        x = torch.max(x, dim=2)[0] + torch.mean(x, dim=2)
        return torch.sigmoid(self.fc2(F.relu_(self.fc1(x))))


@network(1, 12, 12)
class InvertedResidual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.Hardswish(inplace=True)
        )
        self.body = nn.Sequential(
            nn.Conv2d(4, 8, 1),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            nn.Conv2d(8, 4, 1),
            nn.BatchNorm2d(4),
        )
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.stem(x)
        return self.fc((x + self.body(x)).mean([2, 3]))


@network(1, 12, 16)
class UNet2d(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.inner = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.up, self.join = nn.ConvTranspose2d(6, 4, 2, 2), nn.Conv2d(8, 4, 3, padding=1)
        self.norm, self.fc = nn.InstanceNorm2d(4), nn.Linear(4, 4)

    def forward(self, x):
        a = F.relu(self.down(x))
        b = self.up(F.relu(self.inner(F.max_pool2d(a, 2))))
        c = F.elu(self.norm(self.join(torch.cat([a, b], 1))))
        c = F.interpolate(c, size=(6, 8), mode="bilinear", align_corners=False)
        return self.fc(c.flatten(2).mean(-1))


@network(1, 16, 16)
class ConvMixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.deep, self.wide = (
            nn.Conv2d(1, 6, 4, 4),
            nn.Conv2d(6, 6, 3, padding=1, groups=6),
            nn.Conv2d(6, 6, 1),
        )
        self.norms, self.fc = nn.ModuleList(nn.BatchNorm2d(6) for _ in range(3)), nn.Linear(6, 4)

    def forward(self, x):
        x = self.norms[0](F.gelu(self.stem(x)))
        x = x + self.norms[1](F.gelu(self.deep(x)))
        x = self.norms[2](F.gelu(self.wide(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


@network(1, 16, 16)
class MlpMixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 6, 4, 4)
        self.n1, self.n2, self.n3 = (nn.LayerNorm(6) for _ in range(3))
        self.tokens = nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 16))
        self.channels = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.n2(x))
        return self.fc(self.n3(x).mean(dim=1))


@network(1, 16, 16)
class SpectrogramTransformer(nn.Module):
    """Overlapping patches, a class token, learned positions, pre-norm attention (AST)."""

    def __init__(self, n=8):
        super().__init__()
        self.patches = nn.Conv2d(1, n, 6, 5)
        self.token = nn.Parameter(torch.randn(1, 1, n) * 0.2)
        self.positions = nn.Parameter(torch.randn(1, 10, n) * 0.2)
        self.n1, self.n2, self.n3 = (nn.LayerNorm(n) for _ in range(3))
        self.qkv, self.out = nn.Linear(n, 3 * n), nn.Linear(n, n)
        self.mlp = nn.Sequential(nn.Linear(n, 12), nn.GELU(), nn.Linear(12, n))
        self.head = nn.Linear(n, 4)

    def attend(self, x):
        b, t, n = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, 2, n // 2).permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(-2, -1)) * (n // 2) ** -0.5).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, n))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        x = x + self.attend(self.n1(x))
        x = x + self.mlp(self.n2(x))
        return self.head(self.n3(x)[:, 0])


@network(1, 12, 20)
class FrequencyAttention(nn.Module):
    """Convolutional block attention: a gate over channels, then one over cells."""

    def __init__(self):
        super().__init__()
        self.conv, self.shared = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1)),
        )
        self.cells, self.fc = nn.Conv2d(2, 1, 3, padding=1), nn.Linear(4, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        channel = self.shared(F.adaptive_avg_pool2d(x, 1)) + self.shared(
            F.adaptive_max_pool2d(x, 1)
        )
        x = x * channel.sigmoid()
        maps = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], dim=1)
        return self.fc((x * torch.sigmoid(self.cells(maps))).mean((-2, -1)))


@network(1, 10, 16)
class EinsumAxes(nn.Module):
    """Axes moved and contracted as einops users do it."""

    def __init__(self):
        super().__init__()
        self.weight, self.mixing = (
            nn.Parameter(torch.randn(10, 5) * 0.3),
            nn.Parameter(torch.randn(16, 4) * 0.3),
        )
        self.fc = nn.Linear(20, 4)

    def forward(self, x):
        x = torch.einsum("bcft,fk->bckt", x, self.weight).relu()
        x = torch.matmul(x.movedim(-1, 2).transpose(2, 3), self.mixing).tanh()
        return self.fc(x.squeeze(1).permute(0, 2, 1).reshape(len(x), -1))


def _residual(block, n_in, n_out, stride, **options):
    wide = n_out * block.expansion
    shortcut = nn.Sequential(nn.Conv2d(n_in, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))
    return block(n_in, n_out, stride, shortcut, **options)


def _resnet(block, **options):
    wide = 8 * block.expansion
    return nn.Sequential(
        nn.Conv2d(3, 6, 7, 2, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        _residual(block, 6, 8, 1, **options),
        block(wide, 8, **options),
        _residual(block, wide, 8, 2, **options),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(wide, 4),
    )


@network(3, 32, 32)
def ResNet18():
    return _resnet(vision.resnet.BasicBlock)


@network(3, 32, 32)
def ResNeXt50():
    return _resnet(vision.resnet.Bottleneck, groups=2, base_width=32)


@network(3, 32, 32)
def DenseNet():
    return vision.DenseNet(
        growth_rate=4, block_config=(2, 2), num_init_features=8, bn_size=2, num_classes=4
    )


@network(3, 16, 16)
def ConvNeXt():
    setting = [vision.convnext.CNBlockConfig(8, 12, 1), vision.convnext.CNBlockConfig(12, None, 1)]
    return vision.ConvNeXt(setting, layer_scale=0.5, num_classes=4)


@network(3, 16, 16)
def SwinTransformer():
    return vision.SwinTransformer([2, 2], 8, [2, 1], [2, 2], [4, 4], num_classes=4)


@network(3, 16, 16)
def SwinTransformerV2():
    return vision.SwinTransformer(
        [2, 2],
        8,
        [2, 1],
        [2, 2],
        [4, 4],
        num_classes=4,
        block=vision.swin_transformer.SwinTransformerBlockV2,
        downsample_layer=vision.swin_transformer.PatchMergingV2,
    )


@network(3, 16, 16)
def VisionTransformer():
    return vision.VisionTransformer(16, 8, 1, 2, 8, 12, num_classes=4)


@network(3, 32, 32)
def MobileNetV3():
    config = partial(vision.mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    setting = [config(8, 3, 8, 8, True, "RE", 1, 1), config(8, 3, 12, 10, True, "HS", 2, 1)]
    return vision.MobileNetV3(setting, last_channel=12, num_classes=4)


@network(3, 32, 32)
def EfficientNet():
    config = vision.efficientnet.MBConvConfig
    setting = [config(1, 3, 1, 8, 8, 1), config(2, 3, 2, 8, 12, 2)]
    return vision.EfficientNet(setting, dropout=0.2, last_channel=12, num_classes=4)


@network(3, 32, 32)
def ShuffleNetV2():
    return vision.ShuffleNetV2([2, 2, 2], [8, 12, 16, 24, 32], num_classes=4)


@network(3, 32, 32, target=0)
def SqueezeNet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        vision.squeezenet.Fire(8, 4, 6, 6),
        vision.squeezenet.Fire(12, 4, 6, 6),
        nn.Conv2d(12, 4, 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@network(3, 32, 32)
def RegNet():
    params = vision.regnet.BlockParams([1, 1], [8, 12], [4, 4], [1.0, 1.0], [2, 2], se_ratio=0.25)
    return vision.RegNet(params, num_classes=4, stem_width=8)


@network(3, 32, 32)
class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = BasicConv2d(3, 6, kernel_size=5, stride=4)
        self.block = InceptionBlock(6, 4, 4, 6, 2, 4, 3)
        self.fc = nn.Linear(17, 4)

    def forward(self, x):
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self.block(self.stem(x)), (1, 1)), 1))
