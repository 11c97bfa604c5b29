"""What the chapter speech-quality asks of a whole model, and what it records."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from earwitness import attribution
from earwitness.evaluation import statistics, units
from earwitness_book import records

_PARTS = {
    "cnn": "convolutional part",
    "time": "recurrent part or attention",
    "pools": "pooling",
    "baseline": "silence itself",
}


def balance(network, spectrogram, method: str) -> dict[str, float]:
    """Return the estimate, what arrives on the spectrogram, and what each part of the network
    keeps.

    Parameters
    ----------
    network : Nisqa
        Or one that counts from a baseline, :func:`earwitness.attribution.relative_to`.
    spectrogram : Tensor, shape (bands, frames)
    method : str
        An LRP method.

    Raises
    ------
    AssertionError
        If the parts named here do not hold all that is kept.
    """
    found = attribution.conservation(network, spectrogram[None], 0, method)
    kept = dict.fromkeys(_PARTS.values(), 0.0)
    for name, value in found.absorbed.items():
        part = name.removeprefix("model.").split(".")[0].split(":")[0]
        kept[_PARTS.get(part, "elsewhere")] = kept.get(_PARTS.get(part, "elsewhere"), 0) + float(
            value
        )
    missing = float(found.explained - found.relevance) - sum(kept.values())
    if abs(missing) >= 2e-3 * max(1, *map(abs, kept.values())):
        raise AssertionError(f"The ledger misses {missing:.3g} of {float(found.explained):.3g}.")
    outcome = {"estimate": float(found.explained), "on the spectrogram": float(found.relevance)}
    return outcome | {f"kept: {part}": value for part, value in kept.items()}


def role_records(
    claim: str, best: Sequence[units.Best], outputs: Sequence[np.ndarray], truth, clips: Sequence
) -> dict[str, dict]:
    """Return what is recorded of a role that some feature has, by id: its area, and that of the
    best features of networks with random weights.

    Parameters
    ----------
    claim : str
        The end of the id, for instance ``"interruption"``.
    best : sequence of Best
        Of the network, then of each network with random weights.
    outputs : sequence of ndarray, shape (n, n_units)
        Of the same networks, for the moments that had no say in choosing.
    truth : array_like of bool, shape (n,)
    clips : sequence, length n
        The clip of each moment: clips are drawn, with all their moments.
    """
    drawn = np.stack(
        [
            units.drawn_areas(one.direction * values[:, one.unit], truth, clips)
            for one, values in zip(best, outputs, strict=True)
        ]
    )  # (network, resample)
    own, floor = drawn[0], drawn[1:].mean(axis=0)
    control = f"speech-quality/ours/{claim}-random-weights"
    counted = {"n": len(np.unique(clips)), "of": "clips"}
    return {
        f"speech-quality/features/{claim}": {
            "value": best[0].area,
            "interval": _around(best[0].area, own),
            "against": {control: _ends(own - floor)},
            **counted,
        },
        control: {
            "value": (mean := float(np.mean([one.area for one in best[1:]]))),
            "interval": _around(mean, floor),
            "seeds": len(best) - 1,
            **counted,
        },
    }


def quality_records(network, clips: pd.DataFrame, agreement: pd.DataFrame, ours: bool) -> dict:
    """Return what is recorded of a model of quality and its corpus, by id.

    Parameters
    ----------
    network : Nisqa
    clips : DataFrame
    agreement : DataFrame
        With PESQ, of the model (``estimate``) and of one with random weights (``random``).
    ours : bool
        Whether the model learnt from PESQ, so that their distance means something.
    """
    correlation = agreement.loc["correlation with PESQ"]
    found = {
        "corpus/clips": len(clips),
        "corpus/conditions": clips["condition"].nunique(),
        "model/bands": network.settings.n_mels,
        "ours/correlation": correlation["estimate"],
        "ours/correlation-random-weights": correlation["random"],
    }
    if network.settings.cnn == "standard":  # that of later models has no layer of 20 features
        found["model/features"] = network.cnn.n_features
    if ours:
        found["ours/rmse"] = agreement.loc["root mean square difference", "estimate"]
    return _of_chapter(found)


def occlusion_records(surveys, hidden, seed: int, n_resamples: int = 500) -> dict[str, dict]:
    """Return what is recorded of masking, by id, clips drawn with all their masks; what was not
    measured is left out.

    Parameters
    ----------
    surveys : mapping from name of a network to DataFrame
        The model's first, then that of random weights: a row per mask, as
        :func:`earwitness_book.chapters.disturbances.survey` returns them.
    hidden : DataFrame
        A row per clip whose disturbance was hidden, as ``hide_disturbances`` returns it.
    seed, n_resamples : int
    """
    own = next(iter(surveys.values()))
    drawn = records.drawn(own["clip"].nunique(), n_resamples, seed)
    found = _of_masks(surveys, drawn) | _of_sides(surveys)
    lost = {
        "occlusion/hiding-disturbance-need-not-help": "hidden",
        "ours/hiding-elsewhere-does-not-help": "elsewhere",
        "ours/repairing-does-not-help": "repaired",
    }
    if len(hidden):
        not_raised = {id: 100.0 * (hidden[way] <= 0) for id, way in lost.items()}
        found |= records.from_clips(_of_chapter(not_raised))
    return found


def _of_masks(surveys, drawn: np.ndarray) -> dict[str, dict]:
    """Return ratios and correlations over the masks of all clips."""
    names, values = ("", "-random-weights"), {}
    for name, masks in zip(names, surveys.values(), strict=True):
        empty, size = masks["empty"] >= 0.95, masks["change"].abs()
        with np.errstate(invalid="ignore", divide="ignore"):
            values[f"empty-regions{name}"] = np.divide(
                _share(masks, size, empty, drawn), _share(masks, size, ~empty, drawn)
            )
        by_clip = masks.groupby("clip", sort=True).agg({"quality": "first", "change": "mean"})
        values[f"effect-against-quality{name}"] = np.array(
            [_rank_correlation(*by_clip.to_numpy()[rows].T) for rows in drawn]
        )
    own = next(iter(surveys.values()))
    silent, raised = own["speech"] == 0, 100.0 * (own["change"] > 0.01)
    noise, clean = own["kind"].isin(["white noise", "babble"]), own["kind"] == "clean"
    few = {"hiding-noise-sometimes-helps": silent & noise, "hiding-silence-helps": silent & clean}
    values |= {name: _share(own, raised, kept, drawn) for name, kept in few.items()}
    controls = ("random-weights", "silence-helps")
    ids = {
        name: f"speech-quality/{'ours' if name.endswith(controls) else 'occlusion'}/{name}"
        for name in values
    }
    pairs = [
        ("empty-regions", "empty-regions-random-weights"),
        ("effect-against-quality", "effect-against-quality-random-weights"),
        ("hiding-noise-sometimes-helps", "hiding-silence-helps"),
    ]
    found = records.from_draws(
        {ids[name]: each for name, each in values.items()},
        drawn.shape[1],
        "clips",
        [(ids[one], ids[other]) for one, other in pairs],
    )
    counts = {ids[name]: int(own["clip"][kept].nunique()) for name, kept in few.items()}
    fewest = min(counts.values())
    return found | {id: _of_few(found[id], n, fewest) for id, n in counts.items() if id in found}


def _of_few(entry: dict, n: int, fewest: int) -> dict:
    """Return what is recorded of the clips that have such masks; of a single clip there is no
    interval, and none of a difference from it.
    """
    entry = entry | {"n": n}
    if n == 1:
        del entry["interval"]
    if fewest == 1:
        entry.pop("against", None)
    return entry


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation; NaN where one of the two does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _share(masks: pd.DataFrame, values, kept, drawn: np.ndarray) -> np.ndarray:
    """Return the mean of the masks that are kept, for each draw of clips; NaN where none is."""
    sums = (values * kept).groupby(masks["clip"], sort=True).sum().to_numpy()
    counts = kept.groupby(masks["clip"], sort=True).sum().to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)


def _of_sides(surveys) -> dict[str, dict]:
    """Return how many good clips lose and bad clips gain, beside random weights on the same."""
    clips, same = (
        masks.groupby("clip", sort=True).agg({"quality": "first", "change": "mean"})
        for masks in surveys.values()
    )
    found = {}
    for claim, chosen, sign in (
        ("good-lose", clips["quality"] > 4, -1),
        ("bad-gain", clips["quality"] < 2.5, 1),
    ):
        if chosen.any():
            moved = {
                f"occlusion/{claim}": 100.0 * (sign * clips["change"][chosen] > 0),
                f"ours/{claim}-random-weights": 100.0 * (sign * same["change"][chosen] > 0),
            }
            found |= records.from_clips(_of_chapter(moved))
    return found


def census_records(counted: Mapping[str, Mapping[str, Sequence]]) -> dict[str, int]:
    """Return how many features react always, rarely, never, of the model and of random weights."""
    words = {
        "always": "in 90 % of the clips or more",
        "rare": "in a quarter or fewer",
        "never": "never (range below a thousandth)",
    }
    found = {}
    for word, key in words.items():
        found |= beside_untrained(word, {name: int(row[key][0]) for name, row in counted.items()})
    return found


def beside_untrained(claim: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return the value of the model, which comes first, and that of random weights, by id."""
    own, control = values.values()
    return _of_chapter({f"features/{claim}": own, f"ours/{claim}-random-weights": control})


