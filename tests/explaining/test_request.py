"""Any sound, any network: what is explained, held against what, written, and refused."""

import numpy as np
import pytest
import torch
from small import FILES, RATE, chirp, explain, net
from torch import nn

from earwitness import attribution
from earwitness.errors import (
    EarwitnessError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)


def test_it_is_the_relevance_of_the_predicted_output_of_the_sound_as_it_is(one):
    inputs = torch.from_numpy(chirp())[None, None]
    logits = net()(inputs)[0].detach()
    assert one.prediction["output"] == int(logits.argmax())
    assert one.prediction["probability"] == pytest.approx(float(logits.softmax(0).max()))
    expected = attribution.attribute(net(), inputs, int(logits.argmax()))[0, 0]
    np.testing.assert_allclose(one.relevance, expected, rtol=1e-5)
    np.testing.assert_array_equal(one.samples, chirp())


def test_the_ledger_balances_and_says_what_was_absorbed(one):
    ledger = one.ledger
    assert ledger["explained"] == pytest.approx(one.prediction["value"], rel=1e-5)
    assert ledger["relevance"] + sum(ledger["absorbed"].values()) == pytest.approx(
        ledger["explained"], rel=1e-3
    )


def test_the_map_over_frequencies_keeps_the_relevance_of_the_samples(one):
    frames = one.frames()
    assert frames["relevance"].sum() == pytest.approx(one.relevance.sum(), rel=1e-3)
    loudest = np.unravel_index(frames["level_db"].argmax(), frames["level_db"].shape)
    assert 250 <= frames["freqs_hz"][loudest[0]] <= 500 and frames["times_s"][loudest[1]] < 0.2


def test_a_method_that_gives_no_shares_gets_no_map_over_frequencies():
    found = explain(method="gradient")
    assert found.frames()["relevance"] is None and "explained" not in found.ledger
    assert explain(method="integrated-gradients", baseline=0.1).frames()["relevance"] is None


def test_sounds_are_the_relevance_as_a_gain_and_the_control_is_another_network(one):
    gain = np.maximum(one.relevance, 0) / np.abs(one.relevance).max()
    np.testing.assert_allclose(one.sounds["explanation"], gain * one.samples, atol=1e-6)
    assert not np.allclose(one.sounds["control"], one.sounds["explanation"])
    assert one.agreement["correlation"] == pytest.approx(
        np.corrcoef(one.relevance, one.control)[0, 1]
    )


def test_faithfulness_is_the_flipping_curve_beside_random_orders():
    class Tenth(nn.Module):  # hears the samples 200 to 399 alone
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(200, 2)
            self.fc.weight.data = torch.stack([torch.full((200,), 0.2), torch.zeros(200)])

        def forward(self, x):
            return self.fc(x[:, 0, 200:400])

    sound = np.full(2000, 0.5, np.float32)
    found = explain(Tenth(), (sound, RATE), method="gradient-x-input", target=0)
    tenth = found.faithfulness["fractions"].index(0.1)
    flipped = found.flipping["relevance"]
    assert flipped[0] > 0.99 and flipped[tenth] == pytest.approx(flipped[-1])
    assert (found.flipping["random"][:, tenth] > 0.99).all()
    assert found.faithfulness["area_by_relevance"] < found.faithfulness["area_at_random"] - 0.3


@pytest.mark.parametrize(("target", "index"), [(1, 1), ("2", 2), ("c", 2), ("b", 1)])
def test_a_target_is_a_number_or_a_class(target, index):
    found = explain(target=target, classes=["a", "b", "c"])
    expected = attribution.attribute(net(), torch.from_numpy(chirp())[None, None], index)[0, 0]
    np.testing.assert_allclose(found.relevance, expected, rtol=1e-5)
    assert found.explained == "abc"[index]


def test_a_long_sound_is_cut_to_its_loudest_part_and_a_short_one_set_into_silence():
    loud = np.concatenate([0.01 * chirp(3000), chirp(2000), 0.01 * chirp(1000)])
    found = explain(sound=(loud, RATE), n_samples=2000)
    assert len(found.samples) == 2000 and found.start_s == pytest.approx(3000 / RATE, abs=0.01)
    found = explain(sound=(chirp(1000), RATE), n_samples=2000)
    assert found.start_s == -500 / RATE and not found.samples[:500].any()
    np.testing.assert_array_equal(found.samples[500:1500], chirp(1000))


