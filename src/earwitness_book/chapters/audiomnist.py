"""What the chapter audiomnist measures on its networks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import parselmouth
import torch

from earwitness import features, models
from earwitness.evaluation import FlippingCurve, statistics
from earwitness_book import records


def hits(trained, rows: Sequence[int], inputs: torch.Tensor | None = None) -> np.ndarray:
    """Return 100 for each clip that a trained network classifies correctly, 0 for the others (n,).

    Parameters
    ----------
    trained : Trained
    rows : sequence of int
    inputs : Tensor, optional
        What the network gets instead of its inputs for these clips.
    """
    inputs = trained.inputs(rows) if inputs is None else inputs
    quick = models.for_prediction(trained.model, inputs)
    predicted = models.logits(quick, inputs).argmax(1)
    return 100.0 * (predicted == trained.targets(rows)).numpy()


def speakers(networks: Sequence, n_clips: int = 0) -> list[str]:
    """Return the speaker of each test clip of a task's folds, fold after fold."""
    return [
        speaker
        for trained in networks
        for speaker in trained.corpus.table["speaker"].iloc[trained.test_rows(n_clips)]
    ]


def spread(folds: Sequence[float]) -> dict:
    """Return what is recorded of the values of folds: each of them, and their standard
    deviation.
    """
    several = len(folds) > 1
    return {"folds": list(folds), "std": np.std(folds, ddof=1) if several else None}


def guessing(folds: Sequence) -> dict:
    """Return the share (%) of the most frequent class in the test parts of folds, and the clips
    counted.
    """
    counts = sum(trained.confusion for trained in folds).sum(1)
    return {"value": 100 * counts.max() / counts.sum(), "n": int(counts.sum())}


def table1_records(task, networks: Mapping[str, Sequence], recipe: str) -> dict[str, dict]:
    """Return what Table 1 and its controls record of a task, by id.

    Parameters
    ----------
    task : Task
    networks : mapping from name to sequence of Trained
        One a fold, the same folds for each name.
    recipe : str
        They were trained by; noted beside the accuracy.

    Notes
    -----
    Becker et al. (2018), Table 1. The control is the share of the most frequent class. Accuracies
    are those of all test clips, their intervals from drawing speakers.
    """
    first = next(iter(networks.values()))
    chance, family = guessing(first), task.family
    right = {
        f"audiomnist/table1/{name.lower()}-{family}": np.concatenate(
            [hits(trained, trained.fold.test) for trained in folds]
        )
        for name, folds in networks.items()
    }
    found = records.from_clips(right, speakers(first))
    for name, folds in networks.items():
        found[f"audiomnist/table1/{name.lower()}-{family}"] |= {
            **spread([100 * trained.accuracy for trained in folds]),
            "control": chance["value"],
            "note": f"task {task.task}, recipe {recipe}, {chance['n']} clips",
            "details": {"confusion": sum(trained.confusion for trained in folds).tolist()},
        }
        found |= _more_of_table1(name.lower(), family, folds)
    return found | {f"audiomnist/chance/{family}": chance}


