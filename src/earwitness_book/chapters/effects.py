"""What an intervention in a sound does to a network, and what explanations say it should do.

The sound after an intervention and what was changed add up to the sound. How much there is of each
of the two is the input that is explained, so that every method gives a number to what was changed;
by how much the output falls says what that number should have been.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import parselmouth
import torch
from torch import nn

from earwitness import attribution, evaluation
from earwitness.attribution.completeness import score
from earwitness.evaluation import statistics
from earwitness_book.chapters import everyday_networks as everyday
from earwitness_book.chapters.book_networks import TITLES, Subject

METHODS = {
    "integrated-gradients": {"n_steps": 6},
    "gradient-x-input": {},
    "lrp-epsilon": {},
    "lrp-epsilon-plus": {},
}
CONTROLS = ("energy", "random", "untrained")
MOVES = {
    "F0 − 15 %": {"f0": 0.85},
    "F0 + 15 %": {"f0": 1.15},
    "formants − 15 %": {"formants": 0.85},
    "formants + 15 %": {"formants": 1.15},
}
KINDS = ("band out", "phone out", "pitch moved", "formants moved")
_EDGES_8_KHZ = (0, 250, 500, 750, 1000, 1500, 2000, 3000, 4000)


class Changed(nn.Module):
    """A network whose input is how much there is of a sound after each of some interventions, and
    how much of what each changed.

    Parameters
    ----------
    network : Module
    after, change : Tensor, shape (n, ...)
        Inputs of the network; each pair adds up to the input of the sound itself.
    target : int
        The output that is explained.

    Notes
    -----
    The network is given the mean of all pairs: with equal gains every pair is the same sound, and
    so is their mean. One pass of one sound explains all interventions, and each has an ``n``-th of
    what it has alone.
    """

    def __init__(self, network: nn.Module, after: torch.Tensor, change: torch.Tensor, target: int):
        super().__init__()
        self.network, self.target = network, target
        self.register_buffer("after", after)
        self.register_buffer("change", change)

    def forward(self, gains: torch.Tensor) -> torch.Tensor:
        """Return the output (batch, 1), summed over time, for gains (batch, n, 2)."""
        tail = [1] * (self.after.ndim - 1)
        of_after, of_change = (gains[..., i].unflatten(1, (-1, *tail)) for i in (0, 1))
        mixed = (of_after * self.after + of_change * self.change).mean(1)  # (batch, ...)
        outputs = self.network(mixed)[..., self.target]
        return outputs.flatten(1).sum(1, keepdim=True) if outputs.ndim > 1 else outputs[:, None]

    def relevance(self, method: str, **options) -> np.ndarray:
        """Return the relevance of what each intervention changed, (n,)."""
        whole = self.after.new_ones(1, len(self.after), 2)
        found = attribution.attribute(self, whole, 0, method, **options)[0, :, 1]
        return len(self.after) * found.numpy()


def interventions(
    sound: np.ndarray, sample_rate: float, phones: pd.DataFrame | None
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield kind, name and the sound after each intervention.

    Eight bands are taken out by the Fourier transform, each phone (or eight moments, where none are
    known) by a window with soft edges, F0 and formants are moved by Praat; where Praat finds no
    voice, nothing is moved. Of several channels (channel, T) the same is taken out of each, and
    nothing moved: Praat would change the phases between them, and with them the direction.
    """
    if sound.ndim > 1:
        of_each = [_taken_out(channel, sample_rate, phones) for channel in sound]
        for made in zip(*of_each, strict=True):
            yield *made[0][:2], np.stack([after for *_, after in made])
        return
    yield from _taken_out(sound, sample_rate, phones)
    for name, change in MOVES.items():
        after = _moved(sound, sample_rate, change)
        if after is not None:
            yield ("pitch moved" if "f0" in change else "formants moved"), name, after


def _taken_out(sound: np.ndarray, sample_rate: float, phones) -> Iterator:
    """Yield what :func:`interventions` does of bands and phones in one channel."""
    scale = everyday.RATE / sample_rate  # everyday.bands counts in Hz at 16 kHz
    edges_hz = scale * np.asarray(everyday.BAND_EDGES_HZ if scale == 1 else _EDGES_8_KHZ)
    for number, band in enumerate(everyday.bands(sound, tuple(edges_hz))):
        low, high = edges_hz[number : number + 2] / scale
        yield "band out", f"{low:.0f} to {high:.0f} Hz", np.float32(sound - band)
    for name, window in _windows(len(sound), sample_rate, phones):
        yield "phone out", name, np.float32(sound * (1 - window))


def _windows(n_samples: int, sample_rate: float, phones: pd.DataFrame | None):
    """Return pairs of name and window (n_samples,), 1 within a phone, with edges of 5 ms."""
    if phones is None:
        windows = everyday.moments(n_samples, 8, overlap=round(0.01 * sample_rate))
        return [(f"moment {number}", window) for number, window in enumerate(windows, start=1)]
    times_s, edge_s = np.arange(n_samples) / sample_rate, 0.005
    starts = phones["start_s"].where(phones["start_s"] > 0, -edge_s)  # nothing fades at the ends
    ends = phones["end_s"].where(phones["end_s"] < times_s[-1], times_s[-1] + edge_s)
    rows = zip(phones["phone"], starts, ends, strict=True)
    return [
        (
            phone or "pause",
            np.clip((times_s - start) / edge_s + 0.5, 0, 1)
            * np.clip((end - times_s) / edge_s + 0.5, 0, 1),
        )
        for phone, start, end in rows
    ]