def method_records(agreement: Mapping[str, float], lift, gradients) -> dict[str, float]:
    """Return how far DeepLIFT and integrated gradients agree, and how far each misses its sum."""
    return _of_chapter(
        {
            "features/methods-agree": agreement["same feature"],
            "ours/methods-agree-other-feature": agreement["another feature"],
            "ours/deeplift-completeness": float(lift.relative.max()),
            "ours/ig-completeness": float(gradients.relative.median()),
        }
    )


def horizontal_structure(maps: np.ndarray) -> float:
    """Return which share of maps' energy is the same at all times, band by band.

    Parameters
    ----------
    maps : ndarray, shape (n_features, n_segments, bands, frames)
        Explanations of stretches that are to be compared.

    Returns
    -------
    float
        1 for stripes, about 1 / (n_segments x frames) for noise; mean over the features that have
        an explanation, NaN if none has.
    """
    in_time = np.moveaxis(np.asarray(maps, float), 1, 2)  # (feature, band, segment, frame)
    in_time = in_time.reshape(*in_time.shape[:2], -1)
    if not in_time.shape[-1]:
        return np.nan
    energy = np.square(in_time).mean(-1).sum(-1)
    steady = np.square(in_time.mean(-1)).sum(-1)
    return float((steady[energy > 0] / energy[energy > 0]).mean()) if energy.any() else np.nan


