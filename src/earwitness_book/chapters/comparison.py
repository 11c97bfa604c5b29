"""All methods on all networks of the book, side by side: how faithful, complete, steady, sparse,
alike and dear they are.
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.stats
import torch
from torch import nn

from earwitness import attribution, evaluation, figures
from earwitness.attribution.completeness import score
from earwitness.errors import EarwitnessError
from earwitness.evaluation import flipping, statistics
from earwitness_book import records
from earwitness_book.chapters.book_networks import Subject

_SAMPLED = ("n_steps", "n_samples", "n_masks")
_REGRESSED = ("audiolime", "kernel-shap", "sampling-shap")
_FEWEST = 40  # mixtures: a regression must tell the components of four segments apart
FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


def options_of(method: str, subject: Subject, n: int) -> dict:
    """Return the options of a method: its rate in Hz, and ``n`` samples, steps or masks."""
    known = attribution.options(method)
    n = max(n, _FEWEST) if method in _REGRESSED else n
    chosen = {name: n for name in _SAMPLED if name in known}
    if method in _REGRESSED:
        chosen["n_segments"] = 4
    if "sample_rate" in known:
        chosen["sample_rate"] = subject.sample_rate
    return chosen


def explain(subject: Subject, method: str, n: int, inputs: torch.Tensor | None = None):
    """Return a method's map of each clip, or of other inputs for the same outputs."""
    inputs = subject.inputs if inputs is None else inputs
    return attribution.attribute(
        subject.model, inputs, subject.targets, method, **options_of(method, subject, n)
    )


@dataclass
class Passes:
    """How many clips went through a network, and how many of them came back as gradients."""

    forward: int = 0
    backward: int = 0


@contextmanager
def counted(model: nn.Module):
    """Count the clips that pass through a network inside the ``with`` block."""
    passes = Passes()

    def note(_, __, output):
        passes.forward += len(output)
        passes.backward += len(output) * output.requires_grad

    handle = model.register_forward_hook(note)
    try:
        yield passes
    finally:
        handle.remove()


def passes_a_clip(method: str, passes: Passes, n_clips: int) -> float:
    """Return how many passes a clip took, forward and backward ones added: 2 for one gradient.

    A pass of LRP from the output to the input counts as a backward one.
    """
    by_rules = attribution.family(method) in ("lrp", "frequency")
    return (passes.forward + (passes.forward if by_rules else passes.backward)) / n_clips


@dataclass
class Compared:
    """What was found on one network.

    Attributes
    ----------
    maps : dict
        Method -> its maps (n, ...).
    refused : dict
        Method -> the sentence in which it refused.
    rows : DataFrame
        A row for each method and clip: ``most`` and ``least`` (areas under the output when the most
        or least relevant goes first), ``faithful`` (their difference), ``incomplete``, ``shaken``,
        ``sparse``.
    costs : dict
        Method -> passes a clip.
    """

    subject: Subject
    maps: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    costs: dict = field(default_factory=dict)
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)


def support(
    found: Mapping[str, Compared], others: Mapping[str, Subject], methods: Sequence[str]
) -> pd.DataFrame:
    """Return a table (method, network): ``✓``, or the sentence in which a method refuses.

    Parameters
    ----------
    found : mapping
        Networks that were compared.
    others : mapping
        Networks of which nothing is looked at but whether there is a map, with as few steps,
        samples and segments as there can be.
    """
    said = {name: one.refused for name, one in found.items()}
    said |= {name: _refusals(subject, methods) for name, subject in others.items()}
    return pd.DataFrame(
        {name: {method: of.get(method, "✓") for method in methods} for name, of in said.items()}
    )


