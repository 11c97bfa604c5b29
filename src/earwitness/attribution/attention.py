"""Layer-wise relevance propagation through self-attention, layer norm, residual sums and means over time.

All of them multiply activations by activations. As in an LSTM, one factor says how much passes, the other says what,
and all relevance goes to the second: attention weights, the scale of a layer norm and the shares of a weighted mean are
taken as the constants that they are for this input. What is left is linear, and shares by the epsilon rule:

    self-attention     y_t = sum_s a_ts v_s,   v_s = W_v x_s + b_v,   o_t = W_o y_t + b_o       (a_ts fixed)
    layer norm         y_j = b_j + sum_i w_j c (delta_ij - 1/d) x_i,   c = 1 / sqrt(var + eps)  (c fixed)
    residual sum       y = x + f(x)
    mean over time     y = sum_t a_t x_t,   a_t fixed: 1/T, or what a small network finds

So queries and keys get nothing, nor does the small network. Treating their factors as variables, as a gradient does,
breaks conservation (Ali et al. 2022, sections 3 and 4). Every rule here answers what a sum's bias and stabiliser took
evenly to its terms, ``bias_factor`` times.

A rule meets a layer. A residual written as ``x + f(x)`` inside a forward pass is none, and would double the relevance:
build it with :class:`earwitness.models.sums.Add`.
"""

import torch
import torch.nn.functional as F
from torch import nn
from zennit.core import stabilize

from earwitness.errors import ParameterError

_ARGUMENTS = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask", "average_attn_weights",
              "is_causal")
_MASKS = ("key_padding_mask", "attn_mask", "is_causal")
WEIGHTS_REFUSED = ("LRP takes attention weights as constants, so nothing can be explained that is computed from those "
                   "an nn.MultiheadAttention returns.")


def check(name: str, module: nn.MultiheadAttention) -> None:
    """Raise ParameterError for a layer of attention that the rule does not treat."""
    unusual = {
        "batch_first=False": not module.batch_first,
        "kdim or vdim of their own": module.in_proj_weight is None,
        "add_bias_kv": module.bias_k is not None,
        "add_zero_attn": module.add_zero_attn,
    }
    if found := [what for what, there in unusual.items() if there]:
        raise ParameterError("LRP treats self-attention with batch_first=True and nothing added to keys and values; "
                             f"layer {name!r} has {', '.join(found)}.")


def check_call(inputs: tuple, options: dict) -> torch.Tensor:
    """Return the sequences that attend to themselves; raise ParameterError for another kind of call."""
    call = dict(zip(_ARGUMENTS, inputs, strict=False)) | options
    x = call["query"]
    if call["key"] is not x or call["value"] is not x:
        raise ParameterError("LRP treats self-attention: query, key and value must be one and the same tensor. This "
                             "layer attends to something else.")
    if masks := [name for name in _MASKS if call.get(name) is not None and call[name] is not False]:
        raise ParameterError(f"LRP treats attention without masks; this call gives {', '.join(masks)}.")
    if x.ndim != 3:
        raise ParameterError(f"LRP treats attention on batches (batch, time, features), got shape {tuple(x.shape)}.")
    return x


def _ratio(output, relevance, epsilon, bias_factor, bias=None):
    """Return relevance over stabilised output, and what of it bias and stabiliser hand down."""
    output = output.detach()
    stable = stabilize(output, epsilon)
    ratio = relevance / stable
    return ratio, bias_factor * ratio * (stable - output + (0.0 if bias is None else bias))


def _dense(x, weight, bias, output, relevance, epsilon, bias_factor):
    """Share relevance of ``output`` = ``x`` W^T + b among the features of ``x``."""
    ratio, handed = _ratio(output, relevance, epsilon, bias_factor, bias)
    return x * (ratio @ weight) + handed.sum(-1, keepdim=True) / x.shape[-1]


def attention_rule(module, x, output, relevance, epsilon, bias_factor=0.0):
    """Return the relevance of sequences that attend to themselves: what they say, not whom they listen to.

    Parameters
    ----------
    module : nn.MultiheadAttention
        Any number of heads. Dropout of the weights is off, as in evaluation mode.
    x, output, relevance : Tensor, shape (batch, time, features)
    epsilon : float
        Stabiliser of the three sums: out-projection, mean over the steps, projection to values.
    bias_factor : float
        Which part of what bias and stabiliser take is handed down, evenly to all terms of the sum: 0 none, 1 all.

    Returns
    -------
    Tensor, shape of ``x``

    Notes
    -----
    Ali et al. (2022), section 4, the rule for attention heads [ali2022]: R_s = sum_t x_s a_ts / (sum_s' x_s' a_ts')
    R_t, here with the projections on both sides. Chapter: speech-quality.
    """
    x = x.detach()
    query, key, value = F.linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
    query, key, values = (_heads(part, module.num_heads) for part in (query, key, value))
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)  # (batch, head, to, from)
    read = weights @ values                                          # (batch, head, time, width)
    of_read = _dense(_joined(read), module.out_proj.weight, module.out_proj.bias, output, relevance, epsilon,
                     bias_factor)
    ratio, handed = _ratio(read, _heads(of_read, module.num_heads), epsilon, bias_factor)
    of_values = values * (weights.mT @ ratio) + handed.sum(-2, keepdim=True) / x.shape[1]
    n = x.shape[-1]
    bias = None if module.in_proj_bias is None else module.in_proj_bias[2 * n :]
    return _dense(x, module.in_proj_weight[2 * n :], bias, value, _joined(of_values), epsilon, bias_factor)


def _heads(x: torch.Tensor, n_heads: int) -> torch.Tensor:
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (batch, time, features) -> (batch, head, time, width)


def _joined(heads: torch.Tensor) -> torch.Tensor:
    return heads.transpose(1, 2).flatten(2)  # (batch, head, time, width) -> (batch, time, features)


def layer_norm_rule(module, x, output, relevance, epsilon, bias_factor=0.0):
    """Return the relevance of what a layer norm centres and scales, the scale being taken as a constant.

    Notes
    -----
    R_i = sum_j x_i (delta_ij - 1/d) / (sum_i' x_i' (delta_i'j - 1/d)) R_j: Ali et al. (2022), section 4, the rule for
    layer norms [ali2022]; the layer's own bias takes its share too. Shapes as ``module`` takes them.
    """
    x, axes = x.detach(), tuple(range(-len(module.normalized_shape), 0))
    ratio, handed = _ratio(output, relevance, epsilon, bias_factor, module.bias)
    scale = (x.var(axes, correction=0, keepdim=True) + module.eps).rsqrt()
    gradient = scale * ratio * (1.0 if module.weight is None else module.weight)
    return x * (gradient - gradient.mean(axes, keepdim=True)) + handed.mean(axes, keepdim=True)


def add_rule(module, terms, output, relevance, epsilon, bias_factor=0.0):
    """Return the relevance (batch, 2, ...) of two ``terms`` (batch, 2, ...) from that of their sum (batch, ...)."""
    ratio, handed = _ratio(output, relevance, epsilon, bias_factor)
    return terms.detach() * ratio[:, None] + handed[:, None] / 2


def mean_rule(module, x, output, relevance, epsilon, bias_factor=0.0, share=None):
    """Return the relevance of a sequence (batch, time, features) from that of its mean (batch, features).

    ``share`` (batch, time, 1) is how much each step counts, 1/T without it; it is a constant, like attention weights.
    """
    ratio, handed = _ratio(output, relevance, epsilon, bias_factor)
    n_steps = x.shape[1]
    return x.detach() * (1 / n_steps if share is None else share) * ratio[:, None] + handed[:, None] / n_steps
