"""DoaCRNN: the sizes of Table 1, layers in its order, input that does not fit refused."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import features, models
from earwitness.acoustics import sphere
from earwitness.errors import ParameterError


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return models.DoaCRNN(6).eval()


def test_the_layers_have_the_sizes_of_table_1(network):
    outputs = []

    def note(name):
        return lambda layer, _, output: outputs.append(
            (name, output[0] if isinstance(output, tuple) else output)
        )

    handles = [layer.register_forward_hook(note(name)) for name, layer in network.named_children()]
    with torch.no_grad():
        network(torch.zeros(2, 6, 50, 512))
    for handle in handles:
        handle.remove()
    assert [(name, *output.shape[1:]) for name, output in outputs] == [
        ("normalisation", 6, 50, 512),
        ("conv1", 64, 50, 512),
        ("bn1", 64, 50, 512),
        ("elu1", 64, 50, 512),
        ("pool1", 64, 50, 64),
        ("conv2", 64, 50, 64),
        ("bn2", 64, 50, 64),
        ("elu2", 64, 50, 64),
        ("pool2", 64, 50, 8),
        ("conv3", 64, 50, 8),
        ("bn3", 64, 50, 8),
        ("elu3", 64, 50, 8),
        ("pool3", 64, 50, 2),
        ("frames", 50, 128),
        ("lstm1", 50, 100),
        ("lstm2", 50, 100),
        ("fc1", 50, 100),
        ("elu4", 50, 100),
        ("fc2", 50, 425),
    ]


def test_a_description_has_a_row_for_every_layer_recurrent_ones_too(network):
    table = models.describe(network, (6, 50, 512)).set_index("layer")
    assert table["output"]["lstm2"] == (50, 100) and table["kind"]["lstm2"] == "LSTM"
    assert table["weights"].sum() == sum(weight.numel() for weight in network.parameters())


def test_every_layer_is_a_module_used_once(network):
    used = []
    handles = [
        layer.register_forward_hook(lambda layer, *_: used.append(layer))
        for layer in network.children()
    ]
    with torch.no_grad():
        network(torch.zeros(1, 6, 4, 512))
    for handle in handles:
        handle.remove()
    assert len(used) == len(set(used)) == len([*network.children()])
    assert (
        isinstance(network.lstm1, nn.LSTM)
        and network.lstm1.bidirectional
        and network.lstm1.batch_first
    )


def test_frames_keep_their_place_and_neighbouring_filters_stand_together():
    maps = torch.arange(2 * 3 * 5 * 2).reshape(2, 3, 5, 2)
    vector = models.doacrnn.Frames()(maps)
    assert vector.shape == (2, 5, 6)
    torch.testing.assert_close(
        vector[1, 4], torch.stack([maps[1, f, 4, b] for b in range(2) for f in range(3)])
    )


def test_normalisation_takes_mean_and_deviation_of_each_channel():
    layer = models.doacrnn.Normalisation(2)
    layer.mean[:, 0, 0], layer.std[:, 0, 0] = torch.tensor([1.0, -2.0]), torch.tensor([2.0, 4.0])
    torch.testing.assert_close(layer(torch.ones(1, 2, 1, 3))[0, :, 0, 0], torch.tensor([0.0, 0.75]))
    assert not [*layer.parameters()] and set(layer.state_dict()) == {"mean", "std"}


def test_scores_are_the_mean_over_frames_of_probabilities(network):
    inputs = torch.randn(2, 6, 7, 512, generator=torch.Generator().manual_seed(1))
    sure = copy.deepcopy(
        network
    )  # probabilities near 0 and 1, so that the mean of logits would be another answer
    with torch.no_grad():
        sure.fc2.weight *= 100
        scores, logits = sure.scores(inputs), sure(inputs)
    assert logits.softmax(-1).max() > 0.3
    by_hand = (logits.exp() / logits.exp().sum(-1, keepdim=True)).sum(1) / 7
    torch.testing.assert_close(scores, by_hand)


def test_every_class_is_heard_where_it_lies():
    class Ideal(nn.Module):
        """Scores that follow the active intensity."""

        def scores(self, inputs):
            return torch.einsum(
                "ncft,kc->nk", inputs[:, :3], torch.from_numpy(sphere.directions().copy()).float()
            )

    wave = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    wanted = sphere.directions()[[0, 100, 212, 424]]
    mixtures = (sphere.harmonics(wanted, 1)[:, :, None] * wave).astype(np.float32)
    ideal = Ideal().train()
    np.testing.assert_array_equal(models.locate(ideal, mixtures, "intensity", batch_size=3), wanted)
    assert ideal.training


def test_a_network_locates_what_its_input_says(network):
    mixtures = np.random.default_rng(1).standard_normal((3, 9, 16000)).astype(np.float32)
    with torch.no_grad():
        best = network.scores(features.network_input(mixtures, "intensity")).argmax(1)
    np.testing.assert_array_equal(
        models.locate(network, mixtures, "intensity"), sphere.directions()[best]
    )


@pytest.mark.parametrize("shape", [(6, 50, 512), (1, 8, 50, 512), (1, 6, 50, 513), (1, 6, 0, 512)])
def test_an_input_that_does_not_fit_is_refused(network, shape):
    with pytest.raises(ParameterError, match=r"takes \(batch, 6, frames, 512\), not"):
        network(torch.zeros(shape))


def test_a_network_without_channels_or_classes_is_refused():
    for sizes in [(0, 425), (6, 0)]:
        with pytest.raises(ParameterError, match="must be a whole number from 1"):
            models.DoaCRNN(*sizes)