def _moved(sound: np.ndarray, sample_rate: float, change: Mapping) -> np.ndarray | None:
    try:
        after = everyday.moved(sound, rate=sample_rate, **change)
    except parselmouth.PraatError:
        return None
    after = np.pad(after, (0, max(0, len(sound) - len(after))))[: len(sound)]
    return after if np.isfinite(after).all() and after.any() else None


def effects(
    subject: Subject,
    untrained: nn.Module,
    clip: int,
    rng: np.random.Generator,
    methods: Mapping = METHODS,
) -> pd.DataFrame:
    """Return a row for each intervention in one sound: ``kind``, ``name``, ``effect`` (by how much
    the output falls), the relevance of what was changed by each method, and the controls.
    """
    phones = subject.phones[clip] if subject.phones else None
    made = list(interventions(subject.sounds[clip], subject.sample_rate, phones))
    after = torch.cat([subject.represent(sound) for *_, sound in made])
    before, target = subject.inputs[clip : clip + 1], int(subject.targets[clip])
    change, index = before - after, torch.full((len(made),), target)
    with torch.no_grad():
        output = score(subject.model(before), index[:1])
        fall = (output - score(subject.model(after), index)).numpy()
    trained = Changed(subject.model, after, change, target)
    of_random = Changed(untrained, after, change, target)
    columns = {method: trained.relevance(method, **options) for method, options in methods.items()}
    columns["energy"] = change.flatten(1).square().sum(1).numpy()
    columns["random"] = rng.normal(size=len(made))
    columns["untrained"] = of_random.relevance("integrated-gradients", n_steps=4)
    kinds, names = ([one[i] for one in made] for i in (0, 1))
    return pd.DataFrame({"kind": kinds, "name": names, "effect": fall, **columns}).assign(
        network=subject.name, clip=clip
    )


def all_effects(subjects: Mapping[str, Subject], seed: int = 0) -> pd.DataFrame:
    """Return :func:`effects` of every sound of every network."""
    rng = np.random.default_rng(seed)
    return pd.concat(
        [
            effects(subject, evaluation.randomised(subject.model, seed), clip, rng)
            for subject in subjects.values()
            for clip in range(len(subject.sounds))
        ],
        ignore_index=True,
    )


def correlations(table: pd.DataFrame, names: Sequence[str] = (*METHODS, *CONTROLS)) -> pd.DataFrame:
    """Return the rank correlation over interventions of the effect and of what each method or
    control says, a row for each network and clip.
    """
    rows = [
        {"network": network, "clip": clip}
        | {name: everyday.spearman(some["effect"], some[name]) for name in names}
        for (network, clip), some in table.groupby(["network", "clip"], sort=False)
    ]
    return pd.DataFrame(rows)


def moves(table: pd.DataFrame) -> pd.Series:
    """Tell which rows are pitch or formants moved, and not something taken out."""
    return table["kind"].isin(("pitch moved", "formants moved"))


def recorded(rows: pd.DataFrame, name: str, against: Mapping[str, str] | None = None) -> dict:
    """Return what ``records.record_many`` takes of a column of :func:`correlations`: mean over
    clips with its interval, and those of its difference to other columns by record id.

    Of several networks each is drawn with all its clips, of a single one the clips are.
    """
    several = rows["network"].nunique() > 1
    networks = rows["network"].to_numpy() if several else None
    value = statistics.bootstrap(rows[name].to_numpy(), networks)
    rest = {
        id: statistics.paired_bootstrap(rows[name].to_numpy(), rows[other].to_numpy(), networks)
        for id, other in (against or {}).items()
    }
    return {
        "value": value.value, "interval": value.ends, "n": value.n,
        "against": {id: lead.ends for id, lead in rest.items()},
        "of": "networks" if several else "clips",
    }  # fmt: skip


_LOOKS = dict(zip(KINDS, (("#0072B2", "o"), ("#E69F00", "s"), ("#CC79A7", "^"), ("#009E73", "v")),
                  strict=True))  # fmt: skip


def draw(axes, table: pd.DataFrame, method: str) -> None:
    """Draw effect against relevance, a panel for each network, over the largest of each clip."""
    networks = list(table.groupby("network", sort=False))
    panels = np.ravel(axes)
    for ax, (network, rows) in zip(panels, networks, strict=False):
        scale = rows.groupby("clip")[["effect", method]].transform(lambda v: v.abs().max())
        scaled = rows[["effect", method]] / scale.clip(lower=1e-30)
        for kind, some in scaled.groupby(rows["kind"], sort=False):
            colour, marker = _LOOKS[kind]
            ax.plot(some[method], some["effect"], marker, color=colour, ms=4, label=kind)
        ax.axhline(0, color="#BBBBBB", lw=0.6, zorder=0)
        ax.axvline(0, color="#BBBBBB", lw=0.6, zorder=0)
        ax.set_title(TITLES[network], fontsize=9)
        ax.set(xlabel="Relevance", ylabel="Fall of the output")
    for ax in panels[len(networks) :]:
        ax.set_axis_off()
    handles, names = panels[0].get_legend_handles_labels()
    panels[0].figure.legend(handles, names, loc="outside lower center", ncols=2)
