"""Where speakers differ, and where a speaker network looks: what is recorded of bands, with
intervals for which speakers are drawn, the same for a value and its control.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

from earwitness import attribution
from earwitness.evaluation import statistics
from earwitness_book.chapters import speaker_draws

_CHAPTER = "raw-waveform"
PAPER_BANDS = ((0, 500), (500, 1000), (1000, 2000), (2000, 3500), (3500, 5000), (5000, 8000))
CITED_BANDS = ((2500, 4000), (2000, 4000), (3000, 4500))  # of other studies
_LABELS = {"speaker": "speaker", "phone": "phone", "random weights": "random-weights"}
_FRAME, _N_FFT = 30, 400  # samples of the first kernel; points of 40 Hz at 16 kHz


def in_band(curves: np.ndarray, freqs_hz: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the mean of curves (..., n_freq) over the frequencies from ``low`` to below ``high``
    Hz.
    """
    return curves[..., (freqs_hz >= low) & (freqs_hz < high)].mean(-1)


def levels(curves: np.ndarray, freqs_hz: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the level in dB of the mean of profiles (..., n_sentences, n_freq) over sentences and
    the frequencies from ``low`` to below ``high`` Hz, (...).
    """
    return 10 * np.log10(in_band(curves, freqs_hz, low, high).mean(-1))


def level_records(
    profiles: Mapping[str, np.ndarray], freqs_hz: np.ndarray, speakers: Sequence
) -> dict[str, dict]:
    """Return what is recorded of the levels of relevance in the paper's bands, by id.

    Parameters
    ----------
    profiles : mapping from ``"speaker"``, ``"phone"`` and ``"random weights"`` to ndarray
        (n_sentences, n_freq), power with a mean of 1 over frequency; of several networks
        (n_networks, n_sentences, n_freq).
    freqs_hz : ndarray, shape (n_freq,)
    speakers : sequence, length n_sentences
    """
    weights, values, pairs = speaker_draws.speaker_weights(speakers), {}, []
    for name, label in _LABELS.items():
        for low, high in PAPER_BANDS:
            power = speaker_draws.weighted_mean(
                in_band(profiles[name], freqs_hz, low, high), weights
            )  # (n_draws,), or (n_networks, n_draws)
            values[f"ours/{label}-{low}-{high}hz"] = 10 * np.log10(power)
    for low, high in PAPER_BANDS:
        own = f"ours/speaker-{low}-{high}hz"
        pairs += [(own, f"ours/{other}-{low}-{high}hz") for other in ("phone", "random-weights")]
        pairs += [(own, "ours/speaker-1000-2000hz")] if low != 1000 else []
    return speaker_draws.from_speakers(values, speakers, pairs)


def dictionary_power(kernels: np.ndarray, sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Return the power of a first layer's dictionary response, equation (2) over some frames of
    each sentence, in 2000 to 5000 Hz and in all, (n_sentences, 2).

    Parameters
    ----------
    kernels : ndarray, shape (n_filters, 30)
    sounds : sequence of ndarray, shape (T,)
        At 16 kHz; frames are taken every 200 samples from half a second to one and a half.
    """
    found = []
    for sound in sounds:
        starts = [start for start in range(8000, 24000, 200) if len(sound) > start + _FRAME]
        spectra = [
            attribution.dictionary_response(kernels, sound[start : start + _FRAME], _N_FFT)
            for start in starts
        ]
        power = np.square(spectra).sum(0) if spectra else np.zeros(_N_FFT // 2 + 1)
        found.append((power[50:125].sum(), power.sum()))
    return np.array(found)


def high_band_records(
    dictionary: Mapping[str, np.ndarray], relevance: np.ndarray, speakers: Sequence
) -> dict[str, dict]:
    """Return what is recorded of the shares (%) that lie in 2000 to 5000 Hz, by id.

    Parameters
    ----------
    dictionary : mapping from ``"speaker"`` and ``"phone"`` to ndarray, shape (n_sentences, 2)
        :func:`dictionary_power` of the two networks.
    relevance : ndarray, shape (n_sentences,)
        The speaker network's share, per cent, of the same sentences.
    speakers : sequence, length n_sentences
    """
    weights = speaker_draws.speaker_weights(speakers)
    values = {"ours/relevance-2000-5000hz-speaker": speaker_draws.weighted_mean(relevance, weights)}
    for name, power in dictionary.items():
        high, whole = (weights @ power).T
        values[f"ours/dictionary-2000-5000hz-{name}"] = 100 * high / whole
    own, blank = "ours/relevance-2000-5000hz-speaker", "ours/dictionary-2000-5000hz-phone"
    speaker = "ours/dictionary-2000-5000hz-speaker"
    return speaker_draws.from_speakers(values, speakers, [(own, speaker), (speaker, blank)])


def f_ratio_draws(levels: np.ndarray, speakers: Sequence, counts: np.ndarray) -> np.ndarray:
    """Return the F-ratio of each sub-band in each draw of speakers, (n_draws, n_bands).

    Parameters
    ----------
    levels : ndarray, shape (n_utterances, n_bands)
        In dB, as :func:`earwitness.evaluation.f_ratio` takes them.
    speakers : sequence, length n_utterances
    counts : ndarray, shape (n_draws, n_speakers)
        How often each speaker is drawn, names in order; first everybody once, as
        :func:`speaker_draws.drawn_counts` returns them.

    Notes
    -----
    Of n drawn with replacement the variance is on average (n - 1) / n of that of the n who were
    there to draw from; the draws are corrected for it, so that they lie around the F-ratio of all.
    """
    speakers, n = np.asarray(speakers), counts.shape[1]
    groups = [levels[speakers == name] for name in np.unique(speakers)]
    means, within = (np.stack([f(each) for each in groups]) for f in (_mean, _variance))
    centred = means - means.mean(0)
    between = counts @ centred**2 / n - (counts @ centred / n) ** 2
    between[1:] *= n / (n - 1)
    return between / (counts @ within / n)


def _mean(levels: np.ndarray) -> np.ndarray:
    return levels.mean(0)


def _variance(levels: np.ndarray) -> np.ndarray:
    return levels.var(0)


def f_ratio_records(
    drawn: np.ndarray, shuffled: np.ndarray, lows_hz: np.ndarray, speakers: Sequence
) -> dict[str, dict]:
    """Return what is recorded of the F-ratio inside and outside the bands of other studies, by id.

    Parameters
    ----------
    drawn : ndarray, shape (n_draws, n_bands)
        :func:`f_ratio_draws`.
    shuffled : ndarray, shape (n_draws,)
        Mean over all bands, with the names shuffled, of the same draws.
    lows_hz : ndarray, shape (n_bands,)
        Where each band begins.
    speakers : sequence
        Who was drawn.
    """
    values, pairs = {"ours/f-ratio-shuffled": shuffled}, []
    for low, high in (*CITED_BANDS, (1000, 2000)):
        inside, id = (lows_hz >= low) & (lows_hz < high), f"{low}-{high}hz"
        values[f"ours/f-ratio-{id}"] = drawn[:, inside].mean(1)
        pairs.append((f"ours/f-ratio-{id}", "ours/f-ratio-shuffled"))
        if (low, high) in CITED_BANDS:
            values[f"ours/f-ratio-outside-{id}"] = drawn[:, ~inside].mean(1)
            pairs.append((f"ours/f-ratio-{id}", f"ours/f-ratio-outside-{id}"))
    return speaker_draws.from_speakers(values, speakers, pairs)


def shuffled_draws(
    levels: np.ndarray, shuffled: Sequence[Sequence], counts: np.ndarray
) -> np.ndarray:
    """Return the F-ratio with shuffled names, mean over shufflings and bands, in each draw,
    (n_draws,); groups are drawn as :func:`f_ratio_draws` draws the speakers.
    """
    return np.mean([f_ratio_draws(levels, names, counts).mean(1) for names in shuffled], axis=0)


def band_draws(levels: np.ndarray, speakers: Sequence, counts: Mapping) -> np.ndarray:
    """Return the mean over sentences of what each sub-band has, in each draw, (n_draws, n_bands).

    Parameters
    ----------
    levels : ndarray, shape (n_sentences, n_bands)
        Of several networks (n_networks, n_sentences, n_bands): so is what is returned.
    speakers : sequence, length n_sentences
    counts : mapping from speaker to ndarray, shape (n_draws,)
        How often each is drawn. NaN where nobody is who speaks in these sentences.
    """
    weights = np.stack([counts[name] for name in speakers], axis=1)
    bands = [speaker_draws.weighted_mean(levels[..., b], weights) for b in range(levels.shape[-1])]
    return np.stack(bands, axis=-1)


def rank_correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation over the bands, the last axis, of each draw, (..., n_draws), of
    arrays (..., n_draws, n_bands); NaN where one is not known or does not vary.
    """
    ranks = [scipy.stats.rankdata(each, axis=-1) for each in (one, other)]
    x, y = (each - each.mean(-1, keepdims=True) for each in ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    return np.where(np.isfinite(one).all(-1) & np.isfinite(other).all(-1), found, np.nan)


def agreement_records(
    by_band: Mapping[str, np.ndarray], ratio: np.ndarray, lost: np.ndarray, speakers: Sequence
) -> dict[str, dict]:
    """Return what is recorded of rank correlations over bands, by id.

    Parameters
    ----------
    by_band : mapping from name of a profile to ndarray, shape (n_draws, n_bands)
        :func:`band_draws`; of several networks (n_networks, n_draws, n_bands).
    ratio : ndarray, shape (n_draws, n_bands)
        :func:`f_ratio_draws` with the same draws.
    lost : ndarray, shape (n_draws, n_bands)
        Points of accuracy that go with a band, of the same draws.
    speakers : sequence
        Who was drawn, and explained.
    """
    agrees = {"speaker": "section4-3/f-ratio-agrees", "phone": "ours/f-ratio-phone"}
    agrees |= {"random weights": "ours/f-ratio-random-weights"}
    values = {id: rank_correlations(by_band[name], ratio) for name, id in agrees.items()}
    foretells = {**_LABELS, "speech itself": "speech"}
    values |= {
        f"ours/band-loss-{label}": rank_correlations(by_band[name], lost)
        for name, label in foretells.items()
    }
    values["ours/band-loss-f-ratio"] = rank_correlations(ratio, lost)
    others = ("ours/f-ratio-phone", "ours/f-ratio-random-weights")
    pairs = [("section4-3/f-ratio-agrees", other) for other in others]
    losses = ("phone", "random-weights", "speech", "f-ratio")
    pairs += [("ours/band-loss-speaker", f"ours/band-loss-{other}") for other in losses]
    return speaker_draws.from_speakers(values, speakers, pairs)


def named_right(networks: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Return in which of the sentences that were held out a network names the speaker, bool, and
    who speaks, both (n,); the sentences of several folds one after the other.

    Parameters
    ----------
    networks : sequence of TrainedOnFrames
        One for each fold.
    """
    right, speakers = [], []
    for network in networks:
        targets = network.corpus.targets("speaker")[network.fold.test]
        right.append(network.utterances.argmax(1).numpy() == targets)
        speakers.append(network.corpus.table["speaker"].to_numpy()[network.fold.test])
    return np.concatenate(right), np.concatenate(speakers)


def accuracy_records(right: np.ndarray, speakers: Sequence, chance: float) -> dict[str, dict]:
    """Return what is recorded of how many sentences have their speaker named, by id.

    Parameters
    ----------
    right : bool ndarray, shape (n,)
        Of each held-out sentence of each network; folds are equally large.
    speakers : sequence, length n
        Who is drawn, with the sentences of all folds.
    chance : float
        Per cent, known exactly.

    Notes
    -----
    Where all are right, or none, or of each speaker as many, drawing speakers knows no doubt: then
    the interval is Wilson's for so many speakers.
    """
    own, blank = f"{_CHAPTER}/accuracy/speaker-utterance", f"{_CHAPTER}/ours/chance-speaker"
    n = len(set(speakers))
    ends = statistics.bootstrap(100.0 * right, speakers).ends
    if ends[0] == ends[1]:
        ends = tuple(100 * end for end in statistics.share(round(n * right.mean()), n).ends)
    counted = {"n": n, "of": "speakers"}
    lead = {blank: (ends[0] - chance, ends[1] - chance)}
    value = {"value": 100 * right.mean(), "interval": ends, "against": lead}
    return {own: value | counted, blank: {"value": chance} | counted}
