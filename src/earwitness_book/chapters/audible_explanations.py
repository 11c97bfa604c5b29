"""What the chapter audible-explanations measures and records: words, components, channels and the
sounds that they stand for.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from earwitness import evaluation, features, figures, models
from earwitness.errors import ParameterError
from earwitness_book import records
from earwitness_book.chapters import audiomnist

_CURVES = {  # order of components: label, and the method whose look it has
    "audiolime": ("audioLIME", "audiolime"),
    "lrp": ("LRP, pooled", "lrp-epsilon-plus"),
    "energy": ("loudest first", "amplitude"),
    "random": ("random", "random"),
    "time-only": ("audioLIME, time only", "occlusion"),
    "time-random": ("random, time only", "random-weights"),
}


def answers(trained) -> torch.Tensor:
    """Return what a trained network classifies the clips of its test part as, (n_clips,)."""
    inputs = trained.inputs(trained.fold.test)
    return models.logits(models.for_prediction(trained.model, inputs), inputs).argmax(1)


def accuracy_records(
    networks: Mapping, said: Mapping[str, torch.Tensor], recipe: str
) -> dict[str, dict]:
    """Return what is recorded of how well trained networks classify digits, by id, with intervals
    over the speakers of the test part; the control is the share of the most frequent digit.

    Parameters
    ----------
    networks : mapping from name to Trained
        On the same fold.
    said : mapping from name to Tensor, shape (n_clips,)
        Their :func:`answers`.
    recipe : str
        They were trained by; noted beside the accuracy.
    """
    first = next(iter(networks.values()))
    digits, ours = first.targets(first.fold.test).numpy(), "audible-explanations/ours/chance-digits"
    right = {
        f"audible-explanations/accuracy/{name}-digits": 100.0 * (digits == said[name].numpy())
        for name in networks
    }
    right[ours] = 100.0 * (digits == np.bincount(digits).argmax())
    found = records.from_clips(right, audiomnist.speakers([first]))
    note = f"recipe {recipe}, one fold, {len(digits)} clips"
    more = {"control": found[ours]["value"], "note": note}
    return {id: entry | (more if id != ours else {}) for id, entry in found.items()}


def vowel_records(shares: pd.DataFrame) -> dict[str, dict]:
    """Return what is recorded of how much lies on the vowel of "nine" and of "five", by id, with
    intervals over speakers.

    Parameters
    ----------
    shares : DataFrame
        A row for each clip, measure (``what``) and ``part`` of its word, with its ``share`` of the
        word, 0 to 1, and the clip's ``speaker``. A word that was not recognised has no rows, and no
        records.
    """
    both = {
        "ours/{}-vowel-relevance": "relevance for the word",
        "ours/{}-vowel-relevance-untrained": "relevance, random weights",
    }
    own = {
        "nine": {
            "relevance/nine-is-its-vowel": "energy of the audible explanation",
            "ours/nine-vowel-energy": "energy of the clip",
            "ours/nine-vowel-duration": "duration",
        },
        "five": {"ours/five-vowel-audible": "energy of the audible explanation"},
    }
    found = {}
    for word, columns in own.items():
        there = shares[shares["part"] == f"{word}: aɪ"]
        by_clip = 100 * there.pivot(index=["clip", "speaker"], columns="what", values="share")
        values = {
            f"audible-explanations/{id.format(word)}": by_clip[column]
            for id, column in ((both | columns).items() if len(there) else ())
        }
        names = by_clip.index.get_level_values("speaker")
        found |= records.from_clips(values, names) if values else {}
    return found


def band_shares(maps: np.ndarray, freqs_hz: np.ndarray, bands: Mapping) -> pd.DataFrame:
    """Return how the positive part of each map (clip, freq, frame) is divided among bands.

    Parameters
    ----------
    maps : ndarray, shape (clip, freq, frame)
    freqs_hz : ndarray, shape (freq,)
    bands : mapping from name to (low, high) in Hz

    Returns
    -------
    DataFrame
        A row for each clip, a column for each band, in per cent.
    """
    positive = np.clip(maps, 0, None).sum(2)  # (clip, freq)
    share = positive / positive.sum(1, keepdims=True)
    return pd.DataFrame(
        {
            name: 100 * share[:, (freqs_hz >= low) & (freqs_hz < high)].sum(1)
            for name, (low, high) in bands.items()
        }
    )


def band_records(means: pd.DataFrame) -> dict[str, float]:
    """Return the share below 1 kHz, the first two bands, by id."""
    names = {"relevance": "trained", "untrained": "random weights", "energy": "energy"}
    return {
        f"audible-explanations/ours/below-1khz-{label}": means[name].iloc[:2].sum()
        for label, name in names.items()
    }


def again_records(
    again: Mapping[str, tuple], answers: np.ndarray, names: Sequence[str]
) -> dict[str, dict]:
    """Return, by id, how often a network predicts the same of an explanation, with intervals over
    speakers, and informedness.

    Parameters
    ----------
    again : mapping from form to tuple
        Per cent, informedness and what the network predicts of each explanation, (clip,); forms are
        called ``heard-for`` and so on.
    answers : ndarray of int, shape (clip,)
        What it predicts of the clips.
    names : sequence of str
        The speaker of each clip.
    """
    ours = "audible-explanations/ours"
    same = {
        f"{ours}/{form}": 100.0 * (np.asarray(given) == np.asarray(answers))
        for form, (_, _, given) in again.items()
    }
    informed = {
        f"{ours}/{form.replace('heard', 'informedness')}": {
            "value": informedness,
            "n": len(answers),
            "of": "clips",
        }
        for form, (_, informedness, _) in again.items()
    }
    return records.from_clips(same, names) | informed


def taken_for(given: np.ndarray, nines, rest, words: Mapping[int, str]) -> pd.DataFrame:
    """Return how often explanations of nine, and of other digits, are predicted as a word.

    Parameters
    ----------
    given : ndarray of int, shape (clip,)
        What the network predicts of the explanations.
    nines, rest : bool ndarray, shape (clip,)
        Where no clip is a nine, the table is empty.
    words : mapping from digit to word

    Returns
    -------
    DataFrame
        In per cent, a column for each word.
    """
    return pd.DataFrame(
        {
            f"heard as “{word}” (%)": {
                "explanations of nine": 100 * (given[nines] == digit).mean(),
                "control: of other digits": 100 * (given[rest] == digit).mean(),
            }
            for digit, word in (words.items() if nines.any() else ())
        }
    )


def taken_for_records(taken: pd.DataFrame) -> dict[str, dict]:
    """Return the same by id, other digits as the control."""
    return {
        f"audible-explanations/ours/nine-heard-as-{column.split('“')[1].split('”')[0]}": {
            "value": nine,
            "control": other,
        }
        for column, (nine, other) in taken.items()
    }


def missed_by_sum(parts, signal: np.ndarray) -> float:
    """Return the largest deviation of the sum of a sound's components from it, over its maximum."""
    return float(np.abs(parts.signal - signal).max() / np.abs(signal).max())


