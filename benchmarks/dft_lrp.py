"""DFT-LRP of a clip of 8000 samples against one of its Fourier transforms, and against the
reference where it is.
"""

import os

import numpy as np
import scipy.fft

from benchmarks.measure import interleaved
from earwitness.attribution.dft_lrp import dft_lrp, short_time_dft_lrp

TITLE = "DFT-LRP: cost of a clip of 8000 samples, and equality with the reference"
_FRAMES = {
    "800 samples, rectangle": {"width": 800, "hop": 800, "window": "rectangle"},
    "800 samples, halfsine, hop 400": {"width": 800, "hop": 400, "window": "halfsine"},
}


def run() -> dict[str, list[dict]]:
    """Return a table of times, and one of deviations if ``EARWITNESS_REFERENCE`` names the
    reference's npz file.
    """
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(8000)
    relevance = signal * rng.standard_normal(8000)
    contenders = {
        "one Fourier transform": lambda: scipy.fft.rfft(signal),
        "whole signal": lambda: dft_lrp(relevance, signal),
    }
    for name, frames in _FRAMES.items():
        for bins in ("window", "signal"):
            contenders[f"frames of {name}, bins of the {bins}"] = lambda f=frames, b=bins: (
                short_time_dft_lrp(relevance, signal, bins=b, **f)
            )
    sizes = {name: call().size for name, call in contenders.items()}
    rows = interleaved(contenders, n_rounds=51)
    tables = {"8000 samples": [{**row, "values in the result": sizes[row["name"]]} for row in rows]}
    if path := os.environ.get("EARWITNESS_REFERENCE"):
        tables["Largest deviation from the reference, over its largest relevance"] = _deviations(
            path
        )
    return tables


def _deviations(path: str) -> list[dict]:
    """Return how far we are from ``relevance_tf_fft`` and ``relevance_freq_fft`` of the reference
    file.
    """
    rows = []
    with np.load(path) as file:
        relevance, signal = file["relevance_time"], file["signal"]
        whole = dft_lrp(relevance, signal, sign="plain")
        rows.append(_row("whole signal", whole, file["dft/relevance_freq_fft"], relevance))
        for key in sorted(name for name in file.files if name.endswith("/relevance_tf_fft")):
            width, _, hop = map(int, file[key.replace("relevance_tf_fft", "params")])
            window = key.split("_")[0]
            ours = short_time_dft_lrp(
                relevance, signal, width=width, hop=hop, window=window, bins="signal", sign="plain"
            )
            rows.append(_row(key.split("/")[0], np.moveaxis(ours, 1, 2), file[key], relevance))
    return rows


def _row(name: str, ours: np.ndarray, theirs: np.ndarray, relevance: np.ndarray) -> dict:
    shares = ours.reshape(len(ours), -1).sum(1) / relevance.sum(1)
    return {
        "name": name,
        "deviation": float(np.abs(ours - theirs).max() / np.abs(theirs).max()),
        "conserved, clip 1": f"{shares[0]:.8f}",
        "conserved, clip 2": f"{shares[1]:.8f}",
    }
