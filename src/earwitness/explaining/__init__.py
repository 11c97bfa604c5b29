"""Any sound, any network: the explanation as pictures, sounds, numbers, and a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from earwitness.arguments import checked
from earwitness.explaining.explanation import Explanation
from earwitness.explaining.live import explore
from earwitness.explaining.networks import FRONT_ENDS, Network, find
from earwitness.explaining.request import Request


@checked
def explain(
    sound: str | Path | tuple[np.ndarray, float],
    model: str | nn.Module | Network,
    *,
    method: str = "lrp-epsilon",
    target: int | str | tuple = "predicted",
    sample_rate: int | None = None,
    channel: str | None = None,
    weights: str | Path | None = None,
    front_end: str | Callable | None = None,
    n_samples: int | None = None,
    classes: Sequence[str] | None = None,
    output: str | int | Callable | None = None,
    class_axis: int | None = None,
    rules: Mapping | None = None,
    seed: int = 0,
    **options,
) -> Explanation:
    """Explain what a network predicts for a sound.

    Parameters
    ----------
    sound : path, or (samples, sample rate)
        A file in any format that is read, or samples (T,) in -1..1 and their rate in Hz; resampled
        to the network's rate.
    model : str, nn.Module or Network
        A shipped network (``"phone-cnn"``), ``"package.module:name"``, an ONNX file, or a network.
    method : str
        One of :func:`earwitness.attribution.methods`.
    target : int, str or pair
        Output to explain: its number, its class, ``"predicted"``, or a pair ``(a, b)`` or
        ``"a-b"``: a against b.
    sample_rate : int, optional
        Rate of the sounds that the network takes, in Hz; by default its attribute ``sample_rate``.
    channel : {"left", "right", "mean"}, optional
        Of a file with several.
    weights : path, optional
        For the network, a file of ``torch.save(model.state_dict(), ...)``.
    front_end : str or callable, optional
        What stands before the network, outside of it: ``"waveform"`` (1, 1, T), ``"flat"`` (1, T),
        ``"normalised"``, ``"spectrogram"``, ``"package.module:function"`` or a function of samples
        (T,), which returns inputs (1, ...), or (inputs, times in seconds, frequencies in hertz).
    n_samples : int, optional
        Length of the sounds that the network takes. Of a longer sound the loudest stretch is
        explained, a shorter one stands in the middle of silence.
    classes : sequence of str, optional
        Names of the outputs.
    output : str, int or callable, optional
    class_axis : int, optional
    rules : mapping, optional
        Which of several outputs, the axis of its classes, and which rule of LRP treats which
        layer, as for :func:`earwitness.attribution.attribute`.
    seed : int
        Of the network without anything learnt, and of the random orders.
    **options
        The method's own, see :func:`earwitness.attribution.options`.

    Returns
    -------
    Explanation
        Shows itself in a notebook; ``save(folder)`` writes it.

    Raises
    ------
    EarwitnessError
        A sentence that says what cannot be explained, and what to do.
    """
    network = (
        model
        if isinstance(model, Network)
        else find(
            model,
            weights=weights,
            sample_rate=sample_rate,
            front_end=front_end,
            n_samples=n_samples,
            classes=classes,
        )
    )
    asked = Request(
        sound, network, method, target, channel, output, seed, options, class_axis, rules
    )
    return asked.explain()


__all__ = ["FRONT_ENDS", "Explanation", "Network", "Request", "explain", "explore", "find"]
