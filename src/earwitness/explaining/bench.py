"""For any network: cues planted into sounds, what they do to its output, and what
methods make of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch

from earwitness import attribution, evaluation, runtime
from earwitness.arguments import checked
from earwitness.errors import EarwitnessError, ParameterError, check_choice
from earwitness.evaluation import planted, statistics
from earwitness.explaining import bench_report
from earwitness.explaining.bench_report import sentences
from earwitness.explaining.explanation import NUMBERS, kept, write_folder
from earwitness.explaining.networks import Network
from earwitness.explaining.request import Request, index_of, judged, logits_of
from earwitness.provenance import provenance

METHODS = ("lrp-epsilon", "gradient-x-input", "integrated-gradients", "occlusion")
CUES = ("click", "tone", "harmonics", "noise", "gap", "band-limit")
STEPS_DB = (5.0, -5.0, -15.0)  # re a cue's own level
SHORTER = (1.0, 0.5, 0.25)  # of what is taken away: it has no level
REACTS = 0.1  # of the spread of the network's outputs over the sounds
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus")
_UNTRAINED = 104_729  # added to the seed: a network made from it would be its own control
_N_RESAMPLES = 400
_N_MOMENTS = 50  # that are tried
__all__ = ["CUES", "METHODS", "Bench", "bench", "files_of", "sentences"]


@dataclass(frozen=True)
class Bench:
    """What planted cues do to a network, and how methods explain it.

    Attributes
    ----------
    network : str
    specification : dict
        All that determines the result.
    plants : DataFrame
        A row for each sound, cue, strength and method: ``effect``, by how much the output rises
        with the cue, and ``reacts``, whether that is a tenth of the spread of the outputs; ``area``
        in per cent (how likely a value in the cue has more absolute relevance than another),
        ``change`` of the relevance in the cue's place; and the same for random weights
        (``area_untrained``, ``change_untrained``) and for the energy (``area_energy``).
    checks : DataFrame
        A row for each sound and method: ``gain`` by flipping in its order over random orders,
        ``missing`` of its sum in per cent, ``agreement`` with random weights.
    refused : dict
        Why a method does not apply, by its name.
    example : dict
        One sound without and with a cue, and the relevance of the first method.
    """

    network: str
    specification: dict
    plants: pd.DataFrame
    checks: pd.DataFrame
    refused: dict
    example: dict

    def reactions(self) -> pd.DataFrame:
        """Return a row for each cue: share of the plants that the network reacts to, in per cent,
        and the median size of the effect over the spread of the outputs.
        """
        once = self.plants.drop_duplicates(["sound", "cue", "strength"])
        rows = once.groupby("cue", sort=False)
        return pd.DataFrame(
            {
                "n": rows.size(),
                "reacts": 100 * rows["reacts"].mean(),
                "effect": rows["over_spread"].apply(lambda values: values.abs().median()),
            }
        ).reset_index()

    def summary(self, seed: int = 0) -> pd.DataFrame:
        """Return a row for each method: how well it points at cues to which the network reacts,
        how far its relevance follows their effects, and the checks that need no cue.
        """
        rows = []
        for method, plants in self.plants.groupby("method", sort=False):
            checks = self.checks[self.checks["method"] == method]
            rows.append({"method": method, **_points(plants), **_follows(plants, seed)})
            rows[-1] |= {
                "flipping_gain": _mean(checks["gain"]),
                "missing": float(checks["missing"].abs().max()),
                "agreement": _mean(checks["agreement"]),
            }
        return pd.DataFrame(rows)

    @property
    def numbers(self) -> dict:
        """Everything that is a number, as it is written to ``numbers.json``."""
        return {
            "network": self.network,
            "reactions": _plain(self.reactions()),
            "methods": _plain(self.summary()),
            "refused": self.refused,
            "made_from": self.specification,
            "made_with": provenance(),
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``report.html``, ``numbers.json`` and ``plants.csv``, all or nothing.

        Raises
        ------
        ParameterError
            If the folder holds something else. The same result is kept as it is.
        """
        folder = Path(folder).expanduser()
        if not kept(folder, self.specification):
            numbers = json.dumps(self.numbers, indent=1, allow_nan=False) + "\n"
            write_folder(
                folder,
                {
                    "report.html": bench_report.page(self).encode(),
                    NUMBERS: numbers.encode(),
                    "plants.csv": self.plants.to_csv(index=False).encode(),
                },
            )
        return folder


