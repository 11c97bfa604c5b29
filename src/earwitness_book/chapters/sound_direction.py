"""What the chapter sound-direction measures on scenes, networks and their relevance."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import attribution, audition, corpora, evaluation, features, models, training
from earwitness.acoustics import sphere
from earwitness.errors import ParameterError
from earwitness.evaluation import statistics
from earwitness_book import records

METHOD = "lrp-kiyan2022"
OWN_ACROSS = (
    "active, own",
    "active, across",
    "active, vertical",
    "reactive, own",
    "reactive, across",
    "reactive, vertical",
)
FLIPPED = {  # name: (by which order, in which channels)
    "all channels": ("relevance", None),
    "active only": ("relevance", [0, 1, 2]),
    "reactive only": ("relevance", [3, 4, 5]),
    "control: random order": ("random", None),
    "control: by energy": ("energy", None),
    "control: random weights": ("untrained", None),
}


def bin_errors(parts) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each bin's active intensity is off the source, and which bins it dominates.

    Parameters
    ----------
    parts : SceneParts
        A scene of first order or higher, its parts apart.

    Returns
    -------
    ndarray, ndarray, shape (frames, bins)
        Angles in degrees; whether the direct sound is louder than everything else.
    """
    flow = features.intensity(features.ambisonic_stft(parts.mixture[:4])).numpy()[:3]
    flow = np.moveaxis(flow, 0, -1)  # (frames, bins, 3)
    unit = flow / np.linalg.norm(flow, axis=-1, keepdims=True)
    off_deg = np.rad2deg(sphere.angle_between(unit, sphere.unit_vector(*parts.direction)))
    direct, rest = (
        features.ambisonic_stft(sound[:1])[0].abs().numpy()
        for sound in (parts.direct, parts.reverberation + parts.noise)
    )
    return off_deg, direct > rest


def inputs_of(scenes: corpora.Corpus, rows: Sequence[int], kind: str) -> torch.Tensor:
    """Return the inputs (n, channels, frames, bins) of a network of that kind for some scenes."""
    return features.network_input(torch.from_numpy(scenes.mixtures(rows)), kind).float()


def seeds_of(kinds: Sequence[str], n_trained: Sequence[int]) -> dict[str, int]:
    """Return how many networks of each kind are trained anew; kinds without any are left out.

    Parameters
    ----------
    kinds : sequence of str
    n_trained : sequence of int
        One number for all kinds, or one for each.

    Raises
    ------
    ParameterError
        If there are more numbers than one, and not one for each.
    """
    each = [*n_trained] * len(kinds) if len(n_trained) == 1 else [*n_trained]
    if len(each) != len(kinds):
        raise ParameterError(
            f"n_trained has {len(each)} numbers for {len(kinds)} kinds of network "
            f"({', '.join(kinds)}); give one for all, or one for each."
        )
    return {kind: n for kind, n in zip(kinds, each, strict=True) if n}


def train(kind: str, source: str, seed: int, recipe: str = "fast") -> nn.Module:
    """Return a network trained as the shipped ones, from another seed; twenty minutes or more of a
    core, or from the cache.

    Parameters
    ----------
    kind : str
        What it takes: ``"intensity"``, ``"order1"``, ...
    source : str
        Who speaks in the rooms.
    seed : int
        Of its rooms, its weights and its batches; the shipped ones have 0.
    recipe : str
    """
    options = {"source": source}
    return training.fit(
        "DoaCRNN", "scenes", variant=kind, recipe=recipe, seed=seed, corpus_options=options
    ).model


