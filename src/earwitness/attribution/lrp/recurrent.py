"""Recurrent layers: LSTM, GRU and the plain recurrent network, at every time step, for a batch at
once.

They multiply and add. Of a product gate x signal all relevance goes to the signal: the gate says
how much of the signal passes, the signal says what. Sums share by the epsilon rule, like dense
layers. So relevance runs back in time along sums, where the gates i, f, o, r, z are constants:

    LSTM   c_t = f_t c_(t-1) + i_t g_t,            g_t = tanh(b + W x_t + V h_(t-1)),           h_t
    = o_t tanh(c_t) GRU    h_t = z_t h_(t-1) + (1 - z_t) n_t,      n_t = tanh(b + W x_t + r_t (d + V
    h_(t-1))) RNN    h_t = tanh(b + W x_t + V h_(t-1)), or relu

and relevance enters h_t wherever a later layer uses it: at every step, not at the last one alone.
Only the recursion itself is a loop over time; the gates need none, since the forward pass has left
every h_t.

The rule for LSTMs is that of Arras et al. (2017), section 3 [arras2017], whose published code it
equals; with relevance injected at every step as Kiyan et al. (2022) do [kiyan2022].
"""

from dataclasses import dataclass

import torch

from earwitness.attribution.lrp.steps import Step, away


@dataclass
class Weights:
    """One layer's parameters, its directions stacked: (directions, ...)."""

    of_x: torch.Tensor  # (D, gates * units, features)
    of_h: torch.Tensor  # (D, gates * units, states)
    bias_x: torch.Tensor  # (D, gates * units)
    bias_h: torch.Tensor
    projection: torch.Tensor | None  # (D, states, units)
    flat: list  # as torch.lstm takes them
    has_bias: bool


@dataclass
class Sharing:
    """How the sums share.

    Attributes
    ----------
    epsilon : float
        Stabiliser of every sum, in its units.
    bias_factor : float
        Which part of what bias and stabiliser take is handed down, evenly to all terms of the sum.
    count_start : bool
        Whether zero states before the first step are terms of its sums, and so take what is handed
        to them, as in the published code. If not, the first step hands down to its input alone.
    additive : bool
        Whether relevance can arrive at zeros.
    """

    epsilon: float
    bias_factor: float
    count_start: bool
    additive: bool


def layer(mode, call):
    """Run ``torch.lstm``, ``torch.gru``, ``torch.rnn_tanh`` or ``torch.rnn_relu`` with the
    derivative of its rule.
    """
    packed = (
        len(call.args) == 9
        and isinstance(call.args[2], torch.Tensor | tuple)
        and isinstance(call.args[3], list | tuple)
    )
    data, sizes, states, flat, has_bias, n_layers, _, _, bidirectional = (
        call.args if packed else (call.args[0], None, *call.args[1:8])
    )
    states = (states,) if isinstance(states, torch.Tensor) else tuple(states)
    weights = _weights(list(flat), has_bias, n_layers * (1 + bidirectional), 1 + bidirectional)
    return _run(mode, call, data, sizes, states, weights, not packed and call.args[8])


def cell(mode, call):
    """Run one step: the same as a layer for a sequence of one."""
    x, states, *flat = call.args
    states = (states,) if isinstance(states, torch.Tensor) else tuple(states)
    weights = _weights(
        [value for value in flat if value is not None], len(flat) == 4 and flat[2] is not None, 1, 1
    )
    alone = x.ndim == 1
    call.name = call.name.removesuffix("_cell")
    with mode:
        x, *states = (value[None, None] if alone else value[None] for value in (x, *states))
    _, *last = _run(mode, call, x, None, states, weights, False)
    for value in last:
        value._trace = call.trace
    with mode:
        last = [value[0, 0] if alone else value[0] for value in last]
    return last[0] if len(last) == 1 else tuple(last)


