"""What all pictures share: colours that tell apart, limits, letters that stay readable."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from earwitness import attribution, figures, looks
from earwitness.attribution import registry
from earwitness.errors import UnknownNameError

TIMES, FREQS = np.linspace(0, 1, 12), np.linspace(0, 4000, 9)


def test_a_shared_limit_is_the_largest_of_all_panels_and_a_quantile_ignores_zeros():
    assert figures.relevance_limit(np.array([1.0, -2.0]), torch.tensor([[-5.0, 0.0]])) == 5
    heavy = np.concatenate([np.zeros(900), np.linspace(0.01, 1, 100)])
    assert figures.relevance_limit(heavy, quantile=0.5) == pytest.approx(0.505)


def test_no_two_methods_share_a_colour_or_a_marker():
    known = {*attribution.methods(), "amplitude", "original", "noise", "random-weights"}
    styles = [figures.method_style(name) for name in known | {"permuted", "oracle"}]
    for what in ("color", "marker"):
        assert len({style[what] for style in styles}) == len(styles) == len(known) + 2
    networks = {figures.method_style(name)["color"] for name in ("phone-cnn", "speaker-cnn")}
    assert len(networks - {style["color"] for style in styles}) == 2
    with pytest.raises(UnknownNameError, match="amplitude"):
        figures.method_style("amplitud")


def test_a_method_of_the_readers_is_drawn_with_its_label_and_a_colour_of_its_own(ax, monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.setattr(looks, "_LOOKS", dict(looks._LOOKS))
    declared = {figures.method_style(name)["color"] for name in attribution.methods()}
    for name, label in (("mine", "my method"), ("hers", "")):
        registry.method(name, label)(lambda model, inputs, target: inputs)
    lines = figures.flipping(ax, [0, 1], {"mine": [1.0, 0.5], "hers": [1.0, 0.2]})
    assert [line.get_label() for line in lines.values()] == ["my method", "hers"]
    assert len({line.get_color() for line in lines.values()} - declared) == 2
    with pytest.raises(UnknownNameError, match="no method or network with a colour 'theirs'"):
        figures.flipping(ax, [0, 1], {"theirs": [1.0, 0.5]})


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

    names = ("random", "amplitude", "lrp-epsilon")
    orders = [figures.method_style(name)["color"] for name in names]
    for pair in [(0, 1), (0, 2), (1, 2)]:
        assert np.linalg.norm(seen(orders[pair[0]]) - seen(orders[pair[1]])) > 0.25
    female, male = (seen(colour) for colour in figures.SEX_COLOURS.values())
    assert np.linalg.norm(female - male) > 0.25
    phone, speaker = (
        seen(figures.method_style(name)["color"]) for name in ("phone-cnn", "speaker-cnn")
    )
    assert np.linalg.norm(phone - speaker) > 0.25


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


def test_a_method_has_the_label_it_was_registered_with_and_controls_their_own():
    assert figures.method_label("lrp-kiyan2022") == "LRP as in Kiyan et al. (2022)"
    assert figures.method_label("random-weights") == looks.find("random-weights").label
    assert figures.method_label("of nobody") == "of nobody"
