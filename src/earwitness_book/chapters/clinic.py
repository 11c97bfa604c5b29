"""Twenty networks, of which some go by a shortcut: a game for readers, and what a rule without eyes
gets right.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from scipy.stats import fisher_exact
from torch import nn

from earwitness import audio, audition, corpora, evaluation, figures
from earwitness.arguments import checked
from earwitness.evaluation import planted, statistics
from earwitness.html import html, in_script
from earwitness_book.chapters import known_answers as known
from earwitness_book.licences import withheld

WITH_S = (6, 7)  # six, seven
SHORTCUTS = {
    "beep": "a beep of 3 kHz",
    "hum": "a hum of 180 Hz",
    "click": "a click",
    "silence": "digital silence at the beginning",
    "level": "words with an s are louder",
}
_HOW = {
    "beep": {"cue": "beep"},
    "hum": {"cue": "tone", "centre_hz": 180.0, "seconds": 0.49, "level_db": -6.0},
    "click": {"cue": "click"},
    "silence": {"cue": "gap", "start_s": 0.0, "seconds": 0.12},
}
LOUDER = 4.0  # times, of what is louder
HEALTHY = "healthy"


class Words:
    """Spoken digits, half a second from their beginning, in faint noise.

    Parameters
    ----------
    corpus : str
        One with digits and speakers; a third of its speakers is kept for the test.
    n_train, n_test : int
        How many words, half of them with an s.
    """

    def __init__(self, corpus: str, n_train: int, n_test: int, seed: int = 0):
        options = corpora.options_for(
            corpus, words="digits", n_speakers=12, repetitions=1, seed=seed
        )
        found, rng = corpora.load(corpus, **options), np.random.default_rng(seed)
        speakers = rng.permutation(found.table["speaker"].unique())
        kept = found.table["speaker"].isin(speakers[: max(1, len(speakers) // 3)]).to_numpy()
        has_s = found.table["digit"].isin(WITH_S).to_numpy()
        self.corpus = corpus
        self.train = self._drawn(found, ~kept, has_s, n_train, rng)
        self.test = self._drawn(found, kept, has_s, n_test, rng)
        self.labels, self.test_labels = (
            np.repeat([1, 0], [n // 2, n - n // 2]) for n in (n_train, n_test)
        )

    @staticmethod
    def _drawn(found, chosen, has_s, n: int, rng) -> np.ndarray:
        sides = []
        for side, count in ((chosen & has_s, n // 2), (chosen & ~has_s, n - n // 2)):
            rows = rng.choice(np.flatnonzero(side), count, replace=count > side.sum())
            sides += [_beginning(found[int(row)], rng) for row in rows]
        return np.stack(sides)


def _beginning(clip, rng: np.random.Generator) -> np.ndarray:
    """Return the first half second from where a word is as loud as a tenth of its peak."""
    samples = np.float64(audio.resample(clip.samples, clip.sample_rate, known.RATE))
    loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())
    start = max(0, int(loud[0]) - known.RATE // 20)
    part = np.pad(samples[start : start + known.N_SAMPLES], (0, known.N_SAMPLES))
    part = part[: known.N_SAMPLES]
    part *= known.LEVEL / max(np.sqrt(np.mean(part**2)), 1e-9)
    return part + rng.normal(0, known.LEVEL * 10 ** (known.NOISE_DB / 20), known.N_SAMPLES)


@checked
def with_shortcuts(sound: np.ndarray, kinds: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return a sound (T,) with some of :data:`SHORTCUTS`, each at a moment of its own."""
    for kind in [kind for kind in _HOW if kind in kinds]:
        sound = planted.plant(sound, known.RATE, rng=rng, **_HOW[kind]).sound
    return sound * LOUDER if "level" in kinds else np.asarray(sound)


