"""The bench as a page: one file that opens from a disk and asks for nothing."""

import numpy as np
from matplotlib import rc_context
from matplotlib.patches import Rectangle

from earwitness import audition, figures
from earwitness.evaluation import planted
from earwitness.explaining import report
from earwitness.html import html, joined


def page(bench) -> str:
    """Return the page."""
    title = f"Planted cues: what {bench.network} and its explanations make of them"
    made = bench.specification | bench.numbers["made_with"]
    return report.document(title, _body(bench), made)


def sentences(bench) -> list[str]:
    """Return what came out, in words."""
    reactions, said = bench.reactions(), []
    moved = reactions[reactions["reacts"] >= 50]["cue"].tolist()
    still = reactions[reactions["reacts"] < 50]["cue"].tolist()
    said.append(
        f"The output moves with most plants of: {', '.join(moved) or 'none'}; "
        f"not with: {', '.join(still) or 'none'}."
    )
    for row in bench.summary().itertuples():
        name = figures.style.method_label(row.method)
        if not row.n:
            said.append(f"{name}: no cue moved the output, so there is nothing to point at.")
            continue
        said.append(
            f"{name} points at what moved the output ({row.n} plants) at {row.points:.0f} %, "
            + ("surely" if row.better else "not surely")
            + f" better than chance (50 %), energy ({row.points_energy:.0f} %)"
            f"{_untrained(row.points_untrained, '.0f', ' %')}; its relevance follows the effects "
            f"at {row.follows:+.2f}"
            f"{_untrained(row.follows_untrained, '+.2f')}."
        )
    label = figures.style.method_label
    said += [f"{label(name)} does not apply: {why}" for name, why in bench.refused.items()]
    return said


def _untrained(value: float, form: str, unit: str = "") -> str:
    return "" if np.isnan(value) else f" and random weights ({value:{form}}{unit})"


def _body(bench) -> str:
    drawn = pictures(bench)
    return html(
        "<ul>{}</ul>{}{}<h2>Does the network react?</h2>{}<p>{}</p>"
        "<h2>Do the methods say so?</h2>{}{}{}<h2>Checks that need no cue</h2>{}<p>{}</p>",
        joined(html("<li>{}</li>", sentence) for sentence in sentences(bench)),
        _players(bench.example),
        report.picture(drawn["example"], _example_says(bench)),
        _table(_REACTIONS, bench.reactions()),
        "An effect is by how much the output rises when the cue is planted, over the spread of the "
        "network's outputs for these sounds; a plant counts as one that the network reacts to from "
        "a tenth of that spread on.",
        _table(_METHODS, bench.summary()),
        report.picture(drawn["points"], _POINTS_SAY),
        report.picture(drawn["follows"], _FOLLOWS_SAY),
        _table(_CHECKS, bench.summary()),
        "Points: area under the ROC curve of absolute relevance, inside the cue against outside, "
        "over plants that move the output; in brackets its 95 % interval over sounds. Follows: "
        "rank correlation of effect and change of relevance in the cue's place, over all plants. "
        "Flipping: area under the curve at random less that by relevance. Missing: largest part of "
        "the explained output that the relevance does not add up to, where the method promises a "
        "sum. Agreement: correlation of the sizes with those of random weights; near 1 the map "
        "shows the sound and not what was learnt.",
    )


_POINTS_SAY = (
    "How well each method points at cues that move the output, beside the same method on random "
    "weights, and the energy; 50 is chance."
)
_FOLLOWS_SAY = (
    "Change of the relevance in a cue's place over its effect on the output, a dot for each plant; "
    "in proportion they would lie on a rising line."
)


def _interval(value: float, low: float, high: float, form: str) -> str:
    ends = "" if np.isnan(low) else f" ({low:{form}} to {high:{form}})"
    return "–" if np.isnan(value) else f"{value:{form}}{ends}"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else f"{value:{form}}"


_REACTIONS = {
    "Cue": lambda row: planted.CUES[row.cue].words,
    "Plants": lambda row: row.n,
    "It reacts to (%)": lambda row: f"{row.reacts:.0f}",
    "Effect, median": lambda row: f"{row.effect:.2f}",
}
_METHODS = {
    "Method": lambda row: figures.style.method_label(row.method),
    "Points (%)": lambda row: _interval(row.points, row.points_low, row.points_high, ".0f"),
    "random weights": lambda row: _number(row.points_untrained, ".0f"),
    "energy": lambda row: _number(row.points_energy, ".0f"),
    "Follows": lambda row: _interval(row.follows, row.follows_low, row.follows_high, "+.2f"),
    "of random weights": lambda row: _number(row.follows_untrained, "+.2f"),
}
_CHECKS = {
    "Method": lambda row: figures.style.method_label(row.method),
    "Flipping": lambda row: _number(row.flipping_gain, "+.3f"),
    "Missing (%)": lambda row: _number(row.missing, ".2g"),
    "Agreement": lambda row: _number(row.agreement, ".2f"),
}


