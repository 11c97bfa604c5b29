"""What an explanation must beat: the same network without anything learnt."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils import parametrize, remove_weight_norm
from torch.nn.utils.weight_norm import WeightNorm

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_choice, check_number


@checked
def randomised(model: nn.Module, seed: int = 0, layers: Sequence[str] | None = None) -> nn.Module:
    """Return a copy of ``model`` in evaluation mode with fresh weights.

    Weights are drawn as each layer draws them when it is made; global generators stay as they were.
    Of a layer with weight normalisation, in either form of torch, or with another parametrisation
    the weight itself is drawn, and what it is made of follows.

    Parameters
    ----------
    model : Module
    seed : int
        Of the draws.
    layers : sequence of str, optional
        Names of the layers that are drawn, in this order; by default all that have weights.

    Raises
    ------
    UnknownNameError
        If a layer of that name has no weights, or there is none.
    ParameterError
        If a layer with weights has no ``reset_parameters``, or its weights are made of others in a
        way that cannot be undone: a control that kept what was learnt would be none.

    Notes
    -----
    Adebayo et al. (2018), model parameter randomisation test: an explanation that does not change
    with the weights does not explain the model.
    """
    check_number("seed", seed, -(2**63), 2**63 - 1, whole=True)
    control = copy.deepcopy(model, _computed(model)).eval()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        drawn = {
            name: module
            for name, module in control.named_modules()
            if not _belongs_to_a_layer(name) and _has_weights(module)
        }
        for name in drawn if layers is None else layers:
            _draw(drawn[check_choice(name, drawn, "layer with weights")], name or "model")
    return control


def _computed(model: nn.Module) -> dict[int, torch.Tensor]:
    """Return what stands for weights that a graph computed: torch copies none, but for ``memo``."""
    held = [value for module in model.modules() for value in vars(module).values()]
    return {
        id(x): x.detach().clone() for x in held if isinstance(x, torch.Tensor) and not x.is_leaf
    }


def _belongs_to_a_layer(name: str) -> bool:
    """Tell whether a module is a part of a parametrised layer, which is drawn as a whole."""
    return "parametrizations" in name.split(".")


def _has_weights(module: nn.Module) -> bool:
    own = next(module.parameters(recurse=False), None) is not None
    return own or parametrize.is_parametrized(module)


def _draw(module: nn.Module, name: str) -> None:
    """Draw the weights of one layer anew."""
    names = list(module.parametrizations) if parametrize.is_parametrized(module) else []
    old_style = [
        hook.name for hook in module._forward_pre_hooks.values() if isinstance(hook, WeightNorm)
    ]
    if not names and not old_style:
        _reset(module, name)
        return
    plain = _without_parametrizations(module, names) if names else copy.deepcopy(module)
    for part in old_style:
        remove_weight_norm(plain, part)
    _reset(plain, name)
    _take_over(module, plain, names, old_style, name)


def _without_parametrizations(module: nn.Module, names: list[str]) -> nn.Module:
    """Return a copy of the layer that holds its weights itself.

    torch's ``remove_parametrizations`` would change the class, which copies share.
    """
    plain = copy.deepcopy(module)
    plain.__class__ = type(module).__bases__[0]
    del plain.parametrizations
    for name in names:
        plain.register_parameter(name, nn.Parameter(getattr(module, name).clone()))
    return plain


def _take_over(
    module: nn.Module, plain: nn.Module, names: list, old_style: list, name: str
) -> None:
    """Give a layer the weights of its plain copy, through whatever they are made of."""
    for part, value in plain.named_parameters(recurse=False):
        if part in old_style:
            _set_normed(module, part, value)
        elif part in names:
            _set_parametrised(module, part, value.detach(), name)
        else:
            getattr(module, part).copy_(value)


def _set_normed(module: nn.Module, part: str, value: torch.Tensor) -> None:
    hook = next(h for h in module._forward_pre_hooks.values() if getattr(h, "name", "") == part)
    getattr(module, f"{part}_v").copy_(value)
    getattr(module, f"{part}_g").copy_(torch.norm_except_dim(value, 2, hook.dim))
    hook(module, None)  # makes the weight of the two


def _set_parametrised(module: nn.Module, part: str, value: torch.Tensor, name: str) -> None:
    try:
        setattr(module, part, value)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise _not_drawn(name, module, f"its {part} cannot be set: {error}") from None
    steps = module.parametrizations[part]
    spectral = [step for step in steps if type(step).__name__ == "_SpectralNorm"]
    for _ in range(50 if spectral else 0):  # its estimate of the norm is a state, which must follow
        steps.train()
        getattr(module, part)
    steps.eval()
    if not spectral and not torch.allclose(getattr(module, part), value, rtol=1e-3, atol=1e-5):
        raise _not_drawn(name, module, f"its {part} keeps something of what it was")


def _reset(module: nn.Module, name: str) -> None:
    reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if reset is None:
        raise _not_drawn(name, module, "it has no reset_parameters")
    reset()  # torch's MultiheadAttention hides its own


def _not_drawn(name: str, module: nn.Module, why: str) -> ParameterError:
    kind = type(module).__name__.removeprefix("Parametrized")
    return ParameterError(
        f"Layer {name!r} ({kind}) has weights that cannot be randomised: {why}. Give it a "
        "reset_parameters that draws all of them."
    )