def _weights(flat, has_bias, n_groups, n_directions):
    """Return the parameters of each layer."""
    size = len(flat) // n_groups
    each = [flat[first : first + size] for first in range(0, len(flat), size)]
    layers = []
    for first in range(0, n_groups, n_directions):
        group = each[first : first + n_directions]
        of_x, of_h, *others = (torch.stack(values) for values in zip(*group, strict=True))
        biases, others = (
            (others[:2], others[2:]) if has_bias else ([torch.zeros_like(of_x[..., 0])] * 2, others)
        )
        layers.append(
            Weights(
                of_x,
                of_h,
                *biases,
                others[0] if others else None,
                [value for part in group for value in part],
                has_bias,
            )
        )
    return layers


def _run(mode, call, data, sizes, states, weights, batch_first):
    composite = mode.composite
    counts = composite.count_start or any(state.any() for state in states)
    sharing = Sharing(composite.recurrent_epsilon, composite.bias_factor, counts, mode.additive)
    step = Recurrent(call.name, sizes, states, weights, batch_first, sharing)
    step.reads_input = data.requires_grad
    mode.ledger.expect(call.label)
    step.note = lambda kept: mode.ledger.note(call.label, kept)
    result = mode.run(step, data, *states)
    call.trace = mode.trace(deep=True)
    return result


class Recurrent(Step):
    """All layers and steps of a recurrent network as one step."""

    def __init__(self, kind, sizes, states, weights, batch_first, sharing):
        super().__init__(None)
        self.kind, self.sizes, self.weights, self.batch_first = kind, sizes, weights, batch_first
        self.sharing, self.wanted = sharing, [state.requires_grad for state in states]
        self.reads_input = True
        self.states = [state.detach() for state in states]
        self.frame = _Frame(sizes, batch_first, len(weights[0].of_x))

    def value(self, data, *states):
        """Return (outputs of every step, last states...), as PyTorch does."""
        function, n = getattr(torch, self.kind), self.frame.n_directions
        self.sequences, last = [self.frame.padded(data.detach())], []
        for number, weights in enumerate(self.weights):
            own = tuple(state[n * number : n * (number + 1)] for state in states)
            own = own if self.kind == "lstm" else own[0]
            rest = (own, weights.flat, weights.has_bias, 1, 0.0, False, n == 2)
            data, *final = (
                function(data, self.sizes, *rest)
                if self.sizes is not None
                else function(data, *rest, self.batch_first)
            )
            self.sequences.append(self.frame.padded(data.detach()))
            last.append(final)
        return data, *(torch.cat(parts) for parts in zip(*last, strict=True))

    def keep(self, pointer):
        """Copy sequences that are about to be overwritten."""
        self.sequences = [
            values.clone() if values.untyped_storage().data_ptr() == pointer else values
            for values in self.sequences
        ]

    def _known(self, of_output, of_states):
        """Return zeros for what nothing reads."""
        last = self.sequences[-1]
        of_output = self.frame.unpadded(torch.zeros_like(last)) if of_output is None else of_output
        return of_output, [
            torch.zeros_like(state) if value is None else value
            for state, value in zip(self.states, of_states, strict=True)
        ]

    def pull(self, of_output, *of_states):
        """Return the derivatives of the sequences and of the states before the first step."""
        of_output, of_states = self._known(of_output, of_states)
        derivative, starts, n = self.frame.padded(of_output), [], self.frame.n_directions
        for number in reversed(range(len(self.weights))):
            own = slice(n * number, n * (number + 1))
            derivative, start = _layer_rule(
                self,
                self.weights[number],
                *self.sequences[number : number + 2],
                derivative,
                [values[own] for values in of_states],
                [state[own] for state in self.states],
            )
            starts.insert(0, start)
        if not self.reads_input:  # only its states depend on the input
            sequence = self.sequences[0]
            self.note(((away(sequence) if self.sharing.additive else sequence) * derivative).sum())
        of_starts = [
            torch.cat(parts) if wanted else None
            for parts, wanted in zip(zip(*starts, strict=True), self.wanted, strict=True)
        ]
        return self.frame.unpadded(derivative), *of_starts


