"""What the chapter speech-quality asks of a whole model."""

from earwitness import attribution

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
