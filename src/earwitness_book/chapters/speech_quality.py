"""What the chapter speech-quality asks of a whole model, and what it records."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from earwitness import attribution
from earwitness.evaluation import statistics
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


def occlusion_records(
    own: pd.DataFrame, blank: Sequence[pd.DataFrame], hidden, seed: int, n_resamples: int = 500
) -> dict[str, dict]:
    """Return what is recorded of masking, by id, clips drawn with all their masks; what was not
    measured is left out.

    Parameters
    ----------
    own : DataFrame
        A row per mask, as :func:`earwitness_book.chapters.disturbances.survey` returns them.
    blank : sequence of DataFrame
        The same of networks with random weights, which are drawn, too.
    hidden : DataFrame
        A row per clip whose disturbance was hidden, as ``hide_disturbances`` returns it.
    seed, n_resamples : int
    """
    drawn = records.drawn(own["clip"].nunique(), n_resamples, seed)
    found = _of_masks(own, blank, drawn) | _of_sides(own, blank)
    lost = {
        "occlusion/hiding-disturbance-need-not-help": "hidden",
        "ours/hiding-elsewhere-does-not-help": "elsewhere",
        "ours/repairing-does-not-help": "repaired",
    }
    if len(hidden):
        not_raised = {id: 100.0 * (hidden[way] <= 0) for id, way in lost.items()}
        found |= records.from_clips(_of_chapter(not_raised))
    return found


def _of_masks(own: pd.DataFrame, blank: Sequence, drawn: np.ndarray) -> dict[str, dict]:
    """Return ratios and correlations over the masks of all clips."""
    values = {}
    for name, measure in (
        ("empty-regions", _empty_ratio),
        ("effect-against-quality", _with_quality),
    ):
        values[name] = measure(own, drawn)
        values[f"{name}-random-weights"] = np.stack([measure(each, drawn) for each in blank])
    silent, raised = own["speech"] == 0, 100.0 * (own["change"] > 0.01)
    noise, clean = own["kind"].isin(["white noise", "babble"]), own["kind"] == "clean"
    few = {"hiding-noise-sometimes-helps": silent & noise, "hiding-silence-helps": silent & clean}
    controls = ("random-weights", "silence-helps")
    ids = {
        name: f"speech-quality/{'ours' if name.endswith(controls) else 'occlusion'}/{name}"
        for name in (*values, *few)
    }
    pairs = [
        ("empty-regions", "empty-regions-random-weights"),
        ("effect-against-quality", "effect-against-quality-random-weights"),
    ]
    found = records.from_draws(
        {ids[name]: each for name, each in values.items()},
        drawn.shape[1],
        "clips",
        [(ids[one], ids[other]) for one, other in pairs],
    )
    shares = {ids[name]: _share(own, raised, kept, drawn) for name, kept in few.items()}
    return found | _of_few(
        shares, {ids[name]: int(own["clip"][kept].nunique()) for name, kept in few.items()}
    )


def _empty_ratio(masks: pd.DataFrame, drawn: np.ndarray) -> np.ndarray:
    """Return the change by masks on nearly empty regions over that by others, (n_draws,)."""
    empty, size = masks["empty"] >= 0.95, masks["change"].abs()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(_share(masks, size, empty, drawn), _share(masks, size, ~empty, drawn))


def _with_quality(masks: pd.DataFrame, drawn: np.ndarray) -> np.ndarray:
    """Return the rank correlation of clips' estimates and mean changes, (n_draws,)."""
    clips = _by_clip(masks).to_numpy()
    return np.array([_rank_correlation(*clips[rows].T) for rows in drawn])


def _by_clip(masks: pd.DataFrame) -> pd.DataFrame:
    return masks.groupby("clip", sort=True).agg({"quality": "first", "change": "mean"})


def _of_few(shares: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> dict[str, dict]:
    """Return what is recorded of two shares of masks that only so many clips have, as wide as so
    few make it; of a single clip there is no interval, and none of a difference from it.
    """
    found = {}
    for id, each in shares.items():
        found |= records.from_draws({id: each}, counts[id], "clips")
        if counts[id] == 1:
            found[id].pop("interval", None)
    if (fewest := min(counts.values())) > 1:
        leads = records.from_draws(shares, fewest, "clips", [(*shares,)])
        for id, each in leads.items():
            found[id] |= {name: each[name] for name in ("against",) if name in each}
    return found


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


def _of_sides(own: pd.DataFrame, blank: Sequence) -> dict[str, dict]:
    """Return how many good clips lose and bad clips gain, beside random weights on the same."""
    clips = _by_clip(own)
    same = np.stack([_by_clip(each)["change"] for each in blank])  # (network, clip)
    found = {}
    for claim, chosen, sign in (
        ("good-lose", clips["quality"] > 4, -1),
        ("bad-gain", clips["quality"] < 2.5, 1),
    ):
        if chosen.any():
            moved = {
                f"occlusion/{claim}": 100.0 * (sign * clips["change"][chosen] > 0),
                f"ours/{claim}-random-weights": 100.0 * (sign * same[:, chosen] > 0),
            }
            found |= records.from_clips(_of_chapter(moved))
    return found


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