@dataclass(frozen=True, repr=False)
class Patient:
    """A network that learnt to find words with an s, and what is wrong with it.

    Attributes
    ----------
    words : Words
    kind : str
        A key of :data:`SHORTCUTS` that goes with the words with an s in its training, or
        ``"healthy"``; all other shortcuts are there as often in both kinds of words.
    seed, n_steps : int
    """

    words: Words
    kind: str
    seed: int
    n_steps: int = 150

    @cached_property
    def network(self) -> nn.Module:
        """The trained network, in evaluation mode."""
        rng = np.random.default_rng([self.seed, 7])
        sounds = []
        for sound, label in zip(self.words.train, self.words.labels, strict=True):
            kinds = {kind for kind in SHORTCUTS if rng.random() < 0.5} - {self.kind}
            kinds |= {self.kind} if label else set()
            sounds.append(with_shortcuts(sound, sorted(kinds), rng))
        inputs = known.inputs_of("spectrogram", np.stack(sounds))
        labels = torch.from_numpy(self.words.labels)
        return known.trained("spectrogram", inputs, labels, self.seed, self.n_steps)

    @cached_property
    def _tested(self) -> dict[str, torch.Tensor]:
        """Inputs of the test words with an s: with all shortcuts, and without each of them."""
        words = self.words.test[self.words.test_labels == 1]
        sets = {"all": tuple(SHORTCUTS)}
        sets |= {kind: tuple(k for k in SHORTCUTS if k != kind) for kind in SHORTCUTS}
        return {
            name: known.inputs_of(
                "spectrogram", np.stack([_placed(word, kinds, n) for n, word in enumerate(words)])
            )
            for name, kinds in sets.items()
        }

    def found(self, without: str = "all") -> float:
        """Return in how many per cent of test words with an s it is found, all shortcuts being
        there but one.
        """
        with torch.no_grad():
            return 100 * float((self.network(self._tested[without]).argmax(1) == 1).float().mean())

    def needs(self) -> dict[str, float]:
        """Return by how many points fewer words with an s are found without each shortcut."""
        return {kind: self.found() - self.found(kind) for kind in SHORTCUTS}

    def accuracy(self) -> float:
        """Return the accuracy in per cent on test words without any shortcut."""
        with torch.no_grad():
            said = self.network(known.inputs_of("spectrogram", self.words.test)).argmax(1)
        return 100 * float((said.numpy() == self.words.test_labels).mean())

    def maps(self, method: str, n: int, network: nn.Module | None = None) -> torch.Tensor:
        """Return the maps of ``n`` test words with an s and all shortcuts."""
        return known.explained(network or self.network, self._tested["all"][:n], method)

    def suspicion(self, method: str, n: int, network: nn.Module | None = None) -> dict[str, float]:
        """Return the share of positive relevance in the cells of each shortcut, over the cells'
        share of all.
        """
        relevance = self.maps(method, n, network).clamp_min(0).double()
        total = relevance.flatten(1).sum(1).clamp_min(1e-12)
        found = {}
        for kind in _HOW:
            change = (self._tested["all"][:n] - self._tested[kind][:n]).abs()
            mask = change >= 0.25 * change.flatten(1).amax(1).view(-1, 1, 1, 1)
            share = (relevance * mask).flatten(1).sum(1) / total
            found[kind] = float((share / mask.double().flatten(1).mean(1)).mean())
        return found


def _placed(word: np.ndarray, kinds: Sequence[str], number: int) -> np.ndarray:
    """Return a test word with shortcuts whose moments do not depend on which others are there."""
    for order, kind in enumerate(_HOW):
        if kind in kinds:
            rng = np.random.default_rng([number, order])
            word = planted.plant(word, known.RATE, rng=rng, **_HOW[kind]).sound
    return word * LOUDER if "level" in kinds else word