def _refusals(subject: Subject, methods: Sequence[str]) -> dict[str, str]:
    refused, one = {}, slice(0, 1)
    for method in methods:
        options = options_of(method, subject, 2)
        if method in _REGRESSED:
            options |= {"n_segments": 1, "n_samples": 8}
        if method == "occlusion":
            options["mask"] = tuple(-(-size // 2) for size in subject.inputs.shape[2:])
        try:
            attribution.attribute(
                subject.model, subject.inputs[one], subject.targets[one], method, **options
            )
        except EarwitnessError as refusal:
            refused[method] = str(refusal)
    return refused


def reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Return the refusals of :func:`support`, one row for each sentence with all that it is said
    of.
    """
    found = table.rename_axis("method").reset_index().melt("method", None, "network", "reason")
    found = found[found["reason"] != "✓"]
    for what, by in ((r", got .*?\)(?=[.;])", ""), (r"[\d.e+]+ %", "… %")):
        found["reason"] = found["reason"].str.replace(what, by, regex=True)
    return (
        found.groupby("reason", sort=False)
        .agg(methods=("method", _listed), networks=("network", _listed))
        .reset_index()[["methods", "networks", "reason"]]
    )


def _listed(names) -> str:
    return ", ".join(dict.fromkeys(names))


def compare(subject: Subject, methods: Sequence[str], n: int, seed: int = 0) -> Compared:
    """Return everything that is measured of the methods on one network.

    Parameters
    ----------
    n : int
        Steps, samples and masks of the methods that take any.
    """
    found, rows = Compared(subject), []
    for method in methods:
        try:
            with counted(subject.model) as passes:
                found.maps[method] = explain(subject, method, n)
        except EarwitnessError as refusal:
            found.refused[method] = str(refusal)
            continue
        found.costs[method] = passes_a_clip(method, passes, len(subject.inputs))
        of_clips = measured(subject, method, found.maps[method], n, seed)
        rows.append(of_clips.assign(method=method, network=subject.name))
    found.rows = pd.concat(rows, ignore_index=True)
    return found


def measured(
    subject: Subject, method: str, relevance: torch.Tensor, n: int, seed: int
) -> pd.DataFrame:
    """Return a row for each clip with all that is measured of one map."""
    areas = [flipped(subject, order) for order in (relevance, -relevance)]
    whole = attribution.completeness(subject.model, subject.inputs, subject.targets, relevance)

    def again(inputs):
        return explain(subject, method, n, inputs)

    return pd.DataFrame(
        {
            "clip": np.arange(len(relevance)),
            "most": areas[0],
            "least": areas[1],
            "faithful": areas[1] - areas[0],
            "incomplete": whole.relative.numpy(),
            "shaken": evaluation.shaken(
                again, subject.inputs, n_draws=1, seed=seed, before=relevance
            ),
            "sparse": evaluation.sparseness(relevance),
        }
    )


@torch.no_grad()
def flipped(subject: Subject, order: torch.Tensor) -> np.ndarray:
    """Return the area under each clip's output while its values are set to zero in an order,
    (n_clips,).

    The output is counted from what it is without any input, in units of the mean gain over that of
    the network's clips; 1 is an output that stays. As :func:`earwitness.evaluation.pixel_flipping`
    does it, of logits instead of probabilities, all clips at once.
    """
    inputs = subject.inputs
    ranks = flipping.flipping_ranks(inputs, order, "nonzero")
    counts = flipping.flipped_counts(inputs, FRACTIONS).view(len(inputs), -1, *[1] * inputs[0].ndim)
    scores = torch.stack(
        [
            score(subject.model(inputs * (ranks >= counts[:, step])), subject.targets)
            for step in range(len(FRACTIONS))
        ],
        dim=1,
    ).double()  # (clip, fraction)
    gains = (scores[:, 0] - scores[:, -1]).abs().mean().clamp_min(1e-12)
    return np.trapezoid(((scores - scores[:, -1:]) / gains).numpy(), FRACTIONS, axis=1)


# --- over networks


def joined(found: Mapping[str, Compared]) -> pd.DataFrame:
    """Return the rows of all networks."""
    return pd.concat([one.rows for one in found.values()], ignore_index=True)


def everywhere(rows: pd.DataFrame) -> list[str]:
    """Return the methods that apply to all networks, in their order."""
    n_networks = rows["network"].nunique()
    counts = rows.groupby("method", sort=False)["network"].nunique()
    return counts.index[counts == n_networks].tolist()


def by_network(rows: pd.DataFrame, of: str, methods: Sequence[str]) -> pd.DataFrame:
    """Return means over clips, (network, method)."""
    table = rows.pivot_table(index="network", columns="method", values=of, sort=False)
    return table[list(methods)]


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of methods over networks, 1 the best, and whether they differ.

    Attributes
    ----------
    mean : Series
        By method, best first.
    p : float
        Of Friedman's test.
    critical : float
        Difference of mean ranks that two methods need (Nemenyi).
    n : int
        Networks.
    """

    mean: pd.Series
    p: float
    critical: float
    n: int


def ranked(table: pd.DataFrame) -> Ranks:
    """Return the ranks of the columns of a table (network, method), highest value first.

    Notes
    -----
    Friedman (1937) and Nemenyi (1963), as Demsar (2006) puts them together.
    """
    ranks = table.rank(axis=1, ascending=False)
    p = float(scipy.stats.friedmanchisquare(*table.to_numpy().T).pvalue)
    critical = statistics.critical_difference(table.shape[1], len(table))
    return Ranks(ranks.mean().sort_values(), p, critical, len(table))


def price(
    rows: pd.DataFrame, costs: pd.DataFrame, methods: Sequence[str], n_resamples: int = 1000
) -> np.ndarray:
    """Return the rank correlation over methods of cost and faithfulness, both by their mean rank
    over networks: over all of them, then over each draw of them, (1 + n_resamples,). Above 0, what
    costs more is more faithful.
    """
    faithful = by_network(rows, "faithful", methods).rank(axis=1)
    dear = costs.loc[faithful.index, list(methods)].rank(axis=1)
    drawn = records.drawn(len(faithful), n_resamples, 0)
    both = (torch.as_tensor(each.to_numpy()[drawn].mean(axis=1)) for each in (dear, faithful))
    return evaluation.rank_correlations(*both)  # of (draw, method)


def agreement(found: Mapping[str, Compared], methods: Sequence[str]) -> pd.DataFrame:
    """Return the rank correlation of every two methods' signed maps, mean over clips, then over the
    networks to which both apply.
    """
    pairs = pairwise(found, methods)
    means = pairs.groupby(["first", "second", "network"])["alike"].mean()
    table = pd.DataFrame(np.eye(len(methods)), index=methods, columns=methods)
    for (first, second), alike in means.groupby(["first", "second"]).mean().items():
        table.loc[first, second] = table.loc[second, first] = alike
    return table.where((table != 0) | np.eye(len(methods), dtype=bool))


def pairwise(found: Mapping[str, Compared], methods: Sequence[str]) -> pd.DataFrame:
    """Return a row for each network, clip and pair of methods: ``alike``, the rank correlation of
    their signed maps.
    """
    rows = []
    for name, one in found.items():
        known = [method for method in methods if method in one.maps]
        maps = torch.stack([one.maps[method] for method in known], dim=1)  # (clip, method, ...)
        for clip, of_clip in enumerate(maps):
            alike = evaluation.rank_matrix(of_clip)
            rows += [
                {"network": name, "clip": clip, "first": known[i], "second": known[j],
                 "alike": alike[i, j]}
                for i, j in combinations(range(len(known)), 2)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def disagreement(found: Mapping[str, Compared], methods: Sequence[str]) -> np.ndarray:
    """Return the mean rank correlation over pairs of methods, a value for each clip of all
    networks.
    """
    return pairwise(found, methods).groupby(["network", "clip"])["alike"].mean().to_numpy()


def incomplete(subjects: Mapping[str, Subject], n_steps: int = 50) -> np.ndarray:
    """Return the error of completeness of integrated gradients, a value for each clip."""
    errors = [
        attribution.completeness(
            one.model, one.inputs, one.targets, explain(one, "integrated-gradients", n_steps)
        ).relative
        for one in subjects.values()
    ]
    return torch.cat(errors).numpy()


def costs(found: Mapping[str, Compared]) -> pd.DataFrame:
    """Return passes a clip, (network, method)."""
    return pd.DataFrame({name: one.costs for name, one in found.items()}).T


def recorded(rows: pd.DataFrame, method: str, of: str = "faithful", against: str = "") -> dict:
    """Return what ``records.record_many`` takes of a method: mean over clips of all networks with
    its interval, and that of its difference to another method, on the clips of both.

    Networks are drawn, each with all its clips; of a single one the clips are.
    """
    own = rows[rows["method"] == method].set_index(["network", "clip"])[of]
    found = statistics.bootstrap(own.to_numpy(), _networks(own))
    counted = {"n": found.n, "of": "clips" if _networks(own) is None else "networks"}
    made = {"value": found.value, "interval": found.ends, **counted}
    if against in ("", method):
        return made
    other = rows[rows["method"] == against].set_index(["network", "clip"])[of]
    both = own.index.intersection(other.index)
    pairs = own[both].to_numpy(), other[both].to_numpy()
    rest = statistics.paired_bootstrap(*pairs, _networks(own[both]))
    return made | {"against": {f"known-answers/side-by-side/{of}-{against}": rest.ends}}


def _networks(values: pd.Series) -> np.ndarray | None:
    """Return whose values (network, clip) are, if they are those of several networks."""
    names = values.index.get_level_values("network")
    return names.to_numpy() if names.nunique() > 1 else None


# --- pictures


def label(method: str) -> str:
    """Return how figures call a method."""
    return figures.method_label(method)


def draw_price(ax, rows: pd.DataFrame, costs: pd.DataFrame) -> None:
    """Draw faithfulness against cost, a mark for each method: means over networks."""
    faithful = rows.groupby(["method", "network"])["faithful"].mean().groupby("method").mean()
    passes = costs.mean().clip(lower=0.5)
    for method, value in faithful.items():
        style = figures.method_style(method) | {"linestyle": ""}
        ax.plot(passes[method], value, label=label(method), ms=8, **style)
    ax.axhline(0, color="#1A1A1A", lw=0.8)
    ax.set(xscale="log", xlabel="Passes through the network a clip", ylabel="Faithfulness")
    ax.legend(ncols=2, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.02))


def draw_ranks(ax, ranks: Ranks) -> None:
    """Draw mean ranks, best on top, and how far from the best a rank may be by chance."""
    places = np.arange(len(ranks.mean))[::-1]
    ax.axvspan(ranks.mean.iloc[0], ranks.mean.iloc[0] + ranks.critical, color="#EEEEEE", lw=0)
    for place, (method, rank) in zip(places, ranks.mean.items(), strict=True):
        ax.plot(rank, place, ms=8, **figures.method_style(method) | {"linestyle": ""})
    ax.set_yticks(places, labels=[label(method) for method in ranks.mean.index])
    ax.set_xlabel(f"Mean rank over {ranks.n} networks (grey: may be chance)")


def draw_agreement(ax, table: pd.DataFrame):
    """Draw rank correlations of methods as a square of numbers."""
    image = ax.imshow(table, cmap=figures.RELEVANCE_CMAP, vmin=-1, vmax=1)
    for row, column in np.argwhere(np.isfinite(table.to_numpy())):
        said = f"{table.iloc[row, column]:.1f}".replace("-0.0", "0.0")
        ax.text(column, row, said, ha="center", va="center", fontsize=6)
    names = [label(method) for method in table.index]
    ax.set_xticks(range(len(names)), labels=names, rotation=90, fontsize=7)
    ax.set_yticks(range(len(names)), labels=names, fontsize=7)
    ax.tick_params(length=0)
    return image
