"""Small networks that learn a planted cue, and what methods say of them."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
import torch
from matplotlib.patches import Rectangle
from torch import nn

from earwitness import attribution, audio, audition, cache, corpora, evaluation, figures
from earwitness.arguments import checked
from earwitness.attribution import registry
from earwitness.errors import ParameterError, UnsupportedOperationError, check_choice
from earwitness.evaluation import planted, statistics
from earwitness_book import records

RATE, N_SAMPLES = 8000, 4000  # half a second
WINDOW, HOP = 256, 128  # of the spectrogram, in samples
FLOOR_DB, DB_PER_UNIT = -60.0, 20.0
LEVEL, GAIN = 0.05, 20.0  # root mean square of the sounds, and what brings it to 1
NOISE_DB = -15.0  # of the noise in which they stand
BATCH = 32
FOR = (1, 0)  # what is explained: the cue is there, against it is not
KINDS = ("waveform", "spectrogram")
APT = {
    "click": "waveform", "tone": "spectrogram", "formant": "spectrogram",
    "harmonics": "waveform", "gap": "spectrogram", "band-limit": "spectrogram",
    "direction": "waveform", "beep": "spectrogram",
}  # fmt: skip
TAKEN_AWAY = ("gap", "band-limit")  # the cue is that something is not there
JUDGED = (
    "gradient-x-input", "integrated-gradients", "lrp-epsilon", "lrp-epsilon-plus",
    "guided-backprop", "grad-cam", "occlusion", "rise",
)  # fmt: skip
TRUTHS = ("area", "share", "hit")  # three ways to count pointing
LOUDER = 3.5  # times what the networks are given, for listening
CONTROLS = ("random", "untrained", "energy", "edges")
_SAME = {"conductance", "dft-lrp"}  # over all channels and bands they are IG and LRP
QUICK = {
    "rise": {"n_masks": 100}, "smoothgrad": {"n_samples": 10}, "vargrad": {"n_samples": 10},
    "integrated-gradients": {"n_steps": 16},
    **dict.fromkeys(("audiolime", "kernel-shap", "sampling-shap"), {"n_samples": 60}),
}  # fmt: skip


class Waveform(nn.Sequential):
    """Two convolutions over samples, maximum over time, one dense layer: (batch, channel, T) ->
    (batch, 2).
    """

    def __init__(self, n_channels: int = 1):
        super().__init__(
            nn.Conv1d(n_channels, 12, 64, stride=16), nn.ReLU(),
            nn.Conv1d(12, 16, 5, stride=2), nn.ReLU(),
            nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 2),
        )  # fmt: skip


class Spectrogram(nn.Sequential):
    """The same over levels in time and frequency: (batch, channel, 128, 32) -> (batch, 2). Bands
    have weights of their own only through the mean over eight of them.
    """

    def __init__(self, n_channels: int = 1):
        super().__init__(
            nn.Conv2d(n_channels, 8, (8, 3), stride=(4, 2)), nn.ReLU(),
            nn.Conv2d(8, 12, (31, 3)), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 2),
        )  # fmt: skip


_NETWORKS = {"waveform": Waveform, "spectrogram": Spectrogram}


def levels(sounds: np.ndarray) -> np.ndarray:
    """Return what a network of spectrograms is given of sounds (..., T), (..., 128, frame).

    The level in dB above -60 dB re a sine of amplitude 1, over 20, from short-time spectra of
    32 ms; silence is zero.
    """
    padded = np.pad(sounds, [(0, 0)] * (sounds.ndim - 1) + [(WINDOW // 2, WINDOW // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, -1)[..., ::HOP, :]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1])) / (WINDOW / 4)
    in_db = 20 * np.log10(np.maximum(spectra[..., :-1], 1e-9))  # (..., frame, 128)
    return np.float32(np.maximum(in_db - FLOOR_DB, 0) / DB_PER_UNIT).swapaxes(-1, -2)


def for_ears(sound: np.ndarray) -> np.ndarray:
    """Return a sound as it is, or of four ambisonic channels what reaches both ears, (2, T)."""
    return sound if sound.ndim == 1 else audition.binaural(sound, RATE).T


def axes() -> tuple[np.ndarray, np.ndarray]:
    """Return times in seconds and frequencies in Hz of :func:`levels`."""
    n_frames = N_SAMPLES // HOP + 1
    return np.arange(n_frames) * HOP / RATE, np.arange(WINDOW // 2) * RATE / WINDOW


def inputs_of(kind: str, sounds: np.ndarray) -> torch.Tensor:
    """Return what a network of that kind is given of sounds (n, T) or (n, channel, T)."""
    sounds = sounds[:, None] if sounds.ndim == 2 else sounds
    return torch.from_numpy(levels(sounds) if kind == "spectrogram" else np.float32(GAIN * sounds))


class Backgrounds(NamedTuple):
    """Sounds into which cues are planted, half a second each, (n, T), and whether their digit is
    below five; those to train on and, of other speakers, those to test on.
    """

    train: np.ndarray
    is_low: np.ndarray
    test: np.ndarray
    test_is_low: np.ndarray


@checked
def backgrounds(corpus: str, n_train: int, n_test: int, seed: int = 0) -> Backgrounds:
    """Return spoken digits in faint noise, at one level.

    Parameters
    ----------
    corpus : str
        One with digits and speakers; a third of its speakers is kept for the test.
    n_train, n_test : int
        How many stretches, drawn with repetition where there are fewer clips.
    """
    options = corpora.options_for(corpus, words="digits", n_speakers=9, repetitions=1, seed=seed)
    found, rng = corpora.load(corpus, **options), np.random.default_rng(seed)
    speakers = rng.permutation(found.table["speaker"].unique())
    kept = found.table["speaker"].isin(speakers[: max(1, len(speakers) // 3)]).to_numpy()
    parts = []
    for chosen, n in ((~kept, n_train), (kept, n_test)):
        rows = rng.choice(np.flatnonzero(chosen), n, replace=n > chosen.sum())
        parts.append(np.stack([_stretch(found[int(row)], rng) for row in rows]))
        parts.append(found.table["digit"].to_numpy(int)[rows] < 5)
    return Backgrounds(*parts)


def _stretch(clip, rng: np.random.Generator) -> np.ndarray:
    """Return half a second of a clip at 8 kHz, in noise 15 dB softer."""
    samples = audio.resample(clip.samples, clip.sample_rate, RATE)
    short = max(0, N_SAMPLES - len(samples))
    samples = np.pad(samples, (short // 2, short - short // 2))
    start = rng.integers(0, len(samples) - N_SAMPLES + 1)
    part = np.float64(samples[start : start + N_SAMPLES])
    part *= LEVEL / max(np.sqrt(np.mean(part**2)), 1e-9)
    return part + rng.normal(0, LEVEL * 10 ** (NOISE_DB / 20), N_SAMPLES)


@checked
def plant_all(
    sounds: np.ndarray, cue: str, rng: np.random.Generator, **options
) -> list[planted.Planted]:
    """Return each sound (n, T) with a cue at a moment of its own."""
    return [planted.plant(sound, RATE, cue, rng, **options) for sound in sounds]


class Task:
    """A cue, and a network that learnt to tell sounds with it from sounds without.

    Parameters
    ----------
    sounds : Backgrounds
    cue : str
        One of :data:`earwitness.evaluation.planted.CUES`. The network for ``"beep"`` learns digits
        below five against the others; all of the first kind have a beep.
    kind : {"waveform", "spectrogram"}, optional
        What the network is given; by default what suits the cue.
    seed : int
        Of the moments, the weights and the batches.
    n_steps : int
        Of training.
    **options
        ``level_db``, ``centre_hz`` and ``seconds`` of the cue.
    """

    def __init__(
        self, sounds: Backgrounds, cue: str, kind: str | None = None, seed: int = 0,
        n_steps: int = 120, **options,
    ):  # fmt: skip
        self.cue, self.kind = cue, check_choice(kind or APT.get(cue, "waveform"), KINDS, "input")
        self.sounds, self.seed, self.n_steps, self.options = sounds, seed, n_steps, options
        self.rng = np.random.default_rng([seed, *map(ord, cue)])

    @property
    def name(self) -> str:
        """The cue and what the network is given."""
        return f"{self.cue}, {self.kind}"

    @cached_property
    def network(self) -> nn.Module:
        """The trained network, in evaluation mode."""
        inputs, labels = self._examples()
        return trained(self.kind, inputs, labels, self.seed, self.n_steps)

    def _examples(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is trained on: inputs and whether the cue (of a beep: the class) is there."""
        pairs = plant_all(self.sounds.train, self.cue, self.rng, **self.options)
        with_cue = np.stack([pair.sound for pair in pairs])
        without = np.stack([pair.clean for pair in pairs])
        if self.cue == "beep":
            low = self.sounds.is_low
            sounds = np.concatenate([with_cue[low], without[~low]])
            labels = np.repeat([1, 0], [low.sum(), (~low).sum()])
        else:
            sounds = np.concatenate([with_cue, without])
            labels = np.repeat([1, 0], len(pairs))
        return inputs_of(self.kind, sounds), torch.from_numpy(labels)

    @cached_property
    def untrained(self) -> nn.Module:
        """The same network with random weights."""
        return evaluation.randomised(self.network, self.seed + 104_729)

    @cached_property
    def tested(self) -> list[planted.Planted]:
        """Test sounds with the cue planted; of a beep, those of the class that has it."""
        sounds = (
            self.sounds.test[self.sounds.test_is_low] if self.cue == "beep" else self.sounds.test
        )
        return plant_all(sounds, self.cue, np.random.default_rng([self.seed, 1]), **self.options)

    @cached_property
    def with_cue(self) -> torch.Tensor:
        """What the network is given of the test sounds."""
        return inputs_of(self.kind, np.stack([pair.sound for pair in self.tested]))

    @cached_property
    def without(self) -> torch.Tensor:
        """What it is given of the same without the cue."""
        return inputs_of(self.kind, np.stack([pair.clean for pair in self.tested]))

    @cached_property
    def masks(self) -> torch.Tensor:
        """Where the cue is in each input."""
        given = zip(self.tested, self.with_cue, self.without, strict=True)
        return torch.stack([planted.truth(*row) for row in given])

    @torch.no_grad()
    def lead(self, inputs: torch.Tensor, network: nn.Module | None = None) -> np.ndarray:
        """Return by how much "the cue is there" leads, (batch,)."""
        logits = (network or self.network)(inputs)
        return (logits[:, 1] - logits[:, 0]).numpy()

    def use(self) -> dict[str, float]:
        """Return how many per cent of the test sounds are said to have the cue: with it, when it is
        removed, when everything else is removed, and of the first by random weights.
        """
        only = self.without * 0 + torch.where(self.masks, self.with_cue, 0.0)
        given = {"with the cue": self.with_cue, "cue removed": self.without}
        if self.cue not in TAKEN_AWAY:
            given["all else removed"] = only
        said = {name: 100 * float((self.lead(inputs) > 0).mean()) for name, inputs in given.items()}
        said["untrained"] = 100 * float((self.lead(self.with_cue, self.untrained) > 0).mean())
        return said

    def uses_cue(self, least: float = 90.0, most: float = 10.0) -> bool:
        """Tell whether the network needs its cue: it finds it, and fails without it."""
        said = self.use()
        return said["with the cue"] >= least and said["cue removed"] <= most


