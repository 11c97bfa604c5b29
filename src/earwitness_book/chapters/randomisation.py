"""Does a map change when the network does: with layers drawn anew, with labels that mean nothing,
with another seed?
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from earwitness import attribution, audition, evaluation, features, figures, models
from earwitness.evaluation import statistics
from earwitness.features import compact
from earwitness_book.chapters.book_networks import Subject

METHODS = {
    "gradient": {},
    "gradient-x-input": {},
    "integrated-gradients": {"n_steps": 10},
    "guided-backprop": {},
    "grad-cam": {},
    "lrp-epsilon": {},
    "lrp-epsilon-plus": {},
    "lrp-alpha1-beta0": {},
}
CONTROLS = ("random", "random-x-input")
CENTRES_HZ = features.mel_edges_hz(compact.N_BANDS, compact.FMAX_HZ)[1:-1]
HOP_S = compact.N_HOP / 8000


def blocks(model: nn.Module) -> list[list[str]]:
    """Return the layers with weights from the output to the input, a batch norm together with the
    layer before it.
    """
    found: list[list[str]] = []
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is None:
            continue
        if isinstance(module, _BatchNorm) and found:
            found[-1].append(name)
        else:
            found.append([name])
    return found[::-1]


def cascade(model: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Yield the network with its last layer drawn anew, with its last two, and so on, each with the
    name of the layer that came in last.

    Notes
    -----
    Adebayo et al. (2018), section 3.1, cascading randomization [adebayo2018].
    """
    drawn: list[str] = []
    for block in blocks(model):
        drawn += block
        yield block[0], evaluation.randomised(model, seed, drawn)


def maps(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, methods: Mapping = METHODS
) -> dict[str, torch.Tensor]:
    """Return the map of each method."""
    return {
        method: attribution.attribute(model, inputs, targets, method, **options)
        for method, options in methods.items()
    }


def controls(inputs: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
    """Return maps that know nothing of a network: random numbers, and these times the input."""
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed))
    return {"random": noise, "random-x-input": noise * inputs}


def alike(
    first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor], **labels
) -> list[dict]:
    """Return how alike the maps of two networks are, a row for each method and clip."""
    rows = []
    for method in second:
        beside = "gradient-x-input" if method in CONTROLS else method
        pair = first[beside], second[method]
        found = zip(
            evaluation.rank_correlations(*pair),
            evaluation.rank_correlations(*pair, signed=False),
            strict=True,
        )
        rows += [
            {"method": method, "clip": clip, "signed": signed, "magnitude": magnitude, **labels}
            for clip, (signed, magnitude) in enumerate(found)
        ]
    return rows


