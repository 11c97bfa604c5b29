"""Occlusion against a loop that masks, evaluates everything anew and averages cell by cell."""

import numpy as np
import pytest
import torch
from quality_net import SmallQuality, spectrogram
from torch import nn

from earwitness import attribution
from earwitness.attribution.occlusion import silence_db
from earwitness.errors import ParameterError

MASKS = [
    ((3, 4), None),
    ((3, 4), (2, 1)),
    ((8, 23), None),
    ((2, None), None),
    ((None, 5), 3),
    ((1, 1), 1),
]


def brute_force(model, spec, mask, stride, level, output=0):
    """Mask, evaluate the whole model and average with plain loops over cells."""
    n_bands, n_frames = spec.shape
    height, width = mask[0] or n_bands, mask[1] or n_frames
    down, right = (height, width) if stride is None else np.broadcast_to(stride, 2)
    with torch.no_grad():
        whole = model(spec[None])[0, output].item()
    values = [[[] for _ in range(n_frames)] for _ in range(n_bands)]
    top = 0
    while True:
        left = 0
        while True:
            masked = spec.clone()
            for band in range(top, min(top + height, n_bands)):
                for frame in range(left, min(left + width, n_frames)):
                    masked[band, frame] = level
            with torch.no_grad():
                effect = whole - model(masked[None])[0, output].item()
            for band in range(top, min(top + height, n_bands)):
                for frame in range(left, min(left + width, n_frames)):
                    values[band][frame].append(effect)
            if left + width >= n_frames:
                break
            left += right
        if top + height >= n_bands:
            break
        top += down
    return np.array([[np.mean(cell) for cell in row] for row in values])


@pytest.mark.parametrize(("mask", "stride"), MASKS)
def test_the_map_equals_brute_force(mask, stride):
    model, spec = SmallQuality(), spectrogram()
    found = attribution.occlusion_map(
        model, spec, mask=mask, stride=stride, fill=-2.0, output=1, batch_size=7
    )
    expected = brute_force(model, spec, mask, stride, -2.0, output=1)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found.map, expected, atol=1e-10)


@pytest.mark.parametrize("hop", [1, 2, 5])
def test_any_hop_of_segments_gives_the_same_map_as_brute_force(hop):
    model, spec = SmallQuality(hop=hop), spectrogram(n_frames=21)
    found = attribution.occlusion_map(model, spec, mask=(4, 3), fill=0.5)
    np.testing.assert_allclose(found.map, brute_force(model, spec, (4, 3), None, 0.5), atol=1e-10)


def test_only_the_segments_that_a_mask_touches_go_through_the_cnn_again():
    model, spec = SmallQuality(hop=1), spectrogram(n_frames=100)
    model.n_segments_seen = 0
    found = attribution.occlusion_map(model, spec, mask=(4, 10), fill=0.0)
    n_segments, n_masks = 96, 20
    touched = sum(
        sum(1 for s in range(n_segments) if s < stop and s + 5 > start)
        for _, _, start, stop in found.boxes
    )
    assert model.n_segments_seen == n_segments + touched  # the whole once, then the touched ones
    assert found.cost == pytest.approx(touched / (n_segments * n_masks))
    assert len(found.effects) == n_masks and found.cost < 0.15


def test_a_horizontal_bar_touches_every_segment():
    found = attribution.occlusion_map(SmallQuality(), spectrogram(), mask=(2, None), fill=0.0)
    assert found.cost == 1 and len(found.effects) == 4


def test_effects_boxes_and_baseline_belong_together():
    model, spec = SmallQuality(), spectrogram()
    found = attribution.occlusion_map(model, spec, mask=(3, 10), fill=1.0)
    assert found.boxes.tolist() == [
        [a, b, c, d] for a, b in ((0, 3), (3, 6), (6, 8)) for c, d in ((0, 10), (10, 20), (20, 23))
    ]
    with torch.no_grad():
        assert found.baseline == pytest.approx(model(spec[None])[0, 0].item())
        masked = spec.clone()
        masked[3:6, 20:23] = 1.0
        assert found.effects[5] == pytest.approx(found.baseline - model(masked[None])[0, 0].item())


def test_silence_is_the_level_that_no_sound_would_have_in_this_clip():
    assert silence_db(torch.tensor([[-10.0, 5.0]])) == -75.0
    assert silence_db(torch.full((2, 2), -30.0)) == -80.0
    model, spec = SmallQuality(), spectrogram() + 30
    found = attribution.occlusion_map(model, spec, mask=(8, 5))
    assert found.fill == pytest.approx(float(spec.max()) - 80)
    np.testing.assert_allclose(
        found.map, brute_force(model, spec, (8, 5), None, found.fill), atol=1e-9
    )


def test_a_mask_that_shows_what_is_there_already_changes_nothing():
    spec = spectrogram()
    spec[:, :5] = -3.0
    found = attribution.occlusion_map(SmallQuality(), spec, mask=(8, 5), fill=-3.0)
    assert found.effects[0] == pytest.approx(0, abs=1e-12) and abs(found.effects[1]) > 1e-4


