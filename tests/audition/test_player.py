"""Players carry their sound inside the page, name it for screen readers and never get louder
unasked.
"""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
import torch

from earwitness import audition
from earwitness.errors import AudioError, UnknownNameError

RATE = 8000


def tone(amplitude, seconds=0.1):
    return amplitude * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)


def heard(player):
    """Return what a browser would decode: samples and rate."""
    html = player._repr_html_()
    data = html.partition("data:audio/wav;base64,")[2].partition('"')[0]
    return soundfile.read(io.BytesIO(base64.b64decode(data, validate=True)))


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_holds_the_clip_as_it_is():
    samples, rate = heard(audition.player(tone(0.5), RATE, "a tone"))
    assert rate == RATE
    assert np.abs(samples - tone(0.5)).max() <= 1 / 32768


def test_the_markup_is_closed_labelled_and_loads_nothing():
    page = Page(audition.player(tone(0.5), RATE, "a tone")._repr_html_())
    assert page.open == []
    tags = dict(page.tags)
    assert tags["figure"] == {"class": "ew-player"}
    assert tags["audio"]["aria-label"] == "a tone" and "controls" in tags["audio"]
    assert tags["audio"]["preload"] == "metadata" and tags["audio"]["src"].startswith(
        "data:audio/wav;base64,"
    )


def test_a_label_cannot_break_out_of_the_markup():
    html = audition.player(tone(0.5), RATE, '"><script>alert(1)</script>')._repr_html_()
    assert "<script" not in html and Page(html).open == []


def test_a_clip_that_is_too_loud_is_made_softer_and_says_so():
    player = audition.player(tone(2.0), RATE, "loud")
    samples, _ = heard(player)
    assert np.abs(samples).max() <= 1 and np.abs(samples).max() > 0.99
    assert np.abs(samples - tone(1.0)).max() < 1e-3  # the shape is kept, nothing is clipped
    assert player.caption == "loud · 0.10 s · too loud as it is: 6.0 dB softer"


def test_a_full_scale_clip_is_not_called_too_loud_by_more_than_one_step():
    assert audition.player(np.array([0.5, -0.99]), RATE).caption == "0.00 s"


def test_normalising_is_said():
    player = audition.player(tone(0.09), RATE, "soft", normalise=True)
    assert np.abs(heard(player)[0]).max() == pytest.approx(0.9, abs=1e-2)
    assert "normalised: 20.0 dB louder" in player.caption


def test_a_shared_gain_keeps_the_differences_in_loudness_and_each_removes_them():
    clips = [(tone(0.1), RATE, "soft"), (tone(0.4), RATE, "loud")]
    shared = [np.abs(heard(clip)[0]).max() for clip in audition.players(clips, gain="shared").clips]
    assert shared[1] == pytest.approx(0.9, abs=0.01) and shared[1] / shared[0] == pytest.approx(
        4, rel=0.01
    )
    each = [np.abs(heard(clip)[0]).max() for clip in audition.players(clips, gain="each").clips]
    assert np.allclose(each, 0.9, atol=0.01)
    kept = [np.abs(heard(clip)[0]).max() for clip in audition.players(clips).clips]
    assert np.allclose(kept, [0.1, 0.4], atol=0.01)


def test_players_take_ready_players_too_and_stand_in_one_group():
    group = audition.players([audition.player(tone(0.5), RATE, "one"), (tone(0.2), RATE, "two")])
    page = Page(group._repr_html_())
    assert [tag for tag, _ in page.tags].count("audio") == 2
    assert page.tags[0][1]["role"] == "group"


def test_silence_can_be_played_and_normalised():
    assert not heard(audition.player(np.zeros(100), RATE, normalise=True))[0].any()


def test_tensors_are_played_and_left_alone():
    tensor = torch.linspace(-2, 2, 100, requires_grad=True)
    before = tensor.detach().clone()
    assert np.abs(heard(audition.player(tensor, RATE))[0]).max() <= 1
    assert torch.equal(tensor, before)