def through_the_layers(
    subject: Subject, methods: Mapping = METHODS, n_draws: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Return how alike maps are to those of the trained network, layer by layer drawn anew.

    Returns
    -------
    DataFrame
        A row for each method, clip, draw and depth: ``signed``, ``magnitude``, ``layer``. Beside
        the methods the controls, which are held against gradient × input.
    """
    trained = maps(subject.model, subject.inputs, subject.targets, methods)
    rows = []
    for draw in range(seed, seed + n_draws):
        for depth, (layer, network) in enumerate(cascade(subject.model, draw), start=1):
            found = maps(network, subject.inputs, subject.targets, methods)
            found |= controls(subject.inputs, draw)
            rows += alike(trained, found, draw=draw, depth=depth, layer=layer)
    return pd.DataFrame(rows).assign(network=subject.name)


def by_clip(table: pd.DataFrame, of: str, depth: int, method: str) -> np.ndarray:
    """Return the mean over draws of each clip, (n_clips,); depth -1 is all layers, -2 all but the
    first.
    """
    depths = sorted(table["depth"].unique())
    rows = table[(table["method"] == method) & (table["depth"] == depths[depth])]
    return rows.groupby(["network", "clip"])[of].mean().to_numpy()


def recorded(
    table: pd.DataFrame,
    method: str,
    depth: int,
    against: Mapping[str, str] | None = None,
    of: str = "magnitude",
    less: str = "",
) -> dict:
    """Return what ``records.record_many`` takes of a method at a depth: value, interval over clips,
    intervals of its difference to other methods by record id; or of its difference to ``less``.
    """
    own = by_clip(table, of, depth, method)
    others = {id: by_clip(table, of, depth, other) for id, other in (against or {}).items()}
    return _recorded(own - by_clip(table, of, depth, less) if less else own, others)


def _recorded(values: np.ndarray, others: Mapping[str, np.ndarray]) -> dict:
    found = statistics.bootstrap(values)
    rest = {id: statistics.paired_bootstrap(values, other).ends for id, other in others.items()}
    return {"value": found.value, "interval": found.ends, "against": rest, "n": found.n}


def curves(table: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return mean and 95 % interval over clips, a row for each method and depth."""
    means = table.groupby(["method", "depth", "layer", "clip"])[of].mean().reset_index()
    rows = []
    for (method, depth, layer), some in means.groupby(["method", "depth", "layer"]):
        found = statistics.bootstrap(some[of].to_numpy())
        rows.append(
            {"method": method, "depth": depth, "layer": layer, "mean": found.value,
             "low": found.low, "high": found.high}
        )  # fmt: skip
    return pd.DataFrame(rows)


def learnt(
    inputs: torch.Tensor, labels: torch.Tensor, seed: int, n_steps: int, rate: float = 4e-3
) -> nn.Module:
    """Return the book's small network for digits, trained until it knows these clips by heart.

    All clips at once, AdamW without weight decay, no dropout: what is asked is whether it can
    learn labels that mean nothing, and what its maps are then. In use the batch norms scale by what
    these very clips have.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.DigitNet(10)
    network.drop = nn.Identity()
    for layer in network:
        if isinstance(layer, _BatchNorm):
            layer.momentum = 1.0  # the statistics in use are those of the last pass
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.0)
    network.train()
    for _ in range(n_steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimiser.step()
    with torch.no_grad():
        network(inputs)
    return network.eval().requires_grad_(False)


def percent_right(network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the accuracy in per cent."""
    return 100 * float((models.logits(network, inputs).argmax(1) == labels).float().mean())


def seeds_and_labels(
    true: Sequence[nn.Module],
    shuffled: Sequence[nn.Module],
    inputs: torch.Tensor,
    targets: torch.Tensor,
    methods: Mapping = METHODS,
) -> pd.DataFrame:
    """Return how alike maps of networks are that differ in their seed, or in their labels.

    Parameters
    ----------
    true, shuffled : sequence of Module
        Networks by seed; those of one seed began with the same weights.

    Returns
    -------
    DataFrame
        A row for each method, clip and pair: ``pair`` is ``"seeds"`` or ``"labels"``.
    """
    of_true = [maps(network, inputs, targets, methods) for network in true]
    of_shuffled = [maps(network, inputs, targets, methods) for network in shuffled]
    rows = []
    for number, first in enumerate(of_true):
        for second in of_true[number + 1 :]:
            rows += alike(first, second, pair="seeds")
        rows += alike(first, of_shuffled[number], pair="labels")
    return pd.DataFrame(rows)


def pair_means(table: pd.DataFrame, of: str, pair: str, method: str) -> np.ndarray:
    """Return the mean over pairs of networks of each clip, (n_clips,)."""
    rows = table[(table["pair"] == pair) & (table["method"] == method)]
    return rows.groupby("clip")[of].mean().to_numpy()


def recorded_pair(
    table: pd.DataFrame,
    method: str,
    pair: str,
    against: Mapping[str, str] | None = None,
    of: str = "signed",
    less: str = "",
) -> dict:
    """Return what ``records.record_many`` takes of a kind of pairs; see :func:`recorded`."""
    own = pair_means(table, of, pair, method)
    others = {id: pair_means(table, of, other, method) for id, other in (against or {}).items()}
    made = _recorded(own - pair_means(table, of, less, method) if less else own, others)
    return made | {"unit": "1", "of": "clips"}


def audible(second: np.ndarray, found: torch.Tensor) -> np.ndarray:
    """Return a second of sound (8000,) with its bands weighted, moment by moment, by what of a map
    (band, frame) speaks for the output.
    """
    heat = found.clamp_min(0).numpy()
    return audition.filter_by_relevance(
        second, heat / max(heat.max(), 1e-30), 8000, frame_length=compact.N_WINDOW,
        hop=compact.N_HOP, start=-compact.N_WINDOW // 2, freqs_hz=CENTRES_HZ,
    )  # fmt: skip


def draw_curves(ax, table: pd.DataFrame, of: str) -> None:
    """Draw what :func:`curves` returns: a line for each method, with its interval."""
    layers = table.drop_duplicates("depth").sort_values("depth")["layer"].tolist()
    for method, rows in table.groupby("method"):
        rows = rows.sort_values("depth")
        places = np.arange(len(rows) + 1)
        look = {"color": "#999999", "linestyle": ":", "marker": "."}
        look = look if method in CONTROLS else figures.method_style(method)
        low, mean, high = (
            np.concatenate([[np.nan if method in CONTROLS else 1.0], rows[name]])
            for name in ("low", "mean", "high")
        )
        ax.fill_between(places, low, high, color=look["color"], alpha=0.15, lw=0)
        ax.plot(places, mean, label=label(method), **look)
    ax.set_xticks(range(len(layers) + 1), labels=["none", *layers])
    ax.axhline(0, color="#1A1A1A", lw=0.8)
    ax.set_ylabel(f"Rank correlation,\n{_SAID[of]}")


def label(method: str) -> str:
    """Return how figures and tables call a method or control."""
    return _LABELS.get(method) or figures.method_label(method)


_LABELS = {"random": "random numbers", "random-x-input": "random numbers × input"}
_SAID = {"magnitude": "magnitudes", "signed": "signed"}
