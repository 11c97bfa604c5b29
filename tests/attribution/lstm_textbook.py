"""LRP through an LSTM as the papers write it: numpy, one clip, one step, one unit at a time."""

import numpy as np


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _linear(terms, extra, z, relevance, epsilon, bias_factor):
    """Return the relevance of ``terms`` that add up, with ``extra``, to z."""
    stabiliser = epsilon if z >= 0 else -epsilon
    share = bias_factor * (extra + stabiliser) / len(terms)
    return np.array([(term + share) / (z + stabiliser) * relevance for term in terms])


def _run(weights, sequence):
    """Return h, c, g's pre-activation and the gates i, f of each step."""
    w_x, w_h, b = weights
    d = w_h.shape[1]
    h, c, steps = np.zeros(d), np.zeros(d), []
    for x in sequence:
        z = w_x @ x + w_h @ h + b
        i, f, g, o = z[:d], z[d : 2 * d], z[2 * d : 3 * d], z[3 * d :]
        step = {"x": x, "h_before": h, "c_before": c, "g": g, "i": _sigmoid(i), "f": _sigmoid(f)}
        c = step["f"] * c + step["i"] * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        steps.append({**step, "c": c, "h": h})
    return steps


def _back(weights, steps, relevance, epsilon, bias_factor):
    """Return the relevance of the sequence (time, e) from that of h at every step (time, d)."""
    w_x, w_h, b = weights
    d, e = w_h.shape[1], w_x.shape[1]
    of_x, of_h, of_c = np.zeros((len(steps), e)), np.zeros(d), np.zeros(d)
    for t in reversed(range(len(steps))):
        step, of_cell = steps[t], of_c + of_h + relevance[t]
        of_g, of_c = np.zeros(d), np.zeros(d)
        for unit in range(d):  # a dense layer from (old cells, new contents) with identity weights
            terms = np.zeros(2 * d)
            terms[unit] = step["f"][unit] * step["c_before"][unit]
            terms[d + unit] = step["i"][unit] * np.tanh(step["g"][unit])
            parts = _linear(terms, 0.0, step["c"][unit], of_cell[unit], epsilon, bias_factor)
            of_c, of_g = of_c + parts[:d], of_g + parts[d:]
        of_h = np.zeros(d)
        for unit in range(d):
            row = 2 * d + unit
            terms = np.concatenate([w_x[row] * step["x"], w_h[row] * step["h_before"]])
            parts = _linear(terms, b[row], step["g"][unit], of_g[unit], epsilon, bias_factor)
            of_x[t] += parts[:e]
            of_h += parts[e:]
    return of_x


def _weights(lstm, layer, suffix):
    w_x, w_h, b_x, b_h = (
        getattr(lstm, f"{name}_l{layer}{suffix}").detach().numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return w_x, w_h, b_x + b_h


def lstm_relevance(lstm, dense, clip, target, epsilon, bias_factor):
    """Return the relevance (time, features) of a clip for one output of a dense layer on every
    step's h.
    """
    suffixes = ["", "_reverse"][: 1 + lstm.bidirectional]
    d, layers, sequence = lstm.hidden_size, [], clip
    for layer in range(lstm.num_layers):
        runs = [_run(_weights(lstm, layer, s), sequence[::-1] if s else sequence) for s in suffixes]
        layers.append(runs)
        h = [np.array([step["h"] for step in run]) for run in runs]
        sequence = np.concatenate([h[0]] + [values[::-1] for values in h[1:]], axis=1)
    w, b = dense.weight.detach().numpy()[target], dense.bias[target].item()
    relevance = np.array(
        [_linear(w * h, b, w @ h + b, w @ h + b, epsilon, bias_factor) for h in sequence]
    )
    for layer in reversed(range(lstm.num_layers)):
        halves = [relevance[:, :d], relevance[::-1, d:]][: len(suffixes)]
        parts = [
            _back(_weights(lstm, layer, s), steps, half, epsilon, bias_factor)
            for s, steps, half in zip(suffixes, layers[layer], halves, strict=True)
        ]
        relevance = parts[0] + (parts[1][::-1] if len(parts) > 1 else 0)
    return relevance