def sum_records(parts: Sequence, signals: np.ndarray) -> dict[str, dict]:
    """Return what is recorded of how well components add up, by id: the largest deviation of all
    clips.

    Parameters
    ----------
    parts : sequence of Components
    signals : ndarray, shape (clip, sample)
    """
    largest = max(missed_by_sum(*pair) for pair in zip(parts, signals, strict=True))
    of_all = {"value": largest, "n": len(parts), "of": "clips"}
    return {"audible-explanations/audiolime/adds-up": of_all}


def check_records(checks: Mapping[str, tuple[str, float]], n: int, n_again: int) -> dict:
    """Return what is recorded of the weights of audioLIME, by id; those that are explained again
    with another seed or network are ``n_again``, others ``n`` clips.
    """
    again = ("lime-stability", "lime-untrained")
    return {
        f"audible-explanations/ours/{label}": {
            "value": value,
            "n": n_again if label in again else n,
        }
        for label, (_, value) in checks.items()
    }


def keep_and_remove_records(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict]:
    """Return what is recorded of keeping and of removing the first components, by id, with
    intervals over clips: per cent, mean over all k but the last, which leaves nothing to compare.

    Parameters
    ----------
    tables : mapping from order to DataFrame
        Of :func:`earwitness.evaluation.components.keep_and_remove`, of the same clips.
    """
    ours, found = "audible-explanations/ours", {}
    for column, name in (("kept_same", "kept"), ("removed_changed", "removed")):
        by_clip = {
            f"{ours}/{name}-{label}": 100
            * table[table["share"] < 1].groupby("clip")[column].mean().to_numpy()
            for label, table in tables.items()
        }
        found |= records.from_clips(by_clip)
    three = {
        "audible-explanations/audiolime/top-three-suffice": "audiolime",
        f"{ours}/kept-3-random": "random",
    }
    alone = {
        id: 100.0 * tables[label].query("k == 3").sort_values("clip")["kept_same"].to_numpy()
        for id, label in three.items()
    }
    return found | records.from_clips(alone)


