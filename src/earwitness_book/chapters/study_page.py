"""The listening study as something to take: its items, a page that needs no server, a desk for
notebooks.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import numpy as np
import pandas as pd

from earwitness.audition.player import Player, players
from earwitness.errors import ParameterError
from earwitness.html import html, in_script
from earwitness_book.chapters.listening_study import COLUMNS, FORMATS, formats
from earwitness_book.chapters.untrained import withheld

_SHOWN = ("signal", "explanation")
_QUESTION = "Which digit did the network predict?"


@dataclass(frozen=True)
class StudyItem:
    """One clip, to be judged by its sound or picture, as it is or as its explanation.

    Attributes
    ----------
    spoken, predicted : int
        The digit that was spoken, and the one that the network predicted.
    sounds : mapping
        ``"signal"`` and ``"explanation"``: :class:`Player` or (samples, sample_rate, label). The
        explanation is played as loud (root mean square) as the signal, or as near to it as full
        scale allows.
    pictures : mapping
        The same two: PNG files, as bytes, of one size. They must not name the digit.
    """

    spoken: int
    predicted: int
    sounds: Mapping[str, Player]
    pictures: Mapping[str, bytes]

    def __post_init__(self):
        for what, given in (("sounds", self.sounds), ("pictures", self.pictures)):
            if missing := [name for name in _SHOWN if name not in given]:
                raise ParameterError(f"The {what} of an item need {' and '.join(missing)}.")
        if not {self.spoken, self.predicted} <= set(range(10)):
            raise ParameterError(
                f"An item's digits are 0 to 9, got {self.spoken} and {self.predicted}."
            )

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Return a data: address for each of :data:`FORMATS`."""
        made = players([self.sounds[name] for name in _SHOWN], gain="match").clips
        sounds = {
            f"{name}-heard": _data("audio/wav", clip.wav())
            for name, clip in zip(_SHOWN, made, strict=True)
        }
        return sounds | {f"{name}-seen": _data("image/png", self.pictures[name]) for name in _SHOWN}


@dataclass(frozen=True)
class Study:
    """Items, each with a name that tells nothing and a rank in the Latin square; shown by notebooks
    as the page's HTML.

    Attributes
    ----------
    items : tuple of StudyItem
    corpus : str
        What was said by whom, for readers and for the name of the study.
    seed : int
        Of ranks and names. Ranks are drawn among the rightly and among the wrongly classified items
        apart, so that a participant meets both kinds in every format.
    """

    items: Sequence[StudyItem]
    corpus: str
    seed: int = 0

    def __post_init__(self):
        if not self.items:
            raise ParameterError("A study needs at least one item.")

    @cached_property
    def id(self) -> str:
        """The name that answers carry: another set of items has another one."""
        content = [[item.spoken, item.predicted, *item.addresses.values()] for item in self.ranked]
        return f"{self.corpus}-{sha256(json.dumps(content).encode()).hexdigest()[:8]}"

    @cached_property
    def ranked(self) -> list[StudyItem]:
        """The items in the order of their ranks."""
        rng = np.random.default_rng([self.seed, 0])
        right = [item for item in self.items if item.spoken == item.predicted]
        wrong = [item for item in self.items if item.spoken != item.predicted]
        return [group[i] for group in (right, wrong) for i in rng.permutation(len(group))]

    @cached_property
    def key(self) -> pd.DataFrame:
        """Columns item, spoken, predicted in the order of the ranks: what participants learn at the
        end.
        """
        numbers = np.random.default_rng([self.seed, 1]).permutation(len(self.items)) + 1
        return pd.DataFrame(
            {
                "item": [f"s{number:02d}" for number in numbers],
                "spoken": [item.spoken for item in self.ranked],
                "predicted": [item.predicted for item in self.ranked],
            }
        )

    def as_json(self) -> str:
        """Return all that the page needs, sounds and pictures included, safe inside a script
        element.
        """
        items = [
            row | {"rank": rank, "shown": item.addresses}
            for rank, (row, item) in enumerate(
                zip(self.key.to_dict("records"), self.ranked, strict=True)
            )
        ]
        beep = 0.1 * np.sin(2 * np.pi * 440 * np.arange(4000) / 8000) * np.hanning(4000)
        whole = {
            "id": self.id,
            "corpus": self.corpus,
            "formats": FORMATS,
            "columns": COLUMNS,
            "check": _data("audio/wav", Player(beep, 8000, "").wav()),
            "items": items,
        }
        return in_script(whole)

    def _repr_html_(self) -> str:
        if sentence := withheld(self.corpus):
            return sentence
        return html(
            '<div class="ew-study"><p>The study runs on its page of the built book, with scripts '
            "switched on. In a notebook, <code>study.session()</code> asks the same.</p>"
            '<script type="application/json">{}</script></div>',
            self.as_json(),
        )

    def __repr__(self) -> str:
        return f"<study {self.id}: {len(self.items)} items>"

    def session(self, participant: str | None = None) -> "Session":
        """Return a sitting for one participant, to be shown by a notebook; the name is drawn if
        none is given.
        """
        return Session(self, participant or secrets.token_hex(4))