def locate_all(
    networks: Mapping[str, tuple[nn.Module, str]], scenes, batch_size: int = 50
) -> dict[str, np.ndarray]:
    """Return the unit vectors (n_scenes, 3) that networks and the formula predict, by name.

    Parameters
    ----------
    networks : mapping from str to (Module, str)
        By name a network and what it takes.
    scenes : Corpus
        Each of its scenes is made once, for all of them.
    batch_size : int

    Returns
    -------
    dict
        Of each network, and ``"pseudo-intensity"``.
    """
    found = {name: [] for name in (*networks, "pseudo-intensity")}
    for rows in np.array_split(np.arange(len(scenes)), -(-len(scenes) // batch_size)):
        mixtures = scenes.mixtures(rows)
        for name, (network, kind) in networks.items():
            found[name].append(models.locate(network, mixtures, kind))
        stft = features.ambisonic_stft(mixtures)
        found["pseudo-intensity"].append(features.pseudo_intensity_direction(stft))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def hit_records(hits: dict[str, np.ndarray], seed: int, n_resamples: int = 2000) -> dict[str, dict]:
    """Return the share of scenes (%) that networks of a kind find, by id: scenes are drawn anew,
    the same for all, and the networks of each kind with them.

    Parameters
    ----------
    hits : dict of str -> bool ndarray, shape (n_networks, n_scenes)
        Of each kind of network, or of the one formula, whether it found the source.
    seed, n_resamples : int
    """
    n_scenes = next(iter(hits.values())).shape[1]
    rows, rng = records.drawn(n_scenes, n_resamples, seed), np.random.default_rng(seed + 1)
    values, wide = {}, {}
    for id, found in hits.items():
        networks = _drawn_networks(len(found), n_resamples, rng)
        of_each = np.stack([one[rows].mean(1) for one in 100.0 * found], axis=1)
        values[id] = np.take_along_axis(of_each, networks, axis=1).mean(1)
        wide[id] = statistics.widened(values[id], of_each.mean(1), len(found)).clip(0, 100)
    made = _with_leads(values, wide, n_scenes, list(permutations(hits, 2)))
    return _with_seeds(made, {id: len(found) for id, found in hits.items()})


def _with_leads(values: dict, wide: dict, n: int, pairs: Sequence) -> dict[str, dict]:
    """Return the records of draws, with leads of the same draws widened for few networks."""
    found = records.from_draws(values, n, "scenes")
    for id, each in records.from_draws(wide, n, "scenes", pairs).items():
        if "against" in each:
            found[id]["against"] = each["against"]
    return found


def _drawn_networks(n: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return which networks are drawn, (1 + n_resamples, n): all of them once, then with
    replacement.
    """
    return np.vstack([np.arange(n), rng.integers(n, size=(n_resamples, n))])


def _with_seeds(found: dict[str, dict], n_networks: dict[str, int]) -> dict[str, dict]:
    """Return the records with the number of networks behind each, where there are several."""
    for id, each in found.items():
        if n_networks.get(id, 1) > 1:
            each["seeds"] = n_networks[id]
    return found


def channel_shares(model: nn.Module, scenes, rows, index) -> tuple[np.ndarray, np.ndarray]:
    """Return on which channel absolute relevance and the input's energy lie, per cent, (n, 6) each.

    Notes
    -----
    Kiyan et al. (2022), Figure 3.
    """
    by_relevance, by_energy = [], []
    for part in np.array_split(rows, -(-len(rows) // 16)):
        inputs = inputs_of(scenes, part, "intensity")
        relevance = attribution.attribute(model, inputs, index[part], METHOD, batch_size=16)
        by_relevance.append(relevance.sum((2, 3)).abs())
        by_energy.append(inputs.square().sum((2, 3)))
    both = torch.cat(by_relevance), torch.cat(by_energy)
    return tuple(100 * (values / values.sum(1, keepdim=True)).numpy() for values in both)


def own_across(shares: np.ndarray, direction: np.ndarray) -> pd.Series:
    """Return the mean share of own, across and vertical channels, active and reactive, in per cent.

    Parameters
    ----------
    shares : ndarray, shape (n, 6)
        Of active x, y, z and reactive x, y, z.
    direction : ndarray of int, shape (n,)
        Even: the source lies on the x axis, odd: on the y axis.
    """
    rows, own, across = np.arange(len(shares)), direction % 2, 1 - direction % 2
    columns = (own, across, 2, 3 + own, 3 + across, 5)
    return pd.Series([shares[rows, column].mean() for column in columns], OWN_ACROSS)


def matches(shares: np.ndarray, direction: np.ndarray, reactive: bool) -> float:
    """Return in how many of the directions (%) the own channel has the largest mean of its kind."""
    kind = slice(3, 6) if reactive else slice(0, 3)
    means = [shares[direction == d][:, kind].mean(0) for d in np.unique(direction)]
    hits = [mean.argmax() == d % 2 for mean, d in zip(means, np.unique(direction), strict=True)]
    return 100 * float(np.mean(hits))


def smallest_across(shares: np.ndarray, direction: np.ndarray) -> float:
    """Return the smallest mean share (%) of the horizontal active channel across the direction."""
    return float(min(shares[direction == d][:, 1 - d % 2].mean() for d in np.unique(direction)))


def flipped_probabilities(
    network, untrained, scenes, fractions, seed: int
) -> dict[str, np.ndarray]:
    """Return the probability of the true class while bins are zeroed, for every way of `FLIPPED`.

    Returns
    -------
    dict of str -> ndarray, shape (n_scenes, n_fractions)

    Notes
    -----
    Kiyan et al. (2022), Figure 4.
    """
    collected = {name: [] for name in FLIPPED}
    truth = scenes.table["class_index"].to_numpy()
    for rows in np.array_split(np.arange(len(scenes)), -(-len(scenes) // 32)):
        inputs, index = inputs_of(scenes, rows, "intensity"), truth[rows]
        orders = _orders(network, untrained, scenes, rows, inputs, index, seed)
        for name, (order, channels) in FLIPPED.items():
            curve = evaluation.bin_flipping(
                network, inputs, index, orders[order], fractions, channels, autocast="auto"
            )
            collected[name].append(curve.probability)
    return {name: np.concatenate(parts) for name, parts in collected.items()}


def _orders(network, untrained, scenes, rows, inputs, index, seed) -> dict[str, torch.Tensor]:
    """Return by what the bins (n, frames, bins) of some scenes are ranked."""
    generator = torch.Generator().manual_seed(seed + int(rows[0]))
    mixtures = torch.from_numpy(scenes.mixtures(rows))
    return {
        "relevance": attribution.attribute(network, inputs, index, METHOD, batch_size=16).sum(1),
        "untrained": attribution.attribute(untrained, inputs, index, METHOD, batch_size=16).sum(1),
        "random": torch.rand(len(rows), *inputs.shape[2:], generator=generator),
        "energy": features.ambisonic_stft(mixtures)[:, 0].abs(),
    }


def curve_summary(mean: dict[str, np.ndarray], fractions: Sequence[float]) -> pd.DataFrame:
    """Return, a row per way, how fast mean probabilities fall: area, half-point, what is left."""
    tenth = list(fractions).index(0.1)
    rows = {
        name: {
            "area, 1: nothing lost": float(np.trapezoid(curve, fractions) / curve[0]),
            "score halved at (% of bins)": 100
            * float(np.interp(-0.5 * curve[0], -np.minimum.accumulate(curve), fractions)),
            "score left at 10 %": curve[tenth] / curve[0],
            "score left at 100 %": curve[-1] / curve[0],
        }
        for name, curve in mean.items()
    }
    return pd.DataFrame(rows).T


def figure3_records(
    shares, untrained, energy, direction, seed: int, n_resamples: int = 500
) -> dict[str, dict]:
    """Return what is recorded of Figure 3, by id: scenes are drawn anew, and with them the trained
    networks and the untrained ones.

    Parameters
    ----------
    shares : ndarray, shape (n_trained, n, 6)
        Of relevance, per cent, of each trained network.
    untrained : ndarray, shape (n_untrained, n_few, 6)
        The same of networks with random weights, of the first of the scenes.
    energy : ndarray, shape (n, 6)
        Of the input's energy, per cent.
    direction : ndarray of int, shape (n,)
    seed, n_resamples : int
    """
    (n_trained, n, _), (n_untrained, n_few, _) = shares.shape, untrained.shape
    rng, columns, fixed = np.random.default_rng(seed), {}, {}
    for rows in records.drawn(n, n_resamples, seed):
        few, nets, blanks = np.arange(n_few), slice(None), slice(None)
        if columns:  # the same scenes where all were asked of the untrained networks, too
            few = rows if n_few == n else rng.integers(n_few, size=n_few)
            nets = rng.integers(n_trained, size=n_trained)
            blanks = rng.integers(n_untrained, size=n_untrained)
        energies = _figure3_values(energy[None, rows], direction[rows])
        for found, some, others in ((columns, nets, blanks), (fixed, slice(None), slice(None))):
            trained = _figure3_values(shares[some][:, rows], direction[rows])
            control = _figure3_values(untrained[others][:, few], direction[few])
            for id, value in _figure3_row(trained, control, energies).items():
                found.setdefault(id, []).append(value)
    values, fixed = ({id: np.array(each) for id, each in of.items()} for of in (columns, fixed))
    n_networks = dict.fromkeys(_FIGURE3_IDS, n_trained) | dict.fromkeys(
        _FIGURE3_UNTRAINED, n_untrained
    )
    wide = {
        id: statistics.widened(each, fixed[id], n_networks.get(id, 1))
        for id, each in values.items()
    }
    found = _with_leads(values, wide, n, _FIGURE3_PAIRS)
    for id in _FIGURE3_UNTRAINED:
        found[id] |= {"n": n_few, "seeds": n_untrained}
    return _with_seeds(found, dict.fromkeys(_FIGURE3_IDS, n_trained))


def _figure3_row(trained: Mapping, control: Mapping, by_energy: Mapping) -> dict[str, float]:
    """Return :func:`_figure3_values` of networks, of untrained ones and of energy, by id."""
    row = {id: trained[name] for id, name in _FIGURE3_IDS.items()}
    row |= {id: control[name] for id, name in _FIGURE3_UNTRAINED.items()}
    return row | {
        f"{_OURS}/active-matches-energy": by_energy["active-matches"],
        f"{_OURS}/share-active-energy": by_energy["share-active"],
    }


def _figure3_values(shares: np.ndarray, direction: np.ndarray) -> dict[str, float]:
    """Return what Figure 3 says of the shares (n_networks, n, 6) of some networks, on average."""
    return {
        "active-matches": np.mean([matches(each, direction, False) for each in shares]),
        "reactive-matches": np.mean([matches(each, direction, True) for each in shares]),
        "others": np.mean([smallest_across(each, direction) for each in shares]),
        "share-active": shares[..., :3].sum(-1).mean(),
        "share-reactive": shares[..., 3:].sum(-1).mean(),
    }


_OURS = "sound-direction/ours"
_FIGURE3_IDS = {
    "sound-direction/figure3/active-matches": "active-matches",
    "sound-direction/figure3/reactive-matches": "reactive-matches",
    "sound-direction/figure3/others-considerable": "others",
    f"{_OURS}/share-active": "share-active",
    f"{_OURS}/share-reactive": "share-reactive",
}
_FIGURE3_UNTRAINED = {
    f"{_OURS}/active-matches-untrained": "active-matches",
    f"{_OURS}/reactive-matches-untrained": "reactive-matches",
    f"{_OURS}/others-untrained": "others",
    f"{_OURS}/share-active-untrained": "share-active",
}
_FIGURE3_PAIRS = [
    ("sound-direction/figure3/active-matches", "sound-direction/ours/active-matches-untrained"),
    ("sound-direction/figure3/reactive-matches", "sound-direction/ours/reactive-matches-untrained"),
    ("sound-direction/figure3/others-considerable", "sound-direction/ours/others-untrained"),
    ("sound-direction/ours/share-active", "sound-direction/ours/share-reactive"),
    ("sound-direction/ours/share-active", "sound-direction/ours/share-active-untrained"),
    ("sound-direction/ours/share-active", "sound-direction/ours/share-active-energy"),
]


def _mean_curves(curves: np.ndarray, rows: np.ndarray, networks: np.ndarray) -> np.ndarray:
    """Return the mean curve of each draw, (1 + n_resamples, n_fractions), from curves (n_networks,
    n, n_fractions).
    """
    of_each = np.stack([one[rows].mean(1) for one in curves], axis=1)
    return np.take_along_axis(of_each, networks[..., None], axis=1).mean(1)


def _areas(means: np.ndarray, fractions) -> np.ndarray:
    """Return the areas under mean curves (n, n_fractions), over where each begins."""
    return np.trapezoid(means, fractions, axis=1) / means[:, 0]


def figure4_records(scores, fractions, seed: int, n_resamples: int = 2000) -> dict[str, dict]:
    """Return what is recorded of Figure 4, by id: scenes are drawn anew, and networks with them.

    Parameters
    ----------
    scores : dict of str -> ndarray, shape (n_networks, n, n_fractions)
        Of :func:`flipped_probabilities`, of each network.
    """
    n_networks, n, _ = next(iter(scores.values())).shape
    drawn, tenth = records.drawn(n, n_resamples, seed), list(fractions).index(0.1)
    networks = _drawn_networks(n_networks, n_resamples, np.random.default_rng(seed + 1))
    values, fixed = (
        _figure4_values(
            {name: _mean_curves(each, drawn, which) for name, each in scores.items()},
            fractions,
            tenth,
        )
        for which in (networks, np.tile(networks[0], (len(networks), 1)))
    )
    wide = {id: statistics.widened(values[id], fixed[id], n_networks) for id in values}
    pairs = [
        ("sound-direction/figure4/reactive-is-mild", f"{_OURS}/tenth-active"),
        ("sound-direction/figure4/reactive-alone-insufficient", f"{_OURS}/all-reactive-flipped"),
        *(
            (f"{_OURS}/area-all", f"{_OURS}/area-all-{k}")
            for k in ("random", "energy", "untrained")
        ),
        (f"{_OURS}/area-active", f"{_OURS}/area-reactive"),
    ]
    found = _with_leads(values, wide, n, pairs)
    return _with_seeds(found, dict.fromkeys(values, n_networks))


def _figure4_values(means: Mapping[str, np.ndarray], fractions, tenth: int) -> dict:
    """Return what Figure 4 says of mean curves (n_draws, n_fractions), by id, (n_draws,) each."""
    area = {name: _areas(each, fractions) for name, each in means.items()}
    left = {name: each / each[:, :1] for name, each in means.items()}
    return {
        f"{_OURS}/area-all": area["all channels"],
        f"{_OURS}/area-active": area["active only"],
        f"{_OURS}/area-reactive": area["reactive only"],
        f"{_OURS}/area-all-random": area["control: random order"],
        f"{_OURS}/area-all-energy": area["control: by energy"],
        f"{_OURS}/area-all-untrained": area["control: random weights"],
        f"{_OURS}/tenth-active": left["active only"][:, tenth],
        f"{_OURS}/all-reactive-flipped": left["reactive only"][:, -1],
        "sound-direction/figure4/active-as-sharp-as-all": area["active only"]
        / area["all channels"],
        "sound-direction/figure4/reactive-is-mild": left["reactive only"][:, tenth],
        "sound-direction/figure4/reactive-alone-insufficient": left["active only"][:, -1],
    }


RANKINGS = {  # name: (by the flipped channels alone, how much relevance of biases is handed on)
    "by-all, kept": (False, 0.0),
    "by-own, kept": (True, 0.0),
    "by-all, handed-on": (False, 1.0),
    "by-own, handed-on": (True, 1.0),
}


def flipped_by_ranking(network, scenes, rows, fractions) -> dict[str, dict[str, np.ndarray]]:
    """Return the probability of the true class while bins of active or of reactive intensity are
    zeroed, for every way of ``RANKINGS``.

    Returns
    -------
    dict of str -> dict of str -> ndarray, shape (n, n_fractions)
        By ranking, then ``"active only"`` and ``"reactive only"``.
    """
    inputs = inputs_of(scenes, rows, "intensity")
    index, found = scenes.table["class_index"].to_numpy()[rows], {}
    relevance = {
        factor: attribution.attribute(
            network, inputs, index, METHOD, batch_size=16, bias_factor=factor
        )
        for factor in (0.0, 1.0)
    }
    for name, (own, factor) in RANKINGS.items():
        found[name] = {}
        for group in ("active only", "reactive only"):
            channels = FLIPPED[group][1]
            ranked = relevance[factor][:, channels] if own else relevance[factor]
            found[name][group] = evaluation.bin_flipping(
                network, inputs, index, ranked.sum(1), fractions, channels, autocast="auto"
            ).probability
    return found


def ranking_records(ranked, fractions, seed: int, n_resamples: int = 2000) -> dict[str, dict]:
    """Return the areas of :func:`flipped_by_ranking` by id, scenes drawn anew; active against
    reactive in each setting.
    """
    n = len(next(iter(ranked.values()))["active only"])
    drawn, values = records.drawn(n, n_resamples, seed), {}
    for setting, curves in ranked.items():
        for group, each in curves.items():
            id = f"area-{group.split()[0]}-{setting.replace(', ', '-')}"
            values[f"{_OURS}/{id}"] = _areas(each[drawn].mean(1), fractions)
    pairs = [(id, id.replace("active", "reactive")) for id in values if "area-active" in id]
    return records.from_draws(values, n, "scenes", pairs)


def channel_magnitude(samples: np.ndarray) -> np.ndarray:
    """Return the magnitudes (freq, time) of one channel (T,)."""
    return features.ambisonic_stft(np.asarray(samples)[None])[0].abs().numpy().T


def positive_relevance(model: nn.Module, inputs: torch.Tensor) -> tuple[list, list]:
    """Return positive relevance over its maximum for the classes that the model predicts.

    Returns
    -------
    list, list of ndarray, shape (freq, time)
        A map per scene: of channel 0 (magnitude and phase together), and of all channels together.
    """
    predicted = model.scores(inputs).argmax(1)
    relevance = attribution.attribute(model, inputs, predicted, METHOD, batch_size=8)
    first = relevance[:, 0] + relevance[:, inputs.shape[1] // 2]
    return tuple(
        [audition.relevance_gains(heat.T) for heat in heats] for heats in (first, relevance.sum(1))
    )


def relevance_of_scenes(
    network, untrained, parts: Sequence, kind: str = "order2"
) -> dict[str, list]:
    """Return maps (freq, time) per scene: of channel 0, of all channels, and of random weights."""
    maps = {"relevance": [], "all-channels": [], "untrained": []}
    for group in np.array_split(np.arange(len(parts)), -(-len(parts) // 8)):
        mixtures = np.stack([parts[i].mixture for i in group])
        inputs = features.network_input(torch.from_numpy(mixtures), kind).float()
        of_first, of_all = positive_relevance(network, inputs)
        maps["relevance"] += of_first
        maps["all-channels"] += of_all
        maps["untrained"] += positive_relevance(untrained, inputs)[0]
    return maps


def in_order_of(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the given numbers in the shape of ``values``, the largest where these are largest."""
    placed = np.empty(given.size)
    placed[np.argsort(values, axis=None, kind="stable")] = np.sort(given, axis=None)
    return placed.reshape(given.shape)


def area_at_equal_level(values, level, truth, n_classes: int = 20) -> float:
    """Return the mean area under the ROC curve within classes of equally loud bins.

    Parameters
    ----------
    values, level, truth : ndarray, shape (freq, time)
        What ranks the bins, how loud they are, and which are looked for.
    n_classes : int
    """
    classes = np.array_split(np.argsort(level, axis=None), n_classes)
    mixed = [rows for rows in classes if 0 < truth.flat[rows].sum() < len(rows)]
    return float(
        np.mean([evaluation.roc_area(values.flat[rows], truth.flat[rows]) for rows in mixed])
    )


def last_step_network(weights: dict[str, np.ndarray]) -> nn.Module:
    """Return a bidirectional LSTM with a dense layer on each direction's last step, in float64.

    Parameters
    ----------
    weights : dict
        As Arras' program keeps them: ``Wxh_Left``, ``bhh_Right``, ``Why_Left``, ..., gates in the
        order i, g, f, o (torch's is i, f, g, o).
    """
    network = _LastSteps(*(weights["Why_Left"].shape[::-1]), weights["Wxh_Left"].shape[1]).double()
    theirs = {"weight_ih": "Wxh", "weight_hh": "Whh", "bias_ih": "bxh", "bias_hh": "bhh"}
    for side, suffix in (("Left", ""), ("Right", "_reverse")):
        for ours, name in theirs.items():
            i, g, f, o = np.split(weights[f"{name}_{side}"], 4)
            values = torch.tensor(np.concatenate([i, f, g, o]))
            getattr(network.lstm, f"{ours}_l0{suffix}").data = values
    dense = np.concatenate([weights["Why_Left"], weights["Why_Right"]], 1)
    network.dense.weight.data = torch.tensor(dense)
    return network


class _LastSteps(nn.Module):
    def __init__(self, n_hidden: int, n_classes: int, n_inputs: int):
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, n_hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * n_hidden, n_classes, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, n_classes) of inputs (batch, time, n_inputs)."""
        forward, backward = self.lstm(inputs)[0].chunk(2, dim=-1)
        return self.dense(torch.cat([forward[:, -1], backward[:, 0]], 1))


def zennit_relevance(network: models.DoaCRNN, inputs: torch.Tensor, index: torch.Tensor):
    """Return what zennit makes of the paper's rules; it has none for LSTMs, nor for normalised
    inputs.

    Relevance of the normalised inputs; through the LSTMs goes the plain gradient.
    """
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import LayerMapComposite, layer_map_base
    from zennit.rules import Epsilon, ZPlus
    from zennit.types import Convolution

    def composite(*more, **options):
        return LayerMapComposite([*layer_map_base(), *more, (nn.Linear, Epsilon(0.01))], **options)

    core = nn.Sequential(*network.convolutions())
    head = nn.ModuleList([network.fc1, network.elu4, network.fc2])
    leaf = network.normalisation(inputs).detach().requires_grad_()
    merged = composite((Convolution, ZPlus()), canonizers=[SequentialMergeBatchNorm()])
    with merged.context(core), composite().context(head):
        sequence = network.lstm2(network.lstm1(network.frames(core(leaf)))[0])[0]
        logits = network.fc2(network.elu4(network.fc1(sequence)))
        at_every_step = index[:, None, None].expand(-1, inputs.shape[2], 1)
        explained = logits.gather(-1, at_every_step)
        return torch.autograd.grad(explained, leaf, explained.detach())[0]