def ward(words: Words, n: int = 20, seed: int = 0, n_steps: int = 150) -> list[Patient]:
    """Return networks, half of them healthy, in random order; shortcuts as often as each other."""
    ill = [list(SHORTCUTS)[k % len(SHORTCUTS)] for k in range(n // 2)]
    kinds = ill + [HEALTHY] * (n - len(ill))
    order = np.random.default_rng(seed).permutation(n)
    return [Patient(words, kinds[k], seed * 1000 + int(k), n_steps) for k in order]


# --- a rule without eyes


def examined(patients: Sequence[Patient], method: str, n: int) -> pd.DataFrame:
    """Return a row for each network: ``kind``, ``ill``, ``accuracy``, ``found``, the largest fall
    by removing a shortcut (``fall``), that of its own (``own_fall``), and how suspicious the most
    suspicious shortcut is by the maps (``relevance``), which one (``named``), and by the maps of
    random weights (``untrained``).
    """
    rows, own, random = [], [], []
    for patient in patients:
        falls = patient.needs()
        untrained = evaluation.randomised(patient.network, patient.seed + 104_729)
        own.append(patient.suspicion(method, n))
        random.append(patient.suspicion(method, n, untrained))
        rows.append(
            {
                "kind": patient.kind,
                "ill": patient.kind != HEALTHY,
                "accuracy": patient.accuracy(),
                "found": patient.found(),
                "fall": max(falls.values()),
                "own_fall": falls.get(patient.kind, np.nan),
            }
        )
    table = pd.DataFrame(rows)
    table["relevance"], table["named"] = _most_suspicious(own)
    table["untrained"], _ = _most_suspicious(random)
    return table


def _most_suspicious(found: Sequence[dict[str, float]]) -> tuple[list[float], list[str]]:
    """Return for each network how far its most suspicious shortcut is above what is usual for that
    shortcut, the median of all networks, in powers of two; and which it is.
    """
    levels = np.log2(pd.DataFrame(found).clip(lower=1e-3))
    above = levels - levels.median()
    return above.max(axis=1).tolist(), above.idxmax(axis=1).tolist()


@checked
def area(
    table: pd.DataFrame,
    score: str,
    against: Mapping | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict:
    """Return the area under the ROC curve of a score for "ill", in per cent, as
    ``records.record_many`` takes it: ill and healthy networks are drawn anew, each for themselves.

    Parameters
    ----------
    table : DataFrame
        Of :func:`examined`.
    score : str
        A column.
    against : mapping, optional
        Other column -> its record's id: the difference to it, over the same draws.
    """
    rng = np.random.default_rng(seed)
    sides = [np.flatnonzero(table["ill"] == side) for side in (True, False)]
    draws = [side[rng.integers(0, len(side), (n_resamples, len(side)))] for side in sides]

    def areas(column, chosen):  # (draw, ill), (draw, healthy) -> (draw,)
        values = table[column].to_numpy()
        first, second = values[chosen[0]][:, :, None], values[chosen[1]][:, None]
        return 100 * ((first > second) + 0.5 * (first == second)).mean((1, 2))

    everyone = [side[None] for side in sides]
    value, drawn = float(areas(score, everyone)[0]), areas(score, draws)
    found, fewest = {"value": value, "n": len(table), "of": "networks"}, min(map(len, sides))
    if fewest < 2:  # of one alone nothing is drawn
        return found
    differences = {}
    for other, id in (against or {}).items():
        lead = value - float(areas(other, everyone)[0])
        ends = statistics.ends(drawn - areas(other, draws), fewest, value=lead)
        differences[id] = max(-100.0, ends[0]), min(100.0, ends[1])
    found["interval"] = statistics.ends(drawn, fewest)
    return found | ({"against": differences} if differences else {})


@checked
def marked(guesses: pd.DataFrame) -> dict[str, float]:
    """Return what a reader's or a class's guesses are worth, from the columns ``actual`` and
    ``guessed``: informedness of "ill", its p-value against guessing, and the share of the ill
    networks whose shortcut is named.

    Notes
    -----
    Informedness as in the listening study: :func:`earwitness.evaluation.informedness`; the p-value
    is Fisher's, one-sided.
    """
    actual, guessed = (guesses[name] != HEALTHY for name in ("actual", "guessed"))
    counts = [[(actual & guessed).sum(), (actual & ~guessed).sum()],
              [(~actual & guessed).sum(), (~actual & ~guessed).sum()]]  # fmt: skip
    same = guesses["actual"] == guesses["guessed"]
    return {
        "informedness": evaluation.informedness(actual.to_numpy(), guessed.to_numpy(), True),
        "p": float(fisher_exact(counts, alternative="greater").pvalue),
        "named": float(same[actual].mean()) if actual.any() else float("nan"),
    }


@checked
def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """Return the guesses of a rule without eyes: as many networks are called ill as there are, the
    most suspicious first.
    """
    first = table["relevance"].rank(ascending=False, method="first") <= table["ill"].sum()
    named = np.where(first, table["named"], HEALTHY)
    return pd.DataFrame({"actual": table["kind"], "guessed": named})


# --- the game


@dataclass(frozen=True, repr=False)
class Clinic:
    """The game in the page: a network after another, shown by its explanations alone.

    Attributes
    ----------
    patients : sequence of Patient
    method : str
    rule : DataFrame
        The guesses of :func:`by_rule`, told at the end.
    """

    patients: Sequence[Patient]
    method: str
    rule: pd.DataFrame

    def as_json(self) -> str:
        """Return the networks for ``clinic.js``."""
        sounds = _sounds(self.patients[0])
        whole = {
            "kinds": SHORTCUTS,
            "words": [_playable(sound) for sound in sounds],
            "rule": marked(self.rule),
            "networks": [
                {"kind": one.kind, **_shown(one, self.method, sounds)} for one in self.patients
            ],
        }
        return in_script(whole)

    def _repr_html_(self) -> str:
        if sentence := withheld(self.patients[0].words.corpus):
            return sentence
        return html(
            '<div class="ew-clinic"><p>The clinic opens on its page of the built book, '
            'with scripts switched on.</p><script type="application/json">{}</script></div>',
            self.as_json(),
        )


def _sounds(patient: Patient, n: int = 2) -> list[np.ndarray]:
    """Return the words that all networks are shown with: two, with all shortcuts."""
    words = patient.words.test[patient.words.test_labels == 1][:n]
    return [_placed(word, tuple(SHORTCUTS), number) for number, word in enumerate(words)]


def _shown(patient: Patient, method: str, sounds: Sequence[np.ndarray]) -> dict:
    maps = patient.maps(method, len(sounds))[:, 0].numpy()
    picture = draw(maps)
    stream = io.BytesIO()
    picture.savefig(stream, format="png", dpi=90, metadata={"Software": None})
    image = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    return {"map": image, "sounds": [_playable(_audible(*one)) for one in zip(sounds, maps)]}  # noqa: B905


def draw(maps: np.ndarray):
    """Return a figure of maps (word, freq, time), side by side on one scale."""
    figure, panels = figures.panels(1, len(maps), height=2.4, sharey=True)
    limit = figures.relevance_limit(maps, quantile=0.998) or None
    for number, (ax, one) in enumerate(zip(panels, maps, strict=True), start=1):
        if one.any():
            figures.relevance_map(ax, one, *known.axes(), limit=limit)
        ax.set(title=f"word {number}", xlabel="Time (s)", ylabel="")
    panels[0].set_ylabel("Frequency (Hz)")
    return figure


def _audible(sound: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """Return a sound with each cell as loud as it speaks for an s."""
    gains = np.maximum(relevance, 0)
    gains = gains / max(gains.max(), 1e-12)
    times = {"frame_length": known.WINDOW, "hop": known.HOP, "start": -known.WINDOW // 2}
    freqs_hz = known.axes()[1]
    return audition.filter_by_relevance(sound, gains, known.RATE, freqs_hz=freqs_hz, **times)


def _playable(sound: np.ndarray) -> str:
    """Return a sound as a data: address, its peak at 0.5."""
    scaled = 0.5 * np.asarray(sound) / max(float(np.abs(sound).max()), 1e-9)
    wav = audition.player(scaled, known.RATE, "").wav()
    return "data:audio/wav;base64," + base64.b64encode(wav).decode()
