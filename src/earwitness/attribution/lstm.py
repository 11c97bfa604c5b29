"""Layer-wise relevance propagation through :class:`torch.nn.LSTM`, at every time step, for a batch at once.

An LSTM multiplies and adds. Of a product gate x signal all relevance goes to the signal: the gate says how much of the
signal passes, the signal says what. Sums share by the epsilon rule, like dense layers. So relevance runs back in time
along two sums, where i, f, o are the gates, g is the new content, h the output, c the cell:

    cell              c_t = f_t c_(t-1) + i_t g_t                      (each unit by itself)
    new content       g_t = tanh(b + sum_k w_k x_(t,k) + sum_l v_l h_(t-1,l))

and relevance enters h_t, and with it c_t, wherever a later layer uses it: at every step, not at the last one alone.

Only the recursion itself is a loop over time: three products and one small matrix product a step, both directions
together. The gates need none, since the forward pass has left every h_t.
"""

import torch
from torch import nn
from zennit.core import stabilize

from earwitness.attribution.calls import Refuse
from earwitness.errors import ParameterError


def check(name: str, module: nn.LSTM) -> None:
    """Raise ParameterError for an LSTM that the rule does not treat."""
    if module.proj_size:
        raise ParameterError(f"LRP treats LSTMs without projections; layer {name!r} projects its {module.hidden_size} "
                             f"units to {module.proj_size}.")


def check_call(inputs: tuple, options: dict) -> torch.Tensor:
    """Return the sequences an LSTM was called with; raise ParameterError if they are not one padded batch alone."""
    x, *state = inputs if inputs else (options["input"],)
    if isinstance(x, nn.utils.rnn.PackedSequence):
        raise ParameterError("LRP treats LSTMs on padded batches (batch, time, features), not on packed sequences.")
    if x.ndim != 3:
        raise ParameterError(f"LRP treats LSTMs on batches (batch, time, features), got shape {tuple(x.shape)}.")
    if any(value is not None for value in (*state, options.get("hx"))):
        raise ParameterError("LRP treats LSTMs that start from zero states; this one was given states to start from.")
    return x


_STATES_REFUSED = ("LRP explains what an LSTM answers step by step and the last h of its last layer, not its cells c "
                   "or the h of layers below: build the network on the first.")


def last_states(module: nn.LSTM, output: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor):
    """Return (h, c) so that relevance of the last layer's h goes where that of ``output`` goes, and no other passes."""
    steps = output.transpose(0, 1) if module.batch_first else output  # (time, batch, directions * units)
    forward, backward = steps[-1][:, : module.hidden_size], steps[0][:, module.hidden_size :]
    last = [forward, backward] if module.bidirectional else [forward]
    below = Refuse.apply(hidden[: -len(last)], _STATES_REFUSED)
    return torch.cat([below, torch.stack(last)]), Refuse.apply(cell, _STATES_REFUSED)


def lstm_rule(module, x, output, relevance, epsilon, bias_factor, count_start=True):
    """Return the relevance of an LSTM's input sequences from that of its answers at every step.

    Parameters
    ----------
    module : nn.LSTM
        Any number of layers, one or both directions. Dropout between layers is off, as in evaluation mode.
    x : Tensor, shape (batch, time, features), or (time, batch, features) without ``batch_first``
    output, relevance : Tensor, shape (batch, time, directions * units), likewise
    epsilon : float
        Stabiliser of both sums, in units of the cell and of the pre-activation of g.
    bias_factor : float
        Which part of what bias and stabiliser take is handed down, evenly to all terms of the sum: 0 none, 1 all.
    count_start : bool
        Whether the zero states before the first step are terms of its sums, and so take what is handed to them, as in
        the published code. If not, the first step hands down to its input alone.

    Returns
    -------
    Tensor, shape of ``x``
        With ``bias_factor`` 1 it sums to the relevance, less what the states before the first step take.

    Notes
    -----
    Arras et al. (2017), section 3 [arras2017], whose published code it equals; with relevance injected at every step
    as Kiyan et al. (2022) do [kiyan2022]. Chapter: sound-direction.
    """
    time_first = (lambda values: values.transpose(0, 1)) if module.batch_first else (lambda values: values)
    layers = _layers(module)
    sequences = _sequences(module, layers, time_first(x.detach()), time_first(output.detach()))
    relevance = time_first(relevance)
    for layer in reversed(range(len(layers))):
        weights = [torch.stack(values) for values in zip(*layers[layer], strict=True)]
        relevance = _layer_rule(*weights, *sequences[layer : layer + 2], relevance, epsilon, bias_factor, count_start)
    return time_first(relevance)


