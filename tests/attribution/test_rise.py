"""RISE: the paper's formula loop by loop, what a linear network must give, and the masks."""

import numpy as np
import pytest
import torch
from networks import kaiming, signals, spectrogram_net, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.attribution import rise
from earwitness.errors import ParameterError


@pytest.mark.parametrize(
    ("network", "shape", "cells"),
    [(waveform_net, (1, 40), [5]), (spectrogram_net, (1, 17, 11), [4, 3])],
)
def test_uncentred_it_is_the_papers_mean_of_masks_weighted_by_answers(network, shape, cells):
    model, inputs = kaiming(network().double(), bias=0.1), signals(shape, n=2)
    found = attribution.attribute(
        model,
        inputs,
        1,
        "rise",
        n_masks=20,
        cells=cells,
        share=0.3,
        of="probability",
        centred=False,
        seed=4,
        fill=0.5,
    )
    expected = np.zeros(inputs.shape)
    for clip, x in enumerate(inputs.numpy()):
        for mask in rise.masks(shape[1:], cells, 0.3, 20, 4):
            shown = torch.as_tensor(x * mask.numpy() + 0.5 * (1 - mask.numpy()))[None]
            expected[clip] += float(model(shown).softmax(-1)[0, 1]) * mask.numpy() / (20 * 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_centred_it_is_the_slope_of_the_answers_on_the_masks():
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=1)
    found = attribution.attribute(model, inputs, 2, "rise", n_masks=30, seed=1)[0, 0]
    drawn = np.stack([*rise.masks((40,), [8], 0.5, 30, 1)])
    answers = model(inputs * torch.as_tensor(drawn)[:, None])[:, 2].detach().numpy()
    expected = [np.polyfit(drawn[:, i], answers, 1)[0] for i in range(40)]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_of_a_linear_network_each_stretch_gets_what_it_adds():
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 1)).double()
    model[1].weight.data = torch.zeros_like(model[1].weight.data)
    model[1].weight.data[0, 20] = 3.0  # only this sample matters
    x = torch.full((1, 1, 40), 2.0, dtype=torch.float64)
    found = attribution.attribute(model, x, 0, "rise", n_masks=3000, cells=40)[0, 0]
    assert float(found[20]) == pytest.approx(6.0, rel=1e-9) and int(found.argmax()) == 20
    assert found[:15].abs().max() < 0.5 and found[26:].abs().max() < 0.5


def test_masks_let_through_the_share_and_are_the_same_for_the_same_seed():
    drawn = torch.stack([*rise.masks((30, 20), [6, 5], 0.3, 2000, 0)])
    assert drawn.min() >= 0 and drawn.max() <= 1
    torch.testing.assert_close(
        drawn.mean(0), torch.full((30, 20), 0.3, dtype=torch.float64), atol=0.04, rtol=0
    )
    assert torch.equal(drawn[:5], torch.stack([*rise.masks((30, 20), [6, 5], 0.3, 5, 0)]))
    assert not torch.equal(drawn[0], next(rise.masks((30, 20), [6, 5], 0.3, 1, 1)))


@pytest.mark.parametrize(
    "options", [{"n_masks": 1}, {"share": 1.0}, {"cells": 0}, {"cells": [3, 3]}]
)
def test_masks_that_cannot_be_are_refused(options):
    with pytest.raises(ParameterError):
        attribution.attribute(waveform_net(), signals((1, 40)), 0, "rise", **options)