def baseline_records(ratios: pd.DataFrame, stripes: pd.DataFrame) -> list[dict[str, dict]]:
    """Return what each baseline (column) leaves on pauses beside speech, and how much of it is
    stripes, by id; rows are clips, which are drawn.
    """
    found = []
    for kind, values in (("pauses", ratios), ("stripes", stripes)):
        known = values.dropna()
        ids = {f"ours/{kind}-{name.replace(' ', '-')}": known[name].to_numpy() for name in known}
        found.append(records.from_clips(_of_chapter(ids)) if len(known) else {})
    return found


def further_features(strong: np.ndarray, gap: int, also_quiet: Sequence[int]) -> dict[str, dict]:
    """Return by id how rarely the feature of gaps reacts, beside the median one, and how many
    others react to the absence of voice.

    Parameters
    ----------
    strong : ndarray, shape (n_units,)
        Share of clips with a strong reaction, per cent.
    gap : int
    also_quiet : sequence of int
        Of the network, then of each network with random weights.
    """
    drawn = also_quiet[1:]
    return _of_chapter(
        {
            "features/interruption-is-rare": strong[gap],
            "ours/presence-median": float(np.median(strong)),
            "features/no-voice-in-others": also_quiet[0],
            "ours/no-voice-in-others-random-weights": {
                "value": float(np.mean(drawn)),
                "std": float(np.std(drawn, ddof=1)) if len(drawn) > 1 else None,
                "seeds": len(drawn),
            },
        }
    )