class _Frame:
    """Sequences as (time, batch, features) whatever layout they came in, and time as each direction
    reads it.
    """

    def __init__(self, sizes, batch_first, n_directions):
        self.batch_first, self.n_directions, self.inside = batch_first, n_directions, None
        if sizes is not None:  # clips in each step of a packed sequence, the longest clip first
            self.inside = torch.arange(int(sizes[0])) < sizes[:, None]  # (time, batch)

    def padded(self, values):
        """Return (time, batch, features), zero after a clip's end."""
        if self.inside is not None:
            full = values.new_zeros(*self.inside.shape, values.shape[-1])
            full[self.inside.to(values.device)] = values
            return full
        return values.transpose(0, 1) if self.batch_first else values

    def unpadded(self, values):
        """Undo :meth:`padded`."""
        if self.inside is not None:
            return values[self.inside.to(values.device)]
        return values.transpose(0, 1) if self.batch_first else values

    def own_time(self, values):
        """Turn (directions, time, batch, ...) so that time runs as each direction reads it; twice
        is as before.
        """
        if self.n_directions == 1:
            return values
        if self.inside is None:
            return torch.stack([values[0], values[1].flip(0)])
        steps, lengths = torch.arange(len(self.inside))[:, None], self.inside.sum(0)
        index = torch.where(self.inside, lengths - 1 - steps, steps).to(values.device)
        return torch.stack([values[0], values[1].gather(0, index[..., None].expand_as(values[1]))])

    def at_the_end(self, values, n_steps):
        """Return (directions, time, batch, ...) with ``values`` (directions, batch, ...) at each
        clip's last step.
        """
        result = values.new_zeros(values.shape[0], n_steps, *values.shape[1:])
        clips = torch.arange(values.shape[1], device=values.device)
        last = n_steps - 1 if self.inside is None else self.inside.sum(0).to(values.device) - 1
        result[:, last, clips] = values
        return result


@dataclass
class _Shares:
    """What does not depend on relevance, each (direction, time, batch, units)."""

    kept: torch.Tensor | None  # share of the old cell or state in the new one
    written: torch.Tensor | None  # share of the new content
    lost: torch.Tensor | None  # share that the stabiliser of their sum takes
    inverse: torch.Tensor  # 1 / stabilised pre-activation of the content
    constant: torch.Tensor  # bias and stabiliser in it
    passed: torch.Tensor | None = None  # factor of V h in it
    cells: torch.Tensor | None = None  # cells, of an LSTM
    inner: torch.Tensor | None = None  # o tanh(c), which is projected


def _stabiliser(values, epsilon):
    return torch.copysign(values.new_tensor(epsilon), values)


def _shares(epsilon, content, bias, old=None, new=None, total=None, **others):
    """Return the shares of old cell or state and new content in their ``total``, and of what the
    ``content`` is the sum of; what is given is overwritten, but for ``total``.
    """
    lost, constant = None, _stabiliser(content, epsilon)
    inverse = content.add_(constant).reciprocal_()
    if total is not None:
        stable = _stabiliser(total, epsilon).add_(total)
        old, new = old.div_(stable), new.div_(stable)
        lost = stable.abs_().reciprocal_().mul_(epsilon)
    return _Shares(old, new, lost, inverse, constant.add_(bias), **others)


def _layer_rule(step, weights, x, h, of_h, of_last, starts):
    """Return the derivative (time, batch, features) of one layer's input, and those of its states
    at the start.
    """
    frame, sharing = step.frame, step.sharing
    n_directions, d = len(weights.of_h), weights.of_h.shape[-1]
    x = frame.own_time(x.expand(n_directions, *x.shape))  # (direction, time, batch, features)
    h, of_h = (frame.own_time(torch.stack(values.split(d, dim=-1))) for values in (h, of_h))
    before = torch.cat([starts[0][:, None], h[:, :-1]], dim=1)
    if of_last[0].any():
        of_h = of_h + frame.at_the_end(of_last[0], h.shape[1])
    relevance = (away(h) if sharing.additive else h) * of_h
    shares = _SHARES[step.kind](weights, x, before, h, starts, sharing.epsilon)
    of_cells = None
    if step.kind == "lstm" and of_last[1].any():
        of_cells = frame.at_the_end(of_last[1], h.shape[1]) * shares.cells
    surplus = _surplus(shares, sharing, x.shape[-1], d) if sharing.bias_factor else None
    ratio, of_starts = _back_in_time(step, weights, h, before, relevance, of_cells, shares, surplus)
    content = _content(step.kind, weights.of_x)
    derivative = torch.bmm(ratio.flatten(1, 2), content).view(*ratio.shape[:3], -1)
    if surplus is not None:
        derivative = derivative + (surplus * ratio).sum(-1, keepdim=True) / away(x)
    at_start = [of / away(start) for of, start in zip(of_starts, starts, strict=False)]
    return frame.own_time(derivative).sum(0), at_start


