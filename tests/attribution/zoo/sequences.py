"""Networks with memory or attention: recurrent layers in every layout, transformers, conformers."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .registry import network


class _Crnn(nn.Module):
    """Convolutions over a spectrogram, a recurrent layer over its frames."""

    def __init__(self, recurrent, n):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.pool, self.recurrent, self.fc = nn.MaxPool2d((1, 4)), recurrent, nn.Linear(n, 4)

    def frames(self, x):
        x = self.pool(F.relu(self.norm(self.conv(x))))  # (batch, channel, time, band)
        return x.permute(0, 2, 1, 3).flatten(2)  # (batch, time, 3 * 2)


class _LastStep(_Crnn):
    def forward(self, x):
        return self.fc(self.recurrent(self.frames(x))[0][:, -1])


class _EveryStep(_Crnn):
    def forward(self, x):
        return self.fc(self.recurrent(self.frames(x))[0])


class _LastHidden(_Crnn):
    def forward(self, x):
        _, state = self.recurrent(self.frames(x))
        hidden = state[0] if isinstance(state, tuple) else state
        return self.fc(torch.cat([hidden[-2], hidden[-1]], dim=-1))


class _TimeFirst(_Crnn):
    def forward(self, x):
        return self.fc(self.recurrent(self.frames(x).transpose(0, 1))[0].mean(0))


@network(1, 6, 8)
def CrnnLstm():
    return _LastStep(nn.LSTM(6, 5, batch_first=True), 5)


@network(1, 6, 8)
def CrnnBiLstm():
    return _EveryStep(nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True), 8)


@network(1, 6, 8)
def BiLstmLastHidden():
    return _LastHidden(nn.LSTM(6, 4, bidirectional=True, batch_first=True), 8)


@network(1, 6, 8)
def LstmTimeFirst():
    return _TimeFirst(nn.LSTM(6, 5, bias=False), 5)


@network(1, 6, 8)
def LstmProjected():
    return _LastStep(nn.LSTM(6, 7, proj_size=4, num_layers=2, batch_first=True), 4)


@network(1, 6, 8)
def CrnnGru():
    return _LastStep(nn.GRU(6, 5, batch_first=True), 5)


@network(1, 6, 8)
def CrnnBiGru():
    return _EveryStep(nn.GRU(6, 4, num_layers=2, bidirectional=True, batch_first=True), 8)


@network(1, 6, 8)
def BiGruLastHidden():
    return _LastHidden(nn.GRU(6, 4, bidirectional=True, batch_first=True), 8)


@network(1, 6, 8)
def GruTimeFirst():
    return _TimeFirst(nn.GRU(6, 5, bias=False), 5)


@network(1, 6, 8)
def RnnTanh():
    return _LastStep(nn.RNN(6, 5, batch_first=True), 5)


@network(1, 6, 8)
def RnnReluBidirectional():
    return _TimeFirst(nn.RNN(6, 4, num_layers=2, nonlinearity="relu", bidirectional=True), 8)


class _Packed(nn.Module):
    """Clips of two lengths, packed; averaged over what is there."""

    def __init__(self, recurrent, n):
        super().__init__()
        self.recurrent, self.fc = recurrent, nn.Linear(n, 4)
        self.register_buffer("lengths", torch.tensor([5, 7]))

    def forward(self, x):
        packed = pack_padded_sequence(x, self.lengths.cpu(), batch_first=True, enforce_sorted=False)
        steps, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return self.fc(steps.sum(1) / self.lengths[:, None])


@network(7, 6)
def PackedLstm():
    return _Packed(nn.LSTM(6, 4, bidirectional=True, batch_first=True), 8)


@network(7, 6)
def PackedGru():
    return _Packed(nn.GRU(6, 4, num_layers=2, batch_first=True), 4)


@network(7, 6)
class PackedLastHidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent, self.fc = nn.LSTM(6, 4, batch_first=True), nn.Linear(4, 4)

    def forward(self, x):
        packed = pack_padded_sequence(x, torch.tensor([7, 4]), batch_first=True)
        return self.fc(self.recurrent(packed)[1][0][-1])


@network(7, 6)
class CellsByHand(nn.Module):
    """An LSTM cell and a GRU cell in a loop."""

    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.fc = nn.LSTMCell(6, 4), nn.GRUCell(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h, c = x.new_zeros(len(x), 4), x.new_zeros(len(x), 4)
        g = torch.zeros_like(h)
        for step in x.unbind(1):
            h, c = self.lstm(step, (h, c))
            g = self.gru(h, g)
        return self.fc(g)


@network(7, 6)
class GateByHand(nn.Module):
    """A recurrent unit written out: h = z h + (1 - z) tanh(...)."""

    def __init__(self):
        super().__init__()
        self.gate, self.content, self.fc = nn.Linear(10, 4), nn.Linear(10, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = x.new_zeros(len(x), 4)
        for t in range(x.shape[1]):
            both = torch.cat([x[:, t], h], dim=-1)
            z = torch.sigmoid(self.gate(both))
            h = z * h + (1 - z) * torch.tanh(self.content(both))
        return self.fc(h)


@network(7, 6)
class EncoderDecoder(nn.Module):
    """The decoder starts from the encoder's states and is fed with a constant."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = (
            nn.LSTM(6, 4, batch_first=True),
            nn.LSTM(3, 4, batch_first=True),
        )
        self.start, self.fc = nn.Parameter(torch.randn(1, 3, 3)), nn.Linear(4, 4)

    def forward(self, x):
        _, state = self.encoder(x)
        steps, _ = self.decoder(self.start.expand(len(x), -1, -1), state)
        return self.fc(steps)


