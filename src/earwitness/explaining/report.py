"""The explanation as a page: one file that opens from a disk and asks for nothing."""

import base64
import io
from importlib.resources import files
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context

from earwitness import audition, figures
from earwitness.errors import MissingDataError
from earwitness.html import html, joined

_POLICY = (
    "default-src 'none'; img-src data:; media-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)
_STYLE = """
:root { --pst-color-border: #c9d1d6; --pst-color-text-base: #1f2933; --pst-color-text-muted:
#55606a;
  --pst-color-link: #0a58ca; --pst-color-background: #fff; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 46rem;
margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; overflow-wrap:
anywhere; }
th { overflow-wrap: normal; }
"""
_SCRIPTS = ("wavesurfer.min.js", "player.js")
_ASSETS = {  # where they lie in the checkout; setup.py puts them into the wheel
    "wavesurfer.min.js": "book/_extra/vendor/wavesurfer/wavesurfer.min.js",
    "LICENSE": "book/_extra/vendor/wavesurfer/LICENSE",
    "player.js": "book/_static/player.js",
    "earwitness.css": "book/_static/earwitness.css",
}


def _asset(name: str) -> Markup:
    """Return a script or style of the book's player, of the package or of the checkout."""
    packaged = files("earwitness") / "player" / name
    beside = Path(__file__).resolve().parents[3] / _ASSETS[name]
    for place in (packaged, beside):
        if place.is_file():
            return Markup(place.read_text(encoding="utf-8"))
    raise MissingDataError(f"The player's {name} is not installed; install the package again.")


def pictures(explanation, dpi: int = 150) -> dict[str, bytes]:
    """Return the pictures of an explanation as PNG, by name."""
    with rc_context():
        figures.use_style()
        drawn = {"map": _map(explanation)}
        if explanation.of_samples:
            drawn["waveform"] = _waveform(explanation)
        drawn["flipping"] = _flipping(explanation)
        return {name: as_png(figure, dpi) for name, figure in drawn.items()}


def as_png(figure, dpi: int = 150) -> bytes:
    """Return a figure as the bytes of a PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def _map(explanation):
    frames = explanation.frames()
    figure, ax = figures.panels(height=3.4)
    axes = (frames["times_s"], frames["freqs_hz"])
    if frames["relevance"] is None or not frames["relevance"].any():
        mesh = figures.spectrogram(ax, frames["level_db"], *axes)
        figures.spectrogram_bar(mesh, ax)
    else:
        limit = figures.relevance_limit(frames["relevance"], quantile=0.995)
        mesh = figures.relevance_on_spectrogram(
            ax, frames["relevance"], frames["level_db"], *axes, limit=limit
        )
        figures.relevance_bar(mesh, ax, f"Relevance for {explanation.explained}", clipped=True)
    if not explanation.of_samples and explanation.freqs_hz is None:
        ax.set_ylabel("Row of the input")
    return figure


def _waveform(explanation):
    figure, ax = figures.panels(height=2.4)
    inputs = explanation.inputs.reshape(-1)
    figures.relevance_on_waveform(ax, inputs, explanation.relevance, explanation.sample_rate)
    return figure


def _flipping(explanation):
    figure, ax = figures.panels(height=2.8)
    percent = 100 * np.asarray(explanation.faithfulness["fractions"])
    random = explanation.flipping["random"]
    look = figures.method_style
    curve = explanation.flipping["relevance"]
    ax.plot(percent, curve, label="highest relevance first", **look(explanation.method))
    ax.plot(percent, random.mean(0), label=f"at random, {len(random)} orders", **look("random"))
    ax.fill_between(
        percent, random.min(0), random.max(0), color=look("random")["color"], alpha=0.22, lw=0
    )
    what = explanation.faithfulness["what"].capitalize()
    ax.set(
        xlabel="Values taken away (%)",
        ylabel=f"{what} of {explanation.explained.split(' against ')[0]}",
    )
    ax.legend()
    return figure


def alternatives(explanation) -> dict[str, str]:
    said = f"{explanation.explained} by {explanation.method}"
    return {
        "map": f"Relevance over time and frequency for {said}: red speaks for it, blue against it.",
        "waveform": f"The samples, and the relevance of each for {said}: red for, blue against.",
        "flipping": "The output while more and more is taken away, by relevance and at random.",
    }


def players(explanation) -> str:
    """Return the player that switches between the sound, its explanation and the control."""
    rate = explanation.sample_rate
    named = {
        "explanation": "what speaks for it",
        "control": "the same of a network that has learnt nothing",
    }
    clips = [(explanation.samples, rate, "the sound")]
    clips += [(samples, rate, named[name]) for name, samples in explanation.sounds.items()]
    if rate < 3000 or rate > 192000:
        return html("<p>Browsers do not play sounds of {} samples a second.</p>", rate)
    return audition.compare(
        clips, label=f"{explanation.name}: {explanation.explained}", gain="match"
    )._repr_html_()


def _number(value) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _rows(explanation) -> list[tuple[str, str]]:
    prediction, ledger, faithful = (
        explanation.prediction,
        explanation.ledger,
        explanation.faithfulness,
    )
    sure = f", probability {prediction['probability']:.3f}" if "probability" in prediction else ""
    stop = explanation.start_s + len(explanation.samples) / explanation.sample_rate
    rows = [
        ("Network", explanation.network),
        ("Method", explanation.method),
        ("Explained", explanation.explained),
        ("Prediction", f"{prediction['label']} ({_number(prediction['value'])}{sure})"),
        (
            "Part of the sound",
            f"{explanation.start_s:.3f} to {stop:.3f} s, at {explanation.sample_rate} Hz",
        ),
        ("Ledger", _balance(ledger)),
        (
            "Faithfulness",
            f"area under the curve {faithful['area_by_relevance']:.4g} by relevance, at random "
            f"{faithful['area_at_random']:.4g} ± {faithful['area_at_random_std']:.2g}; less is "
            f"better",
        ),
        ("Agreement with random weights", _agreement(explanation.agreement)),
    ]
    return rows


def _balance(ledger: dict) -> str:
    if "explained" not in ledger:
        return f"relevance adds up to {_number(ledger['relevance'])}; the method promises no sum"
    absorbed = sum(ledger.get("absorbed", {}).values())
    return (
        f"explained {_number(ledger['explained'])} = relevance {_number(ledger['relevance'])} + "
        f"absorbed "
        f"{_number(float(absorbed))} + missing {ledger['missing']:.1e}"
    )


def _agreement(agreement: dict) -> str:
    if "why_not" in agreement:
        return f"not measured: {agreement['why_not']}"
    return (
        f"correlation {_number(agreement['correlation'])}, of magnitudes "
        f"{_number(agreement['correlation_of_magnitudes'])}; near 1, the map shows the sound and "
        f"not what was learnt"
    )


def body(explanation) -> str:
    """Return the explanation as a piece of HTML."""
    texts = alternatives(explanation)
    images = joined(picture(png, texts[name]) for name, png in explanation.pictures().items())
    return html(
        "<div class='ew-explanation'>{}{}{}</div>",
        players(explanation),
        images,
        rows_of(_rows(explanation)),
    )


def rows_of(rows) -> str:
    """Return pairs of a name and a value as a table."""
    lines = (html("<tr><th scope='row'>{}</th><td>{}</td></tr>", *row) for row in rows)
    return html("<table>{}</table>", joined(lines))


def page(explanation) -> str:
    """Return the page: nothing in it is fetched, and its own policy forbids it."""
    title = f"What {explanation.network} predicts for {explanation.name}, and why"
    made = explanation.specification | explanation.numbers["made_with"]
    return document(title, body(explanation), made)


def document(title: str, content: str, made: dict) -> str:
    """Return a page of some content and of what it was made from."""
    return html(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="{}">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        "<title>{}</title><style>{}{}</style></head>"
        '<body class="bd-content"><main><h1>{}</h1>{}<details><summary>How it was made</summary>'
        "{}</details></main><!-- wavesurfer.js: {} -->{}</body></html>",
        Markup(_POLICY),
        title,
        Markup(_STYLE),
        _asset("earwitness.css"),
        title,
        content,
        rows_of(made.items()),
        _asset("LICENSE"),
        joined(html("<script>{}</script>", _asset(name)) for name in _SCRIPTS),
    )


def picture(png: bytes, says: str) -> str:
    """Return a picture with its caption, which is its alternative text too."""
    return html(
        '<figure><img alt="{}" src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>',
        says,
        base64.b64encode(png).decode(),
        says,
    )
