"""What every method needs around a model: checked arguments, the explained output, batches, a model
left as it was.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from earwitness import arguments
from earwitness.attribution.question import asked_of, check_exists
from earwitness.errors import ParameterError, UnsupportedOperationError, check_choice
from earwitness.models.inference import evaluation_mode


def check_inputs(inputs: torch.Tensor) -> torch.Tensor:
    """Return ``inputs`` if they are a float tensor (batch, ...) with at least one clip and finite
    values.

    Raises
    ------
    ParameterError
        Otherwise; the message says what was found.
    """
    if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
        kind = getattr(inputs, "dtype", type(inputs).__name__)
        raise ParameterError(f"Inputs must be a float tensor (batch, ...), got {kind}.")
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise ParameterError(
            f"Inputs must be (batch, ...) with at least one clip, got shape {tuple(inputs.shape)}."
        )
    flat, most = inputs.detach().flatten(1), torch.finfo(torch.float32).max
    finite = (flat.amin(1) >= -most) & (flat.amax(1) <= most)  # NaN is neither
    if not finite.all():
        raise ParameterError(
            "Inputs hold NaN or infinite values, or beyond 3.4e38, in clip(s) "
            f"{(~finite).nonzero().flatten().tolist()}."
        )
    return inputs


def check_precise(inputs: torch.Tensor, why: str) -> None:
    """Raise ParameterError in half precision, for a method whose map is rounding there."""
    if inputs.dtype in (torch.bfloat16, torch.float16):
        raise ParameterError(
            f"{why}, and in {inputs.dtype} that is rounding: explain model.float()."
        )


def check_target(target: int | Sequence[int] | torch.Tensor, n_clips: int) -> torch.Tensor:
    """Return ``target`` as a LongTensor (batch,): one output index for all clips, or one for each.

    Raises
    ------
    ParameterError
        If it is not made of integers >= 0, or there is not one for each clip.
    """
    values = np.asarray(target.cpu() if isinstance(target, torch.Tensor) else target)
    if values.dtype.kind not in "iu" or (values.size and values.max() >= 2**31):
        raise ParameterError(f"Targets must be output indices (integers), got {target!r}.")
    with torch.inference_mode(False):  # autograd refuses to keep an index made in inference mode
        index = torch.tensor(values, dtype=torch.long)
    index = index.expand(n_clips) if index.ndim == 0 else index
    if index.shape != (n_clips,):
        raise ParameterError(
            f"Targets must be one index or one for each of {n_clips} clips, "
            f"got {tuple(index.shape)}."
        )
    if (index < 0).any():
        raise ParameterError(f"Targets must be output indices >= 0, got {int(index.min())}.")
    return index


def keyword_options(function: Callable) -> dict[str, object]:
    """Return the keyword-only arguments of a method's function and their defaults: its options."""
    parameters = inspect.signature(function).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def check_options(function: Callable, method: str, chosen: Mapping[str, object]) -> None:
    """Raise ParameterError, naming what ``method`` takes, if ``chosen`` holds another option, or
    one of another kind.
    """
    allowed = keyword_options(function)
    if unknown := sorted(set(chosen) - set(allowed)):
        raise ParameterError(
            f"{method} has no option {', '.join(unknown)}; it takes {', '.join(sorted(allowed))}."
        )
    arguments.check(function, chosen)


def prepare(model: nn.Module, inputs: torch.Tensor, target) -> tuple[torch.Tensor, torch.Tensor]:
    """Return checked inputs and targets, cut off from any graph, in the model's precision and on
    its device.
    """
    index = check_target(target, len(check_inputs(inputs)))
    like = next(model.parameters(), inputs)
    return inputs.detach().to(like.device, like.dtype), index.to(like.device)


def explained(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the logit that is explained, of every clip (and of every time step, where outputs have
    a time axis).

    Parameters
    ----------
    output : Tensor, shape (batch, [time,] n_classes)
        Logits: the model's output before any softmax.
    target : LongTensor, shape (batch,)

    Returns
    -------
    Tensor, shape (batch, [time])

    Raises
    ------
    ParameterError
        If the model has no such output.
    """
    if output.ndim < 2 or output.shape[0] != target.shape[0]:
        raise ParameterError(
            f"The model must return (batch, n_classes) logits, it returned {tuple(output.shape)}."
        )
    check_exists(int(target.max()), output.shape[-1])
    index = target.view(-1, *[1] * (output.ndim - 1)).expand(
        *output.shape[:-1], 1
    )  # (batch, [time,] 1)
    return output.gather(-1, index).squeeze(-1)


def check_positive(**given: int) -> None:
    """Raise ParameterError, naming it, if one of these is no positive integer."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
            raise ParameterError(f"{name} must be a positive integer, got {value!r}.")


def in_batches(
    explain: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    target: torch.Tensor,
    batch_size: int,
) -> torch.Tensor:
    """Return ``explain(inputs, target)`` computed ``batch_size`` clips at a time, so that memory
    stays bounded.

    Raises
    ------
    ParameterError
        If ``batch_size`` is not a positive integer.
    """
    check_positive(batch_size=batch_size)
    parts = zip(inputs.split(batch_size), target.split(batch_size), strict=True)
    return torch.cat([explain(x, index) for x, index in parts])


def original(model: nn.Module) -> nn.Module:
    """Return the module that a compiled model was made of; refuse models whose operations cannot be
    seen.

    Raises
    ------
    UnsupportedOperationError
        If the model, or a part of it, is scripted, traced or quantised.
    """
    if not isinstance(model, nn.Module):
        raise ParameterError(f"A model is a torch.nn.Module, got {type(model).__name__}.")
    model = getattr(model, "_orig_mod", model)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise UnsupportedOperationError(
                f"{name or 'The model'!r} is scripted or traced, and does not show its "
                "operations: explain the module that it was made of."
            )
        if ".quantized" in type(module).__module__:
            raise UnsupportedOperationError(
                f"{name or 'The model'!r} is quantised ({type(module).__name__}), and its "
                "operations have no derivative: explain the model before quantisation."
            )
    for name, parameter in model.named_parameters():
        if torch.nn.parameter.is_lazy(parameter):
            raise ParameterError(
                f"{name!r} has no shape yet: run the model on one input before it is explained."
            )
    return model


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return a layer by its name in the user's network, as ``named_modules()`` has it.

    Raises
    ------
    UnknownNameError
        If the network has no layer of that name.
    """
    model = asked_of(model)
    names = [name for name, _ in model.named_modules() if name]
    return model.get_submodule(check_choice(name, names, "layer of the model"))


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Put the model in evaluation mode, parameters without gradients, compiled modules uncompiled;
    undo it all after.

    Code in place stays in place: out of place it may compute something else.
    """
    modules = list(model.modules())
    compiled = [
        (module, module._compiled_call_impl)
        for module in modules
        if getattr(module, "_compiled_call_impl", None) is not None
    ]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for module, _ in compiled:
            module._compiled_call_impl = None
        for parameter, _ in gradients:
            parameter.requires_grad_(False)
        with evaluation_mode(model), _eager(modules):
            with torch.inference_mode(False), torch.enable_grad():
                yield model
    finally:
        for module, call in compiled:
            module._compiled_call_impl = call
        for parameter, flag in gradients:
            parameter.requires_grad_(flag)


@contextmanager
def _eager(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Run modules that torch.compile has wrapped as they were before; and attention without its
    fused fast path.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        if any(hasattr(module, "_orig_mod") for module in modules):
            with torch.compiler.set_stance("force_eager"):
                yield
        else:
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