@network(7, 6)
class AttentivePooling(nn.Module):
    """A GRU whose steps are weighted by a small network."""

    def __init__(self):
        super().__init__()
        self.gru, self.score = nn.GRU(6, 4, batch_first=True, bidirectional=True), nn.Linear(8, 1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        steps, _ = self.gru(x)
        weights = F.softmax(torch.tanh(self.score(steps)), dim=1)
        return self.fc(torch.sum(weights * steps, dim=1))


@network(7, 6)
class PoolingByBmm(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.score, self.fc = nn.Linear(6, 5), nn.Linear(5, 1), nn.Linear(5, 4)

    def forward(self, x):
        x = F.relu(self.inner(x))
        weights = self.score(x).softmax(1).transpose(1, 2)  # (batch, 1, time)
        return self.fc(torch.bmm(weights, x).squeeze(1))


class _Encoder(nn.Module):
    def __init__(self, n=8, **options):
        super().__init__()
        self.inner, self.fc = nn.Linear(6, n), nn.Linear(n, 4)
        layer = nn.TransformerEncoderLayer(n, 2, 12, batch_first=True, **options)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.fc(self.encoder(self.inner(x)).mean(1))


@network(7, 6)
def TransformerPostNorm():
    return _Encoder()


@network(7, 6)
def TransformerPreNorm():
    return _Encoder(norm_first=True, activation="gelu")


@network(7, 6)
class TransformerMasked(_Encoder):
    """Attention that looks back only, and not at what was padded."""

    def forward(self, x):
        causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        padded = torch.tensor([[False] * 7, [False] * 5 + [True] * 2])
        hidden = self.encoder(self.inner(x), mask=causal, src_key_padding_mask=padded)
        return self.fc(hidden[:, 0] + hidden[:, 4])


@network(7, 6)
class TransformerTimeFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.fc = nn.Linear(6, 8), nn.Linear(8, 4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12)
        position = torch.arange(7)[:, None] / 10000 ** (torch.arange(0, 8, 2) / 8)
        self.register_buffer("positions", torch.cat([position.sin(), position.cos()], 1)[:, None])

    def forward(self, x):
        x = self.inner(x.transpose(0, 1)) * math.sqrt(8) + self.positions
        return self.fc(self.layer(x)[-1])


@network(7, 6)
class TransformerDecoder(nn.Module):
    """Learned queries that attend to the clip."""

    def __init__(self):
        super().__init__()
        self.inner, self.queries, self.fc = (
            nn.Linear(6, 8),
            nn.Parameter(torch.randn(1, 3, 8)),
            nn.Linear(8, 4),
        )
        self.decoder = nn.TransformerDecoderLayer(8, 2, 12, batch_first=True)

    def forward(self, x):
        return self.fc(self.decoder(self.queries.expand(len(x), -1, -1), self.inner(x)).mean(1))


@network(7, 6)
class AttentionModule(nn.Module):
    """nn.MultiheadAttention with widths of its own for keys and values."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(6, 8, 3, padding=1), nn.Linear(8, 4)
        self.attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True)

    def forward(self, x):
        query = F.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        read, _ = self.attention(query, x, x, need_weights=True)
        return self.fc((query + read).mean(1))


@network(7, 6)
class ClassTokenSdpa(nn.Module):
    """A class token, positions from an embedding, attention by torch's own function."""

    def __init__(self):
        super().__init__()
        self.inner, self.token = nn.Linear(6, 8), nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Embedding(8, 8)
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8, bias=False) for _ in range(4))
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 4)

    def heads(self, x):
        return x.unflatten(-1, (2, 4)).transpose(1, 2)

    def forward(self, x):
        x = torch.cat([self.token.repeat(len(x), 1, 1), self.inner(x)], 1) + self.positions(
            torch.arange(8)
        )
        read = F.scaled_dot_product_attention(
            *(self.heads(layer(x)) for layer in (self.q, self.k, self.v))
        )
        x = self.norm(x + self.out(read.transpose(1, 2).flatten(2)))
        return self.fc(x[:, 0])