def _content(kind, weight):
    """Return the rows of (directions, gates * units, ...) that make the content: relevance passes
    through them.
    """
    n_gates, place = {"lstm": (4, 2), "gru": (3, 2)}.get(kind, (1, 0))
    units = weight.shape[1] // n_gates
    return weight[:, place * units : (place + 1) * units]


def _surplus(shares, sharing, e, d):
    """Return bias and stabiliser of the content, over the terms that they are handed to: of ``e``
    features and ``d`` states.
    """
    surplus = shares.constant * (sharing.bias_factor / (d + e))
    if not sharing.count_start:  # e terms instead of d + e
        surplus[:, :1] *= (d + e) / e
    return surplus


def _back_in_time(step, weights, h, before, relevance, of_cells, shares, surplus):
    """Return the relevance of the content over its pre-activation, and the derivatives of the
    states at the start.
    """
    w_h, inverse = _content(step.kind, weights.of_h), shares.inverse
    factor = (inverse if shares.written is None else shares.written.mul_(inverse)).unbind(1)
    inverse, leak = inverse.unbind(1), None if surplus is None else _leak(shares, step.sharing)
    kept, passed, surplus, of_cells = (
        None if values is None else values.unbind(1)
        for values in (shares.kept, shares.passed, surplus, of_cells)
    )
    ratios = torch.empty_like(shares.inverse)
    totals = relevance if weights.projection is None else torch.empty_like(shares.inverse)
    ratio_at, total_at, arriving = ratios.unbind(1), totals.unbind(1), relevance.unbind(1)
    states, n_steps = before.unbind(1), ratios.shape[1]

    def to_state(t, result):  # add what step t hands to the state before it
        result.addcmul_(pulled, states[t])
        if surplus is not None:
            result.add_(torch.linalg.vecdot(surplus[t], ratio_at[t])[..., None])
        return result

    def past_the_gate(t, result):  # the same along the sum of old and new
        result.addcmul_(kept[t], total_at[t])
        return result if leak is None else result.add_(spread)

    for t in reversed(range(n_steps)):
        if t < n_steps - 1:
            to_state(t + 1, arriving[t])
        total = total_at[t]
        if weights.projection is not None:
            total.copy_(_through_projection(weights, shares, h[:, t], arriving[t], t, step))
        if kept is not None and t < n_steps - 1:
            past_the_gate(t + 1, total)
        if of_cells is not None:
            total.add_(of_cells[t])
        ratio = torch.mul(factor[t], total, out=ratio_at[t])
        if leak is not None:
            spread = torch.linalg.vecdot(leak[t], total)[..., None]
            ratio.addcmul_(inverse[t], spread)
        pulled = torch.bmm(ratio if passed is None else ratio * passed[t], w_h)
    of_h = to_state(0, torch.zeros_like(states[0]))
    of_cell = None if kept is None else past_the_gate(0, torch.zeros_like(total))
    if step.kind == "gru":
        of_h, of_cell = of_h + of_cell, None
    _note(step, shares, ratios, totals, of_h, of_cell)
    return ratios, (of_h, of_cell)


def _leak(shares, sharing):
    """Return, step by step, what the stabiliser of cell or state hands to each of the 2 d terms."""
    if shares.lost is None:
        return None
    leak = shares.lost * (sharing.bias_factor / (2 * shares.lost.shape[-1]))
    if not sharing.count_start:  # d terms instead of 2 d
        leak[:, :1] *= 2
    return leak.unbind(1)


