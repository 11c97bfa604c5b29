"""What callers must not give public functions is refused from one place, in a sentence."""

import inspect
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from earwitness import attribution, corpora, evaluation, features, figures, models
from earwitness.arguments import check, checked
from earwitness.errors import AudioError, EarwitnessError, ParameterError

ROOMS = ["features", "attribution", "evaluation", "audition", "figures"]
FREE = {"target", "targets", "steps", "output", "additional_forward_args"}
FREE |= {"mappable", "figure", "cmap", "of", "sound"}


def public(module) -> set:
    """Return the functions that a room offers, and those of the modules it offers."""
    found = set()
    for name in module.__all__ if hasattr(module, "__all__") else vars(module):
        one = getattr(module, name)
        if isinstance(one, ModuleType) and hasattr(module, "__all__"):
            found |= public(one)
        elif inspect.isfunction(one) and not name.startswith("_"):
            found |= {one} if one.__module__.startswith(module.__name__) else set()
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_refuses_what_is_of_no_kind_it_takes(room):
    functions = public(import_module(f"earwitness.{room}"))
    assert len(functions) > 10
    for function in functions:
        for name, one in inspect.signature(function).parameters.items():
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) or name in FREE:
                continue
            assert one.annotation is not one.empty, f"{function.__qualname__} does not say {name}"
            if one.annotation is not object:
                with pytest.raises(EarwitnessError, match=f"{name}|sample rate"):
                    check(function, {name: _Nothing()})


class _Nothing:
    """Of no kind at all."""


@checked
def heard(samples: np.ndarray, sample_rate: int, names: list[str], gain: float | None = None):
    return samples, sample_rate, names, gain


RATES = [8000, 8000.0, np.int16(8000), np.float32(8000), np.array(8000), torch.tensor(8000.0)]
NO_RATES = [0, -1, 1e9, 2**63, 8000.5, float("nan"), "8000", True, {}, [8000], np.array([8000])]


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_of_any_kind_of_number_reaches_the_function_as_an_int(rate):
    assert type(heard([0.1], rate, [])[1]) is int


@pytest.mark.parametrize("rate", NO_RATES)
def test_a_rate_of_no_recorder_is_refused_by_every_checked_function(rate):
    with pytest.raises(AudioError, match="heard needs a sample rate"):
        heard([0.1], rate, [])


@pytest.mark.parametrize(
    "good", [[0.1, 0.2], (1, 2), np.ones(3), torch.ones(3), np.float32(1), [[1], [2]]]
)
def test_whatever_can_be_an_array_of_numbers_is_taken(good):
    assert heard(good, 8000, ["a"])[0] is good


@pytest.mark.parametrize(
    "bad", [None, "text", {}, object(), ["a"], [[1], [1, 2]], np.array([None]), b"ab"]
)
def test_what_is_no_array_of_numbers_is_refused(bad):
    with pytest.raises(AudioError, match="samples of heard must be an array of numbers, got"):
        heard(bad, 8000, [])


@pytest.mark.parametrize("bad", ["ab", {"a": 1}, [1], 3, None])
def test_what_is_no_sequence_of_words_is_refused(bad):
    with pytest.raises(ParameterError, match="names of heard must be a sequence of words"):
        heard([0.1], 8000, bad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e39, True, "1", 1j])
def test_a_number_that_no_single_precision_holds_is_refused(bad):
    with pytest.raises(ParameterError, match="gain of heard must be a number"):
        heard([0.1], 8000, [], bad)
    assert heard([0.1], 8000, [], 3e38)[3] == 3e38
    assert heard([0.1], 8000, [], None)[3] is None
    assert heard([0.1], 8000, [], torch.tensor(0.5))[3] == 0.5


def test_whole_numbers_end_below_2_to_the_31():
    @checked
    def counted(n: int):
        return n

    assert counted(n=2**31 - 1) == 2**31 - 1
    for bad in (2**31, -(2**31), 1.0, True, None):
        with pytest.raises(ParameterError, match="n of .*counted must be a whole number below"):
            counted(n=bad)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, None, "1"])
def test_a_seed_that_some_generator_does_not_take_is_refused_by_every_method(seed):
    network, x = torch.nn.Linear(4, 2), torch.ones(1, 4)
    for name in attribution.methods():
        if "seed" in attribution.options(name):
            with pytest.raises(ParameterError, match="seed"):
                attribution.attribute(network, x, 0, name, seed=seed)


def test_missing_and_unknown_arguments_keep_pythons_own_sentence():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        features.f0(np.ones(800))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        features.f0(np.ones(800), 8000, rate=3)


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient", "deeplift", "occlusion"])
def test_inputs_that_the_network_cannot_take_are_named_with_their_shape(method):
    network = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.Flatten())
    with pytest.raises(ParameterError, match=r"fails on inputs of shape \(1, 1, 1, 1, 9\)"):
        attribution.attribute(network, torch.ones(1, 1, 1, 1, 9), 0, method)


def test_errors_of_ours_inside_a_network_stay_what_they_are():
    class Refusing(torch.nn.Module):
        def forward(self, x):
            raise AudioError("This is no sound.")

    with pytest.raises(AudioError, match="This is no sound"):
        models.logits(Refusing(), torch.ones(1, 4))


@pytest.mark.parametrize("index", [3000, -3001, 2**63, float("nan"), 1.0, "0", None])
def test_a_clip_that_is_not_there_is_named(index):
    with pytest.raises((EarwitnessError, IndexError), match="there is no clip") as caught:
        corpora.load("voices")[index]
    assert isinstance(caught.value, EarwitnessError)
    assert isinstance(caught.value, IndexError)  # what ends a loop over positions


@pytest.mark.parametrize("n_classes", [0, -1, 2.0, 2**21, None, float("nan")])
def test_networks_refuse_sizes_that_no_layer_has(n_classes):
    for network in (models.AlexNet, models.AudioNet, models.PhoneCNN, models.SpeakerCNN):
        with pytest.raises(ParameterError, match="n_classes must be a whole number"):
            network(n_classes)
    with pytest.raises(ParameterError, match="n_classes must be a whole number"):
        models.DoaCRNN(4, n_classes)


def test_pictures_refuse_axes_that_are_not_finite():
    _, ax = figures.panels()
    with pytest.raises(ParameterError, match="Times must be finite numbers"):
        figures.spectrogram(ax, np.ones((2, 2)), [0.0, np.nan], [1.0, 2.0])
    with pytest.raises(ParameterError, match="rows must be a whole number"):
        figures.panels(-1)


def test_scores_of_answers_refuse_a_label_that_is_none():
    with pytest.raises(ParameterError, match="label of informedness must be text or a whole"):
        evaluation.informedness(["a"], ["a"], None)
