"""Ask again and again: a widget in a notebook, whose map, sound and curve follow each choice."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from markupsafe import Markup

from earwitness import attribution, looks
from earwitness.arguments import checked
from earwitness.attribution import registry
from earwitness.errors import EarwitnessError, MissingDataError, ParameterError
from earwitness.explaining import report
from earwitness.explaining.explanation import Explanation
from earwitness.explaining.networks import Network
from earwitness.explaining.request import Request
from earwitness.html import html, joined

# Those that ask a network a few times; methods that sample ask it hundreds of times a map.
QUICK = (
    "lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma", "lrp-alpha1-beta0", "gradient",
    "gradient-x-input", "guided-backprop", "deeplift",
)  # fmt: skip
RULES = ("as the method has it", "epsilon", "plus", "gamma")
EPSILONS = (1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
PREDICTED, NOTHING = "what is predicted", "anything else"
_DPI = 80
_OTHERS = (
    "<p>Methods that ask the network hundreds of times (occlusion, integrated gradients, RISE, "
    "SHAP, audioLIME) do not follow within a second and are not offered here; "
    "<code>explain(...)</code> computes them.</p>"
)


@checked
def explore(
    clips: Mapping[str, tuple[np.ndarray, float]],
    networks: Mapping[str, Network | Callable[[str], Network]],
    methods: Sequence[str] = QUICK,
) -> "Live":
    """Return a widget in which sound, network, class, method, rule and epsilon are chosen; map,
    sound and flipping curve follow.

    Parameters
    ----------
    clips : mapping of str to (samples, sample rate)
        What can be chosen, by what it is called; samples (T,) in -1..1, rate in Hz.
    networks : mapping of str to Network or callable
        As :func:`earwitness.explaining.find` returns them; or a function that returns the network
        for the clip of a name, where what it takes is more than samples.
    methods : sequence of str
        Of :func:`earwitness.attribution.methods`, without those that sample.

    Raises
    ------
    ParameterError
        If there is nothing to choose from.
    MissingDataError
        If ipywidgets is not installed.
    UnknownNameError
        If there is no such method.
    """
    for what, choices in {"clip": clips, "network": networks, "method": methods}.items():
        if not choices:
            raise ParameterError(f"There is no {what} to choose; give one or more.")
    for method in methods:
        registry.find(method)
    return Live(clips, networks, methods)


class Live:
    """The widget of :func:`explore`; ``explanation`` is what it shows, None after a refusal.

    Attributes
    ----------
    clip, network, target, against, method, rule, epsilon : ipywidgets.Dropdown
        Setting a ``value`` is choosing.
    explanation : Explanation or None
    said : str
        What stands above the picture: the prediction, or why there is none.
    """

    def __init__(self, clips: Mapping, networks: Mapping, methods: Sequence[str]):
        widgets = _widgets()
        self._clips, self._networks, self._held = clips, networks, False
        self.explanation: Explanation | None = None

        def choice(label: str, options) -> object:
            return widgets.Dropdown(options=options, description=label)

        self.clip, self.network = choice("Sound", list(clips)), choice("Network", list(networks))
        self.target, self.against = choice("Why", [PREDICTED]), choice("and not", [NOTHING])
        labels = [(looks.find(name).label, name) for name in methods]
        self.method, self.rule = choice("Method", labels), choice("Rule", RULES)
        self.epsilon = choice("Epsilon", [(f"{value:g}", value) for value in EPSILONS])
        self.epsilon.value = 1e-6
        chosen = [self.clip, self.network, self.target, self.against, self.method, self.rule,
                  self.epsilon]  # fmt: skip
        self._text, self._shown = widgets.HTML(), widgets.HTML()
        rows = widgets.Box(chosen, layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([rows, self._text, self._shown, widgets.HTML(_OTHERS)])
        for each in chosen:
            each.observe(self._follow, "value")
        self._follow({"owner": self.network})

    @property
    def said(self) -> str:
        """What stands above the picture."""
        return self._text.value

    @property
    def request(self) -> Request:
        """What is asked, as it is chosen."""
        method, options = self.method.value, {}
        if "epsilon" in attribution.options(method):
            options["epsilon"] = self.epsilon.value
        ours = not self.rule.disabled and self.rule.value != RULES[0]
        rules = {"convolutions": self.rule.value} if ours else None
        return Request(
            self._clips[self.clip.value], self._asked(), method, self._target(), None, None, 0,
            options, rules=rules,
        )  # fmt: skip

    def whole(self) -> Explanation:
        """Return the explanation of what is chosen, with ledger, control and more of the curve.

        Raises
        ------
        EarwitnessError
            If it is refused.
        """
        return self.request.explain()

    def _asked(self) -> Network:
        network = self._networks[self.network.value]
        return network if isinstance(network, Network) else network(self.clip.value)

    def _target(self):
        target = "predicted" if self.target.value == PREDICTED else self.target.value
        return target if self.against.value == NOTHING else (target, self.against.value)

    def _follow(self, change: Mapping) -> None:
        """Compute and show what is chosen; a refusal is a sentence in the picture's place."""
        if self._held:
            return
        since = time.monotonic()
        try:
            with self._hold():
                self._offer(change["owner"])
            self.explanation = self.request.briefly()
            self._shown.value = _body(self.explanation)
            self._text.value = _sentence(self.explanation, time.monotonic() - since)
        except EarwitnessError as error:
            self.explanation, self._shown.value = None, ""
            self._text.value = html("<p role='alert'><strong>{}</strong></p>", error)

    @contextmanager
    def _hold(self):
        """Set several choices, and compute once."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _offer(self, changed) -> None:
        """Offer the classes of the chosen network, and the options of the chosen method."""
        if changed is self.network:
            names = self._asked().classes
            names = [] if names is None else [str(name) for name in names]
            for each, first in ((self.target, PREDICTED), (self.against, NOTHING)):
                kept = each.value if each.value in names else first
                each.options, each.value = [first, *names], kept
        self.rule.disabled = registry.find(self.method.value).family != "lrp"
        self.epsilon.disabled = "epsilon" not in attribution.options(self.method.value)

    def _repr_mimebundle_(self, **_) -> dict:
        return self.widget._repr_mimebundle_()


def _widgets():
    try:
        import ipywidgets
    except ModuleNotFoundError:
        raise MissingDataError(
            "The explorer is made of ipywidgets, which is not installed: pip install ipywidgets."
        ) from None
    return ipywidgets


def _body(explanation: Explanation) -> Markup:
    """Return players and pictures of an explanation."""
    images = joined(
        html('<img alt="{}" src="data:image/png;base64,{}" style="max-width:100%">',
             report.alternatives(explanation)[name], base64.b64encode(picture).decode())
        for name, picture in report.pictures(explanation, _DPI).items()
    )  # fmt: skip
    return html("{}{}", report.players(explanation), images)


def _sentence(explanation: Explanation, seconds: float) -> Markup:
    found, areas = explanation.prediction, explanation.faithfulness
    number = found.get("probability", found["value"])
    return html(
        "<p>{} predicts <strong>{}</strong> ({}{:.2f}); explained is <strong>{}</strong>. Area "
        "under the curve {:.3g} by relevance, {:.3g} at random. {:.1f} s</p>",
        explanation.network, found["label"], "probability " if "probability" in found else "",
        number, explanation.explained, areas["area_by_relevance"], areas["area_at_random"], seconds,
    )  # fmt: skip