def levels(samples):
    magnitude = torch.stft(
        samples, 128, 64, window=torch.hann_window(128), return_complex=True
    ).abs()
    times = np.arange(magnitude.shape[1]) * 64 / RATE
    return (
        20 * torch.log10(magnitude.clamp_min(1e-4))[None, None],
        times,
        np.fft.rfftfreq(128, 1 / RATE),
    )


def spectrogram_net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 3)
    ).eval()


@pytest.mark.parametrize("axes", [True, False])
def test_a_network_of_spectrograms_is_explained_over_time_and_frequency(axes, tmp_path):
    front_end = levels if axes else lambda samples: levels(samples)[0]
    found = explain(spectrogram_net(), front_end=front_end, method="grad-cam")
    assert found.relevance.shape == (65, 32) and found.frames()["relevance"] is found.relevance
    heard = found.sounds["explanation"]
    assert heard.shape == found.samples.shape and np.isfinite(heard).all() and heard.any()
    assert np.sum(heard**2) < np.sum(found.samples**2) * 1.01
    assert {path.name for path in found.save(tmp_path / "x").iterdir()} == FILES - {"waveform.png"}


def test_regression_has_a_curve_of_the_output_and_no_probability():
    found = explain(net(1))
    assert "probability" not in found.prediction and found.faithfulness["what"] == "output"
    assert found.flipping["relevance"][0] == pytest.approx(found.prediction["value"], rel=1e-4)


def test_a_network_that_answers_at_every_step_is_explained_at_all_of_them():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(1, 4, 9), nn.ReLU(), nn.Conv1d(4, 3, 1))
    answers = network(torch.from_numpy(chirp())[None, None]).detach()[0]  # (class, time)
    found = explain(network, method="gradient-x-input", target=2)
    np.testing.assert_allclose(found.logits, answers.mean(1), rtol=1e-5)
    assert found.ledger["relevance"] == pytest.approx(float(found.relevance.sum()))


def test_why_one_and_not_the_other_is_the_difference_of_the_two():
    one, other, both = (explain(method="gradient-x-input", target=t) for t in (2, 0, "2-0"))
    np.testing.assert_allclose(both.relevance, one.relevance - other.relevance, atol=1e-7)
    assert both.explained == "2 against 0"


def test_a_network_without_randomisable_layers_has_no_control_and_says_why():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 2000) * 0.1)

        def forward(self, x):
            return x[:, 0] @ self.weight.T

    found = explain(Own(), method="gradient-x-input", target=1)
    assert found.control is None and "reset_parameters" in found.agreement["why_not"]
    assert "control" not in found.sounds and "not measured" in found._repr_html_()


@pytest.mark.parametrize(
    ("model", "more", "error", "said"),
    [
        (net(), {"sample_rate": None}, ParameterError, "At which sample rate"),
        (net(), {"target": "d"}, ParameterError, "There is no output 'd'"),
        (net(), {"target": 3}, ParameterError, "outputs go from 0 to 2"),
        (net(), {"method": "lrp"}, UnknownNameError, "attribution method"),
        (net(), {"steps": 3}, ParameterError, "has no option steps"),
        (net(), {"front_end": "mel"}, UnknownNameError, "front end"),
        (net(), {"front_end": lambda samples: samples[:, 0]}, ParameterError, "front end"),
        (
            net(),
            {"front_end": lambda samples: samples.view(2, 1, -1)},
            ParameterError,
            "must return one clip",
        ),
        (net(), {"n_samples": 0}, ParameterError, "n_samples must be"),
        (spectrogram_net(), {}, ParameterError, "fails on inputs of shape.* Does it take samples"),
        ("phone-cn", {}, UnknownNameError, "Did you mean 'phone-cnn'"),
        ("doa-order1", {}, ParameterError, "ambisonics"),
        ("nowhere.at:all", {}, MissingDataError, "current directory"),
        ("torch.nn:Nothing", {}, MissingDataError, "has no 'Nothing'"),
        ("torch.nn:Linear", {}, ParameterError, "function without arguments"),
        ("torch:relu", {}, ParameterError, "fails"),
        ("torch:pi", {}, ParameterError, "is a float"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_a_sentence(model, more, error, said):
    with pytest.raises(error, match=said):
        explain(model, **more)


def test_a_sound_that_is_none_is_an_error_of_ours(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for sound in (tmp_path / "text.wav", tmp_path / "none.wav", (np.zeros(2000, np.float32), RATE)):
        with pytest.raises(EarwitnessError):
            explain(sound=sound)