def test_spectrogram_and_model_are_left_as_they_were():
    model, spec = SmallQuality().train(), spectrogram().numpy()
    before = spec.copy()
    attribution.occlusion_map(model, spec, mask=(4, 4), fill=0.0)
    assert np.array_equal(spec, before) and model.training and model.cnn.bn1.training
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mask": (9, 4)}, "larger than the input, which has 8"),
        ({"mask": (4, 24)}, "than the input, which has 23"),
        ({"mask": (0, 4)}, "positive integers, got 0"),
        ({"mask": (4, 2.5)}, "positive integers, got 2.5"),
        ({"mask": (4,)}, "needs 2 sizes"),
        ({"mask": (4, 4), "stride": 0}, "stride must be made of positive integers"),
        ({"mask": (4, 4), "stride": (4, 5)}, "stride of 5 is larger than the mask's 4"),
        ({"mask": (4, 4), "stride": (1, 1, 1)}, "stride needs 2 steps"),
        ({"mask": (4, 4), "stride": -1}, "positive"),
        ({"mask": (4, 4), "fill": "loud"}, "level or 'silence', got 'loud'"),
        ({"mask": (4, 4), "fill": np.nan}, "finite"),
        ({"mask": (4, 4), "output": 2}, "outputs go from 0 to 1"),
        ({"mask": (4, 4), "output": "mos"}, "Output 'mos' does not exist: outputs go from 0 to 1"),
        ({"mask": (4, 4), "output": True}, "Output True"),
        ({"mask": 2.5}, "mask must be made of .* integers, got 2.5"),
        ({"mask": None}, "mask must be made of positive integers, got None"),
        ({"mask": 4}, "needs 2 sizes"),
        ({"mask": (4, 4), "stride": 2.5}, "stride must be made of positive integers, got 2.5"),
        ({"mask": (4, 4), "fill": None}, "finite level or 'silence', got None"),
        ({"mask": (4, 4), "batch_size": 0}, "batch_size must be a positive integer, got 0"),
    ],
)
def test_a_mask_that_cannot_be_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        attribution.occlusion_map(SmallQuality(), spectrogram(), **options)


@pytest.mark.parametrize(
    "wrong",
    [
        spectrogram(n=2),
        torch.ones(8, 23, dtype=torch.long),
        "clip",
        torch.full((8, 23), float("nan")),
        torch.ones(8, 0),
        np.ones((0, 23)),
    ],
)
def test_what_is_no_spectrogram_is_refused(wrong):
    with pytest.raises(ParameterError, match="spectrogram"):
        attribution.occlusion_map(SmallQuality(), wrong, mask=(4, 4))


def test_an_empty_spectrogram_is_called_so():
    with pytest.raises(ParameterError, match=r"spectrogram is empty: \(8, 0\)"):
        attribution.occlusion_map(SmallQuality(), torch.ones(8, 0), mask=(4, 4))


def test_sizes_may_be_numpys():
    model, spec = SmallQuality(), spectrogram()
    found = attribution.occlusion_map(
        model, spec, mask=np.array([4, 4]), stride=np.int64(2), fill=np.float32(0.5)
    )
    np.testing.assert_array_equal(
        found.map, attribution.occlusion_map(model, spec, mask=(4, 4), stride=2, fill=0.5).map
    )


@pytest.mark.parametrize(("mask", "stride"), MASKS)
def test_the_method_occlusion_answers_the_same_for_any_model(mask, stride):
    model, specs = SmallQuality(), spectrogram(n=2)
    size = (mask[0] or 8, mask[1] or 23)
    found = attribution.attribute(
        model, specs, 1, "occlusion", mask=size, stride=stride, fill=-2.0, batch_size=1
    )
    for clip, spec in zip(found, specs, strict=True):
        np.testing.assert_allclose(
            clip, brute_force(model, spec, mask, stride, -2.0, output=1), atol=1e-10
        )


def test_occlusion_of_a_linear_network_is_the_mean_contribution_of_what_is_hidden():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False, dtype=torch.float64))
    model[1].weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    inputs = torch.tensor([[[1.0, 1.0, -1.0, 2.0]]], dtype=torch.float64)
    found = attribution.attribute(model, inputs, 0, "occlusion", mask=2, stride=1)
    np.testing.assert_allclose(
        found, [[[3.0, 1.0, 2.0, 5.0]]]
    )  # pairs lose 3, -1, 5; cells 3, (3-1)/2, (-1+5)/2, 5


def test_a_mask_hides_all_channels_and_all_get_its_effect():
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 1, bias=False, dtype=torch.float64))
    model[1].weight.data = torch.arange(1.0, 7.0, dtype=torch.float64)[None]
    found = attribution.attribute(
        model, torch.ones(1, 2, 3, dtype=torch.float64), 0, "occlusion", mask=(1,)
    )
    np.testing.assert_allclose(found, [[[5.0, 7.0, 9.0], [5.0, 7.0, 9.0]]])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mask": 2.5}, "mask .*must be a whole number .*, got 2.5"),
        ({"mask": 0}, "positive integers, got 0"),
        ({"mask": ()}, "0 sizes does not fit"),
        ({"stride": 2.5}, "stride .*must be a whole number .*, got 2.5"),
        ({"fill": None}, "fill .*must be a number .*, got None"),
        ({"fill": "silence"}, "fill .*must be a number .*, got 'silence'"),
        ({"batch_size": 0}, "batch_size must be a positive integer"),
    ],
)
def test_the_method_occlusion_refuses_what_cannot_be(options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        attribution.attribute(nn.Linear(3, 2), torch.ones(1, 3), 0, "occlusion", **options)


def test_a_mask_with_more_axes_than_the_inputs_is_refused():
    with pytest.raises(ParameterError, match="2 sizes does not fit"):
        attribution.attribute(nn.Linear(3, 2), torch.ones(1, 3), 0, "occlusion", mask=(1, 1))
