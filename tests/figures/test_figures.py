"""Pictures leave their input alone, draw zero white, print their limits and say the same twice."""

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from earwitness import attribution, figures
from earwitness.errors import EarwitnessError, ParameterError, UnknownNameError

matplotlib.use("Agg")

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


@pytest.fixture
def ax():
    with plt.rc_context():
        figures.use_style()
        figure, ax = figures.panels()
        yield ax
        plt.close(figure)


@pytest.fixture
def relevance():
    return np.random.default_rng(0).normal(size=(9, 12))


@pytest.fixture
def level_db():
    return np.random.default_rng(1).uniform(-80, 0, (9, 12))


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


# --- relevance


def test_zero_relevance_is_white_positive_red_and_negative_blue(ax):
    relevance = np.zeros((9, 12))
    relevance[2, 3], relevance[5, 7] = 1.0, -1.0
    mesh = figures.relevance_map(ax, relevance, TIMES, FREQS)
    colours = mesh.to_rgba(mesh.get_array()).reshape(9, 12, 4)[..., :3]
    red, blue = colours[2, 3], colours[5, 7]
    assert red[0] == 1 and red[2] == 0 and blue[2] == 1 and blue[0] == 0
    colours[2, 3] = colours[5, 7] = 1
    assert (colours > 0.99).all()


def test_limits_are_symmetric_though_relevance_is_not(ax):
    mesh = figures.relevance_map(ax, np.linspace(-1, 3, 108).reshape(9, 12), TIMES, FREQS)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-3, 3)


def test_the_colour_bar_prints_both_limits(ax, relevance):
    mesh = figures.relevance_map(ax, relevance, TIMES, FREQS, limit=2.5)
    bar = figures.relevance_bar(mesh, ax, "Relevance for 'zero' (logit)", clipped=True)
    assert [tick.get_text() for tick in bar.ax.get_yticklabels()] == ["−2.5", "0", "+2.5"]
    assert bar.extend == "both" and bar.ax.get_ylabel() == "Relevance for 'zero' (logit)"


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


def test_relevance_with_nan_is_refused(ax, relevance):
    relevance[0, 0] = np.nan
    with pytest.raises(ParameterError, match="NaN"):
        figures.relevance_map(ax, relevance, TIMES, FREQS)


def test_a_shared_limit_is_the_largest_of_all_panels_and_a_quantile_ignores_zeros():
    assert figures.relevance_limit(np.array([1.0, -2.0]), torch.tensor([[-5.0, 0.0]])) == 5
    heavy = np.concatenate([np.zeros(900), np.linspace(0.01, 1, 100)])
    assert figures.relevance_limit(heavy, quantile=0.5) == pytest.approx(0.505)


def test_the_overlay_shows_the_spectrogram_where_relevance_is_zero_and_hides_it_where_it_is_largest(
    ax, level_db
):
    relevance = np.zeros((9, 12))
    relevance[4, 6] = 1.0
    figures.relevance_on_spectrogram(ax, relevance, level_db, TIMES, FREQS)
    below, above = ax.collections
    opacity = above.get_alpha().reshape(9, 12)
    assert opacity[4, 6] == 1 and np.delete(opacity.ravel(), 4 * 12 + 6).max() == 0
    assert below.get_alpha() is None
    grey = below.to_rgba(below.get_array())[..., :3]
    assert np.ptp(grey, axis=-1).max() < 0.02  # no hue of its own


def test_torch_tensors_are_drawn_like_arrays(ax, relevance):
    tensor = torch.tensor(relevance, requires_grad=True)
    mesh = figures.relevance_map(ax, tensor, TIMES, FREQS)
    assert np.array_equal(np.asarray(mesh.get_array()).reshape(9, 12), relevance)


def test_the_direction_of_a_bar_repeats_its_colour(ax):
    bars = figures.relevance_signal(ax, np.array([0.0, 2.0, -1.0, 0.0]), 4)
    (up, down), (first, second) = bars.get_segments(), bars.get_colors()[:, :3]
    assert up[1, 1] == 2 and first[0] > 0.8 > first[2]
    assert down[1, 1] == -1 and second[2] > 0.8 > second[0]
    assert (up[0, 0], down[0, 0]) == (0.25, 0.5)  # seconds


def test_the_overlaid_waveform_draws_what_matters_in_its_colour_and_leaves_the_rest_grey(ax):
    lines = figures.relevance_on_waveform(
        ax, np.array([0.5, -0.5, 0.5, 0.2]), np.array([2.0, -2.0, 0.01, 0.0]), 4
    )
    (first, second), colours = lines.get_segments(), lines.get_colors()[:, :3]
    assert first[1].tolist() == [0.0, 0.5] and colours[0, 0] > 0.8 > colours[0, 2]
    assert second[1].tolist() == [0.25, -0.5] and colours[1, 2] > 0.8 > colours[1, 0]
    assert np.ptp(to_rgb(ax.lines[0].get_color())) == 0


def test_the_zoom_shows_its_stretch_and_keeps_the_scale_of_the_whole(ax):
    relevance = np.zeros(1000)
    relevance[0], relevance[520] = 10.0, 1.0
    mappable = figures.coloured_waveform(ax, np.ones(1000), relevance, 1000, 0.5, 0.55)
    dots = ax.collections[0]
    assert len(dots.get_offsets()) == 50 and dots.get_offsets()[0, 0] == 0.5
    assert mappable.norm.vmax == 10
    sizes = dots.get_sizes()
    assert sizes[20] > sizes[0] == sizes[49]


