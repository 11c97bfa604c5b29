"""Relevance through LSTM, GRU and RNN, cell by cell and step by step.

All relevance of gate x signal is the signal's; sums share by contributions; what the bias of the
new content keeps, ``bias_factor`` of it, goes evenly to the terms of its sum (Arras et al. 2017).
"""

import torch

from .tape import Step


def _ratio(relevance, values):
    return torch.where(values == 0, 0.0, relevance / torch.where(values == 0, 1.0, values))


class Lstm:
    """One direction of one layer."""

    n_states = 2

    def __init__(self, w_x, w_h, b_x=None, b_h=None, project=None):
        self.w_x, self.w_h, self.project = w_x, w_h, project
        self.bias = w_x.new_zeros(len(w_x)) if b_x is None else b_x + b_h

    def step(self, x, h, c):
        i, f, g, o = (x @ self.w_x.T + h @ self.w_h.T + self.bias).chunk(4, -1)
        new, old = i.sigmoid() * g.tanh(), f.sigmoid() * c
        cell = new + old
        out = o.sigmoid() * cell.tanh()
        shown = out if self.project is None else out @ self.project.T
        return (shown, cell), (x, h, g, new, old, cell, out, shown)

    def back(self, kept, of_states, bias_factor, counted):
        x, h, g, new, old, cell, out, shown = kept
        of_h, of_c = of_states
        if self.project is not None:
            of_h = out * (_ratio(of_h, shown) @ self.project)
        of_c = of_c + of_h
        ratio = _ratio(_ratio(of_c, cell) * new, g)
        d = len(g[0])
        w_x, w_h, bias = (w[2 * d : 3 * d] for w in (self.w_x, self.w_h, self.bias))
        n = x.shape[-1] + (h.shape[-1] if counted else 0)
        handed = bias_factor * (ratio * bias).sum(-1, keepdim=True) / n
        return x * (ratio @ w_x) + handed, (
            h * (ratio @ w_h) + handed * counted,
            _ratio(of_c, cell) * old,
        )


