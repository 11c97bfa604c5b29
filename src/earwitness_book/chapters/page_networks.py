"""Networks that run in a page: their layers and weights as a script file that a page loads when it
is asked to listen.
"""

import base64
import json
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from markupsafe import Markup
from torch import nn

from earwitness import corpora, models
from earwitness.acoustics.degradations import degrade
from earwitness.corpora import voices
from earwitness.errors import ParameterError, check_choice
from earwitness.html import html
from earwitness.models import nisqa
from earwitness.training import clips, digits

FOLDER = "_extra/networks"  # of the book's sources; the site has them in networks/


class Page(NamedTuple):
    """A page with a network: which one, and the code that it needs beside its own."""

    network: str
    scripts: tuple[str, ...]


_BOTH = ("engine", "sound", "draw", "listen", "ask")
PAGES = {
    "your-voice": Page("own-voice", _BOTH),
    "cover-it-up": Page("quality", (*_BOTH, "recurrent")),
}


@lru_cache(maxsize=8)
def scripts(page: str) -> dict[str, bytes]:
    """Return the script file with the network of a page, by its path in the book's sources.

    Raises
    ------
    UnknownNameError
        If there is no such page.
    """
    name = PAGES[check_choice(page, PAGES, "page with a network")].network
    return {f"{FOLDER}/{name}.js": script(name, _CONTENTS[name]())}


def script(name: str, content: dict) -> bytes:
    """Return a script file that puts ``content`` where the pages' code looks for it."""
    said = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"(globalThis.EarwitnessData ??= {{}})[{json.dumps(name)}] = {said};\n".encode()


def own_voice() -> dict:
    """Return the network that recognises digits, and clips to try it with."""
    network = models.pretrained("own-voice")
    return {"classes": voices.DIGITS, **exported(network.model), "clips": _spoken_digits()}


def quality() -> dict:
    """Return the network that judges transmitted speech, and sentences to cover parts of."""
    network = models.nisqa.load("quality")
    return {**exported_quality(network), "clips": _spoken_sentences()}


def place(name: str) -> Markup:
    """Return the HTML in which a page's network runs once a reader starts it."""
    (data,) = scripts(name).values()
    page = PAGES[name]
    names = " ".join(f"{script}.js" for script in (*page.scripts, page.network, name))
    return html(
        '<div class="ew-net" data-name="{}" data-scripts="{}" data-size="{} MB">'
        "<p>The network runs with scripts switched on.</p></div>\n"
        '<script src="networks/start.js"></script>',
        name,
        names,
        f"{len(data) / 1e6:.1f}",
    )


def card(name: str) -> str:
    """Return what a page says about a network, from its card: how well it does on whom it has not
    met.
    """
    return _CARDS[check_choice(name, _CARDS, "network in a page")](models.pretrained(name).card)


def _own_voice_card(card: dict) -> str:
    measured, people = card["measured"], card["held_out_speakers"]
    return (
        f"It has {card['weights']['n']:,} weights and learnt the ten English digits from "
        f"{len(card['trained_on']):,} recordings of five men (Free Spoken Digit Dataset) and from "
        f"{card['recipe']['n_voices']} generated voices, each time faster or slower, in another "
        "noise, through another microphone.\n\n"
        "| tested on | clips | right |\n|---|---|---|\n"
        f"| a person whom it has never met ({', '.join(people)}) | {measured['n_clips']} "
        f"| {measured['accuracy_percent']:.1f} % |\n"
        f"| {digits.N_UNMET} generated voices that it has never met "
        f"| {measured['voices_n_clips']} | {measured['voices_accuracy_percent']:.1f} % |\n"
        "| guessing | | 10 % |\n\n"
        "Women it knows from the synthesizer alone, children not at all, and the people it learnt "
        "from are five men: do not be surprised if it takes your five for a nine. Whatever you "
        "say, it predicts a digit. "
        f"Licence of the weights: {card['licence']}. "
        f"Made again by `{card['made']['command']}`."
    )


