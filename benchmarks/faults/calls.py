"""Public functions called with what no caller should give them."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from benchmarks.faults import Try, public
from earwitness import attribution, audition, evaluation, features
from earwitness_book.chapters import raw_waveform

RATE = 16000
_RNG = np.random.default_rng(0)
TONE = (
    0.3 * np.sin(2 * np.pi * 120 * np.arange(8000) / RATE) + 0.01 * _RNG.standard_normal(8000)
).astype(np.float32)
OTHER = (
    0.2 * np.sin(2 * np.pi * 150 * np.arange(8000) / RATE) + 0.01 * _RNG.standard_normal(8000)
).astype(np.float32)
SOUND = {"samples": TONE, "sample_rate": RATE}
PAIR = {"sound": TONE, "relevance": OTHER, "sample_rate": RATE}
NETWORK = nn.Sequential(
    nn.Conv1d(1, 3, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 15, 3)
).eval()
INPUTS = torch.from_numpy(_RNG.standard_normal((2, 1, 64)).astype(np.float32))
IMAGES = torch.from_numpy(_RNG.standard_normal((2, 1, 8, 8)).astype(np.float32))
EYE = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
MAP = np.abs(_RNG.standard_normal((20, 10)))
FREQS = np.linspace(0, 8000, 20)
SCENE = _RNG.standard_normal((1, 4, 16000)).astype(np.float32)
STFT = features.ambisonic_stft(SCENE)
SECOND = _RNG.standard_normal(8000).astype(np.float32) * 0.1
TRUTH = np.arange(30) % 2
UNITS = _RNG.standard_normal((30, 4))

f, e, s, sh, sc, st, un, au = (
    features,
    evaluation,
    evaluation.speech,
    evaluation.shares,
    evaluation.scenes,
    evaluation.statistics,
    evaluation.units,
    audition,
)
CALLS: list[tuple[Callable, dict]] = [
    (f.ambisonic_stft, {"samples": SCENE}),
    (f.intensity, {"stft": STFT}),
    (f.magnitude_phase, {"stft": STFT}),
    (f.pseudo_intensity_direction, {"stft": STFT}),
    (f.network_input, {"samples": SCENE, "kind": "intensity"}),
    (f.autocorrelation, SOUND | {"longest_s": 0.02}),
    (f.f0, SOUND | {"floor_hz": 75.0, "ceiling_hz": 500.0}),
    (f.f0_at, SOUND | {"times_s": np.array([0.1, 0.2])}),
    (f.fit_to_second, SOUND),
    (f.formants, SOUND | {"lp_order": 16, "max_bandwidth_hz": 700.0}),
    (f.frame_centres, {"n_samples": 8000, "hop": 160}),
    (f.log_spectrogram, {"seconds": SECOND}),
    (f.loudest_second, {"samples": SECOND, "length": 4000}),
    (f.lp_spectrum, SOUND | {"lp_order": 16, "n_points": 512}),
    (f.mel_edges_hz, {"n_mels": 48, "fmax_hz": 8000.0}),
    (
        f.mel_spectrogram,
        SOUND | {"n_mels": 48, "fmax_hz": 8000.0, "n_fft": 4096, "hop_s": 0.01, "window_s": 0.02},
    ),
    (f.normalised, {"windows": OTHER[:8000].reshape(2, 4000)}),
    (f.pad_to_length, {"samples": SECOND, "length": 8000}),
    (f.resample, SOUND | {"target_rate": 8000}),
    (f.scale_f0, SOUND | {"factor": 1.2}),
    (f.scale_frequencies, {"spectrogram": f.log_spectrogram(SECOND), "factor": 1.1, "fill": -80.0}),
    (f.spectral_axes, {"n_samples": 8000, "sample_rate": RATE, "window_s": 0.025, "hop_s": 0.01}),
    (
        f.spectral_relevance,
        {"relevance": TONE, "sample_rate": RATE, "window_s": 0.025, "hop_s": 0.01},
    ),
    (
        f.steady_state,
        {"signal": TONE, "time_s": 0.2, "sample_rate": RATE, "lp_order": 16, "n_frames": 10},
    ),
    (f.waveform, {"second": SECOND}),
    (f.windows, {"samples": TONE, "centres": np.array([2000, 4000]), "length": 4000}),
    (e.band_levels, SOUND | {"edges_hz": [0.0, 1000.0, 4000.0], "window_s": 0.025, "hop_s": 0.01}),
    (e.f_ratio, {"band_levels": UNITS, "speakers": list("abc" * 10)}),
    (e.informedness, {"actual": list("aabb"), "guessed": list("abab"), "label": "a"}),
    (e.markedness, {"actual": list("aabb"), "guessed": list("abab"), "label": "a"}),
    (e.direct_dominated, {"direct": TONE[None], "rest": OTHER[None]}),
    (e.roc_area, {"scores": UNITS[:, 0], "truth": TRUTH}),
    (e.sdr_db, {"reference": TONE, "estimate": OTHER}),
    (e.musical_noise, {"before": MAP, "after": MAP + 1}),
    (e.stoi, {"reference": TONE, "signal": OTHER, "sample_rate": RATE}),
    (e.randomised, {"model": NETWORK, "seed": 0}),
    (e.relevance_share_below, {"relevance_map": MAP, "freqs_hz": FREQS, "cutoff_hz": 1000.0}),
    (
        e.relevance_share_on_harmonics,
        {
            "relevance_map": MAP,
            "freqs_hz": FREQS,
            "f0_hz_per_frame": np.full(10, 500.0),
            "n_harmonics": 2,
            "width_hz": 400.0,
        },
    ),
    (
        e.pixel_flipping,
        {
            "model": NETWORK,
            "inputs": INPUTS,
            "targets": [0, 1],
            "order_by": torch.abs(INPUTS),
            "fractions": [0.0, 0.1],
            "seed": 0,
            "batch_size": 50,
        },
    ),
    (
        e.bin_flipping,
        {
            "model": EYE,
            "inputs": IMAGES,
            "targets": [0, 1],
            "order_by": torch.abs(IMAGES),
            "fractions": [0.0, 0.1],
            "batch_size": 32,
        },
    ),
    (sc.angular_error_deg, {"estimated": np.eye(3), "true": np.eye(3)}),
    (sc.chance, {"within_deg": 10.0}),
    (sc.summary, {"errors_deg": np.arange(9.0), "within_deg": 10.0}),
    (
        sc.by_condition,
        {
            "errors_deg": np.arange(9.0),
            "condition": np.arange(9.0),
            "edges": [0, 4, 9],
            "within_deg": 10.0,
        },
    ),
    (sh.share_on, {"relevance": INPUTS, "mask": INPUTS > 0}),
    (sh.largest_values, {"inputs": INPUTS, "fraction": 0.25}),
    (sh.share_needed, {"relevance": INPUTS, "inputs": INPUTS, "held": 0.5}),
    (sh.start_in_second, {"duration_s": 0.5}),
    (s.waveform_correlation, {"sound": TONE, "relevance": OTHER}),
    (s.f0_agreement, PAIR | {"tolerance": 0.05}),
    (s.period_agreement, PAIR | {"tolerance": 0.05}),
    (s.envelope_correlation, PAIR | {"time_s": 0.2, "max_hz": 5000.0}),
    (s.harmonic_correlation, PAIR | {"time_s": 0.2, "max_hz": 2000.0}),
    (s.formant_agreement, PAIR | {"times_s": [0.1, 0.2], "tolerance": 0.1}),
    (raw_waveform.grid_share, {"relevance": TONE, "sample_rate": RATE, "width_hz": 60.0}),
    (
        st.bootstrap,
        {
            "values": list(UNITS[:, 0]),
            "groups": list("abc" * 10),
            "level": 0.95,
            "n_resamples": 100,
            "seed": 0,
        },
    ),
    (
        st.paired_bootstrap,
        {"values": list(UNITS[:, 0]), "controls": list(UNITS[:, 1]), "n_resamples": 100},
    ),
    (st.share, {"count": 3, "n": 9, "level": 0.95}),
    (st.mcnemar, {"values": [True, False, True], "controls": [False] * 3}),
    (st.fisher, {"count": 3, "n": 9, "other_count": 4, "other_n": 9}),
    (st.holm, {"p_values": [0.1, 0.02]}),
    (un.roc_areas, {"outputs": UNITS, "truth": TRUTH}),
    (un.thirds, {"relevance": np.abs(UNITS)}),
    (un.best_unit, {"outputs": UNITS, "truth": TRUTH, "chosen_on": np.arange(30) < 15}),
    (un.in_segments, {"frames": TRUTH.astype(bool), "length": 5, "hop": 2}),
    (un.presence, {"outputs": [np.abs(UNITS)], "silent": np.abs(UNITS), "level": 0.05}),
    (un.constant, {"outputs": [np.abs(UNITS)], "level": 0.001}),
    (un.redundancy, {"outputs": UNITS, "level": 0.9}),
    (un.correlations, {"maps": UNITS}),
    (au.analyse, {"second": SECOND}),
    (au.binaural, {"samples": SCENE[0], "sample_rate": RATE}),
    (au.consistency_db, {"level_db": au.analyse(SECOND).level_db, "second": SECOND}),
    (
        au.resynthesise,
        {
            "level_db": au.analyse(SECOND).level_db,
            "phase": None,
            "reference": 0.5,
            "iterations": 2,
            "seed": 0,
        },
    ),
    (
        au.filter_by_relevance,
        {"samples": TONE, "heatmap": MAP, "sample_rate": RATE, "n_bands": 20, "n_taps": 129},
    ),
    (
        au.filter_frames,
        {"samples": TONE, "heatmap": MAP, "sample_rate": RATE, "n_bands": 20, "n_taps": 129},
    ),
    (au.player, SOUND | {"label": "a"}),
    (au.players, {"clips": [(TONE, RATE, "a")]}),
    (au.relevance_gains, {"relevance": TONE}),
    (au.compare, {"clips": [(TONE, RATE, "a"), (OTHER, RATE, "b")]}),
    (au.snr_db, {"original": TONE, "copy": OTHER}),
    (au.relevance_times_signal, {"relevance": OTHER, "samples": TONE}),
    (au.silence_region, SOUND | {"interval_s": (0.1, 0.2), "band_hz": (100.0, 1000.0)}),
    (au.weighted_inverse, {"samples": TONE, "heatmap": MAP}),
    *(
        (attribution.attribute, {"model": NETWORK, "inputs": INPUTS, "target": 0, "method": method})
        for method in (
            "lrp-epsilon",
            "lrp-gamma",
            "gradient",
            "integrated-gradients",
            "deeplift",
            "occlusion",
        )
    ),
    (attribution.conservation, {"model": NETWORK, "inputs": INPUTS, "target": 0}),
    (attribution.explain_support, {"model": NETWORK, "inputs": INPUTS}),
]
NUMBERS = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus one": -1,
    "1e300": 1e300,
    "2**63": 2**63,
}
TYPES = {"None": None, "text": "x y", "mapping": {}, "object": object()}


def hostile_arrays(good) -> dict[str, object]:
    """Return arrays that cannot be right, by what is wrong with them."""
    if isinstance(good, list | tuple) and not isinstance(good[0], int | float | bool | str):
        return {"empty": []}
    array = good.numpy() if isinstance(good, torch.Tensor) else np.asarray(good)
    as_given = torch.from_numpy if isinstance(good, torch.Tensor) else lambda x: x
    found = {"empty": as_given(array[:0]), "another axis": as_given(array[None, None])}
    if array.dtype.kind in "fc":
        for name, value in (("NaN", np.nan), ("infinity", np.inf), ("1e300", 1e300)):
            bad = array.astype(np.float64 if array.dtype.kind == "f" else complex)
            bad.flat[bad.size // 2] = value
            found[name] = as_given(bad)
    return found


def hostile_values(folder: Path, rng) -> Iterator[Try]:
    """Each function with each of its arguments replaced by hostile values, one at a time."""
    return _calls(_hostile)


def hostile_types(folder: Path, rng) -> Iterator[Try]:
    """Each function with each of its arguments replaced by what is of no type it could take."""
    return _calls(lambda value: {} if value is None else TYPES)


def _calls(hostile: Callable) -> Iterator[Try]:
    for function, good in CALLS + public.CALLS:
        label = f"{function.__module__}.{function.__name__}".removeprefix("earwitness.")
        if "method" in good:
            label += f" {good['method']}"
        yield Try(f"{label}, a good call", lambda f=function, g=good: f(**g), lambda value: True)
        for name, value in good.items():
            for what, bad in hostile(value).items():
                if not _may_be(function, name, bad):
                    arguments = {**good, name: bad}
                    yield Try(
                        f"{label}, {name}: {what}", lambda f=function, a=arguments: f(**a), finite
                    )


def _hostile(value) -> dict[str, object]:
    if isinstance(value, int | float):
        return NUMBERS
    if isinstance(value, str):
        return {"unknown": "no such"}
    arrays = np.ndarray | torch.Tensor | list | tuple
    return hostile_arrays(value) if isinstance(value, arrays) and len(value) else {}


def _may_be(function, name: str, bad) -> bool:
    """Tell whether the signature says that an argument may be None or words."""
    parameter = inspect.signature(function).parameters.get(name)
    words = str(parameter.annotation) if parameter is not None else ""
    if bad is None:
        return parameter is not None and (parameter.default is None or "None" in words)
    return isinstance(bad, str) and (name == "label" or "str" in words)


def finite(value) -> bool:
    """Tell whether what a hostile call returns holds neither infinity nor only NaN."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, tuple | list):
        return all(map(finite, value))
    if isinstance(value, pd.DataFrame):
        value = value.select_dtypes("number").to_numpy()
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray | float) and np.asarray(value).dtype.kind in "fc":
        return not np.isinf(value).any() and (not np.size(value) or not np.isnan(value).all())
    return True


KINDS = {"hostile values in calls": hostile_values, "wrong types in calls": hostile_types}