class Gru:
    n_states = 1

    def __init__(self, w_x, w_h, b_x=None, b_h=None):
        self.w_x, self.w_h = w_x, w_h
        self.b_x, self.b_h = (w_x.new_zeros(len(w_x)) if b is None else b for b in (b_x, b_h))

    def step(self, x, h):
        x_r, x_z, x_n = (x @ self.w_x.T + self.b_x).chunk(3, -1)
        h_r, h_z, h_n = (h @ self.w_h.T + self.b_h).chunk(3, -1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        content = x_n + r * h_n
        new, old = (1 - z) * content.tanh(), z * h
        return (new + old,), (x, h, r, content, new, old)

    def back(self, kept, of_states, bias_factor, counted):
        x, h, r, content, new, old = kept
        share = _ratio(of_states[0], new + old)
        ratio = _ratio(share * new, content)
        d = h.shape[-1]
        w_x, w_h, b_x, b_h = (w[2 * d :] for w in (self.w_x, self.w_h, self.b_x, self.b_h))
        n = x.shape[-1] + (d if counted else 0)
        handed = bias_factor * (ratio * (b_x + r * b_h)).sum(-1, keepdim=True) / n
        of_h = share * old + h * ((ratio * r) @ w_h) + handed * counted
        return x * (ratio @ w_x) + handed, (of_h,)


class Rnn:
    n_states = 1

    def __init__(self, activation, w_x, w_h, b_x=None, b_h=None):
        self.activation, self.w_x, self.w_h = activation, w_x, w_h
        self.bias = w_x.new_zeros(len(w_x)) if b_x is None else b_x + b_h

    def step(self, x, h):
        z = x @ self.w_x.T + h @ self.w_h.T + self.bias
        return (self.activation(z),), (x, h, z)

    def back(self, kept, of_states, bias_factor, counted):
        x, h, z = kept
        ratio = _ratio(of_states[0], z)
        n = x.shape[-1] + (h.shape[-1] if counted else 0)
        handed = bias_factor * (ratio * self.bias).sum(-1, keepdim=True) / n
        return x * (ratio @ self.w_x) + handed, (h * (ratio @ self.w_h) + handed * counted,)


class Run:
    """One direction of one layer over a sequence (time, batch, features)."""

    def __init__(self, cell, sequence, start, backwards):
        self.cell, self.order = cell, list(range(len(sequence)))
        self.order = self.order[::-1] if backwards else self.order
        self.kept, shown, states = [], {}, start
        for t in self.order:
            states, kept = cell.step(sequence[t], *states)
            shown[t] = states[0]
            self.kept.append(kept)
        self.output, self.end = torch.stack([shown[t] for t in sorted(shown)]), states

    def back(self, of_output, of_end, bias_factor, count_start):
        """Return the relevance of the sequence, and of the states before its first step."""
        of_states, of_x = list(of_end), {}
        for n, t in reversed(list(enumerate(self.order))):
            of_states[0] = of_states[0] + of_output[t]
            of_x[t], of_states = self.cell.back(
                self.kept[n], of_states, bias_factor, n > 0 or count_start
            )
            of_states = list(of_states)
        return torch.stack([of_x[t] for t in sorted(of_x)]), of_states


class Stack:
    """All layers and directions on one padded sequence (time, batch, features)."""

    def __init__(self, make, weights, sequence, states, n_directions):
        self.layers, self.n_directions = [], n_directions
        for first in range(0, len(weights), n_directions):
            runs = []
            for place in range(first, first + n_directions):
                start = [state[place] for state in states]
                runs.append(Run(make(*weights[place]), sequence, start, place % n_directions == 1))
            sequence = torch.cat([run.output for run in runs], -1)
            self.layers.append(runs)
        self.output = sequence

    def back(self, of_output, of_ends, bias_factor, count_start):
        of_starts = [torch.zeros_like(state) for state in of_ends]
        for layer, runs in reversed(list(enumerate(self.layers))):
            of_x = 0.0
            for side, part in enumerate(of_output.chunk(self.n_directions, -1)):
                place = layer * self.n_directions + side
                ends = [state[place] for state in of_ends]
                added, starts = runs[side].back(part, ends, bias_factor, count_start)
                of_x = of_x + added
                for total, start in zip(of_starts, starts, strict=True):
                    total[place] = start
            of_output = of_x
        return of_output, of_starts


_CELLS = {
    "lstm": Lstm,
    "gru": Gru,
    "rnn_tanh": lambda *w: Rnn(torch.tanh, *w),
    "rnn_relu": lambda *w: Rnn(torch.relu, *w),
}


def _weights(step: Step, named):
    flat, n_layers = named["params"], named["num_layers"] * (1 + named["bidirectional"])
    per = len(flat) // n_layers
    rows = [flat[k : k + per] for k in range(0, len(flat), per)]
    projects = step.name == "lstm" and per == (5 if named["has_biases"] else 3)
    if projects and not named["has_biases"]:
        rows = [(w_x, w_h, None, None, p) for w_x, w_h, p in rows]
    return rows


def hand_back(step: Step, relevances, bias_factor, count_start):
    """Return the relevance of the sequence, and of start states that depend on the input."""
    named = step.arguments()
    if step.name.endswith("_cell"):
        return _cell(step, named, relevances, bias_factor, count_start)
    packed = "batch_sizes" in named
    states = named["hx"] if isinstance(named["hx"], (list, tuple)) else [named["hx"]]
    places = {id(leaf): k for k, leaf in enumerate(step.leaves)}
    count_start = (
        count_start or len(step.dependent) > 1
    )  # states of the input's are terms as others
    result = (
        _packed(step, named, states, relevances, bias_factor, count_start)
        if packed
        else _padded(step, named, states, relevances, bias_factor, count_start)
    )
    of_sequence, of_states = result
    sequence = named["data"] if packed else named["input"]
    by_place = {places[id(sequence)]: of_sequence}
    by_place |= {places[id(state)]: value for state, value in zip(states, of_states, strict=True)}
    return [by_place[place] for place in step.dependent]


def _cell(step, named, relevances, bias_factor, count_start):
    """Return the relevance of a cell's input, and of states that depend on the input."""
    states = named["hx"] if isinstance(named["hx"], (list, tuple)) else [named["hx"]]
    weights = [named[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
    cell = _CELLS[step.name.removesuffix("_cell")](*weights)
    shown, kept = cell.step(named["input"], *states)
    assert torch.allclose(shown[0], step.outputs[0], atol=1e-12)
    counted = count_start or len(step.dependent) > 1
    of_x, of_states = cell.back(kept, relevances, bias_factor, counted)
    places = [
        next(k for k, leaf in enumerate(step.leaves) if leaf is value)
        for value in (named["input"], *states)
    ]
    by_place = dict(zip(places, (of_x, *of_states), strict=True))
    return [by_place[place] for place in step.dependent]


def _stack(step, named, sequence, states):
    return Stack(
        _CELLS[step.name], _weights(step, named), sequence, states, 1 + named["bidirectional"]
    )


def _padded(step, named, states, relevances, bias_factor, count_start):
    turn = (lambda v: v.transpose(0, 1)) if named["batch_first"] else (lambda v: v)
    stack = _stack(step, named, turn(named["input"]), states)
    assert torch.allclose(turn(stack.output), step.outputs[0], atol=1e-12)
    of_x, of_states = stack.back(turn(relevances[0]), relevances[1:], bias_factor, count_start)
    return turn(of_x), of_states


def _packed(step, named, states, relevances, bias_factor, count_start):
    """Run every clip of a packed batch alone; row n of step t stands n after step t's first."""
    sizes = named["batch_sizes"].tolist()
    first = [sum(sizes[:t]) for t in range(len(sizes))]
    of_data = torch.zeros_like(named["data"])
    of_states = [torch.zeros_like(state) for state in states]
    for n in range(sizes[0]):
        rows = [start + n for start, size in zip(first, sizes, strict=True) if n < size]
        own = [state[:, n : n + 1] for state in states]
        stack = _stack(step, named, named["data"][rows][:, None], own)
        assert torch.allclose(stack.output[:, 0], step.outputs[0][rows], atol=1e-12)
        ends = [relevance[:, n : n + 1] for relevance in relevances[1:]]
        of_x, starts = stack.back(relevances[0][rows][:, None], ends, bias_factor, count_start)
        of_data[rows] = of_x[:, 0]
        for total, start in zip(of_states, starts, strict=True):
            total[:, n : n + 1] = start
    return of_data, of_states