def _quality_card(card: dict) -> str:
    voices, timit = (card["measured"][corpus]["all"] for corpus in ("voices", "timit"))
    return (
        f"The quality network of the chapter {{doc}}`speech-quality/intro`, "
        f"{card['weights']['n']:,} weights, trained on generated voices that were spoilt in many "
        "ways to predict PESQ without knowing what was sent.\n\n"
        "| tested on | clips | correlation with PESQ | error (RMSE) |\n|---|---|---|---|\n"
        f"| generated voices that it has never met | {voices['n']} "
        f"| {voices['correlation']:.2f} | {voices['rmse']:.2f} |\n"
        f"| people (TIMIT) | {timit['n']} | {timit['correlation']:.2f} | {timit['rmse']:.2f} |\n\n"
        "It rates people, and so you, far too low: it has learnt from the synthesizer alone, and "
        "takes a real voice's roughness and a room's noise for damage. Compare its marks with one "
        f"another, not with your own. Licence of the weights: {card['licence']}."
    )


_CONTENTS = {"own-voice": own_voice, "quality": quality}
_CARDS = {"own-voice": _own_voice_card, "quality": _quality_card}


def exported_quality(model: nisqa.Nisqa) -> dict:
    """Return a network of the NISQA family with the standard CNN and a BiLSTM, as
    ``recurrent.js`` wants it: how to cut segments, the CNN, both directions, the last layer.
    """
    s, (pool,) = model.settings, model.pools
    directions = [_direction(model.time.lstm, suffix) for suffix in ("", "_reverse")]
    content = _packed_layers([*_merged(list(model.cnn.children())), *directions, pool.linear])
    cut = {"kind": "segments", "length": s.segment_length, "hop": s.segment_hop}
    return content | {"layers": [cut, *content["layers"]]}


