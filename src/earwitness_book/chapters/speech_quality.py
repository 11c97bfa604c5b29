"""What the chapter speech-quality asks of a whole model."""

from collections.abc import Sequence

import numpy as np

from earwitness import attribution
from earwitness.evaluation import units

_PARTS = {
    "cnn": "convolutional part",
    "time": "recurrent part or attention",
    "pools": "pooling",
    "baseline": "silence itself",
}


def balance(network, spectrogram, method: str) -> dict[str, float]:
    """Return the estimate, what arrives on the spectrogram, and what each part of the network
    keeps.

    Parameters
    ----------
    network : Nisqa
        Or one that counts from a baseline, :func:`earwitness.attribution.relative_to`.
    spectrogram : Tensor, shape (bands, frames)
    method : str
        An LRP method.

    Raises
    ------
    AssertionError
        If the parts named here do not hold all that is kept.
    """
    found = attribution.conservation(network, spectrogram[None], 0, method)
    kept = dict.fromkeys(_PARTS.values(), 0.0)
    for name, value in found.absorbed.items():
        part = name.removeprefix("model.").split(".")[0].split(":")[0]
        kept[_PARTS.get(part, "elsewhere")] = kept.get(_PARTS.get(part, "elsewhere"), 0) + float(
            value
        )
    missing = float(found.explained - found.relevance) - sum(kept.values())
    if abs(missing) >= 2e-3 * max(1, *map(abs, kept.values())):
        raise AssertionError(f"The ledger misses {missing:.3g} of {float(found.explained):.3g}.")
    outcome = {"estimate": float(found.explained), "on the spectrogram": float(found.relevance)}
    return outcome | {f"kept: {part}": value for part, value in kept.items()}


def role_records(
    claim: str, best: Sequence[units.Best], outputs: Sequence[np.ndarray], truth, clips: Sequence
) -> dict[str, dict]:
    """Return what is recorded of a role that some feature has, by id: its area, and that of the
    best features of networks with random weights.

    Parameters
    ----------
    claim : str
        The end of the id, for instance ``"interruption"``.
    best : sequence of Best
        Of the network, then of each network with random weights.
    outputs : sequence of ndarray, shape (n, n_units)
        Of the same networks, for the moments that had no say in choosing.
    truth : array_like of bool, shape (n,)
    clips : sequence, length n
        The clip of each moment: clips are drawn, with all their moments.
    """
    drawn = np.stack(
        [
            units.drawn_areas(one.direction * values[:, one.unit], truth, clips)
            for one, values in zip(best, outputs, strict=True)
        ]
    )  # (network, resample)
    own, floor = drawn[0], drawn[1:].mean(axis=0)
    control = f"speech-quality/ours/{claim}-random-weights"
    counted = {"n": len(np.unique(clips)), "of": "clips"}
    return {
        f"speech-quality/features/{claim}": {
            "value": best[0].area,
            "interval": _around(best[0].area, own),
            "against": {control: _ends(own - floor)},
            **counted,
        },
        control: {
            "value": (mean := float(np.mean([one.area for one in best[1:]]))),
            "interval": _around(mean, floor),
            "seeds": len(best) - 1,
            **counted,
        },
    }


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    return tuple(np.nanquantile(drawn, [0.025, 0.975]).tolist())


def _around(value: float, drawn: np.ndarray) -> tuple[float, float]:
    """Return the ends of an interval that holds the value, as percentiles of few clips may not."""
    low, high = _ends(drawn)
    return min(low, value), max(high, value)
