"""Separated sources add up to the sound, and hold what they are named after."""

import json
import sys
import types

import numpy as np
import pytest
import torch

from earwitness.attribution.separation import SEPARATORS, separate
from earwitness.errors import AudioError, MissingDataError, ParameterError, UnknownNameError

RATE = 8000
OFFLINE = sorted(set(SEPARATORS) - {"open-unmix"})


def tone_and_clicks():
    """A steady tone and a click every eighth of a second, apart and together."""
    tone = 0.3 * np.sin(2 * np.pi * 700 * np.arange(8000) / RATE)
    clicks = np.zeros(8000)
    clicks[500::1000] = 1.0
    return tone, clicks, tone + clicks


def energy_shared(part, whole):
    """How much of ``whole`` is in ``part``, by projection."""
    return float(part @ whole / (whole @ whole))


@pytest.mark.parametrize("separator", OFFLINE)
@pytest.mark.parametrize("n_samples", [8000, 401, 40, 16])
def test_sources_add_up_to_the_signal_whatever_its_length(separator, n_samples):
    signal = np.random.default_rng(0).standard_normal(n_samples)
    sources = separate(signal, RATE, separator)
    assert all(part.shape == signal.shape for part in sources.values())
    np.testing.assert_allclose(sum(sources.values()), signal, atol=1e-14)


def test_a_tone_is_harmonic_and_clicks_are_percussive():
    tone, clicks, signal = tone_and_clicks()
    sources = separate(signal, RATE)
    assert [*sources] == ["harmonic", "percussive", "rest"]
    assert (
        energy_shared(sources["harmonic"], tone) > 0.85
        and energy_shared(sources["percussive"], tone) < 0.1
    )
    assert (
        energy_shared(sources["percussive"], clicks) > 0.6
        and energy_shared(sources["harmonic"], clicks) < 0.1
    )


def test_a_margin_of_one_leaves_no_rest():
    assert [*separate(tone_and_clicks()[2], RATE, margin=1.0)] == ["harmonic", "percussive"]


def test_nmf_finds_two_sounds_that_take_turns():
    times_s = np.arange(8000) / RATE
    first = np.sin(2 * np.pi * 500 * times_s) * (times_s % 0.25 < 0.125)
    second = np.sin(2 * np.pi * 2000 * times_s) * (times_s % 0.25 >= 0.125)
    sources = [*separate(first + second, RATE, "nmf", n_sources=2).values()]
    shares = np.array(
        [[energy_shared(part, whole) for whole in (first, second)] for part in sources]
    )
    np.testing.assert_allclose(np.sort(shares, axis=0), [[0, 0], [1, 1]], atol=0.1)
    assert shares.argmax(0).tolist() in ([0, 1], [1, 0])


def test_repet_puts_what_recurs_behind_what_does_not():
    rng = np.random.default_rng(0)
    pattern = np.tile(
        np.concatenate([np.sin(2 * np.pi * 600 * np.arange(500) / RATE), np.zeros(500)]), 8
    )
    once = np.zeros(8000)
    once[3300:3700] = rng.standard_normal(400)
    sources = separate(pattern + once, RATE, "repet")
    assert [*sources] == ["background", "foreground"]
    assert (
        energy_shared(sources["background"], pattern)
        > 0.7
        > 0.4
        > energy_shared(sources["background"], once)
    )


def test_none_is_the_signal_itself_and_a_copy():
    signal = np.arange(1.0, 9.0)
    sources = separate(signal, RATE, "none")
    assert (
        [*sources] == ["all"]
        and np.array_equal(sources["all"], signal)
        and sources["all"] is not signal
    )


@pytest.mark.parametrize("separator", [*OFFLINE])
def test_a_few_samples_are_too_short_for_all_but_none(separator):
    if separator == "none":
        assert separate(np.ones(3), RATE, "none")["all"].tolist() == [1, 1, 1]
    else:
        with pytest.raises(AudioError, match="15 samples are too few to separate"):
            separate(np.ones(15), RATE, separator)


def test_unknown_separators_and_options_are_named():
    with pytest.raises(UnknownNameError, match="There is no separator 'spleeter'"):
        separate(np.ones(8), RATE, "spleeter")
    with pytest.raises(
        ParameterError, match="'nmf' has no option margin; it takes iterations, n_sources"
    ):
        separate(np.ones(8), RATE, "nmf", margin=2.0)


def test_a_separator_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openunmix", None)
    monkeypatch.setitem(sys.modules, "openunmix.predict", None)
    with pytest.raises(
        MissingDataError, match="needs the package openunmix, which is not installed"
    ):
        separate(np.ones(800), RATE, "open-unmix")


@pytest.fixture
def unmix(monkeypatch, tmp_path):
    """Put a stand-in for openunmix in place, and weights that it would load: it gives 1/2, 1/3, ...
    of the sound.
    """
    asked = {}

    def predict(audio, rate, model_str_or_path, targets, device):
        asked.update(shape=tuple(audio.shape), rate=rate, folder=model_str_or_path, targets=targets)
        return {name: audio / (2 + number) for number, name in enumerate(targets)}

    module = types.ModuleType("openunmix.predict")
    module.separate = predict
    monkeypatch.setitem(sys.modules, "openunmix", types.ModuleType("openunmix"))
    monkeypatch.setitem(sys.modules, "openunmix.predict", module)
    monkeypatch.delenv("EARWITNESS_OPENUNMIX", raising=False)
    (tmp_path / "separator.json").write_text(json.dumps({"sample_rate": 44100.0, "nfft": 4096}))
    for name in ("vocals-0a1b2c.pth", "drums.pth"):
        torch.save({}, tmp_path / name)
    return tmp_path, asked


def test_an_installed_neural_separator_without_weights_says_where_they_belong(unmix, tmp_path):
    (tmp_path / "separator.json").unlink()
    for options in ({}, {"weights": str(tmp_path)}):
        with pytest.raises(MissingDataError, match="set EARWITNESS_OPENUNMIX to the folder"):
            separate(np.ones(800), RATE, "open-unmix", **options)


def test_an_installed_neural_separator_gets_stereo_at_its_own_rate_and_all_its_targets(
    unmix, monkeypatch
):
    folder, asked = unmix
    monkeypatch.setenv("EARWITNESS_OPENUNMIX", str(folder))
    signal = np.sin(2 * np.pi * 500 * np.arange(8000) / RATE)
    sources = separate(signal, RATE, "open-unmix")
    assert asked == {
        "shape": (1, 2, 44100),
        "rate": 44100,
        "folder": str(folder),
        "targets": ["drums", "vocals"],
    }
    np.testing.assert_allclose(sources["drums"][500:-500], signal[500:-500] / 2, atol=1e-3)
    np.testing.assert_allclose(sources["rest"][500:-500], signal[500:-500] / 6, atol=1e-3)
    np.testing.assert_allclose(sum(sources.values()), signal, atol=1e-14)
