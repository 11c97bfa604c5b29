"""Conductance: integrated gradients as they flow through the units of a hidden layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from earwitness import runtime
from earwitness.arguments import checked
from earwitness.attribution.completeness import Explanations, explain_all, prepare_all, score
from earwitness.attribution.gradients import integrated_gradients
from earwitness.attribution.question import asked_of
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_positive, find_layer, frozen
from earwitness.errors import ParameterError
from earwitness.models.inference import named


def weighted_layers(model: nn.Module) -> list[str]:
    """Return the names of the layers that hold weights of their own, in the network's order."""
    return [
        name
        for name, module in model.named_modules()
        if name and next(module.parameters(recurse=False), None) is not None
    ]


def hidden_layer(model: nn.Module, layer: str | None) -> nn.Module:
    """Return a layer by name; None: the first that holds weights.

    Raises
    ------
    UnknownNameError
        If the model has no layer of that name.
    ParameterError
        If it has no layer with weights at all.
    """
    if layer is not None:
        return find_layer(model, layer)
    model = asked_of(model)
    if not (names := weighted_layers(model)):
        raise ParameterError(
            "Conductance is of a hidden layer, and this model has no layer with weights."
        )
    return model.get_submodule(names[0])


@contextmanager
def _watched(module: nn.Module, note) -> Iterator[None]:
    """Give every output of a layer to ``note`` inside the ``with`` block; what it returns replaces
    the output.
    """
    handle = module.register_forward_hook(lambda _, inputs, output: note(output))
    try:
        yield
    finally:
        handle.remove()


@method("conductance", family="gradient", colour="#999933", marker="d")
def conductance(
    model,
    inputs,
    target,
    *,
    layer: str | None = None,
    channels: Sequence[int] | None = None,
    baseline: float | torch.Tensor = 0.0,
    n_steps: int = 50,
    batch_size: int = 50,
) -> torch.Tensor:
    """Return the part of each input value's integrated gradient that flows through some channels of
    a layer.

    Parameters
    ----------
    layer : str, optional
        Name of a module whose output is (batch, channel, ...), and through which all of the
        output's dependence on the input runs; default: the first layer with weights.
    channels : sequence of int, optional
        Which channels; default: all of them, which is integrated gradients as a whole.
    baseline : float or Tensor broadcastable to ``inputs``
        As for :func:`earwitness.attribution.gradients.integrated_gradients`.
    n_steps : int
        Nodes of the quadrature.

    Raises
    ------
    UnknownNameError
        If the model has no such layer.
    ParameterError
        If a channel does not exist, or the layer did not run.

    Notes
    -----
    Dhamdhere et al. (2018), Eq. (2), before it is summed over the inputs. Summed over them, it is
    what :func:`layer_conductance` gives a channel in all its places; summed over channels, it is
    integrated gradients.
    """
    if channels is None:
        hidden_layer(model, layer)
        return integrated_gradients(
            model, inputs, target, baseline=baseline, n_steps=n_steps, batch_size=batch_size
        )
    ran = []

    def only(output):
        kept = _kept(output, channels)
        ran.append(True)
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient * kept)
        return output

    with _watched(hidden_layer(model, layer), only):
        result = integrated_gradients(
            model, inputs, target, baseline=baseline, n_steps=n_steps, batch_size=batch_size
        )
    _check_ran(ran, layer)
    return result


def _kept(output: torch.Tensor, channels: Sequence[int]) -> torch.Tensor:
    """Return ones at the channels of an output (batch, channel, ...) and zeros elsewhere,
    broadcastable to it.
    """
    if any(not 0 <= int(channel) < output.shape[1] for channel in channels):
        raise ParameterError(
            f"Channels must lie in 0 to {output.shape[1] - 1}, got {list(channels)}."
        )
    kept = output.new_zeros(output.shape[1])
    kept[list(channels)] = 1
    return kept.view(-1, *[1] * (output.ndim - 2))


def _check_ran(ran: Sequence, layer: str | None) -> None:
    if not ran:
        raise ParameterError(f"The layer {layer!r} did not run in the model's forward pass.")


@checked
def layer_conductance(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: Sequence[int],
    *,
    layer: str,
    baseline: float | torch.Tensor = 0.0,
    n_steps: int = 50,
    batch_size: int = 50,
) -> Explanations:
    """Return how much of the change of several outputs flows through each unit of a layer.

    Parameters
    ----------
    model, inputs
        As for :func:`earwitness.attribution.attribute`.
    targets : sequence of int, shape (n_targets,)
        Output indices; each is explained for every clip.
    layer : str
        Name of a module through which all of the output's dependence on the input runs.
    baseline : float or Tensor broadcastable to ``inputs``
        As for :func:`earwitness.attribution.gradients.integrated_gradients`.
    n_steps : int
        Steps on the straight line from baseline to input; each costs one forward pass and, for each
        target, one backward pass down to the layer.
    batch_size : int
        Clips at a time.

    Returns
    -------
    Explanations
        ``attributions`` (n_targets, batch, *shape of the layer's output), for instance (20, 30, 16,
        48, 15); ``completeness`` with fields (n_targets, batch).

    Raises
    ------
    UnknownNameError
        If the model has no such layer.
    ParameterError
        If the layer did not run.

    Notes
    -----
    Dhamdhere et al. (2018), Eq. (3). The integral along the path is one over the layer's own
    values: each step's change of a unit times the mean of the gradients at its two ends
    (trapezoids), where captum takes the gradient at one end: the completeness error falls with the
    square of ``n_steps``, not with ``n_steps``, where the network is smooth. Chapter:
    speech-quality.
    """
    inner, index = prepare_all(model, inputs, targets)
    check_positive(n_steps=n_steps)
    with named(model, inner), frozen(model):
        explain = partial(_flow, model, layer, n_steps)
        return explain_all(explain, inner, index, baseline, batch_size)


def _flow(
    model, layer: str, n_steps: int, inputs, start, targets
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the conductance (n_targets, batch, *layer) of a batch, and the outputs' changes
    (n_targets, batch).
    """
    total, last, first_scores = 0, None, None
    for step in runtime.progress(range(n_steps + 1), "steps"):
        units, gradients, scores = _at(
            model, start + step / n_steps * (inputs - start), targets, layer
        )
        if last is not None:
            total = total + (units - last[0]) * (gradients + last[1]) / 2
        last, first_scores = (units, gradients), scores if first_scores is None else first_scores
    return total, scores - first_scores


def _at(model, x, targets, layer: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a layer's values (batch, ...), the gradients there (n_targets, batch, ...), the scores
    (n_targets, batch).

    The layer's output is cut off from what lies below it, so that no backward pass goes further
    down than needed.
    """
    seen = []

    def cut(output):
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    with _watched(hidden_layer(model, layer), cut):
        output = model(x)
    _check_ran(seen, layer)
    scores = [score(output, target) for target in targets]
    gradients = [torch.autograd.grad(s.sum(), seen[-1], retain_graph=True)[0] for s in scores]
    return seen[-1].detach(), torch.stack(gradients), torch.stack(scores).detach()
