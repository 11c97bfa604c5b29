"""Pictures leave their input alone, draw zero white, print their limits and say the same twice."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness import figures
from earwitness.errors import EarwitnessError, ParameterError

TIMES, FREQS = np.linspace(0, 1, 12), np.linspace(0, 4000, 9)

PHONES = pd.DataFrame(
    {"start_s": [0.0, 0.2, 0.5], "end_s": [0.2, 0.5, 0.9], "phone": ["h#", "aa", "t"]}
)

SHARES = pd.DataFrame(
    [
        (vowel, sex, signal, 50.0, 40.0, 60.0)
        for vowel in ("ah", "iy")
        for sex in ("female", "male")
        for signal in ("paper", "original", "guided-backprop", "random-weights")
    ],
    columns=["vowel", "sex", "signal", "share", "low", "high"],
)


def phones_on_a_spectrogram(ax, level_db):
    figures.spectrogram(ax, level_db, TIMES, FREQS)
    return figures.phones(ax, PHONES)


def picture(ax):
    """Return what is drawn as an RGB array."""
    stream = io.BytesIO()
    ax.figure.savefig(stream, format="rgba", dpi=60)
    width, height = (ax.figure.get_size_inches() * 60).astype(int)
    return np.frombuffer(stream.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


CALLS = {
    "spectrogram": lambda ax, x: figures.spectrogram(ax, x["level"], TIMES, FREQS),
    "relevance_map": lambda ax, x: figures.relevance_map(ax, x["map"], TIMES, FREQS),
    "relevance_on_spectrogram": lambda ax, x: figures.relevance_on_spectrogram(
        ax, x["map"], x["level"], TIMES, FREQS
    ),
    "waveform": lambda ax, x: figures.waveform(ax, x["samples"], 100),
    "relevance_signal": lambda ax, x: figures.relevance_signal(ax, x["signal"], 100),
    "coloured_waveform": lambda ax, x: figures.coloured_waveform(
        ax, x["samples"], x["signal"], 100, 0.1, 0.5
    ),
    "relevance_on_waveform": lambda ax, x: figures.relevance_on_waveform(
        ax, x["samples"], x["signal"], 100
    ),
    "flipping": lambda ax, x: figures.flipping(
        ax, x["fractions"], {"random": x["curve"]}, chance=0.1
    )["random"],
    "factor_curve": lambda ax, x: figures.factor_curve(
        ax, 0.5 + x["fractions"], {"male": x["curve"]}, figures.SEX_COLOURS, marked={"male": 1.25}
    )["male"],
    "confusion": lambda ax, x: figures.confusion(ax, x["counts"], ["a", "b", "c"]),
    "durations": lambda ax, x: figures.durations(ax, x["fractions"])[0],
    "scatter_by_group": lambda ax, x: figures.scatter_by_group(
        ax, x["samples"], x["signal"], x["sex"]
    )["male"],
    "spectral_relevance": lambda ax, x: figures.spectral_relevance(ax, x["map"], TIMES, FREQS),
    "phones": lambda ax, x: phones_on_a_spectrogram(ax, x["level"]),
    "autocorrelations": lambda ax, x: figures.autocorrelations(
        ax, x["fractions"] / 50, {"original": x["curve"][0], "phone-cnn": x["curve"][1]}, 0.008
    )["phone-cnn"],
    "f0_contours": lambda ax, x: figures.f0_contours(
        ax, {"original": (TIMES, 100 + FREQS.mean() * np.abs(x["map"][0]))}
    )["original"],
    "short_time_spectrum": lambda ax, x: figures.short_time_spectrum(
        ax, FREQS, x["level"][:, 0], x["level"][:, 1], x["level"][:, 2], [500, np.nan]
    )["LP"],
    "filter_bank": lambda ax, x: figures.filter_bank(ax, FREQS, np.abs(x["map"].T)),
    "by_frequency": lambda ax, x: figures.by_frequency(
        ax,
        FREQS,
        {"phone-cnn": x["map"][:, 0]},
        bands={"low": (0, 500)},
        spread={"phone-cnn": x["map"][:, 1]},
    )["phone-cnn"],
    "f_ratio": lambda ax, x: figures.f_ratio(
        ax, FREQS, np.abs(x["map"][:8, 0]), 0.5, {"low": (0, 500)}
    ),
    "vowel_shares": lambda ax, x: figures.vowel_shares(ax, SHARES)["guided-backprop"],
}


def inputs():
    rng = np.random.default_rng(2)
    return {
        "level": rng.uniform(-80, 0, (9, 12)),
        "map": rng.normal(size=(9, 12)),
        "samples": rng.normal(size=100),
        "signal": rng.normal(size=100),
        "fractions": np.linspace(0, 1, 6),
        "curve": rng.uniform(size=(4, 6)),
        "counts": rng.integers(1, 9, (3, 3)),
        "sex": np.array(["male", "female"] * 50),
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_returns_an_artist_and_leaves_its_input_as_it_was(ax, name):
    given, before = inputs(), inputs()
    for values in given.values():
        values.setflags(write=False)
    artist = CALLS[name](ax, given)
    picture(ax)
    assert hasattr(artist, "set_alpha")
    assert all(np.array_equal(given[key], before[key]) for key in given)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("confusion",)])
def test_every_axis_has_a_label_with_its_unit(ax, name):
    CALLS[name](ax, inputs())
    units = (
        "(s)",
        "(Hz)",
        "(%)",
        "(dB",
        "(1)",
        "Clips",
        "Amplitude",
        "Relevance",
        "% of",
        "Factor",
        "Filters",
        "Vowel",
    )
    for label in (ax.get_xlabel(), ax.get_ylabel()):
        assert any(unit in label for unit in units), label


def test_every_public_function_that_draws_is_tried_in_this_folder():
    helpers = {
        "method_label",
        "method_style",
        "panels",
        "relevance_limit",
        "use_style",
        "relevance_bar",
        "spectrogram_bar",
        "bars",
    }
    drawn = {
        name for name in figures.__all__ if callable(getattr(figures, name)) and name.islower()
    } - helpers
    assert set(CALLS) <= drawn
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    assert not {name for name in drawn if not any(f"figures.{name}(" in text for text in texts)}


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.relevance_map(ax, np.zeros((9, 12)), TIMES, FREQS),
        lambda ax: figures.relevance_map(ax, np.zeros((9, 12)), TIMES, FREQS, limit=1.0),
        lambda ax: figures.relevance_on_spectrogram(
            ax, np.zeros((9, 12)), np.zeros((9, 12)), TIMES, FREQS
        ),
        lambda ax: figures.relevance_signal(ax, np.zeros(100), 100),
        lambda ax: figures.coloured_waveform(ax, np.ones(100), np.zeros(100), 100),
        lambda ax: figures.relevance_on_waveform(ax, np.ones(100), np.zeros(100), 100),
        lambda ax: figures.relevance_limit(np.zeros(3)),
        lambda ax: figures.spectral_relevance(ax, np.zeros((9, 12), complex), TIMES, FREQS),
    ],
)
def test_relevance_that_is_zero_everywhere_is_refused(ax, draw):
    with pytest.raises(ParameterError, match="zero everywhere"):
        draw(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.spectrogram(ax, np.zeros((12, 9)), TIMES, FREQS),
        lambda ax: figures.relevance_on_spectrogram(
            ax, np.ones((9, 12)), np.zeros((9, 11)), TIMES, FREQS
        ),
        lambda ax: figures.coloured_waveform(ax, np.ones(5), np.ones(4), 10),
        lambda ax: figures.relevance_on_waveform(ax, np.ones(5), np.ones(4), 10),
        lambda ax: figures.relevance_map(ax, np.ones((9, 12)), TIMES, FREQS, limit=0),
        lambda ax: figures.flipping(ax, np.linspace(0, 1, 5), {"random": np.ones(4)}),
        lambda ax: figures.flipping(ax, np.linspace(0, 1, 5), {"random": 90 * np.ones(5)}),
        lambda ax: figures.flipping(ax, np.linspace(0, 1, 5), {"randon": np.ones(5)}),
        lambda ax: figures.confusion(ax, np.ones((2, 3)), ["a", "b"]),
        lambda ax: figures.bars(ax, pd.DataFrame({"a": [1]}), controls=["b"]),
        lambda ax: figures.scatter_by_group(ax, [1, 2], [1], ["male", "male"]),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(ax, draw):
    with pytest.raises(EarwitnessError):
        draw(ax)


@pytest.mark.parametrize("name", ["relevance_map", "relevance_on_spectrogram", "coloured_waveform"])
def test_every_coloured_picture_can_have_a_bar_with_full_colours(ax, name):
    bar = figures.relevance_bar(CALLS[name](ax, inputs()), ax)
    picture(ax)
    assert bar.alpha is None and bar.cmap.name == figures.RELEVANCE_CMAP


# labels of what has no unit: counts, names of classes, and scores on a scale that the label names
WITHOUT_UNIT = {
    "Amplitude", "Clips", "Estimate of the network", "Estimate of the whole clip",
    "Factor of the frequency axis", "Filters, sorted by peak", "Given class", "Mean change by "
                                                                              "masking",
    "PESQ", "Relevance", "Score of the true direction", "True class", "Vowel, women and men",
}  # fmt: skip


def test_every_label_that_a_figure_writes_has_its_unit():
    source = Path(figures.__file__).parent
    written = {
        word for path in source.glob("*.py")
        for word in re.findall(r'[xyz]_?label(?:: str)? ?=f?"([^"]+)"|[xyz]_label: str = "([^"]+)"',
                               path.read_text(encoding="utf-8"))
    }  # fmt: skip
    labels = {first or second for first, second in written}
    assert len(labels) > 20 and WITHOUT_UNIT <= labels
    bare = {label for label in labels - WITHOUT_UNIT if not re.search(r"\(.+\)$", label)}
    assert not bare


LINES = np.linspace(0, 8000, 17)

SPOKEN = pd.DataFrame(
    {
        "start_s": [0.0, 0.2, 0.5],
        "end_s": [0.2, 0.5, 0.9],
        "phone": ["h#", "aa", "t"],
        "phone_39": ["sil", "aa", "t"],
    }
)


def shares(**columns):
    rows = {
        "vowel": ["ah", "ah", "iy"],
        "sex": ["female", "male", "female"],
        "signal": ["guided-backprop"] * 3,
        "share": [90.0, 80.0, 70.0],
        "low": [85.0, 72.0, 60.0],
        "high": [95.0, 88.0, 79.0],
    }
    return pd.DataFrame({**rows, **columns})


@pytest.mark.parametrize(
    "draw, complaint",
    [
        (
            lambda ax: figures.autocorrelations(ax, [0, 0.01], {"original": [1, 0, 0]}),
            "one value per lag",
        ),
        (lambda ax: figures.f0_contours(ax, {"original": ([0, 1], [100])}), "one value per time"),
        (
            lambda ax: figures.f0_contours(ax, {"original": ([0, 1], [np.nan, np.nan])}),
            "no F0 to draw",
        ),
        (lambda ax: figures.f0_contours(ax, {}), "no F0 to draw"),
        (lambda ax: figures.short_time_spectrum(ax, LINES, np.zeros(16)), "17 frequencies"),
        (lambda ax: figures.filter_bank(ax, LINES, np.ones((80, 16))), "17 frequencies"),
        (
            lambda ax: figures.filter_bank(ax, LINES, np.eye(18)[:, :17]),
            "Filter 17 is zero everywhere",
        ),
        (lambda ax: figures.by_frequency(ax, LINES, {"phone-cnn": np.zeros(16)}), "17 frequencies"),
        (lambda ax: figures.by_frequency(ax, LINES, {"phone-cmm": np.zeros(17)}), "phone-cnn"),
        (lambda ax: figures.f_ratio(ax, LINES, np.zeros(17)), "17 sub-bands have 18 edges"),
        (lambda ax: figures.phones(ax, SPOKEN, start_s=2.0), "No phone begins between 2.0 s"),
        (lambda ax: figures.vowel_shares(ax, shares().drop(columns="sex")), "missing: sex"),
        (lambda ax: figures.vowel_shares(ax, shares(sex=["female", "male", "boy"])), "'boy'"),
        (
            lambda ax: figures.vowel_shares(ax, shares(signal=["guided-backdrop"] * 3)),
            "'guided-backdrop'",
        ),
        (lambda ax: figures.vowel_shares(ax, shares(share=[0.9, 80, 101])), "per cent"),
    ],
)
def test_speech_that_cannot_be_drawn_is_refused_in_a_sentence(ax, draw, complaint):
    with pytest.raises(EarwitnessError, match=complaint):
        draw(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.vowel_shares(ax, shares()),
        lambda ax: figures.by_frequency(
            ax, LINES, {"phone-cnn": LINES}, bands={"mid": (2000, 3500)}
        ),
        lambda ax: figures.f0_contours(
            ax, {"original": ([0, 1], [100, 110]), "speaker-cnn": ([0, 1], [101, 109])}
        ),
        lambda ax: figures.phones(ax, SPOKEN),
    ],
)
def test_legend_and_labels_above_the_axes_stay_inside_the_figure_and_below_the_title(ax, draw):
    ax.set_title("F0")
    draw(ax)
    ax.figure.canvas.draw()
    box, (width, height) = ax.figure.get_tightbbox(), ax.figure.get_size_inches()
    assert (
        box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02
    )
    renderer = ax.figure.canvas.get_renderer()
    above = [ax.get_legend()] if ax.get_legend() else ax.texts
    assert (
        ax._left_title.get_window_extent(renderer).y0
        >= max(a.get_window_extent(renderer).y1 for a in above) - 2
    )