class _Direction(nn.Module):
    """One direction of an LSTM: weights of its inputs and states, both biases in one."""

    def __init__(self, weight: torch.Tensor, of_h: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        self.weight, self.of_h, self.bias = weight, of_h, bias


def _direction(lstm: nn.LSTM, suffix: str) -> _Direction:
    of_x, of_h, bias_x, bias_h = (
        getattr(lstm, f"{name}_l0{suffix}").detach()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return _Direction(of_x, of_h, bias_x + bias_h)


def exported(model: nn.Sequential) -> dict:
    """Return layers, batch norms merged into the convolutions before them, and their weights.

    Raises
    ------
    ParameterError
        If the network has a layer that the pages' code does not know.
    """
    return _packed_layers(_merged(list(model.children())))


def _packed_layers(modules: list[nn.Module]) -> dict:
    layers, weights = [], []
    for layer in modules:
        layers.append(_described(layer))
        for name in layers[-1].get("sizes", {}):
            weights.append(getattr(layer, name).detach().numpy().ravel())
    packed = np.concatenate(weights).astype("<f2").tobytes()
    return {"layers": layers, "weights": base64.b64encode(packed).decode()}


def _merged(layers: list[nn.Module]) -> list[nn.Module]:
    """Return the layers that compute in use, each batch norm merged into what is before it."""
    kept: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            kept[-1] = nn.utils.fuse_conv_bn_eval(kept[-1].eval(), layer.eval())
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d | nisqa.Clone):
            kept.append(layer)
    return kept


def _described(layer: nn.Module) -> dict:
    """Return a layer as ``engine.js`` wants it."""
    kind = type(layer)
    if kind not in _KINDS:
        raise ParameterError(
            f"{kind.__name__} cannot be exported to a page; engine.js knows "
            f"{', '.join(known.__name__ for known in _KINDS)}."
        )
    return _KINDS[kind](layer)


def _sizes(layer: nn.Module) -> dict:
    return {"weight": layer.weight.numel(), "bias": layer.bias.numel()}


def _pair(size: int | tuple[int, int]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _convolution(layer: nn.Conv2d) -> dict:
    return {
        "kind": "conv",
        "in": layer.in_channels,
        "out": layer.out_channels,
        "kernel": _pair(layer.kernel_size),
        "padding": _pair(layer.padding),
        "sizes": _sizes(layer),
    }


def _dense(layer: nn.Linear) -> dict:
    return {
        "kind": "dense",
        "in": layer.in_features,
        "out": layer.out_features,
        "sizes": _sizes(layer),
    }


def _pool(layer: nn.MaxPool2d) -> dict:
    return {"kind": "pool", "kernel": _pair(layer.kernel_size), "padding": _pair(layer.padding)}


def _lstm(layer: _Direction) -> dict:
    sizes = {name: getattr(layer, name).numel() for name in ("weight", "of_h", "bias")}
    units = layer.of_h.shape[1]
    return {"kind": "lstm", "in": layer.weight.shape[1], "units": units, "sizes": sizes}


_KINDS = {
    _Direction: _lstm,
    nn.Conv2d: _convolution,
    nn.Linear: _dense,
    nn.MaxPool2d: _pool,
    nn.ReLU: lambda layer: {"kind": "relu"},
    nn.AdaptiveAvgPool2d: lambda layer: {"kind": "mean"},
    nn.Flatten: lambda layer: {"kind": "flatten"},
}


def _spoken_digits() -> list[dict]:
    """Return every digit of two generated speakers whom the network has not met, as 16-bit samples
    at 8 kHz.
    """
    unmet = corpora.load("voices", n_speakers=2, repetitions=1, seed=digits.UNMET_SEED)
    return [
        {
            "words": f"{unmet.table['word'].iloc[row]}, {unmet.table['sex'].iloc[row]} voice "
            "(generated)",
            "samples": packed(clips.resampled(unmet)[row]),
        }
        for row in range(len(unmet))
    ]


def _spoken_sentences() -> list[dict]:
    """Return a sentence of a woman's and of a man's generated voice, each also spoilt, as 16-bit
    samples at 16 kHz.
    """
    spoken = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1, seed=1)
    rate, made = spoken.sample_rate, []
    for row, (spoilt, words) in enumerate(_SPOILT):
        samples = spoken[row].samples[: _LONGEST_S * rate]
        sex = spoken.table["sex"].iloc[row]
        made.append({"words": f"a sentence, {sex} voice (generated)", "samples": packed(samples)})
        sent, _ = degrade(samples, rate, spoilt, np.random.default_rng(0))
        made.append({"words": f"the same {words}", "samples": packed(sent)})
    return made


_LONGEST_S = 3
_SPOILT = (
    ((("noise", {"snr_db": 15.0}),), "in noise, 15 dB below it"),
    ((("band", {"low_hz": 300.0, "high_hz": 3400.0}),), "over a telephone line, 300 to 3400 Hz"),
)


def packed(samples: np.ndarray) -> str:
    """Return samples as a page unpacks them: 16 bits in base64, the peak at half of full scale."""
    scaled = samples / max(1e-9, float(np.abs(samples).max())) * 0.5
    return base64.b64encode((scaled * 32767).round().astype("<i2").tobytes()).decode()


def restored(content: dict) -> nn.Sequential:
    """Return the network that a page computes, with the weights that it gets: what
    :func:`exported` wrote, read back.
    """
    packed = np.frombuffer(base64.b64decode(content["weights"]), "<f2").astype(np.float32)
    weights, layers = torch.from_numpy(packed), []
    for described in content["layers"]:
        layer = _MAKERS[described["kind"]](described)
        for name, size in described.get("sizes", {}).items():
            own, weights = weights[:size], weights[size:]
            parameter = getattr(layer, name)
            parameter.data = own.reshape(parameter.shape).clone()
        layers.append(layer)
    return nn.Sequential(*layers).eval()


_MAKERS = {
    "conv": lambda it: nn.Conv2d(it["in"], it["out"], it["kernel"], padding=it["padding"]),
    "dense": lambda it: nn.Linear(it["in"], it["out"]),
    "pool": lambda it: nn.MaxPool2d(it["kernel"], padding=it["padding"]),
    "relu": lambda it: nn.ReLU(),
    "mean": lambda it: nn.AdaptiveAvgPool2d((None, 1)),
    "flatten": lambda it: nn.Flatten(),
}