def _plain(table: pd.DataFrame) -> list[dict]:
    return json.loads(table.to_json(orient="records"))


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")


def _points(plants: pd.DataFrame) -> dict:
    """Return mean areas over the plants that move the output, with an interval over sounds."""
    moved = plants[plants["reacts"]]
    if moved.empty:
        return dict.fromkeys(
            ("points", "points_low", "points_high", "points_untrained", "points_energy"), np.nan
        ) | {"n": 0, "better": False}
    ends, better = (np.nan, np.nan), False
    if moved["sound"].nunique() > 1:
        sounds = moved["sound"].to_numpy()
        ends = statistics.bootstrap(moved["area"].to_numpy(), sounds).ends
        gains = [
            statistics.paired_bootstrap(moved["area"].to_numpy(), moved[other].to_numpy(), sounds)
            for other in ("area_untrained", "area_energy")
            if moved[other].notna().all()
        ]
        better = ends[0] > 50 and all(gain.low > 0 for gain in gains)
    return {
        "points": float(moved["area"].mean()),
        "points_low": ends[0],
        "points_high": ends[1],
        "points_untrained": _mean(moved["area_untrained"]),
        "points_energy": float(moved["area_energy"].mean()),
        "n": len(moved),
        "better": bool(better),
    }


def _follows(plants: pd.DataFrame, seed: int) -> dict:
    """Return the rank correlation of effects and changes of relevance, its interval over sounds,
    and that of the changes under random weights.
    """
    effect, change = plants["effect"].to_numpy(), plants["change"].to_numpy()
    members = [np.flatnonzero(plants["sound"] == sound) for sound in plants["sound"].unique()]
    ends = (np.nan, np.nan)
    if len(members) > 1:
        rng = np.random.default_rng(seed)
        drawn = [
            np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
            for _ in range(_N_RESAMPLES)
        ]
        ends = np.quantile(
            [_spearman(effect[rows], change[rows]) for rows in drawn], [0.025, 0.975]
        )
    untrained = plants["change_untrained"].to_numpy()
    return {
        "follows": _spearman(effect, change),
        "follows_low": float(ends[0]),
        "follows_high": float(ends[1]),
        "follows_untrained": _spearman(effect, untrained)
        if np.isfinite(untrained).all()
        else float("nan"),
    }


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation; 0 where one side is the same everywhere."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(first, second).statistic)


@checked
def bench(
    network: Network,
    sounds: Sequence,
    methods: Sequence[str] = METHODS,
    cues: Sequence[str] = CUES,
    target: object = "predicted",
    channel: str | None = None,
    output: object = None,
    class_axis: int | None = None,
    options: Mapping | None = None,
    seed: int = 0,
) -> Bench:
    """Plant cues into sounds and ask whether a network reacts, and whether methods say so.

    Parameters
    ----------
    network : Network
        Of :func:`earwitness.explaining.find`.
    sounds : sequence of paths, or of (samples, sample rate)
    methods : sequence of str
        Of :func:`earwitness.attribution.methods`. One that does not apply is reported with its
        reason.
    cues : sequence of str
        Of :data:`earwitness.evaluation.planted.CUES`, but for the direction, which needs four
        channels.
    target, channel, output, class_axis
        As for :func:`earwitness.explaining.explain`. What is predicted for the sound as it is stays
        the target with the cue, too.
    options : mapping, optional
        Method -> its options.
    seed : int
        Of moments, phases, random weights and random orders.

    Raises
    ------
    EarwitnessError
        A sentence that says what cannot be done; if no method applies, why not.
    """
    for cue in cues:
        check_choice(cue, [name for name in planted.CUES if name != "direction"], "cue")
    if not sounds or not methods or not cues:
        raise ParameterError("A bench needs a sound, a method and a cue.")
    asked = {
        name: [
            Request(
                sound, network, name, target, channel, output, seed,
                dict((options or {}).get(name, {})), class_axis,
            )
            for sound in sounds
        ]
        for name in methods
    }  # fmt: skip
    first = asked[methods[0]]
    cases = [
        _Case(name, request, cues, np.random.default_rng([seed, number]))
        for number, (name, request) in enumerate(zip(_names(first), first, strict=True))
    ]
    plants, checks, refused, example = _judge(asked, cases)
    if not plants:
        reasons = " ".join(f"{name}: {why}" for name, why in refused.items())
        raise ParameterError(f"No method applies to this network. {reasons}")
    specification = first[0].specification | {
        "sound": [request.specification["sound"] for request in first],
        "method": list(methods),
        "cues": list(cues),
        "options": {name: repr(sorted(one[0].options.items())) for name, one in asked.items()},
    }
    return Bench(
        network.name, specification, pd.DataFrame(plants), pd.DataFrame(checks), refused, example
    )