def _table(columns: dict, table) -> str:
    head = joined(html("<th scope='col'>{}</th>", name) for name in columns)
    lines = (
        html("<tr>{}</tr>", joined(html("<td>{}</td>", cell(row)) for cell in columns.values()))
        for row in table.itertuples()
    )
    return html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, joined(lines))


def _players(example: dict) -> str:
    rate, pair = example["sample_rate"], example["pair"]
    if rate < 3000 or rate > 192000:
        return html("<p>Browsers do not play sounds of {} samples a second.</p>", rate)
    words = planted.CUES[pair.cue].words
    clips = [(pair.clean, rate, "the sound"), (pair.sound, rate, f"with {words}")]
    return audition.compare(clips, label=example["sound"])._repr_html_()


def _example_says(bench) -> str:
    example = bench.example
    method = bench.plants["method"].iloc[0]
    return (
        f"{example['sound']} with {planted.CUES[example['pair'].cue].words}, which changes the "
        f"output by {example['effect']:+.3g}: relevance by {figures.style.method_label(method)}, "
        "and where the cue is."
    )


def pictures(bench) -> dict[str, bytes]:
    """Return the pictures as PNG, by name."""
    with rc_context():
        figures.use_style()
        return {
            "example": report.as_png(_draw_example(bench.example)),
            "points": report.as_png(_draw_points(bench)),
            "follows": report.as_png(_draw_follows(bench.plants)),
        }


def _draw_example(example: dict):
    figure, ax = figures.panels(height=2.8)
    relevance, pair, rate = example["relevance"], example["pair"], example["sample_rate"]
    if relevance.ndim == 1:
        figures.relevance_on_waveform(ax, pair.sound, relevance, rate)
        ax.axvspan(pair.start / rate, pair.stop / rate, color="#999999", alpha=0.3, lw=0)
        return figure
    n_rows, n_columns = relevance.shape
    times, freqs = example["times_s"], example["freqs_hz"]
    span = len(pair.sound) / rate
    times = (np.arange(n_columns) + 0.5) * span / n_columns if times is None else times
    rows = np.arange(n_rows) if freqs is None else freqs
    mesh = figures.relevance_map(
        ax, relevance, times, rows, limit=figures.relevance_limit(relevance, quantile=0.995) or None
    )
    figures.relevance_bar(mesh, ax, "Relevance", clipped=True)
    inside = np.nonzero(example["mask"])
    low, left = rows[inside[0]].min(), times[inside[1]].min()
    size = (np.ptp(times[inside[1]]), np.ptp(rows[inside[0]]))
    ax.add_patch(Rectangle((left, low), *size, fill=False, edgecolor="#1A1A1A", ls="--"))
    if freqs is None:
        ax.set_ylabel("Row of the input")
    return figure


def _draw_points(bench):
    table = bench.summary().set_index("method")
    columns = {"points": "method", "points_untrained": "random weights", "points_energy": "energy"}
    shown = table[list(columns)].rename(columns=columns).fillna(0)
    shown.index = [figures.style.method_label(name).replace(" ", "\n") for name in shown.index]
    figure, ax = figures.panels(height=3.4)
    label = "Area under the ROC curve (%)"
    figures.bars(ax, shown, controls=["random weights", "energy"], label=label)
    ax.axhline(50, color="#1A1A1A", lw=0.8)
    return figure


def _draw_follows(plants):
    methods = list(dict.fromkeys(plants["method"]))
    rows = -(-len(methods) // 2)
    figure, axes = figures.panels(rows, min(2, len(methods)), height=2.4 * rows + 0.3)
    for ax, method in zip(np.atleast_1d(axes).flat, methods, strict=False):
        of = plants[plants["method"] == method]
        look = figures.method_style(method)
        ax.plot(of["effect"], of["change"], marker=look["marker"], color=look["color"], ls="none")
        ax.axhline(0, color="#999999", lw=0.6)
        ax.axvline(0, color="#999999", lw=0.6)
        ax.set(title=figures.style.method_label(method), xlabel="Effect", ylabel="Change")
    for ax in np.atleast_1d(axes).flat[len(methods) :]:
        ax.set_visible(False)
    return figure
