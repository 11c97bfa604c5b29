"""Do the components that an explanation names decide the prediction: alone, and when absent?"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.attribution.audiolime import Components
from earwitness.attribution.validation import frozen
from earwitness.errors import ParameterError


@checked
def keep_and_remove(
    model: nn.Module,
    parts: Sequence[Components],
    orders: Sequence[Sequence[int]],
    prepare: Callable[[torch.Tensor], torch.Tensor] | None = None,
    batch_size: int = 100,
) -> pd.DataFrame:
    """Return what the network predicts from only the top k components, and from all others.

    Parameters
    ----------
    model : nn.Module
        Returns logits (batch, n_classes); left as it was.
    parts : sequence of Components
        One a clip.
    orders : sequence of sequences of int
        For each clip, all its components, the most important first: ``Explanation.order``, or any
        other.
    prepare : callable, optional
        As for :func:`earwitness.attribution.audiolime.explain`.
    batch_size : int
        Sounds at a time.

    Returns
    -------
    DataFrame
        A row per clip and k from 1 to the number of components: ``clip``, ``k``, ``share`` (k over
        all components), ``kept_same`` (the top k alone get the prediction of the whole clip),
        ``removed_changed`` (the clip without them gets another). The last k leaves silence.

    Raises
    ------
    ParameterError
        If an order does not name each component of its clip once.

    Notes
    -----
    The evaluation of Haunschmid et al. (2020). A good order has ``kept_same`` true from small k on,
    and ``removed_changed`` as well.
    """
    if len(parts) != len(orders) or not parts:
        raise ParameterError(
            f"There must be one order for each clip, got {len(orders)} for {len(parts)}."
        )
    rows = []
    with frozen(model), torch.inference_mode():
        for clip, (components, order) in enumerate(zip(parts, orders, strict=True)):
            kept = _kept(components, order)  # (k, n_samples)
            whole = components.signal
            sounds = np.concatenate([whole[None], kept, whole - kept])
            prediction, *others = _predictions(model, sounds, prepare, batch_size)
            n = len(kept)
            rows += [
                {
                    "clip": clip,
                    "k": k + 1,
                    "share": (k + 1) / n,
                    "kept_same": others[k] == prediction,
                    "removed_changed": others[n + k] != prediction,
                }
                for k in range(n)
            ]
    return pd.DataFrame(rows)


@checked
def random_orders(parts: Sequence[Components], seed: int = 0) -> list[np.ndarray]:
    """Return a random order of the components of each clip: the control."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(len(components)) for components in parts]


@checked
def pooled(relevance: np.ndarray, components: Components) -> np.ndarray:
    """Return the relevance (n_components,) of the components, from that of the samples
    (n_samples,).

    A component of x_n that is part x_n^c of it gets the share x_n^c / x_n of the sample's
    relevance: what LRP does at a sum. Adds up to the relevance of all samples that are not zero;
    parts larger than their sum get more than all of it.
    """
    relevance = np.asarray(
        relevance.detach().cpu() if hasattr(relevance, "detach") else relevance, np.float64
    )
    signal = components.signal
    if relevance.shape != signal.shape:
        raise ParameterError(
            f"Relevance {relevance.shape} and signal {signal.shape} differ in shape."
        )
    return components.parts @ np.divide(
        relevance, signal, out=np.zeros_like(signal), where=signal != 0
    )


def _kept(components: Components, order: Sequence[int]) -> np.ndarray:
    if sorted(order) != list(range(len(components))):
        raise ParameterError(
            f"An order must name each of {len(components)} components once, got {list(order)}."
        )
    return components.parts[np.asarray(order)].cumsum(0)


def _predictions(model, sounds: np.ndarray, prepare, batch_size: int) -> list[int]:
    like = next(model.parameters(), torch.empty(0))
    prepare = prepare or (lambda mixtures: mixtures[:, None])
    parts = torch.as_tensor(sounds).to(like.device, like.dtype).split(batch_size)
    return torch.cat([model(prepare(part)).argmax(-1) for part in parts]).tolist()