def _judge(asked: Mapping[str, list[Request]], cases: list["_Case"]) -> tuple:
    """Return a row for each plant and each sound, by method, why methods do not apply, and an
    example.
    """
    spread = max(float(np.std([case.logits for case in cases])), 1e-12)
    plants, checks, refused, example = [], [], {}, {}
    work = [(method, number) for method in asked for number in range(len(cases))]
    for method, number in runtime.progress(work, "methods and sounds"):
        request, case = asked[method][number], cases[number]
        if method in refused:
            continue
        try:
            relevance, rows = case.explained(request, spread)
            checked_rows = {"sound": case.name, "method": method, **_checks(request)}
        except EarwitnessError as error:
            refused[method] = str(error)
            continue
        plants += rows
        checks.append(checked_rows)
        example = example or case.example(relevance)
    return [row for row in plants if row["method"] not in refused], checks, refused, example


def _names(requests: Sequence[Request]) -> list[str]:
    """Return a name for each sound; a number tells those of one name apart."""
    names = [request.name for request in requests]
    alike = {name for name in names if names.count(name) > 1}
    return [f"{name} {n}" if name in alike else name for n, name in enumerate(names, start=1)]


class _Case:
    """A sound with cues planted into it, and what the network returns for each."""

    def __init__(self, name: str, request: Request, cues: Sequence[str], rng: np.random.Generator):
        self.name, self.network = name, request.network
        self.pairs = [one for cue in cues for one in _planted(request, cue, rng)]
        self.prepared = self.network.prepare(self.pairs[0][1].clean)
        given = [
            torch.cat([self.network.prepare(getattr(pair, which)).inputs for _, pair in self.pairs])
            for which in ("sound", "clean")
        ]
        self.with_cue, self.without = given
        rows = zip((pair for _, pair in self.pairs), *given, strict=True)
        self.masks = torch.stack([planted.truth(*row) for row in rows])
        clean = self.network.prepare(request.part[0]).inputs
        self.logits = logits_of(self.network, inputs=clean, **request.reading)[0].numpy()
        self.index = index_of(
            request.target, request.network.classes, torch.from_numpy(self.logits)
        )
        with_cue, without = (
            _picked(logits_of(self.network, inputs=inputs, **request.reading), self.index)
            for inputs in given
        )
        self.effects = with_cue - without

    def explained(self, request: Request, spread: float) -> tuple[torch.Tensor, list[dict]]:
        """Return the relevance of the sounds with their cues, and a row for each plant."""
        own = self._scores(request, request.network)
        untrained = self._untrained(request)
        energy = self.with_cue - self.with_cue.flatten(1).amin(1).view(
            -1, *[1] * (self.with_cue.ndim - 1)
        )
        if self.prepared.of_samples:
            energy = self.with_cue.abs()
        by_energy = planted.pointing(energy.cpu(), self.masks.cpu())["area"]
        rows = [
            {
                "sound": self.name,
                "cue": pair.cue,
                "strength": strength,
                "start_s": pair.start / self.network.sample_rate,
                "seconds": (pair.stop - pair.start) / self.network.sample_rate,
                "effect": effect,
                "over_spread": effect / spread,
                "reacts": bool(abs(effect) >= REACTS * spread),
                "method": request.method,
                "area": 100 * own["area"][n],
                "change": own["change"][n],
                "area_untrained": 100 * untrained["area"][n],
                "change_untrained": untrained["change"][n],
                "area_energy": 100 * by_energy[n],
            }
            for n, ((strength, pair), effect) in enumerate(
                zip(self.pairs, self.effects, strict=True)
            )
        ]
        return own["relevance"], rows

    def _scores(self, request: Request, network: Network) -> dict:
        """Return maps with the cue, how well they point at it, and by how much the relevance of its
        place changes.
        """
        with_cue, without = (
            attribution.attribute(
                network.model, inputs, self.index, request.method, **request.reading,
                **request.options,
            )
            for inputs in (self.with_cue, self.without)
        )  # fmt: skip
        change = ((with_cue - without) * self.masks).double().flatten(1).sum(1).cpu().numpy()
        area = planted.pointing(with_cue.cpu(), self.masks.cpu())["area"]
        return {"relevance": with_cue, "area": area, "change": change}

    def _untrained(self, request: Request) -> dict:
        """Return the scores of random weights; NaN where they cannot be drawn."""
        try:
            model = evaluation.randomised(self.network.model, request.seed + _UNTRAINED)
            return self._scores(request, replace(self.network, model=model))
        except ParameterError:
            return dict.fromkeys(("area", "change"), np.full(len(self.pairs), np.nan))

    def example(self, relevance: torch.Tensor) -> dict:
        """Return the plant that moves the output most, with what is shown of it."""
        number = int(np.abs(self.effects).argmax())
        _, pair = self.pairs[number]
        values = relevance[number].double().cpu().numpy()
        mask = self.masks[number].cpu().numpy()
        if self.prepared.of_samples:
            values, mask = values.reshape(-1), mask.reshape(-1)
        elif values.ndim == 3:
            values, mask = values.sum(0), mask.any(0)
        return {
            "sound": self.name,
            "pair": pair,
            "relevance": values,
            "mask": mask,
            "effect": float(self.effects[number]),
            "sample_rate": self.network.sample_rate,
            "times_s": self.prepared.times_s,
            "freqs_hz": self.prepared.freqs_hz,
        }


