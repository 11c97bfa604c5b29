"""Draw the sketch on the first page: a made-up vowel, a made-up answer, made-up relevance. Run:
python draw_idea.py
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from earwitness import figures

RATE = 8000
INK, RED, BLUE = "#1a1a1a", "#c62828", "#1a4fc4"


def vowel() -> np.ndarray:
    """Return 0.06 s of a harmonic sound (480,)."""
    t = np.arange(480) / RATE
    k = np.arange(1, 15)[:, None]
    weight = np.exp(-(((k * 120 - 650) / 450) ** 2))
    sound = (weight * np.cos(2 * np.pi * k * 120 * t + 0.9 * k**2)).sum(axis=0)
    return sound * np.hanning(480) ** 0.35 / 2


def arrow(axes, start, stop, colour, text, offset):
    """Draw an arrow from one panel to another, in fractions of the figure."""
    figure = axes[0].figure
    figure.add_artist(
        plt.matplotlib.patches.FancyArrowPatch(
            start,
            stop,
            transform=figure.transFigure,
            arrowstyle="-|>",
            mutation_scale=20,
            color=colour,
            linewidth=2,
        )
    )
    figure.text(
        (start[0] + stop[0]) / 2 + offset[0],
        (start[1] + stop[1]) / 2 + offset[1],
        text,
        color=colour,
        ha="center",
        va="center",
        fontsize=10,
    )


def main() -> None:
    """Write idea.png beside this file."""
    figures.use_style()
    figure = plt.figure(figsize=(5.6, 4.9), layout="none")
    listen, answer, explain, test = (
        figure.add_axes(box)
        for box in (
            (0.03, 0.62, 0.37, 0.28),
            (0.62, 0.62, 0.35, 0.28),
            (0.03, 0.09, 0.37, 0.3),
            (0.66, 0.14, 0.31, 0.25),
        )
    )
    sound = vowel()
    place = np.arange(480)
    relevance = np.abs(sound) * (
        np.exp(-(((place - 220) / 55.0) ** 2)) - 0.4 * np.exp(-(((place - 370) / 30.0) ** 2))
    )
    figures.waveform(listen, sound, RATE)
    listen.set_title("1  A sound")
    answers = answer.barh([2, 1, 0], [91, 6, 3], color=["#546E7A", "#B0BEC5", "#B0BEC5"])
    answer.bar_label(answers, labels=["“five”", "“nine”", "“four”"], padding=4, fontsize=10)
    answer.set(title="2  An answer", xlim=(0, 140))
    figures.coloured_waveform(explain, sound, relevance, RATE)
    explain.set_title("3  Which samples spoke for it")
    gone = np.linspace(0, 100, 50)
    test.plot(gone, 10 + 82 * np.exp(-gone / 55), **figures.method_style("random") | {"marker": ""})
    test.plot(
        gone, 10 + 82 * np.exp(-gone / 7), **figures.method_style("lrp-epsilon") | {"marker": ""}
    )
    test.text(40, 58, "at random", fontsize=10, color="#2b7fb0")
    test.text(17, 17, "by relevance", fontsize=10, color="#00684c")
    test.set(
        title="4  Is that true?",
        xlabel="samples taken away",
        ylabel="right answers",
        xticks=[],
        yticks=[],
    )
    for ax in (listen, answer, explain):
        ax.axis("off")
    arrow((listen,), (0.42, 0.76), (0.6, 0.76), INK, "network", (0, 0.035))
    arrow((listen,), (0.66, 0.58), (0.36, 0.45), RED, "relevance flows back", (0.25, -0.02))
    arrow((listen,), (0.42, 0.24), (0.58, 0.24), INK, "take them\naway", (0, 0.065))
    figure.savefig(Path(__file__).with_name("idea.png"), dpi=220, metadata={"Software": None})


if __name__ == "__main__":
    main()