def _note(step, shares, ratios, totals, of_h, of_cell):
    """Tell the ledger what biases, stabilisers and the states before the first step keep."""
    sharing = step.sharing
    kept = (ratios * shares.constant).sum()
    if shares.lost is not None:
        kept = kept + totals.mul_(shares.lost).sum()
    kept = (1 - sharing.bias_factor) * kept
    for state, wanted in zip((of_h, of_cell), step.wanted, strict=False):
        if not wanted and sharing.count_start and state is not None:
            kept = kept + state.sum()
    step.note(kept)


def _through_projection(weights, shares, h, relevance, t, step):
    """Return the relevance of o tanh(c) from that of its projection, by the epsilon rule."""
    factor, stabiliser = step.sharing.bias_factor, _stabiliser(h, step.sharing.epsilon)
    ratio = relevance / (h + stabiliser)
    inner = shares.inner[:, t]
    step.note((1 - factor) * (ratio * stabiliser).sum())
    result = inner * torch.bmm(ratio, weights.projection)
    if factor:
        result = result + factor * (ratio * stabiliser).sum(-1, keepdim=True) / inner.shape[-1]
    return result


def _affine(values, weight, bias):
    """Return (direction, time, batch, units) of (direction, time, batch, features), in memory of
    its own: activations of one gate that lie apart take four times as long.
    """
    flat = torch.baddbmm(bias[:, None], values.flatten(1, 2), weight.mT)
    return flat.view(*values.shape[:3], -1)


def _gate(weights, place, n_gates, x, before):
    """Return the pre-activations of the gate at ``place`` of torch's order."""
    d = weights.of_h.shape[1] // n_gates
    rows = slice(place * d, (place + 1) * d)
    bias = (weights.bias_x + weights.bias_h)[:, rows]
    sums = _affine(x, weights.of_x[:, rows], bias)
    sums.flatten(1, 2).baddbmm_(before.flatten(1, 2), weights.of_h[:, rows].mT)
    return sums


def _lstm_shares(weights, x, before, h, starts, epsilon):
    write, keep, content = (_gate(weights, place, 4, x, before) for place in range(3))
    new, keep = write.sigmoid_().mul_(content.tanh()), keep.sigmoid_()
    cells = new.new_empty(len(new), new.shape[1] + 1, *new.shape[2:])
    each = cells.unbind(1)
    each[0].copy_(starts[1])
    for new_t, keep_t, old, following in zip(
        new.unbind(1), keep.unbind(1), each[:-1], each[1:], strict=True
    ):
        torch.addcmul(new_t, keep_t, old, out=following)
    old, cell = keep.mul_(cells[:, :-1]), cells[:, 1:]
    bias = _content("lstm", (weights.bias_x + weights.bias_h)[..., None])[..., 0][:, None, None]
    shares = _shares(epsilon, content, bias, old, new, cell, cells=cell)
    if weights.projection is not None:
        shares.inner = _gate(weights, 3, 4, x, before).sigmoid_() * cell.tanh()
    return shares


def _gru_shares(weights, x, before, h, starts, epsilon):
    reset, keep = (_gate(weights, place, 3, x, before).sigmoid_() for place in range(2))
    bias_x, bias_h = (
        _content("gru", bias[..., None])[..., 0] for bias in (weights.bias_x, weights.bias_h)
    )
    content = _affine(x, _content("gru", weights.of_x), bias_x)
    content.addcmul_(reset, _affine(before, _content("gru", weights.of_h), bias_h))
    bias = torch.addcmul(bias_x[:, None, None], reset, bias_h[:, None, None])
    old, new = keep * before, (1 - keep).mul_(content.tanh())
    return _shares(epsilon, content, bias, old, new, h, passed=reset)


def _rnn_shares(weights, x, before, h, starts, epsilon):
    content = _gate(weights, 0, 1, x, before)
    return _shares(epsilon, content, (weights.bias_x + weights.bias_h)[:, None, None])


_SHARES = {
    "lstm": _lstm_shares,
    "gru": _gru_shares,
    "rnn_tanh": _rnn_shares,
    "rnn_relu": _rnn_shares,
}
