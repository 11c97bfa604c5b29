"""Take a sound apart into sources that add up to it: what audioLIME switches on and off."""

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import librosa
import numpy as np
import soxr
import torch

from earwitness.attribution.validation import check_options
from earwitness.errors import AudioError, MissingDataError, check_choice

_SEPARABLE = 1e-3  # a remainder below this part of the signal's maximum is no source of its own
_LEAST = 16
UNMIX_WEIGHTS = "EARWITNESS_OPENUNMIX"


def separate(
    signal: np.ndarray, sample_rate: int, separator: str = "harmonic-percussive", **options
) -> dict[str, np.ndarray]:
    """Return sources (n_samples,) by name; they add up to the signal, to the rounding of double
    precision.

    Parameters
    ----------
    signal : ndarray, shape (n_samples,), float64
    sample_rate : int
        Hz.
    separator : str
        A name of :data:`SEPARATORS`.
    **options
        The separator's own.

    Raises
    ------
    UnknownNameError, ParameterError
        For a separator or an option that does not exist.
    AudioError
        If there are fewer than 16 samples (``"none"`` takes any).
    MissingDataError
        If the separator or its weights are not installed.

    Notes
    -----
    What the separator leaves becomes a source of its own, ``"rest"``; if it is inaudible (below
    1/1000 of the signal's maximum: rounding of the transforms) it goes to the last source instead.
    """
    apart = SEPARATORS[check_choice(separator, SEPARATORS, "separator")]
    check_options(apart, f"The separator {separator!r}", options)
    sources = dict(apart(signal, sample_rate, **options))
    rest = signal - sum(sources.values())
    if np.abs(rest).max() > _SEPARABLE * np.abs(signal).max():
        return sources | {"rest": rest}
    last = [*sources][-1]
    return sources | {last: signal - sum(part for name, part in sources.items() if name != last)}


def harmonic_percussive(
    signal, sample_rate: int, *, margin: float = 2.0
) -> Mapping[str, np.ndarray]:
    """Return what lasts (harmonics), what is sudden (clicks, bursts); what is neither is left as
    the rest.

    Median filters along time and along frequency; a point belongs to the larger if it is ``margin``
    times the other. Fitzgerald (2010), Driedger et al. (2014), by librosa.
    """
    masks = librosa.decompose.hpss(
        np.abs(stft := _stft(signal, sample_rate)), mask=True, margin=margin
    )
    return {
        name: _istft(stft * mask, signal, sample_rate)
        for name, mask in zip(("harmonic", "percussive"), masks, strict=True)
    }


def nmf(
    signal, sample_rate: int, *, n_sources: int = 3, iterations: int = 200
) -> Mapping[str, np.ndarray]:
    """Return ``n_sources`` spectra that rise and fall as a whole, by non-negative matrix
    factorisation.

    Lee and Seung (1999), by scikit-learn; the sources share each point of the spectrogram in
    proportion.
    """
    stft = _stft(signal, sample_rate)
    basis, course = librosa.decompose.decompose(
        np.abs(stft), n_components=n_sources, init="nndsvda", max_iter=iterations, tol=1e-3
    )
    powers = basis.T[:, :, None] * course[:, None, :] + np.finfo(float).tiny  # (source, freq, time)
    return {
        f"part {number}": _istft(stft * power / powers.sum(0), signal, sample_rate)
        for number, power in enumerate(powers, start=1)
    }


def repet(signal, sample_rate: int, *, exclude_s: float = 0.05) -> Mapping[str, np.ndarray]:
    """Return what recurs (each frame's most similar frames agree on it) and, in front of it, what
    does not.

    REPET-SIM of Rafii and Pardo (2012), by librosa's nearest-neighbour filter; frames closer than
    ``exclude_s`` do not count as recurrences.
    """
    magnitude = np.abs(stft := _stft(signal, sample_rate))
    n_frames = magnitude.shape[1]
    hop = _n_fft(signal, sample_rate) // 4
    width = max(1, min(round(exclude_s * sample_rate / hop), (n_frames - 1) // 2 - 1))
    recurring = np.minimum(
        magnitude,
        librosa.decompose.nn_filter(magnitude, aggregate=np.median, metric="cosine", width=width),
    )
    mask = librosa.util.softmask(recurring, 2 * (magnitude - recurring), power=2)
    background = _istft(stft * mask, signal, sample_rate)
    return {"background": background, "foreground": signal - background}


def open_unmix(signal, sample_rate: int, *, weights: str | None = None) -> Mapping[str, np.ndarray]:
    """Return vocals, drums, bass and other, by the neural separator Open-Unmix where it is
    installed with weights.

    ``weights``: a folder with its model files (``separator.json`` and a ``.pth`` for each target);
    default: the environment variable ``EARWITNESS_OPENUNMIX``. Nothing is downloaded. Stoeter et
    al. (2019).
    """
    try:
        predict = importlib.import_module("openunmix.predict")
    except ImportError:
        raise MissingDataError(
            "The separator 'open-unmix' needs the package openunmix, which is not installed "
            "(pip install openunmix); 'harmonic-percussive' needs nothing."
        ) from None
    folder = Path(weights or os.environ.get(UNMIX_WEIGHTS) or "nowhere").expanduser()
    targets = sorted(path.name.split(".")[0].split("-")[0] for path in folder.glob("*.pth"))
    if not targets or not (folder / "separator.json").is_file():
        raise MissingDataError(
            f"The separator 'open-unmix' needs its weights: set {UNMIX_WEIGHTS} to the folder that "
            f"holds separator.json and the .pth files, not {str(folder)!r}. Nothing is downloaded."
        )
    rate = json.loads((folder / "separator.json").read_text(encoding="utf-8"))["sample_rate"]
    stereo = torch.as_tensor(
        np.stack([soxr.resample(signal, sample_rate, rate)] * 2), dtype=torch.float32
    )[None]
    with torch.inference_mode():
        estimates = predict.separate(
            stereo, rate=int(rate), model_str_or_path=str(folder), targets=targets, device="cpu"
        )  # name -> (1, 2, samples at its rate)
    back = {
        name: soxr.resample(e[0].double().mean(0).numpy(), rate, sample_rate)
        for name, e in estimates.items()
    }
    return {name: librosa.util.fix_length(part, size=len(signal)) for name, part in back.items()}


def none(signal, sample_rate: int) -> Mapping[str, np.ndarray]:
    """Return the signal as its only source: segments of time alone."""
    return {"all": signal.copy()}


SEPARATORS: dict[str, Callable[..., Mapping[str, np.ndarray]]] = {
    "harmonic-percussive": harmonic_percussive,
    "nmf": nmf,
    "repet": repet,
    "open-unmix": open_unmix,
    "none": none,
}


def _n_fft(signal: np.ndarray, sample_rate: int) -> int:
    """Return the window: 64 ms or the power of two below (512 at 8 kHz), at most half the
    signal.
    """
    if len(signal) < _LEAST:
        raise AudioError(
            f"{len(signal)} samples are too few to separate sources; take the separator 'none'."
        )
    return 2 ** int(np.log2(min(len(signal) // 2, max(0.064 * sample_rate, _LEAST // 2))))


def _stft(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    return librosa.stft(signal, n_fft=_n_fft(signal, sample_rate))


def _istft(stft: np.ndarray, signal: np.ndarray, sample_rate: int) -> np.ndarray:
    return librosa.istft(stft, n_fft=_n_fft(signal, sample_rate), length=len(signal))
