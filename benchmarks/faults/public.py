"""Good calls of the rooms around explanation: sound, physics, corpora, networks, training, figures,
records.
"""

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from earwitness import (
    attribution,
    audio,
    corpora,
    explain,
    features,
    figures,
    models,
    runtime,
    training,
)
from earwitness.acoustics import codecs, degradations, perceived_quality, rooms, sphere
from earwitness.corpora import phones
from earwitness_book import records

RATE = 16000
_RNG = np.random.default_rng(1)
TIMES = np.arange(8000) / RATE
TONE = (0.3 * np.sin(2 * np.pi * 120 * TIMES)).astype(np.float32)
NOISE = (0.1 * _RNG.standard_normal(8000)).astype(np.float32)
SOUND = {"samples": TONE, "sample_rate": RATE}
STEP = SOUND | {"rng": np.random.default_rng(0)}
NETWORK = nn.Sequential(nn.Conv1d(1, 3, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(45, 3))
INPUTS = torch.from_numpy(_RNG.standard_normal((2, 1, 64)).astype(np.float32))
ASKED = {"model": NETWORK, "inputs": INPUTS, "targets": [0, 1]}
SLIDING = models.PhoneCNN(3).eval()
QUALITY = models.nisqa.Nisqa()
VOICES = corpora.load("voices")
ROOM = rooms.Room((5.0, 4.0, 3.0), (1.0, 1.0, 1.0), (3.0, 2.0, 1.5), 0.3)
DIRECTIONS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
AX = {"ax": Figure().subplots()}
MAP = _RNG.standard_normal((20, 10))
AXES = {"times_s": np.arange(10) / 10, "freqs_hz": np.linspace(0, 8000, 20)}
MAPS = AX | {"relevance": MAP} | AXES
CURVES = {"a": [0.9, 0.5, 0.1]}
TABLE = pd.DataFrame({"phone": ["a", "b"], "start_s": [0.0, 0.2], "end_s": [0.2, 0.4]})
FILTERS = _RNG.standard_normal((4, 32))

CALLS = [
    (audio.check_samples, SOUND | {"expected_rate": RATE, "what": "It"}),
    (audio.read_audio, {"path": "no.wav", "sample_rate": RATE, "channel": "left"}),
    (audio.existing, {"path": "no.wav"}),
    (audio.length, {"path": "no.wav"}),
    (codecs.through_codec, SOUND | {"codec": "g711-a", "bit_rate": 0}),
    (degradations.active_level, SOUND),
    (degradations.level, STEP | {"gain_db": 3.0, "part": 0.5}),
    (degradations.noise, STEP | {"snr_db": 10.0, "colour": "white"}),
    (degradations.mnru, STEP | {"q_db": 10.0}),
    (degradations.band, STEP | {"low_hz": 300.0, "high_hz": 3400.0}),
    (degradations.clipping, STEP | {"share": 0.1}),
    (degradations.interruptions, STEP | {"length_s": 0.02, "n": 2}),
    (degradations.packet_loss, STEP | {"loss": 0.2, "burst": 2}),
    (degradations.codec, STEP | {"name": "g711-a", "bit_rate": 0}),
    (degradations.reverberation, STEP | {"t60_s": 0.3, "direct_db": 0.0}),
    (degradations.degrade, STEP | {"steps": [("level", {"gain_db": 3.0})]}),
    (
        perceived_quality.pesq_wideband,
        {"sent": TONE, "received": TONE + NOISE, "sample_rate": RATE},
    ),
    (rooms.image_sources, {"room": ROOM, "reach_m": 5.0}),
    (
        rooms.reverberation,
        {"room": ROOM, "order": 1, "sample_rate": RATE, "rng": np.random.default_rng(0)},
    ),
    (sphere.unit_vector, {"azimuth": 0.5, "elevation": 0.5}),
    (sphere.angles, {"directions": DIRECTIONS}),
    (sphere.angle_between, {"first": DIRECTIONS, "second": DIRECTIONS}),
    (sphere.nearest, {"direction": DIRECTIONS[0]}),
    (sphere.n_channels, {"order": 1}),
    (sphere.order_of, {"n_channels": 4}),
    (sphere.channel_names, {"order": 1}),
    (sphere.harmonics, {"directions": DIRECTIONS, "order": 1}),
    (sphere.rotation_matrix, {"order": 1, "azimuth": 0.5}),
    (sphere.rotate, {"direction": DIRECTIONS[0], "azimuth": 0.5}),
    (corpora.names, {"task": "digit", "audio_type": "no such"}),
    (corpora.load, {"name": "voices", "n_speakers": 2, "repetitions": 1, "seed": 0}),
    (VOICES.__getitem__, {"index": 0}),
    (VOICES.folds, {"task": "digit", "protocol": "speaker"}),
    (VOICES.classes, {"task": "digit"}),
    (VOICES.targets, {"task": "digit"}),
    (phones.fold, {"phones": ["aa", "ix"], "to": 39}),
    (models.AlexNet, {"n_classes": 2}),
    (models.AudioNet, {"n_classes": 2}),
    (models.PhoneCNN, {"n_classes": 2, "n_samples": 4000}),
    (models.SpeakerCNN, {"n_classes": 2, "n_samples": 4000}),
    (models.DoaCRNN, {"n_channels": 4, "n_classes": 425}),
    (models.create, {"name": "audionet"}),
    (models.describe, {"model": NETWORK, "input_shape": (1, 64)}),
    (models.find, {"name": "audionet"}),
    (models.frame_logits, {"model": SLIDING, "samples": TONE, "hop": 800}),
    (models.logits, {"model": NETWORK, "inputs": INPUTS, "batch_size": 1}),
    (models.for_prediction, {"model": NETWORK, "probe": INPUTS}),
    (models.names, {"task": "digit", "audio": "no such"}),
    (models.sample_rate, {"name": "audionet"}),
    (models.pretrained, {"name": "doa-order1"}),
    (models.nisqa.load, {"name_or_path": "nisqa_mos_only"}),
    (QUALITY.predict, SOUND),
    (QUALITY.spectrogram, SOUND),
    (
        models.locate,
        {
            "network": models.pretrained("doa-order1").model,
            "mixtures": np.tile(NOISE, 2)[None, None].repeat(4, 1),
            "kind": "magnitude_phase",
            "batch_size": 1,
        },
    ),
    (
        training.fit,
        {
            "model": "audionet",
            "corpus": "voices",
            "task": "digit",
            "fold": 10**6,
            "protocol": "speaker",
            "recipe": "fast",
            "seed": 0,
            "device": "cpu",
            "variant": "",
        },
    ),
    (training.recipe_for, {"recipe": "fast", "model": "audionet", "task": "digit"}),
    (training.tasks, {"corpus": "voices"}),
    (training.seconds, {"corpus": VOICES, "indices": [0]}),
    (training.represent, {"model": "audionet", "seconds": np.tile(NOISE, 1)[None]}),
    (training.summary, {"trained": []}),
    (runtime.device, {"name": "cpu"}),
    (runtime.check_seed, {"value": 0}),
    (runtime.seed, {"value": 0}),
    (attribution.options, {"method": "lrp-epsilon"}),
    (
        attribution.completeness,
        {"model": NETWORK, "inputs": INPUTS, "target": 0, "relevance": INPUTS, "baseline": 0.0},
    ),
    (attribution.cumulative_response, {"filters": FILTERS, "n_fft": 64}),
    (attribution.dictionary_response, {"filters": FILTERS, "frame": FILTERS[0], "n_fft": 64}),
    (attribution.deeplift_all, ASKED | {"baseline": 0.0, "batch_size": 1}),
    (attribution.integrated_gradients_all, ASKED | {"n_steps": 2, "batch_size": 1}),
    (attribution.layer_conductance, ASKED | {"layer": "0", "n_steps": 2, "batch_size": 1}),
    (attribution.over_segments, {"relevance": torch.rand(3, 5, 4), "n_frames": 6, "hop": 1}),
    (attribution.relative_to, {"model": NETWORK, "baseline": 0.0}),
    (
        attribution.relevance_signal,
        {
            "model": SLIDING,
            "samples": TONE,
            "target": 0,
            "hop": 2000,
            "length": 4000,
            "overlap": "mean",
            "batch_size": 2,
            "sample_rate": RATE,
        },
    ),
    (
        attribution.relevance_signals,
        {"model": SLIDING, "signals": [TONE], "targets": [0], "hop": 2000},
    ),
    (
        attribution.occlusion_map,
        {
            "model": QUALITY,
            "spectrogram": QUALITY.spectrogram(TONE, RATE),
            "mask": (24, 24),
            "stride": 24,
            "fill": "silence",
            "output": 0,
            "batch_size": 8,
        },
    ),
    *(
        (
            attribution.attribute,
            {"model": NETWORK, "inputs": INPUTS, "target": 0, "method": name}
            | {key: value for key, value in attribution.options(name).items() if value is not None},
        )
        for name in attribution.methods()
        if name not in ("audiolime", "grad-cam", "layer-conductance")
    ),
    (
        explain,
        {
            "sound": (TONE, RATE),
            "model": NETWORK,
            "method": "gradient",
            "target": 0,
            "sample_rate": RATE,
            "n_samples": 64,
            "seed": 0,
            "classes": list("abc"),
        },
    ),
    (
        figures.agreement,
        AX
        | {"table": pd.DataFrame({"pesq": [1.0, 2.0], "estimate": [1.0, 2.5], "kind": ["a", "b"]})},
    ),
    (figures.autocorrelations, AX | {"lags_s": np.arange(3) / 100, "curves": CURVES}),
    (figures.bars, AX | {"values": pd.DataFrame({"a": [0.2, 0.3]}, index=["x", "y"])}),
    (figures.by_frequency, AX | {"freqs_hz": np.array([1.0, 2.0, 3.0]), "curves": CURVES}),
    (figures.coloured_waveform, AX | SOUND | {"relevance": NOISE, "start_s": 0.0, "limit": 1.0}),
    (figures.confusion, AX | {"counts": np.eye(3), "classes": list("abc")}),
    (figures.durations, AX | {"seconds": np.array([0.2, 0.4]), "limit_s": 1.0, "bins": 4}),
    (figures.f0_contours, AX | {"contours": {"a": ([0.1, 0.2], [100.0, 110.0])}}),
    (figures.f_ratio, AX | {"edges_hz": np.array([0.0, 1.0, 2.0]), "ratios": np.array([1.0, 2.0])}),
    (figures.filter_bank, AX | {"freqs_hz": np.arange(5.0), "responses": np.eye(5)}),
    (figures.flipping, AX | {"fractions": np.array([0.0, 0.1, 0.2]), "accuracies": CURVES}),
    (figures.mel_relevance, AX | {"relevance": MAP, "centres_hz": np.linspace(50, 8000, 20)}),
    (figures.mel_spectrogram, AX | {"level_db": MAP, "centres_hz": np.linspace(50, 8000, 20)}),
    (figures.phones, AX | {"table": TABLE, "column": "phone", "start_s": 0.0}),
    (figures.relevance_map, MAPS | {"limit": 1.0}),
    (figures.relevance_on_spectrogram, MAPS | {"level_db": MAP, "floor_db": -65.0}),
    (figures.relevance_on_waveform, AX | SOUND | {"relevance": NOISE, "limit": 1.0}),
    (figures.relevance_signal, AX | {"relevance": NOISE, "sample_rate": RATE, "start_s": 0.0}),
    (figures.spectral_relevance, AX | {"relevance": np.abs(MAP)} | AXES | {"floor_db": -40.0}),
    (figures.spectrogram, AX | {"level_db": MAP} | AXES | {"floor_db": -80.0}),
    (figures.waveform, AX | SOUND | {"start_s": 0.0}),
    (figures.method_style, {"name": "lrp-epsilon"}),
    (figures.relevance_limit, {"quantile": 0.9}),
    (figures.panels, {"rows": 1, "columns": 1, "height": 2.0}),
    (features.spectral_relevance, {"relevance": TONE, "sample_rate": RATE, "window": "hann"}),
    (records.record, {"id": "no such", "value": 1.0, "n": 3, "std": 0.1}),
    (records.published, {"chapter": "audiomnist"}),
]