def test_a_zoom_outside_the_clip_is_refused(ax):
    with pytest.raises(ParameterError, match="No two samples lie between 2.0 s"):
        figures.coloured_waveform(ax, np.ones(100), np.ones(100), 100, 2.0, 2.5)


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


# --- curves and summaries


def test_flipping_draws_mean_and_standard_error_over_folds_and_the_chance_level(ax):
    folds = np.array([[1.0, 0.6], [0.8, 0.2]])
    line = figures.flipping(ax, [0, 0.5], {"lrp-epsilon": folds}, chance=0.1)["lrp-epsilon"]
    assert np.allclose(line.get_xydata(), [[0, 90], [50, 40]])
    band = ax.collections[0].get_paths()[0].vertices
    error = (
        100 * 0.4 / np.sqrt(2) / np.sqrt(2)
    )  # two folds 0.4 apart: SD 0.4/sqrt2, SE that over sqrt2
    at_half = band[np.isclose(band[:, 0], 50), 1]
    assert np.isclose(at_half.min(), 40 - error) and np.isclose(at_half.max(), 40 + error)
    chance = next(drawn for drawn in ax.get_lines() if drawn.get_label() == "chance")
    assert chance.get_ydata()[0] == pytest.approx(10) and chance.is_dashed()


def test_one_fold_has_no_band_unless_a_spread_is_given(ax):
    figures.flipping(ax, [0, 1], {"random": [1.0, 0.5]})
    assert not ax.collections
    figures.flipping(ax, [0, 1], {"random": [1.0, 0.5]}, spread={"random": [0.0, 0.1]})
    assert len(ax.collections) == 1


def test_no_two_methods_share_a_colour_or_a_marker():
    colours, markers, _ = zip(*figures.METHODS.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == len(figures.METHODS)
    assert not set(colours) & {colour for colour, _, _ in figures.NETWORKS.values()}
    assert figures.METHOD_COLOURS["random"] == figures.method_style("random")["color"]
    with pytest.raises(UnknownNameError, match="amplitude"):
        figures.method_style("amplitud")


def test_every_attribution_method_has_its_colour():
    assert set(attribution.methods()) <= set(figures.METHODS)


# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB
DEFICIENCIES = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("kind", DEFICIENCIES)
def test_colour_blind_readers_tell_three_orders_two_sexes_and_two_networks_apart(kind):
    def seen(colour):
        linear = np.array(to_rgb(colour)) ** 2.2
        return np.clip(np.array(DEFICIENCIES[kind]) @ linear, 0, 1) ** (1 / 2.2)

    orders = [figures.METHOD_COLOURS[name] for name in ("random", "amplitude", "lrp-epsilon")]
    for pair in [(0, 1), (0, 2), (1, 2)]:
        assert np.linalg.norm(seen(orders[pair[0]]) - seen(orders[pair[1]])) > 0.25
    female, male = (seen(colour) for colour in figures.SEX_COLOURS.values())
    assert np.linalg.norm(female - male) > 0.25
    phone, speaker = (seen(colour) for colour, _, _ in figures.NETWORKS.values())
    assert np.linalg.norm(phone - speaker) > 0.25


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


def test_the_marked_factor_lies_on_its_curve(ax):
    figures.factor_curve(
        ax, [1.0, 2.0], {"male": [1.0, 0.5]}, figures.SEX_COLOURS, marked={"male": np.sqrt(2)}
    )
    ring = next(line for line in ax.get_lines() if line.get_markerfacecolor() == "none")
    assert np.allclose(ring.get_xydata(), [[np.sqrt(2), 75]])


# --- the style


def test_text_stays_readable_where_a_phone_shrinks_the_figure_to_350_pixels(ax):
    shrunk = 350 / (ax.figure.get_size_inches()[0] * 72)  # CSS pixels per point
    assert plt.rcParams["xtick.labelsize"] * shrunk >= 8.5
    assert plt.rcParams["font.size"] * shrunk >= 9


def test_nothing_lies_outside_the_figure(ax):
    """A map with its bar and a long label must fit into the figure's width."""
    mesh = figures.relevance_map(ax, np.ones((9, 12)), TIMES, FREQS)
    figures.relevance_bar(mesh, ax, "Relevance for 'female' (logit)")
    ax.figure.canvas.draw()
    box = ax.figure.get_tightbbox()
    width, height = ax.figure.get_size_inches()
    assert (
        box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02
    )


@pytest.mark.parametrize("name", ["relevance_map", "relevance_on_spectrogram", "coloured_waveform"])
def test_every_coloured_picture_can_have_a_bar_with_full_colours(ax, name):
    bar = figures.relevance_bar(CALLS[name](ax, inputs()), ax)
    picture(ax)
    assert bar.alpha is None and bar.cmap.name == figures.RELEVANCE_CMAP


def test_the_first_sample_stands_at_its_own_time(ax):
    line = figures.waveform(ax, np.ones(5), 10, start_s=0.5)
    assert np.allclose(line.get_xdata(), [0.5, 0.6, 0.7, 0.8, 0.9])


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


def test_weak_relevance_is_seen_on_the_spectrogram_by_a_power_of_six_tenths(ax, level_db):
    relevance = np.zeros((9, 12))
    relevance[4, 6], relevance[2, 3], relevance[7, 1] = 1.0, 0.1, -0.5
    figures.relevance_on_spectrogram(ax, relevance, level_db, TIMES, FREQS)
    opacity = ax.collections[1].get_alpha().reshape(9, 12)
    assert opacity[2, 3] == pytest.approx(0.2512, abs=1e-4)
    assert opacity[7, 1] == pytest.approx(0.6598, abs=1e-4)