@dataclass
class Session:
    """One participant's way through a study. Shown by Jupyter as widgets; in the built book as a
    pointer to the page.

    Attributes
    ----------
    study : Study
    participant : str
        Eight hexadecimal digits; they decide group and order.
    """

    study: Study
    participant: str
    _rows: list[tuple] = field(default_factory=list, repr=False)

    def __post_init__(self):
        try:
            number = int(self.participant, 16)
        except ValueError:
            raise ParameterError(
                f"A participant is named by hexadecimal digits, not {self.participant!r}."
            ) from None
        self._formats = formats(len(self.study.items), number % len(FORMATS))
        self._order = np.random.default_rng(number).permutation(len(self.study.items))
        self._since = time.monotonic()

    @property
    def rank(self) -> int | None:
        """The rank of the item that waits for an answer; ``None`` at the end."""
        return int(self._order[len(self._rows)]) if len(self._rows) < len(self._order) else None

    def answer(self, digit: int | None) -> None:
        """Note the digit that the network predicted, in the participant's opinion; ``None`` skips
        the item.

        Raises
        ------
        ParameterError
            If it is no digit, or all items are answered.
        """
        if self.rank is None:
            raise ParameterError("All items are answered.")
        if digit not in (None, *range(10)):
            raise ParameterError(f"An answer is a digit from 0 to 9, not {digit!r}.")
        item = self.study.key.iloc[self.rank]
        now = time.monotonic()
        self._rows.append(
            (
                self.study.id,
                self.participant,
                len(self._rows) + 1,
                item["item"],
                self._formats[self.rank],
                item["spoken"],
                item["predicted"],
                digit,
                round(now - self._since, 1),
            )
        )
        self._since = now

    @property
    def answers(self) -> pd.DataFrame:
        """The answers so far, with the columns of the study's files; ``to_csv(..., index=False)``
        writes one.
        """
        return pd.DataFrame(self._rows, columns=[*COLUMNS]).astype({"answer": "Int64"})

    @property
    def shown(self) -> str:
        """The sound or picture of the waiting item as HTML."""
        form = self._formats[self.rank]
        address = self.study.ranked[self.rank].addresses[form]
        if form.endswith("heard"):
            shown = '<audio controls src="{}" aria-label="The sound to judge"></audio>'
        else:
            shown = '<img src="{}" alt="The picture to judge" style="max-width:100%">'
        return html(shown, address)

    def widget(self):
        """Return ipywidgets that ask, item by item."""
        import ipywidgets as widgets

        stage, place = widgets.HTML(), widgets.HTML()
        digits = widgets.ToggleButtons(
            options=[str(digit) for digit in range(10)], value=None, style={"button_width": "3rem"}
        )
        onwards, skip = (
            widgets.Button(description="Next"),
            widgets.Button(description="I cannot perceive this"),
        )
        question, buttons = widgets.HTML(f"<p>{_QUESTION}</p>"), widgets.HBox([onwards, skip])
        asking = widgets.VBox([place, stage, question, digits, buttons])

        def show() -> None:
            place.value = f"{min(len(self._rows) + 1, len(self._order))} of {len(self._order)}"
            if self.rank is None:
                asking.children = [
                    widgets.HTML(
                        "<p>That was all, thank you. The answers are in "
                        "<code>session.answers</code>.</p>"
                    )
                ]
            else:
                stage.value, digits.value = self.shown, None

        def note(digit: int | None) -> None:
            self.answer(digit)
            show()

        onwards.on_click(lambda _: None if digits.value is None else note(int(digits.value)))
        skip.on_click(lambda _: note(None))
        show()
        return asking

    def _repr_mimebundle_(self, **_) -> dict:
        if os.environ.get(
            "EARWITNESS_PROFILE"
        ):  # the book is being built: there is no kernel behind its pages
            return {
                "text/html": "<p>In Jupyter the study appears here. In the book it has <a "
                'href="study.html">a page '
                "of its own</a>.</p>",
                "text/plain": repr(self),
            }
        return self.widget()._repr_mimebundle_()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