def _more_of_table1(network: str, family: str, folds: Sequence) -> dict[str, dict]:
    """Return accuracy on at most 300 clips a fold of the training part, and the worst recall."""
    learnt = [trained.fold.train[:: max(1, len(trained.fold.train) // 300)] for trained in folds]
    known = np.mean([hits(*pair).mean() for pair in zip(folds, learnt, strict=True)])
    found = {f"audiomnist/ours/train-{network}-{family}": {"value": known}}
    if family == "digits":
        confusion = sum(trained.confusion for trained in folds)
        recall = 100 * (np.diag(confusion) / np.maximum(confusion.sum(1), 1)).min()
        found[f"audiomnist/ours/worst-class-{network}-digits"] = {"value": recall}
    return found


def recipe_records(network: str, family: str, by_recipe: Mapping) -> dict[str, dict]:
    """Return how accurate a network is on one fold by each recipe it was trained by, by id.

    Parameters
    ----------
    network : str
    family : str
        Of the task: digits or sex.
    by_recipe : mapping from name to Trained
        On the same fold. Each is led by, or leads, those before it: its ``against`` is as
        :func:`records.record` takes it.
    """
    one = next(iter(by_recipe.values()))
    ids = {name: f"audiomnist/ours/{name}-recipe-{network.lower()}-{family}" for name in by_recipe}
    right = {ids[name]: hits(each, one.fold.test) for name, each in reversed(by_recipe.items())}
    found = records.from_clips(right, speakers([one]))
    for name, trained in by_recipe.items():
        iterations = trained.specification["recipe"]["iterations"]
        found[ids[name]]["note"] = (
            f"first fold, {len(one.fold.test)} clips, {iterations} iterations"
        )
    return {id: found[id] for id in ids.values()}


def recipe_table(found: Mapping[str, dict]) -> dict[str, dict[str, str]]:
    """Return what :func:`recipe_records` found as a reader wants it: accuracy, and the lead over
    the first recipe, each with its interval.
    """
    (first, base), *_ = found.items()
    rows = {}
    for id, one in found.items():
        low, high = one.get("interval", (np.nan, np.nan))
        row = {"accuracy (%)": f"{one['value']:.1f} [{low:.1f}, {high:.1f}]", "lead (points)": "–"}
        if id != first:
            low, high = one.get("against", {}).get(first, (np.nan, np.nan))
            row["lead (points)"] = f"{one['value'] - base['value']:+.1f} [{low:+.1f}, {high:+.1f}]"
        rows[id.rsplit("/", 1)[1]] = row | {"on": one["note"]}
    return rows


def worst_speaker(wrong: np.ndarray, names: Sequence[str], seed: int = 0) -> dict:
    """Return which share of the errors (%) falls on one speaker, and what chance would put there.

    Parameters
    ----------
    wrong : bool ndarray, shape (n_clips,)
        At least one.
    names : sequence of str
        The speaker of each clip.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        As :func:`records.record` takes it: ``n`` counts the errors; the control is the largest
        share if as many errors fell on clips at random, mean of 1000 draws: the largest of several
        shares is above the even share even then.
    """
    speaker, members = np.unique(names, return_inverse=True)
    n_wrong, rng = int(wrong.sum()), np.random.default_rng(seed)
    counts = np.bincount(members[wrong], minlength=len(speaker))
    found = statistics.share(int(counts.max()), n_wrong)
    drawn = [rng.choice(members, n_wrong, replace=False) for _ in range(1000)]
    by_chance = np.mean([np.bincount(some).max() for some in drawn]) / n_wrong
    return {
        "value": 100 * found.value,
        "interval": (100 * found.low, 100 * found.high),
        "n": n_wrong,
        "of": "errors",
        "control": 100 * by_chance,
        "note": f"speaker {speaker[counts.argmax()]}",
    }


def flipping_order(lrp: np.ndarray, amplitude: np.ndarray, random: np.ndarray) -> np.ndarray:
    """Return at how many fractions (%) accuracy falls as in Figure 3: LRP <= amplitude < random.

    Parameters
    ----------
    lrp, amplitude, random : ndarray, shape (..., n_fractions)
        Accuracy at each fraction; the first and the last are the same for all and not counted.
    """
    inside = (..., slice(1, -1))
    holds = (lrp <= amplitude) & (amplitude < random)
    return 100 * holds[inside].mean(axis=-1)


def flipping_records(curves: Mapping[str, FlippingCurve], family: str, names: Sequence[str]):
    """Return what Figure 3 records of a task, by id: areas under curves and accuracies at 1 %.

    Parameters
    ----------
    curves : mapping from label to FlippingCurve
        Of all test clips: ``lrp``, ``amplitude``, ``random``, ``untrained``, ..., as the ids have
        it.
    family : {"digits", "sex"}
    names : sequence of str
        The speaker of each clip.
    """
    first = next(iter(curves.values()))
    one = list(first.fractions).index(0.01)
    own = "flipping/digits" if family == "digits" else "ours/flipping-sex"
    of_ours = f"ours/flipping-{family}"
    homes = {label: own for label in ("lrp", "amplitude", "random")}
    areas = {
        f"audiomnist/{of_ours}-auc-{label}": 100 * curve.areas() for label, curve in curves.items()
    }
    at_one = {
        f"audiomnist/{homes.get(label, of_ours)}-1pct-{label}": 100.0 * curve.correct[:, one]
        for label, curve in curves.items()
        if label != "method"
    }
    untouched = {f"audiomnist/{own}-0pct": 100.0 * first.correct[:, 0]}
    return records.from_clips(areas, names) | records.from_clips(at_one | untouched, names)


def order_records(
    right: Mapping[str, np.ndarray], names: Sequence[str], lrp: str, family: str
) -> dict[str, dict]:
    """Return in how many fractions (%) the order of Figure 3 holds, by id, with its control: for
    the relevance of random weights.

    Parameters
    ----------
    right : mapping from order to bool ndarray, shape (n_clips, n_fractions)
        ``lrp``, ``"amplitude"``, ``"random"`` and ``"random-weights"``, the control.
    names : sequence of str
        The speaker of each clip.
    lrp : str
        The method that stands for the paper's.
    family : {"digits", "sex"}
    """
    drawn = {
        order: np.vstack([each.mean(axis=0), _drawn_means(each, names)])
        for order, each in right.items()
    }
    own, untrained = (
        flipping_order(drawn[by], drawn["amplitude"], drawn["random"])
        for by in (lrp, "random-weights")
    )
    id, control = f"flipping/{family}-order", f"ours/flipping-{family}-order-untrained"
    return _over_speakers({id: own, control: untrained}, names)


def _over_speakers(values: Mapping[str, Sequence[float]], names: Sequence[str]) -> dict[str, dict]:
    """Return what is recorded of a value and its control, each that of all speakers, then of each
    draw.
    """
    values = {f"audiomnist/{id}": np.asarray(each, float) for id, each in values.items()}
    return records.from_draws(values, len(set(names)), "speakers", [(*values,)])


def _drawn_means(right: np.ndarray, names: Sequence[str], n_resamples: int = 1000) -> np.ndarray:
    """Return accuracies (n_resamples, n_fractions) when speakers are drawn anew."""
    members = np.unique(names, return_inverse=True)[1]
    sums = np.stack([right[members == m].sum(axis=0) for m in range(members.max() + 1)])
    sizes = np.bincount(members)
    drawn = np.random.default_rng(0).integers(len(sizes), size=(n_resamples, len(sizes)))
    return sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)[:, None]


def robust_until(
    accuracy: np.ndarray, fractions: Sequence[float], tolerance: float = 0.02
) -> float:
    """Return the largest fraction (%) before the first at which accuracy fell by more than
    ``tolerance``.
    """
    broken = np.flatnonzero(accuracy[0] - accuracy > tolerance)
    return 100 * fractions[broken[0] - 1 if len(broken) else -1]


def robust_records(
    random: np.ndarray, amplitude: np.ndarray, fractions: Sequence[float], names: Sequence[str]
) -> dict[str, dict]:
    """Return until which fraction (%) flipping at random leaves accuracy, by id, with its control:
    the same by amplitude.

    Parameters
    ----------
    random, amplitude : bool ndarray, shape (n_clips, n_fractions)
        What is classified correctly.
    fractions : sequence of float
    names : sequence of str
        The speaker of each clip.
    """
    ids = {"flipping/sex-random-robust": random, "ours/flipping-sex-amplitude-robust": amplitude}
    drawn = {
        id: np.vstack([right.mean(axis=0), _drawn_means(right, names)]) for id, right in ids.items()
    }
    return _over_speakers(
        {id: [robust_until(each, fractions) for each in rows] for id, rows in drawn.items()}, names
    )


def speaker_pitch(clips: Sequence) -> pd.DataFrame:
    """Return the median F0 (Hz) of every speaker of some clips, from low to high: speaker, sex,
    f0_hz.
    """
    rows = [
        {
            "speaker": clip.labels["speaker"],
            "sex": clip.labels["sex"],
            "f0_hz": np.nanmedian(features.f0(clip.samples, clip.sample_rate)[1]),
        }
        for clip in clips
    ]
    medians = pd.DataFrame(rows).groupby(["speaker", "sex"], as_index=False)["f0_hz"].median()
    return medians.sort_values("f0_hz", ignore_index=True)


def scaled_inputs(trained, rows: Sequence[int], factor_of: dict[str, float]) -> torch.Tensor:
    """Return AlexNet's inputs of clips with the frequency axis scaled by a factor for each sex.

    Notes
    -----
    Becker et al. (2018), section 3.3.1.
    """
    levels = features.log_spectrogram(trained.seconds(rows))
    sexes = trained.corpus.table["sex"].iloc[rows]
    changed = [
        features.scale_frequencies(level, factor_of[sex])
        for level, sex in zip(levels, sexes, strict=True)
    ]
    return torch.stack(changed)[:, None] - trained.mean


def top_emptied(trained, rows: Sequence[int], factor: float) -> torch.Tensor:
    """Return the inputs without what compression by ``factor`` leaves empty, in women's clips
    only.
    """
    levels = features.log_spectrogram(trained.seconds(rows))
    female = (trained.corpus.table["sex"].iloc[rows] == "female").to_numpy()
    n_freq = levels.shape[1]
    levels[torch.tensor(female), int((n_freq - 1) * factor) + 1 :] = -features.spectrogram.RANGE_DB
    return levels[:, None] - trained.mean


def cosines(pictures: torch.Tensor, width: int = 11) -> torch.Tensor:
    """Return the cosines between all maps (n, 1, freq, time), averaged over ``width`` points,
    (n, n).
    """
    smooth = torch.nn.functional.avg_pool2d(pictures, width).flatten(1)
    unit = torch.nn.functional.normalize(smooth, dim=1)
    return unit @ unit.T


def similarity(
    alike: torch.Tensor, targets: torch.Tensor, names: Sequence[str]
) -> dict[str, float]:
    """Return the mean cosine of maps within and between words, from :func:`cosines`; of pairs of
    speakers, for one person's clips are alike whatever the word.
    """
    pairs = _pairs(targets, names)
    return {side: float(alike[pairs[side]].mean()) for side in pairs}


def similarity_records(
    maps: torch.Tensor,
    spectrograms: torch.Tensor,
    targets: torch.Tensor,
    names: Sequence[str],
    n_resamples: int = 1000,
) -> dict[str, dict]:
    """Return what is recorded of how alike maps are within and between words, by id, with intervals
    from drawing speakers; those of the spectrograms are the controls.

    Parameters
    ----------
    maps, spectrograms : Tensor, shape (n, n)
        :func:`cosines` of the same clips.
    targets : Tensor of int, shape (n,)
        The word of each clip. Without two clips of one word there is nothing to record.
    names : sequence of str
        The speaker of each clip.
    n_resamples : int
    """
    ids = {
        "same word": "audiomnist/ours/similarity-within-classes",
        "different words": "audiomnist/ours/similarity-between-classes",
    }
    n, control = len(set(names)), similarity(spectrograms, targets, names)
    drawn = drawn_similarity(maps, targets, names, n_resamples)
    if not np.isfinite([each[0] for each in drawn.values()]).all():
        return {}
    found = records.from_draws(
        {ids[side]: drawn[side] for side in ids}, n, "speakers", [(*ids.values(),)]
    )
    return {id: found[id] | {"control": control[side]} for side, id in ids.items()}


def pattern_records(
    maps: torch.Tensor,
    untrained: Sequence[torch.Tensor],
    spectrograms: torch.Tensor,
    targets: torch.Tensor,
    names: Sequence[str],
    n_resamples: int = 1000,
) -> dict[str, dict]:
    """Return what is recorded of how well maps tell words apart, by id: the area under the ROC
    curve of taking two clips for one word if their maps are alike.

    Parameters
    ----------
    maps, spectrograms : Tensor, shape (n, n)
        :func:`cosines` of the same clips.
    untrained : sequence of Tensor, shape (n, n)
        Of the maps of networks with random weights; they are drawn, too.
    targets : Tensor of int, shape (n,)
    names : sequence of str
        The speaker of each clip; speakers are drawn.
    n_resamples : int

    Notes
    -----
    Cosines of spectrograms and of relevance have scales of their own; an area has none.
    """
    id = "audiomnist/ours/pattern-area"
    own, sounds = (drawn_areas(each, targets, names, n_resamples) for each in (maps, spectrograms))
    blank = np.stack([drawn_areas(each, targets, names, n_resamples) for each in untrained])
    values = {id: own, f"{id}-random-weights": blank, f"{id}-spectrogram": sounds}
    against = [(id, other) for other in values if other != id]
    return records.from_draws(values, len(set(names)), "speakers", against)


def drawn_areas(
    alike: torch.Tensor, targets: torch.Tensor, names: Sequence[str], n_resamples: int
) -> np.ndarray:
    """Return the area under the ROC curve of all pairs of clips, then of those of each draw of
    speakers, (1 + n_resamples,): pairs of one word should be more alike than others. Arguments and
    pairs as for :func:`drawn_similarity`; NaN where a draw has no pair of either kind.
    """
    speaker, members = np.unique(names, return_inverse=True)
    n, (first, second) = len(speaker), np.nonzero(np.less.outer(members, members))
    times = (records.drawn(n, n_resamples, 0)[:, :, None] == np.arange(n)).sum(1)
    _, place = np.unique(alike.numpy()[first, second], return_inverse=True)
    same = (targets[first] == targets[second]).numpy()
    areas = np.full(len(times), np.nan)
    for draw, drawn in enumerate(times):
        weights = drawn[members[first]] * drawn[members[second]]
        of_one, of_two = (np.bincount(place, weights * kind) for kind in (same, ~same))
        if n_pairs := of_one.sum() * of_two.sum():
            areas[draw] = of_one @ (of_two.cumsum() - of_two / 2) / n_pairs
    return areas


def drawn_similarity(
    alike: torch.Tensor, targets: torch.Tensor, names: Sequence[str], n_resamples: int
) -> dict[str, np.ndarray]:
    """Return :func:`similarity` of all clips, then of each draw of speakers, (1 + n_resamples,)
    each. Nobody is paired with himself, however often he is drawn.
    """
    speaker, members = np.unique(names, return_inverse=True)
    n = len(speaker)
    drawn = records.drawn(n, n_resamples, 0)
    times = (drawn[:, :, None] == np.arange(n)).sum(1).astype(float)  # (draw, speaker)
    of = torch.nn.functional.one_hot(torch.as_tensor(members), n).double()  # (clip, speaker)
    found = {}
    for side, pairs in _pairs(targets, names).items():
        sums, counts = (
            (of.T @ each.double() @ of).numpy() for each in (alike * pairs, pairs)
        )  # (speaker, speaker)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[side] = np.divide(*(((times @ each) * times).sum(1) for each in (sums, counts)))
    return found


def _pairs(targets: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return which pairs of two speakers' clips (n, n) are of one word, and which of two."""
    members = torch.as_tensor(np.unique(names, return_inverse=True)[1])
    same, two = (each[:, None] == each[None, :] for each in (targets, members))
    return {"same word": same & ~two, "different words": ~same & ~two}


def voice_moved(clip, pitch_factor: float, formant_factor: float) -> np.ndarray:
    """Return a clip with F0 and formants multiplied by Praat's overlap-add, in the middle of a
    second at 8 kHz (8000,).

    A clip in which no F0 is found stays as it is.
    """
    sound = parselmouth.Sound(clip.samples.astype(np.float64), clip.sample_rate)
    voiced = features.f0(clip.samples, clip.sample_rate)[1]
    if np.isnan(voiced).all():
        return features.fit_to_second(clip.samples, clip.sample_rate)
    # overlap-add draws where to put periods
    parselmouth.praat.run("random_initializeWithSeedUnsafelyButPredictably (1)")
    pitch = float(np.nanmedian(voiced)) * pitch_factor
    new = parselmouth.praat.call(sound, "Change gender", 75, 500, formant_factor, pitch, 1, 1)
    return features.fit_to_second(new.values[0].astype(np.float32), int(new.sampling_frequency))
