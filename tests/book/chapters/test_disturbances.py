"""What masks do to estimates of quality, on networks whose answer is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness import corpora
from earwitness.errors import ParameterError
from earwitness_book.chapters import disturbances


class Loudness(nn.Module):
    """A network that answers the mean level of its segments, in units of 10 dB."""

    def __init__(self, sign=1.0):
        super().__init__()
        self.weight, self.sign = nn.Parameter(torch.ones(1)), sign

    def spectrogram(self, samples, sample_rate):
        level = 20 * np.log10(
            np.abs(samples[: len(samples) // 160 * 160].reshape(-1, 160)).max(1) + 1e-4
        )
        return torch.from_numpy(level).float().expand(48, -1).clone()

    def segments(self, spectrograms):
        return spectrograms.unfold(2, 5, 5).permute(0, 2, 1, 3).unsqueeze(2)

    def cnn(self, segments):
        return segments.mean((1, 2, 3), keepdim=True)[:, 0, :, 0]

    def rate(self, features):
        return self.sign * self.weight * features.mean(1) / 10

    def forward(self, spectrograms):
        segments = self.segments(spectrograms)
        return self.rate(self.cnn(segments.flatten(0, 1)).reshape(*segments.shape[:2], 1))


def test_the_empty_share_counts_cells_60_db_below_the_loudest():
    spectrogram = np.full((4, 6), -70.0)
    spectrogram[0, 0] = 0.0
    spectrogram[:, 3] = -59.0
    boxes = np.array([[0, 4, 0, 2], [0, 4, 2, 4], [2, 4, 4, 6]])
    np.testing.assert_allclose(disturbances.empty_share(spectrogram, boxes), [7 / 8, 4 / 8, 1])
    np.testing.assert_allclose(
        disturbances.empty_share(spectrogram, boxes, below_db=50), [7 / 8, 1, 1]
    )


def test_the_frame_share_ignores_bands():
    frames = np.array([True, True, False, False])
    np.testing.assert_allclose(
        disturbances.frame_share(frames, np.array([[0, 2, 0, 3], [3, 4, 2, 4]])), [2 / 3, 0]
    )


def test_change_is_changed_less_whole():
    quiet = np.full((48, 20), -30.0, np.float32)
    assert disturbances.change_by(Loudness(), quiet, quiet + 10) == pytest.approx(1.0)
    with pytest.raises(ParameterError, match=r"\(48, 20\) and \(48, 15\) cannot be compared"):
        disturbances.change_by(Loudness(), quiet, quiet[:, :15])


def test_masked_frames_come_from_a_level_or_another_spectrogram():
    x, frames = np.arange(6.0).reshape(2, 3), np.array([False, True, False])
    np.testing.assert_array_equal(
        disturbances.masked_frames(x, frames, -80.0), [[0, -80, 2], [3, -80, 5]]
    )
    np.testing.assert_array_equal(
        disturbances.masked_frames(x, frames, 10 * x), [[0, 10, 2], [3, 40, 5]]
    )


def test_moved_frames_are_as_many_and_elsewhere():
    frames = np.zeros(100, bool)
    frames[[10, 11, 12, 40]] = True
    moved = disturbances.moved(frames, np.random.default_rng(0))
    assert moved.sum() == 4
    assert not (moved & frames).any()


@pytest.fixture(scope="module")
def corpus():
    return corpora.load(
        "transmission", n_samples=1, conditions=["clean", "white-10", "level-drop", "gaps-1x300"]
    )


def test_a_survey_has_a_row_per_mask_with_what_it_hid(corpus):
    masks = disturbances.survey(Loudness(), corpus, clips=[0, 2])
    assert set(masks["clip"]) == {0, 2}
    assert set(masks["condition"]) == {"clean", "level-drop"}
    n_masks = [2 * int(np.ceil((len(corpus[i].samples) // 160) / 24)) for i in (0, 2)]
    assert masks.groupby("clip").size().tolist() == n_masks
    assert (masks["change"] <= 1e-6).all(), "silence is never louder"
    speech, pause = (masks.loc[masks["speech"] == share, "change"].mean() for share in (1, 0))
    assert speech < pause
    clips = disturbances.per_clip(masks)
    assert clips["change"].tolist() == pytest.approx(
        masks.groupby("clip")["change"].mean().tolist()
    )
    assert clips["quality"][0] == pytest.approx(
        Loudness()(Loudness().spectrogram(corpus[0].samples, 0)[None]).item()
    )


def test_masks_on_nothing_change_less_than_others(corpus):
    masks = disturbances.survey(Loudness(), corpus, clips=[0])
    assert disturbances.empty_ratio(masks) < 0.2  # not NaN: some masks do hide nothing


def test_the_ratio_is_of_mean_magnitudes_by_masks_that_hide_95_percent_of_nothing_and_by_others():
    masks = pd.DataFrame(
        {"empty": [1.0, 0.95, 0.9, 0.0, 0.5], "change": [0.1, -0.3, -1.0, 0.6, 0.8]}
    )
    assert disturbances.empty_ratio(masks) == pytest.approx(
        0.2 / 0.8
    )  # (0.1 + 0.3) / 2 over 2.4 / 3
    assert disturbances.empty_ratio(masks, share=0.9) == pytest.approx(
        1.4 / 3 / 0.7
    )  # the third is empty, too


def test_only_disturbances_with_a_time_are_hidden_and_repairing_gives_back_what_was_sent(corpus):
    loud = disturbances.hide_disturbances(Loudness(), corpus, np.random.default_rng(0)).set_index(
        "condition"
    )
    assert list(loud.index) == ["level-drop", "gaps-1x300"]
    assert (loud["repaired"] > 0).all()
    assert (loud["hidden"] <= 0).all()
    assert loud.loc["gaps-1x300", "hidden"] == pytest.approx(0, abs=0.06), (
        "there is silence already"
    )
    assert loud.loc["level-drop", "frames"] == pytest.approx(0.4, abs=0.02)
    inverse = disturbances.hide_disturbances(
        Loudness(-1.0), corpus, np.random.default_rng(0)
    ).set_index("condition")
    np.testing.assert_allclose(inverse["repaired"], -loud["repaired"], atol=1e-6)