def trained(
    kind: str, inputs: torch.Tensor, labels: torch.Tensor, seed: int, n_steps: int
) -> nn.Module:
    """Return a small network that tells inputs of label 1 from those of label 0, from the cache or
    trained now.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _NETWORKS[check_choice(kind, KINDS, "input")](inputs.shape[1])
        given = {
            "what": "known-answers", "torch": torch.__version__, "steps": n_steps,
            "network": str(network), "seed": seed, "labels": labels.tolist(),
            "inputs": hashlib.sha256(inputs.numpy().tobytes()).hexdigest(),
        }  # fmt: skip
        path = cache.stored(
            "known-answers",
            given,
            ".pt",
            lambda path: _train(network, inputs, labels, n_steps, path),
        )
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


@torch.enable_grad()  # a network may be asked for first where nothing else needs gradients
def _train(network: nn.Module, inputs, labels, n_steps: int, path: Path) -> None:
    """Train a network and write its weights."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=n_steps + 1)
    for _ in range(n_steps):
        chosen = torch.randint(len(inputs), (BATCH,))
        loss = nn.functional.cross_entropy(network(inputs[chosen]), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    torch.save(network.state_dict(), path)


# --- what methods say


def methods() -> list[str]:
    """Return the methods of the library that are held against the truth: all but controls and
    those that, over all bands and channels, are another one.
    """
    known = registry.registered()
    return [name for name, one in known.items() if one.family != "control" and name not in _SAME]


def explained(network: nn.Module, inputs: torch.Tensor, method: str) -> torch.Tensor:
    """Return a method's map, shape of the inputs: why the cue is there and not why it is not."""
    return attribution.attribute(network, inputs, FOR, method, **QUICK.get(method, {}))


def maps(
    task: Task, network: nn.Module | None = None, chosen: Sequence[str] | None = None, n: int = 12
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the maps of the first ``n`` test sounds, by method, and why others do not apply."""
    found, refused = {}, {}
    for name in methods() if chosen is None else chosen:
        try:
            found[name] = explained(network or task.network, task.with_cue[:n], name)
        except (ParameterError, UnsupportedOperationError) as error:
            refused[name] = str(error)
    return found, refused


def controls(task: Task, n: int = 12, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return maps that have learnt nothing: noise, LRP of random weights, energy, edges."""
    inputs = task.with_cue[:n]
    random = attribution.attribute(task.network, inputs, FOR, "random", seed=seed)
    untrained = attribution.attribute(task.untrained, inputs, FOR, "lrp-epsilon")
    return {"random": random, "untrained": untrained, **planted.naive(inputs)}


@checked
def judged(task: Task, n: int = 12) -> pd.DataFrame:
    """Return how well each method and control points at the cue: a row for each method and clip."""
    found, _ = maps(task, n=n)
    rows = []
    for name, relevance in (found | controls(task, n, task.seed)).items():
        scores = planted.pointing(relevance, task.masks[:n])
        rows.append(pd.DataFrame({"method": name, "clip": np.arange(len(relevance)), **scores}))
    scores = planted.faithfulness(task.network, task.with_cue[:n], 1, found, task.rng)
    said = pd.concat(
        [
            pd.DataFrame({"method": name, **values}).rename_axis("clip")
            for name, values in scores.items()
        ]
    ).reset_index()
    table = pd.concat(rows).merge(said, how="left", on=["method", "clip"])
    return table.assign(cue=task.cue, kind=task.kind, seed=task.seed)


def shares(task: Task, n: int = 12) -> dict[str, np.ndarray]:
    """Return the share of the absolute relevance of each sound that lies in its cue, by LRP
    (epsilon), LRP of random weights and energy; and the share of the values.
    """
    said = controls(task, n) | {
        "lrp-epsilon": explained(task.network, task.with_cue[:n], "lrp-epsilon")
    }
    scores = {name: planted.pointing(one, task.masks[: len(one)]) for name, one in said.items()}
    found = {name: score["share"] for name, score in scores.items()}
    return found | {"chance": scores["energy"]["chance"]}


def summary(table: pd.DataFrame, score: str = "area") -> pd.DataFrame:
    """Return the mean of a score by method and cue, controls last, best method first."""
    means = table.pivot_table(score, "method", "cue", "mean", sort=False)
    rest = [name for name in CONTROLS if name in means.index]
    order = means.drop(rest).mean(axis=1).sort_values(ascending=False).index
    return means.loc[[*order, *rest]].assign(all=lambda rows: rows.mean(axis=1))


@checked
def agreement(
    table: pd.DataFrame, score: str, truth: str = "area", n_resamples: int = 300, seed: int = 0
) -> tuple[float, float, float]:
    """Return the rank correlation, over methods, of what a score says of them and how well they
    point at the cue; mean over networks, with its 95 % interval over sounds.

    Sounds are drawn anew, the same for every network, whose methods are ranked by their means over
    the drawn ones: asking more networks about the same sounds does not make more of them.
    """
    found, drawn = [], {}
    for _, rows in _methods_only(table).groupby(["cue", "kind", "seed"]):
        wide = rows.pivot(index="method", columns="clip", values=[truth, score])
        n = wide[truth].shape[1]
        clips = drawn.setdefault(n, records.drawn(n, n_resamples, seed))
        means = (wide[column].to_numpy()[:, clips].mean(-1) for column in (truth, score))
        found.append(rank_correlation(*means))
    value, *anew = np.mean(found, axis=0).tolist()
    if min(drawn) < 2:  # of one sound alone nothing is known
        return value, -1.0, 1.0
    low, high = statistics.ends(anew, min(drawn))
    return value, min(value, low), max(value, high)


def agreements(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return :func:`agreement` of each faithfulness score with the truth, counted in three ways
    over all cues, and by the area over those that add something and those that take away.
    """
    gone = table["cue"].isin(TAKEN_AWAY)
    columns = {truth: (table, truth) for truth in TRUTHS}
    columns |= {
        "area, added cues": (table[~gone], "area"),
        "area, taken away": (table[gone], "area"),
    }
    return pd.DataFrame(
        {
            name: {
                score: agreement(rows, score, truth, seed=seed) for score in planted.FAITHFULNESS
            }
            for name, (rows, truth) in columns.items()
        }
    )


def _methods_only(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["method"].isin(CONTROLS)]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of the columns of two arrays (n, column); 0 where one of
    them is the same everywhere.
    """
    ranks = [scipy.stats.rankdata(values, axis=0) for values in (first, second)]
    left, right = (one - one.mean(0) for one in ranks)
    size = np.sqrt((left**2).sum(0) * (right**2).sum(0))
    return np.divide((left * right).sum(0), size, out=np.zeros_like(size), where=size > 0)


def among_first(
    table: pd.DataFrame, score: str, n: int = 3, truth: str = "area"
) -> tuple[np.ndarray, float]:
    """Return for each network whether the method that a score puts first is among the first ``n``
    by the truth, and how often one drawn blindly would be.
    """
    hits, chances = [], []
    for _, rows in _methods_only(table).groupby(["cue", "kind", "seed"]):
        means = rows.groupby("method")[[truth, score]].mean()
        hits.append(means[score].idxmax() in means[truth].nlargest(n).index)
        chances.append(n / len(means))
    return np.array(hits), float(np.mean(chances))


@checked
def found_by(table: pd.DataFrame, method: str, against: Mapping, score: str = "area") -> dict:
    """Return what ``records.record_many`` takes of a method: mean over networks and sounds in per
    cent, interval over sounds, and its difference to others, whose ids are given.

    A sound is one however many networks explain it: all its values are drawn together.
    """
    wide = 100 * table.pivot_table(score, ["cue", "kind", "seed", "clip"], "method")
    values, clips = wide[method].to_numpy(), wide.index.get_level_values("clip").to_numpy()
    mean = statistics.bootstrap(values, clips)
    paired = {
        id: statistics.paired_bootstrap(values, wide[other].to_numpy(), clips).ends
        for other, id in against.items()
    }
    return {"value": mean.value, "interval": mean.ends, "against": paired, "n": mean.n}


# --- pictures


def draw_maps(task: Task, maps: Mapping[str, torch.Tensor], clip: int = 0):
    """Return a figure with a panel for each map of one sound, the cue in a frame."""
    rows = -(-len(maps) // 3)
    figure, axes = figures.panels(rows, 3, height=1.45 * rows + 0.4, sharex=True, sharey="row")
    draw = _draw_cells if task.kind == "spectrogram" else _draw_samples
    for ax, (name, relevance) in zip(axes.flat, maps.items(), strict=False):
        ax.set_title(figures.style.method_label(name), fontsize=8)
        if relevance[clip].any():
            draw(ax, task, relevance[clip].numpy().sum(0), clip)
        ax.tick_params(labelsize=7)
    for ax in axes.flat[len(maps) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel("Hz" if task.kind == "spectrogram" else "Relevance", fontsize=7)
    for column in range(3):  # the last panel of each column
        axes[(len(maps) - 1 - column) // 3, column].set_xlabel("Time (s)", fontsize=7)
        axes[(len(maps) - 1 - column) // 3, column].tick_params(labelbottom=True)
    return figure


def _draw_cells(ax, task: Task, relevance: np.ndarray, clip: int) -> None:
    limit = figures.relevance_limit(relevance, quantile=0.998)
    figures.relevance_map(ax, relevance, *axes(), limit=limit or None)
    ax.set(xlabel="", ylabel="")
    rows, columns = np.nonzero(task.masks[clip].any(0).numpy())
    times_s, freqs_hz = axes()
    corner = (times_s[columns.min()] - HOP / RATE / 2, freqs_hz[rows.min()])
    size = (np.ptp(times_s[columns]) + HOP / RATE, np.ptp(freqs_hz[rows]) + RATE / WINDOW)
    ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor="#1A1A1A", lw=0.8, ls="--"))


def _draw_samples(ax, task: Task, relevance: np.ndarray, clip: int) -> None:
    times_s, one = np.arange(len(relevance)) / RATE, task.tested[clip]
    ax.axvspan(one.start / RATE, one.stop / RATE, color="#DDDDDD", lw=0)
    ax.plot(times_s, relevance / np.abs(relevance).max(), color="#1A1A1A", lw=0.5)


def draw_table(percent: pd.DataFrame):
    """Return a figure of a table of areas in per cent: 50 is pale, 100 dark."""
    figure, ax = figures.panels(1, 1, height=0.27 * len(percent) + 1.0)
    ax.imshow(percent.fillna(50), cmap="PuOr_r", vmin=0, vmax=100, aspect="auto")
    for row, column in np.argwhere(percent.notna().to_numpy()):
        value = percent.iat[row, column]
        colour = "white" if abs(value - 50) > 35 else "#1A1A1A"
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_xticks(range(percent.shape[1]), labels=percent.columns, rotation=30, fontsize=7)
    labels = [figures.style.method_label(name) for name in percent.index]
    ax.set_yticks(range(len(percent)), labels=labels, fontsize=7)
    ax.axhline(len(percent) - len(CONTROLS) - 0.5, color="#1A1A1A", lw=1)
    ax.tick_params(length=0)
    ax.grid(False)
    return figure


def draw_scores(panels, table: pd.DataFrame) -> None:
    """Draw each faithfulness score over the area, a dot for each method."""
    means = (
        _methods_only(table).groupby("method", sort=False)[["area", *planted.FAITHFULNESS]].mean()
    )
    for ax, score in zip(panels, planted.FAITHFULNESS, strict=True):
        for name, row in means.iterrows():
            look = figures.method_style(name)
            dot = {"marker": look["marker"], "color": look["color"], "ms": 5, "ls": "none"}
            ax.plot(row["area"], row[score], **dot)
        ax.set_title(score, fontsize=8)
        ax.set_xlabel("Area under the curve", fontsize=8)
        ax.tick_params(labelsize=7)
    panels[0].set_ylabel("Score (more is better)", fontsize=8)
    handles = [panels[0].lines[number] for number in range(len(means))]
    names = [figures.style.method_label(name) for name in means.index]
    panels[0].figure.legend(
        handles, names, loc="outside lower center", ncols=4, fontsize=6, frameon=False
    )