def _picked(logits: torch.Tensor, index) -> np.ndarray:
    if isinstance(index, tuple):
        return (logits[:, index[0]] - logits[:, index[1]]).numpy()
    return logits[:, index].numpy()


def _planted(request: Request, cue: str, rng) -> list[tuple[float, planted.Planted]]:
    """Return a cue in a sound at three strengths, each at a moment of its own."""
    samples, rate = request.part[0], request.network.sample_rate
    kind, longest_s = planted.CUES[cue], 0.4 * len(samples) / rate
    centre_hz = min(kind.centre_hz, 0.2 * rate) or None
    found = []
    for step_db, part in zip(STEPS_DB, SHORTER, strict=True):
        how = {"level_db": kind.level_db + step_db} if kind.adds else {}
        how["seconds"] = min(kind.seconds * (1.0 if kind.adds else part), longest_s)
        pair = _changed(samples, rate, cue, rng, centre_hz=centre_hz, **how)
        found.append((step_db if kind.adds else part, pair))
    return found


def _changed(samples, rate: int, cue: str, rng, **how) -> planted.Planted:
    """Return a cue at a moment at which it changes the sound: in digital silence there is nothing
    that a gap could take away.
    """
    for _ in range(_N_MOMENTS):
        pair = planted.plant(samples, rate, cue, rng, **how)
        if not np.array_equal(pair.sound, pair.clean):
            return pair
    raise ParameterError(f"{planted.CUES[cue].words.capitalize()} changes nothing of a sound.")


def _checks(request: Request) -> dict:
    """Return what is known of the explanation of the sound as it is."""
    found = judged(request)
    ledger, faithful = found["ledger"], found["faithfulness"]
    explained, missing = ledger.get("explained"), ledger.get("missing")
    magnitudes = found["agreement"].get("correlation_of_magnitudes")
    return {
        "gain": faithful["area_at_random"] - faithful["area_by_relevance"],
        "missing": np.nan if missing is None else 100 * missing / max(abs(explained), 1e-12),
        "agreement": np.nan if magnitudes is None else magnitudes,
    }


def files_of(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files among paths, and those with sounds in folders among them.

    Raises
    ------
    ParameterError
        If a folder holds no sound that is read.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = [path]
        if path.is_dir():
            inside = [one for one in sorted(path.iterdir()) if one.suffix.lower() in SUFFIXES]
        if not inside:
            raise ParameterError(f"{path} holds no sound ({', '.join(SUFFIXES)}).")
        found += inside
    return found
