"""Many clips at once: confusions, durations, shares with their controls."""

import numpy as np
import pandas as pd

from earwitness import figures


def test_confusion_is_in_per_cent_of_each_true_class(ax):
    image = figures.confusion(ax, [[3, 1], [0, 2]], ["male", "female"])
    assert np.allclose(image.get_array(), [[75, 25], [0, 100]])
    assert {text.get_text() for text in ax.texts} == {"75", "25", "100"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Given class", "True class")


def test_a_class_without_clips_stays_empty(ax):
    image = figures.confusion(ax, [[0, 0], [1, 1]], ["a", "b"])
    assert np.allclose(image.get_array(), [[0, 0], [50, 50]])


def test_the_share_of_clips_longer_than_the_input_is_printed(ax):
    figures.durations(ax, np.array([0.5, 0.9, 1.0, 1.2]))
    assert "25.0 % last" in ax.texts[0].get_text()


def test_controls_are_hatched_and_results_are_not(ax):
    values = pd.DataFrame({"trained": [60, 30], "random": [12, 12]}, index=["sex", "digits"])
    drawn = figures.bars(ax, values, errors=values * 0.1, controls=["random"])
    assert all(bar.get_hatch() for bar in drawn["random"]) and not any(
        bar.get_hatch() for bar in drawn["trained"]
    )
    assert [bar.get_height() for bar in drawn["trained"]] == [60, 30]


def test_changes_are_means_with_their_standard_error_and_only_the_first_is_no_control(ax):
    values = {"relevance": np.array([1.0, 3.0]), "control: energy": np.array([-1.0, -1.0])}
    figures.changes(ax, values, "Change of SDR (dB)")
    bars = list(ax.patches)
    assert [bar.get_height() for bar in bars] == [2, -1]
    assert bars[1].get_hatch() and not bars[0].get_hatch()
    assert ax.get_ylabel() == "Change of SDR (dB)"
    (whiskers,) = [line.get_segments() for line in ax.collections]
    assert np.allclose(whiskers[0][:, 1], [1, 3])  # standard deviation sqrt 2 over sqrt 2