@pytest.mark.parametrize(
    "samples, rate, complaint",
    [
        (np.zeros((2, 100)), RATE, "one channel"),
        (np.zeros(0), RATE, "one channel"),
        ([np.nan, 0.0], RATE, "NaN"),
        (np.zeros(10), 16, "not 16"),
    ],
)
def test_what_cannot_be_played_is_refused(samples, rate, complaint):
    with pytest.raises(AudioError, match=complaint):
        audition.player(samples, rate)


def test_no_clips_and_unknown_gains_are_refused():
    with pytest.raises(AudioError, match="no clip"):
        audition.players([])
    with pytest.raises(UnknownNameError, match="shared"):
        audition.players([(tone(0.1), RATE, "a")], gain="share")


def test_the_text_form_names_the_sound():
    assert repr(audition.player(tone(0.5), RATE, "a tone")) == "<sound: a tone · 0.10 s>"


def loudness(clip):
    return np.sqrt(np.mean(heard(clip)[0] ** 2))


def test_matched_clips_are_as_loud_as_the_first_and_say_so():
    quiet = np.concatenate([tone(0.05, 0.05), tone(0.0, 0.05)])
    first, second = audition.players(
        [(tone(0.2), RATE, "signal"), (quiet, RATE, "explanation")], gain="match"
    ).clips
    assert first.caption == "signal · 0.10 s"
    assert loudness(second) == pytest.approx(loudness(first), rel=0.01)
    assert second.caption == "explanation · 0.10 s · matched in level: 15.1 dB louder"


def test_matching_stops_at_full_scale_and_leaves_silence_silent():
    click = np.zeros(800)
    click[400] = 0.5
    given = [(tone(0.9), RATE, "a"), (click, RATE, "b"), (np.zeros(800), RATE, "c")]
    clips = audition.players(given, gain="match").clips
    assert np.abs(heard(clips[1])[0]).max() == pytest.approx(32767 / 32768, abs=1e-4)
    assert clips[1].gain == pytest.approx(2, abs=1e-3)  # more would be clipped by the file
    assert clips[1].caption == "b · 0.10 s · as near in level as full scale allows: 6.0 dB louder"
    assert not heard(clips[2])[0].any()


def test_a_comparison_holds_a_native_player_for_each_clip_and_its_label():
    shown = audition.compare(
        [(tone(0.5), RATE, "signal"), (tone(0.1), RATE, "explanation")], label="nine & ten"
    )
    page = Page(shown._repr_html_())
    assert page.open == []
    assert page.tags[0] == ("figure", {"class": "ew-compare", "data-picture": "waveform"})
    sounds = [given for tag, given in page.tags if tag == "audio"]
    assert [sound["aria-label"] for sound in sounds] == ["signal", "explanation"]
    assert all("controls" in sound and "autoplay" not in sound for sound in sounds)
    assert "<figcaption>nine &amp; ten</figcaption>" in shown._repr_html_()
    assert not any("id" in given for _, given in page.tags)  # two players cannot share one


def test_a_comparison_without_a_label_has_no_caption_but_those_of_its_clips():
    clips = [(tone(0.5), RATE, "signal"), (tone(0.1), RATE, "explanation")]
    shown = audition.compare(clips)._repr_html_()
    assert shown.count("<figcaption>") == 2 and "<figcaption></figcaption>" not in shown
    assert audition.compare(clips, label="nine")._repr_html_().count("<figcaption>") == 3


def test_rates_may_differ_in_a_comparison_and_durations_may_not():
    assert (
        len(audition.compare([(tone(0.5), RATE, "a"), (np.zeros(1600), 2 * RATE, "b")]).clips) == 2
    )
    with pytest.raises(AudioError, match="equally long, got 0.100 s, 0.200 s"):
        audition.compare([(tone(0.5), RATE, "a"), (tone(0.5, 0.2), RATE, "b")])


def test_an_unknown_picture_is_refused():
    with pytest.raises(UnknownNameError, match="spectrogram"):
        audition.compare([(tone(0.5), RATE, "a")], picture="spectogram")