def _layers(module: nn.LSTM) -> list[list[tuple[torch.Tensor, ...]]]:
    """Return, for each layer and direction, (input weights (4d, e), recurrent weights (4d, d), bias (4d,))."""
    each = [(w[0], w[1], w[2] + w[3] if module.bias else w[0].new_zeros(len(w[0]))) for w in module.all_weights]
    n_directions = 1 + module.bidirectional
    return [each[first : first + n_directions] for first in range(0, len(each), n_directions)]


def _sequences(module, layers, x, output) -> list[torch.Tensor]:
    """Return what each layer reads, then what the last one answers, each (time, batch, features)."""
    sequences = [x]
    for directions in layers[:-1]:
        flat = [values for w_x, w_h, bias in directions for values in (w_x, w_h, bias, torch.zeros_like(bias))]
        zeros = x.new_zeros(len(directions), x.shape[1], module.hidden_size)
        below, _, _ = torch.lstm(sequences[-1], (zeros, zeros), flat, True, 1, 0.0, False, module.bidirectional, False)
        sequences.append(below)
    return [*sequences, output]


def _own_time(values: torch.Tensor) -> torch.Tensor:
    """Turn (direction, time, ...) so that time runs as each direction reads it; twice is as before."""
    return values if len(values) == 1 else torch.stack([values[0], values[1].flip(0)])


def _layer_rule(w_x, w_h, bias, x, h, relevance, epsilon, bias_factor, count_start):
    """Return the relevance (time, batch, e) of one layer's input; weights have an axis of directions in front."""
    n_directions, d, e = len(w_h), w_h.shape[-1], x.shape[-1]
    x = _own_time(x.expand(n_directions, *x.shape))  # (direction, time, batch, e)
    h, relevance = (_own_time(torch.stack(values.split(d, dim=-1))) for values in (h, relevance))  # (..., d)
    h_before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
    kept, written, leak, content, surplus = _shares(w_x, w_h, bias, x, h_before, epsilon, bias_factor)
    if not count_start:  # d and e terms instead of 2 d and d + e
        leak[:, 0] *= 2
        surplus[:, 0] *= (d + e) / e
    w_x, w_h = w_x[:, 2 * d : 3 * d], w_h[:, 2 * d : 3 * d]  # relevance passes through g alone
    ratio = torch.empty_like(h)  # relevance of g over its pre-activation
    of_cell, of_h = torch.zeros_like(h[:, 0]), torch.zeros_like(h[:, 0])  # (direction, batch, d)
    for t in reversed(range(h.shape[1])):
        of_cell = of_cell + relevance[:, t] + of_h
        spread = (leak[:, t] * of_cell).sum(-1, keepdim=True) if bias_factor else 0.0
        ratio[:, t] = (written[:, t] * of_cell + spread) / content[:, t]
        of_h = h_before[:, t] * torch.bmm(ratio[:, t], w_h)
        of_h = of_h + (surplus[:, t] * ratio[:, t]).sum(-1, keepdim=True) if bias_factor else of_h
        of_cell = kept[:, t] * of_cell + spread
    of_x = x * torch.bmm(ratio.flatten(1, 2), w_x).view(x.shape) + (surplus * ratio).sum(-1, keepdim=True)
    return _own_time(of_x).sum(0)  # (time, batch, e)


def _shares(w_x, w_h, bias, x, h_before, epsilon, bias_factor):
    """Return what does not depend on relevance, each (direction, time, batch, d).

    Returns
    -------
    kept, written : Tensor
        Shares of the old cell and of the new content in c_t.
    leak : Tensor
        What the stabiliser of c_t hands to each of the 2 d terms.
    content : Tensor
        Stabilised pre-activation of g_t.
    surplus : Tensor
        Bias and stabiliser in it, over the d + e terms that they are handed to.
    """
    d, e = w_h.shape[-1], x.shape[-1]
    signals = torch.baddbmm(bias[:, None, : 3 * d], x.flatten(1, 2), w_x[:, : 3 * d].mT)
    signals = signals.baddbmm_(h_before.flatten(1, 2), w_h[:, : 3 * d].mT)  # torch's order: i, f, g; o takes no part
    write, keep, content = signals.view(*x.shape[:3], 3 * d).split(d, dim=-1)
    new, keep = write.sigmoid() * content.tanh(), keep.sigmoid()
    cells = [torch.zeros_like(new[:, 0])]
    for t in range(new.shape[1]):
        cells.append(keep[:, t] * cells[-1] + new[:, t])
    cell, old = torch.stack(cells[1:], dim=1), keep * torch.stack(cells[:-1], dim=1)
    stable_cell, stable_content = stabilize(cell, epsilon), stabilize(content, epsilon)
    leak = bias_factor * (stable_cell - cell) / stable_cell / (2 * d)
    surplus = bias_factor * (bias[:, None, None, 2 * d : 3 * d] + stable_content - content) / (d + e)
    return old / stable_cell, new / stable_cell, leak, stable_content, surplus