def quality_of_features(with_quality, gap: int, by_noise, no_voice: int) -> tuple[dict, dict]:
    """Return by id what the feature of gaps has to do with quality, and that of pauses with noise,
    beside the median feature.

    Parameters
    ----------
    with_quality, by_noise : ndarray, shape (n_units,)
    gap, no_voice : int
    """
    return _of_chapter(
        {
            "features/interruption-means-low-quality": with_quality[gap],
            "ours/features-against-quality-median": np.median(with_quality),
        }
    ), _of_chapter(
        {
            "features/no-voice-despite-noise": by_noise[no_voice],
            "ours/no-voice-despite-noise-median": np.median(by_noise),
        }
    )


def end_to_end_records(error, pointing, agreeing, levels, from_sent) -> dict[str, dict]:
    """Return what is recorded of explanations of the whole model, by id; clips are drawn anew.

    Parameters
    ----------
    error : ndarray, shape (n_clips,)
        Of completeness.
    pointing, agreeing, levels, from_sent : DataFrame
        Rows are clips, columns explanations: areas under ROC curves, rank correlations with
        occlusion and with the level, areas with what was sent as the baseline. A clip of which one
        is not defined is left out of its table.
    """
    auc = {
        "ig-whole-model": "integrated gradients",
        "lrp-whole-model": "LRP",
        "lrp-from-silence": "LRP from silence",
        "lrp-random-weights": "random weights, LRP",
        "occlusion": "occlusion",
        "cnn-only": "convolutional part",
        "random-weights": "random weights",
        "random": "random relevance",
        "energy": "level",
        "quiet": "quiet cells",
    }
    three = {"ig": "integrated gradients", "lrp": "LRP", "lrp-from-silence": "LRP from silence"}
    five = three | {"random-weights": "random weights", "random": "random relevance"}
    sent = {
        "auc-ig-against-sent": "integrated gradients, where",
        "auc-difference": "difference of spectrograms",
    }
    tables = (
        (pointing, {f"auc-{name}": column for name, column in auc.items()}),
        (agreeing, {f"occlusion-agreement-{name}": column for name, column in five.items()}),
        (levels, {f"level-{name}": column for name, column in three.items()}),
        (from_sent, sent),
    )
    median = statistics.bootstrap(error, statistic=partial(np.median, axis=-1))
    counted = {"interval": median.ends, "n": median.n, "of": "clips"}
    found = {"speech-quality/end-to-end/complete": {"value": median.value} | counted}
    for table, columns in tables:
        kept = table[list(columns.values())].dropna()
        found |= records.from_clips(
            {f"speech-quality/ours/{id}": kept[column] for id, column in columns.items()}
        )
    return found


def _of_chapter(values: Mapping) -> dict:
    """Return values under full ids."""
    return {f"speech-quality/{id}": value for id, value in values.items()}


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    return tuple(np.nanquantile(drawn, [0.025, 0.975]).tolist())


def _around(value: float, drawn: np.ndarray) -> tuple[float, float]:
    """Return the ends of an interval that holds the value, as percentiles of few clips may not."""
    low, high = _ends(drawn)
    return min(low, value), max(high, value)
