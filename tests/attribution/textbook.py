"""LRP-epsilon as the textbook has it: numpy, float64, one index table a layer, nothing shared with
the package.
"""

import itertools

import numpy as np
from torch import nn


def _sizes(value, n):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def _windows(shape, kernel, stride, padding, ceil_mode=False):
    """Return indices (n_positions, n_taps) into the flattened plane of ``shape``; -1 where a window
    reaches outside.
    """
    counts = []
    for size, k, s, p in zip(shape, kernel, stride, padding, strict=True):
        steps = (size + 2 * p - k) / s
        counts.append((int(np.ceil(steps)) if ceil_mode else int(np.floor(steps))) + 1)
    table = []
    for position in itertools.product(*map(range, counts)):
        row = []
        for tap in itertools.product(*map(range, kernel)):
            place = [
                q * s + t - p for q, s, t, p in zip(position, stride, tap, padding, strict=True)
            ]
            inside = all(0 <= at < size for at, size in zip(place, shape, strict=True))
            row.append(int(np.ravel_multi_index(place, shape)) if inside else -1)
        table.append(row)
    return np.array(table), tuple(counts)


def _numpy(parameter):
    return parameter.detach().double().numpy()


class Dense:
    def __init__(self, layer):
        self.weight = _numpy(layer.weight)
        self.bias = _numpy(layer.bias) if layer.bias is not None else np.zeros(len(self.weight))

    def forward(self, x):
        self.x, self.z = x, self.weight @ x + self.bias
        return self.z

    def backward(self, relevance, epsilon):
        ratio = relevance / (self.z + np.where(self.z >= 0, epsilon, -epsilon))
        self.bias_relevance = (ratio * self.bias).sum()
        return self.x * (self.weight.T @ ratio)


class Convolution:
    def __init__(self, layer):
        self.layer, n = layer, len(layer.kernel_size)
        self.kernel, self.stride, self.padding = (
            layer.kernel_size,
            _sizes(layer.stride, n),
            _sizes(layer.padding, n),
        )
        self.bias = _numpy(layer.bias) if layer.bias is not None else np.zeros(layer.out_channels)

    def forward(self, x):
        """x (channel, *plane) -> (channel_out, *plane_out)."""
        self.x, groups = x, self.layer.groups
        table, plane = _windows(x.shape[1:], self.kernel, self.stride, self.padding)
        self.table, weight = table, _numpy(self.layer.weight)
        self.weights = np.split(
            weight.reshape(len(weight), -1), groups
        )  # each (out / groups, in / groups * taps)
        padded = np.concatenate(
            [x.reshape(len(x), -1), np.zeros((len(x), 1))], axis=1
        )  # index -1 is the zero
        self.patches = [
            part[:, table].transpose(0, 2, 1).reshape(-1, len(table))
            for part in np.split(padded, groups)
        ]
        z = np.concatenate([w @ patch for w, patch in zip(self.weights, self.patches, strict=True)])
        self.z = z + self.bias[:, None]
        return self.z.reshape(-1, *plane)

    def backward(self, relevance, epsilon):
        ratio = relevance.reshape(self.z.shape) / (
            self.z + np.where(self.z >= 0, epsilon, -epsilon)
        )
        self.bias_relevance = (ratio * self.bias[:, None]).sum()
        result = []
        for weight, patch, part in zip(
            self.weights, self.patches, np.split(ratio, len(self.weights)), strict=True
        ):
            share = (patch * (weight.T @ part)).reshape(
                -1, self.table.shape[1], len(self.table)
            )  # (in, tap, position)
            plane = np.zeros((len(share), self.x[0].size + 1))
            for tap in range(self.table.shape[1]):
                np.add.at(plane, (slice(None), self.table[:, tap]), share[:, tap])
            result.append(plane[:, :-1])
        return np.concatenate(result).reshape(self.x.shape)


class MaxPool:
    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        n = x.ndim - 1
        sizes = [
            _sizes(value, n)
            for value in (self.layer.kernel_size, self.layer.stride, self.layer.padding)
        ]
        table, plane = _windows(x.shape[1:], *sizes, ceil_mode=self.layer.ceil_mode)
        padded = np.concatenate([x.reshape(len(x), -1), np.full((len(x), 1), -np.inf)], axis=1)
        windows = padded[:, table]  # (channel, position, tap)
        self.shape, self.winner = (
            x.shape,
            np.take_along_axis(table[None], windows.argmax(-1)[..., None], -1)[..., 0],
        )
        return windows.max(-1).reshape(len(x), *plane)

    def backward(self, relevance, epsilon):
        result = np.zeros((self.shape[0], int(np.prod(self.shape[1:]))))
        for channel, winner in enumerate(self.winner):
            np.add.at(result[channel], winner, relevance[channel].ravel())
        return result.reshape(self.shape)


class ReLU:
    def forward(self, x):
        return np.where(x > 0, x, 0.0)

    def backward(self, relevance, epsilon):
        return relevance


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.ravel()

    def backward(self, relevance, epsilon):
        return relevance.reshape(self.shape)


_LAYERS = {
    nn.Linear: Dense,
    nn.Conv1d: Convolution,
    nn.Conv2d: Convolution,
    nn.MaxPool1d: MaxPool,
    nn.MaxPool2d: MaxPool,
    nn.ReLU: lambda layer: ReLU(),
    nn.Flatten: lambda layer: Flatten(),
}


def lrp_epsilon(model, clip, target, epsilon):
    """Return (relevance of one clip (channel, ...), its logit, relevance that the biases took)."""
    layers = [_LAYERS[type(layer)](layer) for layer in model if not isinstance(layer, nn.Dropout)]
    x = clip.detach().double().numpy()
    for layer in layers:
        x = layer.forward(x)
    relevance = np.zeros_like(x)
    relevance[target] = logit = x[target]
    for layer in reversed(layers):
        relevance = layer.backward(relevance, epsilon)
    return relevance, logit, sum(getattr(layer, "bias_relevance", 0.0) for layer in layers)