@network(7, 6)
class RelativePositions(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.qkv, self.fc = nn.Linear(6, 4), nn.Linear(4, 12), nn.Linear(4, 4)
        self.table = nn.Parameter(torch.randn(13) * 0.5)
        self.register_buffer("distance", torch.arange(7)[:, None] - torch.arange(7)[None] + 6)

    def forward(self, x):
        x = self.inner(x)
        q, k, v = self.qkv(x).split(4, dim=-1)
        scores = torch.einsum("bid,bjd->bij", q, k) / 2 + self.table[self.distance]
        read = torch.einsum("bij,bjd->bid", torch.softmax(scores, -1), v)
        return self.fc((x + read).mean(1))


@network(7, 6)
class RotaryPositions(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.qkv, self.fc = nn.Linear(6, 4), nn.Linear(4, 12), nn.Linear(4, 4)
        angle = torch.arange(7)[:, None] / torch.tensor([[1.0, 10.0]])
        self.register_buffer("cos", angle.cos().repeat(1, 2))
        self.register_buffer("sin", angle.sin().repeat(1, 2))

    def turn(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([-b, a], -1) * self.sin

    def forward(self, x):
        x = self.inner(x)
        q, k, v = self.qkv(x).chunk(3, -1)
        read = F.scaled_dot_product_attention(self.turn(q), self.turn(k), v, is_causal=True)
        return self.fc((x + read)[:, -1])


@network(7, 6)
class LinearAttention(nn.Module):
    """Softmax over features of queries and over time of keys; no matrix of time by time."""

    def __init__(self):
        super().__init__()
        self.qkv, self.fc = nn.Linear(6, 12), nn.Linear(4, 4)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        context = k.softmax(dim=1).transpose(1, 2) @ v
        return self.fc((q.softmax(-1) @ context).mean(1))


@network(7, 6)
class Conformer(nn.Module):
    """Half a feed-forward layer, attention, convolution with a gate, half a feed-forward layer."""

    def __init__(self, n=8):
        super().__init__()
        self.inner, self.fc = nn.Linear(6, n), nn.Linear(n, 4)
        self.feed = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(n), nn.Linear(n, 12), nn.SiLU(), nn.Linear(12, n))
            for _ in range(2)
        )
        self.n1, self.n2, self.n3 = (nn.LayerNorm(n) for _ in range(3))
        self.attention = nn.MultiheadAttention(n, 2, batch_first=True)
        self.conv = nn.Sequential(
            nn.Conv1d(n, 2 * n, 1),
            nn.GLU(dim=1),
            nn.Conv1d(n, n, 3, padding=1, groups=n),
            nn.BatchNorm1d(n),
            nn.SiLU(),
            nn.Conv1d(n, n, 1),
        )

    def forward(self, x):
        x = self.inner(x)
        x = x + 0.5 * self.feed[0](x)
        y = self.n1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.conv(self.n2(x).transpose(1, 2)).transpose(1, 2)
        x = x + 0.5 * self.feed[1](x)
        return self.fc(self.n3(x).mean(1))


@network(7, 6)
class GatedMlp(nn.Module):
    """SwiGLU and a gate over time (gMLP)."""

    def __init__(self):
        super().__init__()
        self.inner, self.gate, self.back = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 6)
        self.norm, self.fc = nn.RMSNorm(6), nn.Linear(6, 4)

    def forward(self, x):
        y = self.norm(x)
        x = x + self.back(F.silu(self.gate(y)) * self.inner(y))
        return self.fc(x.mean(1))


@network(1, 160)
class Wav2VecLike(nn.Module):
    """Strided convolutions, group norm, a positional convolution, a transformer layer."""

    def __init__(self):
        super().__init__()
        self.c1, self.n1 = nn.Conv1d(1, 8, 10, 5, bias=False), nn.GroupNorm(8, 8)
        self.c2 = nn.Conv1d(8, 8, 3, 2, bias=False)
        self.norm, self.project = nn.LayerNorm(8), nn.Linear(8, 8)
        self.position = nn.utils.parametrizations.weight_norm(
            nn.Conv1d(8, 8, 4, padding=2, groups=4), dim=2
        )
        self.layer, self.fc = (
            nn.TransformerEncoderLayer(8, 2, 12, batch_first=True),
            nn.Linear(8, 4),
        )

    def forward(self, x):
        x = F.gelu(self.c2(F.gelu(self.n1(self.c1(x)))))
        x = self.project(self.norm(x.transpose(1, 2)))
        x = x + F.gelu(self.position(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
        return self.fc(self.layer(x)).mean(1)