def plot_curves(axes, curves: Mapping[str, pd.DataFrame]) -> None:
    """Draw predictions with the first components alone, and without them, by their share (%)."""
    titles = {"kept_same": "Top k alone", "removed_changed": "Without the top k"}
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        for order, curve in curves.items():
            label, method = _CURVES[order]
            every = max(1, len(curve) // 8)
            style = figures.method_style(method)
            ax.plot(100 * curve.index, curve[column], label=label, markevery=every, **style)
        ax.set(title=title, xlabel="Components (%)", ylim=(-2, 102))
        ax.grid(axis="y")
    axes[0].set_ylabel("Same prediction (%)")
    axes[1].set_ylabel("Changed prediction (%)")


def spoken_clips(trained) -> tuple[pd.DataFrame, torch.Tensor]:
    """Return the test clips of up to a second, and inputs in which each stands in the middle.

    Parameters
    ----------
    trained : Trained
        On a corpus whose phones are known.

    Returns
    -------
    DataFrame, Tensor
        Rows of the corpus' table; (clip, 1, 8000).
    """
    table = trained.corpus.table.iloc[trained.fold.test]
    table = table[~table["longer_than_1s"]]
    clips = [trained.corpus[int(row)] for row in table.index]
    seconds = [features.fit_to_second(clip.samples, clip.sample_rate) for clip in clips]
    return table, trained.prepare(np.stack(seconds))


def channels_for_half(shares: np.ndarray) -> float:
    """Return how many of the channels hold half of a clip's positive relevance, in per cent of the
    channels, mean over clips, from shares (clip, channel).
    """
    ordered = np.sort(shares, axis=1)[:, ::-1].cumsum(1)
    return 100 * float(((ordered < 0.5).sum(1) + 1).mean()) / shares.shape[1]


def shares_by_class(shares: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the mean share of each channel for each class, (class, channel), in per cent; zeros
    for a class without a clip.
    """
    means = [
        shares[classes == k].mean(0) if (classes == k).any() else np.zeros(shares.shape[1])
        for k in range(n_classes)
    ]
    return 100 * np.stack(means)


def common_channels(
    shares: np.ndarray, digits: np.ndarray, pair: tuple[int, int], n_channels: int
) -> list[int]:
    """Return the channels whose relevance two words share and other words have less of.

    Parameters
    ----------
    shares : ndarray, shape (clip, channel)
    digits : ndarray, shape (clip,)
        What is spoken.
    pair : pair of int
    n_channels : int

    Raises
    ------
    ParameterError
        If one of the two words, or any other, is not among the clips.
    """
    means = {digit: shares[digits == digit].mean(0) for digit in np.unique(digits)}
    if not set(pair) < set(means):
        raise ParameterError(
            f"The digits {pair} and others must be among the clips, there are {sorted(means)}."
        )
    both = np.minimum(means[pair[0]], means[pair[1]])
    others = np.max([mean for digit, mean in means.items() if digit not in pair], axis=0)
    # a channel through which nothing flows would come before all that other words use a little
    ahead = np.where(both > 0, both - others, -np.inf)
    return np.argsort(-ahead, kind="stable")[:n_channels].tolist()


def share_on_phone(
    relevance: torch.Tensor,
    phones: Sequence[pd.DataFrame],
    starts_s: Sequence[float],
    sample_rate: int,
    position: int = 2,
) -> pd.Series:
    """Return how much of each clip's positive relevance lies on one of its phones, in per cent.

    Parameters
    ----------
    relevance : Tensor, shape (clip, sample)
    phones : sequence of DataFrame
        Of each clip, as a corpus returns them.
    starts_s : sequence of float
        Where each clip begins in its row, in seconds.
    sample_rate : int
        In Hz.
    position : int
        Which phone, counted from 1.

    Returns
    -------
    Series
        By the clip's number. A clip of which no relevance is positive has no share, and is left
        out.
    """
    positive = relevance.clamp_min(0)
    kept = np.flatnonzero((positive.sum(1) > 0).numpy())
    if not len(kept):
        return pd.Series(dtype=float)
    shares = evaluation.shares.share_by_segment(
        positive[kept],
        [phones[clip] for clip in kept],
        sample_rate,
        [starts_s[clip] for clip in kept],
    )
    on_phone = 100 * shares[shares["position"] == position].groupby("clip")["share"].sum()
    return on_phone.set_axis(kept[on_phone.index])


def accuracy(model, inputs: torch.Tensor, digits: np.ndarray) -> float:
    """Return the share of clips that a network classifies correctly, in per cent."""
    return 100 * float((models.logits(model, inputs).argmax(1).numpy() == digits).mean())
