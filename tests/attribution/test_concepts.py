"""Relevance through single channels: parts add up to the whole, and a hand-made network whose
channels are known.
"""

import pytest
import torch
from networks import kaiming, signals, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.attribution import concepts
from earwitness.errors import ParameterError, UnknownNameError

LRP = ["lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma"]


@pytest.mark.parametrize("layer", ["0", "1", "2", "4", "7"])
@pytest.mark.parametrize("method", LRP)
def test_relevance_through_all_channels_adds_up_to_the_whole(method, layer):
    model, inputs, targets = (
        kaiming(waveform_net().double(), bias=0.1),
        signals((1, 40)),
        [0, 1, 2, 0],
    )
    n_channels = concepts.channel_relevance(model, inputs, targets, layer, method).shape[1]
    parts = concepts.conditional_relevance(model, inputs, targets, layer, range(n_channels), method)
    assert parts.shape == (4, n_channels, 1, 40)
    torch.testing.assert_close(parts.sum(1), attribution.attribute(model, inputs, targets, method))


@pytest.mark.parametrize("layer", ["1", "3", "7"])
@pytest.mark.parametrize("method", LRP)
def test_without_biases_each_channel_conserves_its_relevance_and_all_of_them_the_logit(
    method, layer
):
    model, inputs = kaiming(waveform_net(bias=False).double()), signals((1, 40))
    channels = concepts.channel_relevance(model, inputs, 1, layer, method)
    torch.testing.assert_close(channels.sum(1), model(inputs)[:, 1].detach(), rtol=1e-4, atol=1e-4)
    parts = concepts.conditional_relevance(
        model, inputs, 1, layer, range(channels.shape[1]), method
    )
    torch.testing.assert_close(parts.flatten(2).sum(2), channels, rtol=1e-4, atol=1e-4)


def two_ears():
    """Two channels: the first hears the first half of the sound, the second the other half twice as
    strongly.
    """
    model = nn.Sequential(
        nn.Conv1d(1, 2, 2, stride=2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8, 2, bias=False),
    )
    with torch.no_grad():
        model[0].weight[:] = 1
        model[3].weight[:] = torch.tensor([[1, 1, 0, 0, 0, 0, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1]])
    return model.double().eval()


def test_a_channel_answers_for_what_it_hears():
    inputs = torch.arange(1.0, 9.0, dtype=torch.float64).view(1, 1, 8)
    channels = concepts.channel_relevance(two_ears(), inputs, 0, "1", epsilon=1e-12)
    torch.testing.assert_close(
        channels, torch.tensor([[3.0 + 7, 2 * (11 + 15.0)]], dtype=torch.float64)
    )
    parts = concepts.conditional_relevance(two_ears(), inputs, 0, "1", [1, 0], epsilon=1e-12)[
        0, :, 0
    ]
    torch.testing.assert_close(
        parts[0], torch.tensor([0, 0, 0, 0, 10, 12, 14, 16], dtype=torch.float64)
    )
    torch.testing.assert_close(
        parts[1], torch.tensor([1, 2, 3, 4, 0, 0, 0, 0], dtype=torch.float64)
    )


def test_relevance_of_a_layer_has_the_shape_of_its_output():
    model, inputs = kaiming(waveform_net().double()), signals((1, 40))
    shapes = {"0": (4, 6, 20), "3": (4, 8, 10), "6": (4, 40), "9": (4, 3)}
    for layer, shape in shapes.items():
        assert concepts.hidden_relevance(model, inputs, 0, layer, batch_size=3).shape == shape


def test_layers_inside_other_layers_are_found_and_batches_change_nothing():
    inner = nn.Sequential(waveform_net(), nn.Identity())
    model, inputs, targets = kaiming(inner.double()), signals((1, 40), n=5), [0, 1, 2, 1, 0]
    whole = concepts.conditional_relevance(model, inputs, targets, "0.1", [3, 0, 5])
    for batch_size in (1, 4):
        again = concepts.conditional_relevance(
            model, inputs, targets, "0.1", [3, 0, 5], batch_size=batch_size
        )
        torch.testing.assert_close(again, whole)
    channels = concepts.channel_relevance(model, inputs, targets, "0.1")
    torch.testing.assert_close(
        channels, concepts.channel_relevance(model, inputs, targets, "0.1", batch_size=2)
    )


def test_the_model_is_left_as_it_was_errors_included():
    model, inputs = kaiming(waveform_net()).train(), signals((1, 40), dtype=torch.float32)
    layers, flags = [*model.modules()], [module.training for module in model.modules()]
    concepts.conditional_relevance(model, inputs, 0, "1", [0])
    with pytest.raises(ParameterError):
        concepts.conditional_relevance(model, inputs, 7, "1", [0])
    assert all(now is before for now, before in zip(model.modules(), layers, strict=True))
    assert [module.training for module in model.modules()] == flags
    assert not any(module._forward_hooks for module in model.modules())


def test_clips_that_maximise_a_channel_come_in_order():
    relevance = torch.tensor([[1.0, 5.0], [3.0, -1.0], [2.0, 5.0]])
    assert concepts.maximising_clips(relevance, 0, 2).tolist() == [1, 2]
    assert concepts.maximising_clips(relevance, 1, 3).tolist() == [0, 2, 1]
    for channel, n_clips in ((2, 1), (0, 4), (0, 0), (-1, 1)):
        with pytest.raises(ParameterError, match=f"no channel {channel} with {n_clips} clips"):
            concepts.maximising_clips(relevance, channel, n_clips)


def test_channels_switched_off_are_silent_inside_the_block_only():
    model, inputs = two_ears(), torch.arange(1.0, 9.0, dtype=torch.float64).view(1, 1, 8)
    whole = model(inputs)
    with concepts.switched_off(model, "1", [1]):
        torch.testing.assert_close(model(inputs), torch.tensor([[10.0, 0]], dtype=torch.float64))
    torch.testing.assert_close(model(inputs), whole)
    with (
        pytest.raises(ParameterError, match="some of 0 to 1 of '1'"),
        concepts.switched_off(model, "1", [2]),
    ):
        model(inputs)
    with (
        pytest.raises(UnknownNameError, match="no layer of the model"),
        concepts.switched_off(model, "conv1", [0]),
    ):
        pass
    assert not model[1]._forward_hooks


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4, bias=False), nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.out(self.layer(self.layer(x)))


def test_what_cannot_be_conditioned_is_refused():
    model, inputs = waveform_net(), signals((1, 40), dtype=torch.float32)
    with pytest.raises(UnknownNameError, match="There is no layer of the model 'conv9'"):
        concepts.channel_relevance(model, inputs, 0, "conv9")
    with pytest.raises(UnknownNameError, match="There is no LRP method 'gradient'"):
        concepts.channel_relevance(model, inputs, 0, "1", "gradient")
    for channels in ([6], [-1], []):
        with pytest.raises(ParameterError, match="some of 0 to 5 of '1'"):
            concepts.conditional_relevance(model, inputs, 0, "1", channels)
    with pytest.raises(ParameterError, match="does not use 'layer' exactly once"):
        concepts.channel_relevance(Twice(), torch.ones(2, 4), 0, "layer")
