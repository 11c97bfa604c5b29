"""Generated speech, made offline and the same every time: digits, hVd words and sentences, true by
construction.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import parselmouth

from earwitness import cache
from earwitness.corpora import synthesizer
from earwitness.corpora.base import LONG_CLIP_S, Corpus, balanced_groups, rotate, utterance_folds
from earwitness.corpora.phones import ARPABET_OF_AEV, IPA, PHONES_39, fold
from earwitness.corpora.sentences import DEALT, SHARED
from earwitness.errors import DamagedDataError, FoldError, ParameterError, check_choice

_GENERATOR = {
    "digits": 1,
    "hvd": 1,
    "sentences": 1,
}  # raise one whenever its clips change: no cache hands out old ones
_START_S, _CLIP_S = 900.0, 5.0  # how long generating may take, and each clip of it
_NOTHING_KEPT = "nothing was kept, so loading the corpus again starts anew."
_MAX_FEMALE = 12  # as in AudioMNIST: 12 of 60
_MAX_SPEAKERS, _MAX_REPETITIONS = 1000, 1000

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_VARIANTS = {
    "female": ["Female1", "Female2", "Female3", "Female4", "Female5", "Linda", "Auntie"],
    "male": [
        "Male1",
        "Male2",
        "Male3",
        "Male4",
        "Male5",
        "Male6",
        "Male7",
        "Max",
        "Michel",
        "Denis",
        "Gene",
        "Gene2",
        "John",
        "Mario",
        "Michael",
        "Iven",
        "Boris",
    ],
}
_ACCENTS = [
    "America",
    "Received Pronunciation",
    "Great Britain",
    "West Midlands",
    "Lancaster",
    "Scotland",
    "Caribbean",
]

# vowel: word, (duration in ms, F0, F1, F2, F3, F4 in Hz) of women, of men: Hillenbrand et al.
# (1995), table V
_VOWELS = {
    "ae": ("had", (332, 215, 669, 2349, 2972, 4290), (278, 123, 588, 1952, 2601, 3624)),
    "ah": ("hod", (323, 215, 936, 1551, 2815, 4299), (267, 123, 768, 1333, 2522, 3687)),
    "aw": ("hawed", (353, 210, 781, 1136, 2824, 3923), (283, 121, 652, 997, 2538, 3486)),
    "eh": ("head", (254, 214, 731, 2058, 2979, 4294), (189, 127, 580, 1799, 2605, 3677)),
    "ei": ("hayed", (320, 219, 536, 2530, 3047, 4319), (267, 129, 476, 2089, 2691, 3649)),
    "er": ("heard", (321, 217, 523, 1588, 1929, 3914), (263, 130, 474, 1379, 1710, 3334)),
    "ih": ("hid", (237, 224, 483, 2365, 3053, 4334), (192, 135, 427, 2034, 2684, 3618)),
    "iy": ("heed", (306, 227, 437, 2761, 3372, 4352), (243, 138, 342, 2322, 3000, 3657)),
    "oa": ("hoed", (326, 217, 555, 1035, 2828, 3927), (265, 129, 497, 910, 2459, 3384)),
    "oo": ("hood", (249, 230, 519, 1225, 2827, 4052), (192, 133, 469, 1122, 2434, 3400)),
    "uh": ("hud", (226, 218, 753, 1426, 2933, 4092), (188, 133, 623, 1200, 2550, 3557)),
    "uw": ("who'd", (303, 235, 459, 1105, 2735, 4115), (237, 143, 378, 997, 2343, 3357)),
}
_TUBE_HZ = {"female": [5250, 6400], "male": [4500, 5500]}  # F5, F6
_D_LOCUS_HZ = {
    "female": [300, 1900, 2900, 4000],
    "male": [280, 1700, 2600, 3500],
}  # where F1 to F4 go before /d/
_HVD_PHONES = {
    "": "sil",
    "h": "hh",
    "d": "d",
    **dict(zip(ARPABET_OF_AEV, fold(ARPABET_OF_AEV.values()), strict=True)),
}
_TASKS = {
    "digits": {"word": DIGITS, "digit": list(range(10))},
    "hvd": {"vowel": list(_VOWELS), "word": [word for word, *_ in _VOWELS.values()]},
    "sentences": {"phone": PHONES_39, "speaker": []},
}


class Voices(Corpus):
    """Words and sentences of synthetic speakers at 16 kHz.

    Every second of the first 24 speakers is female, all others are male.

    Parameters
    ----------
    root : path, optional
        Taken for the sake of ``corpora.load`` and not used: nothing is read, clips are kept in the
        cache.
    n_speakers : int
        1 to 1000. With 60 there are 12 women and 48 men, as in AudioMNIST.
    repetitions : int
        How often each speaker says each word, 1 to 1000; for sentences, how many of the 42 each
        speaker says.
    words : str
        ``"digits"``: zero to nine by eSpeak, as Praat's SpeechSynthesizer offers it: voice variant,
        accent, vocal-tract length, F0, pitch range, rate, spectral tilt and noise differ by
        speaker; rate, F0, pauses and level differ by repetition. ``"hvd"``: the twelve hVd words by
        Praat's KlattGrid; F0 and formants are known. ``"sentences"``: sentences of our own by
        eSpeak, by the same speakers as the digits; the first two are said by everybody.
    seed : int
        Chooses other speakers.

    Attributes
    ----------
    table : DataFrame
        Beside the usual columns ``repetition`` and ``n_phones``; for digits ``digit`` and ``word``;
        for sentences ``sentence`` ("sa1"), ``kind`` ("sa": said by everybody, "sx") and ``text``;
        for both ``accent``, ``variant``, ``tract_scale`` (all resonances of the variant are raised
        by it) and ``nominal_f0_hz``; for hVd words ``vowel``, ``word``, ``f0_hz`` at ``steady_s``,
        ``f1_hz`` to ``f4_hz`` (constant from the start to three quarters of the vowel),
        ``vowel_start_s``, ``vowel_end_s``.

    Notes
    -----
    A speaker's clips depend on ``seed`` and ``words`` only, and repetition k is the same whatever
    ``repetitions`` is: fewer speakers or repetitions give a part of the larger corpus. The same
    bytes come out on every run with the same version of parselmouth, which is part of the cache's
    key.

    Sentences have the tasks ``phone`` (per frame, through ``phones(i)``), ``speaker`` and ``sex``.
    ``folds("speaker", protocol="utterance")``: each tests one sentence of every speaker and trains
    on all others. All other folds keep speakers apart; different speakers may have read the same
    sentence.

    The hVd words take the group means of Hillenbrand, Getty, Clark and Wheeler (1995), J. Acoust.
    Soc. Am. 97(5), for duration, F0 and F1 to F4 at the steady state; every speaker scales them (F0
    by 10 %, all formants together by 4 %, each formant of each vowel by 3 %, durations by 10 %,
    standard deviations). The vowels do not glide, unlike real "hayed" and "hoed". F5 and F6 are
    those of a uniform tube.

    F0 comes back within 1 % by :func:`earwitness.features.f0`. Formants come back by
    :func:`earwitness.features.formants` within 5 % if F0 is low (80 Hz). At the F0 of these
    speakers F2 does, but linear prediction draws F1 towards the nearest harmonic: by 3 | 2 %
    (median of women | men), at worst by 0.29 of F0 (17 %, women's "heed" and "who'd", whose F1 lies
    between the first harmonic and the second).
    """

    name = "voices"
    label = "Generated voices"
    tasks = {"sex": ["male", "female"], **_TASKS["digits"], **_TASKS["hvd"], **_TASKS["sentences"]}
    compared = (("digit", "speaker"), ("sex", "speaker"))
    sample_rate = synthesizer.SAMPLE_RATE

    def __init__(
        self,
        root: str | Path | None = None,
        n_speakers: int = 60,
        repetitions: int = 5,
        words: str = "digits",
        seed: int = 0,
    ):
        plan_of, most = {
            "digits": (_digit_clips, _MAX_REPETITIONS),
            "hvd": (_hvd_clips, _MAX_REPETITIONS),
            "sentences": (_sentence_clips, len(SHARED) + len(DEALT)),
        }[check_choice(words, _TASKS, "set of words of voices")]
        self.n_speakers = _whole(n_speakers, "n_speakers", 1, _MAX_SPEAKERS)
        repetitions = _whole(repetitions, "repetitions", 1, most)
        seed = _whole(seed, "seed", 0, 2**32 - 1)
        plan = [plan_of(speaker, repetitions, seed) for speaker in range(self.n_speakers)]
        specification = {
            "generator": _GENERATOR[words],
            "parselmouth": parselmouth.VERSION,
            "words": words,
            "seed": seed,
            "n_speakers": self.n_speakers,
            "repetitions": repetitions,
        }
        self.tasks = {"sex": ["male", "female"], **_TASKS[words]}
        self.root = cache.stored(
            "voices", specification, ".npz", lambda path: _generate(plan, path)
        )
        self._read(plan, _HVD_PHONES if words == "hvd" else IPA)
        if words == "sentences":
            self.tasks["speaker"] = self.table["speaker"].unique().tolist()

    def _read(self, plan: list[list[dict]], phones_39: dict[str, str]) -> None:
        with np.load(self.root) as file:
            spoken = {key: file[key] for key in file.files}
        self._audio = spoken["samples"]
        self._ends = np.cumsum(spoken["lengths"])
        self._phone_ends = np.cumsum(spoken["n_phones"])
        self._phone_table = pd.DataFrame(
            {key: spoken[key] for key in ("start_s", "end_s", "phone")}
        )
        self._phone_table["phone_39"] = [
            phones_39[check_choice(phone, phones_39, "phone of voices that is mapped to the 39")]
            for phone in spoken["phone"].tolist()
        ]
        self.table = pd.DataFrame([clip["labels"] for clips in plan for clip in clips])
        self.table["n_phones"] = spoken["n_phones"]
        self.table["duration_s"] = spoken["lengths"] / self.sample_rate
        self.table["longer_than_1s"] = self.table["duration_s"] > LONG_CLIP_S

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        samples = self._audio[self._ends[index - 1] if index else 0 : self._ends[index]]
        return samples.astype(np.float32) / 32768, self.sample_rate

    def phones(self, index: int) -> pd.DataFrame:
        """Return the phones of a clip: ``start_s``, ``end_s``, ``phone`` and ``phone_39``.

        ``phone`` is IPA as eSpeak gives it, or the vowel's code, ``""`` in a pause; ``phone_39``
        the one of TIMIT's 39 that comes nearest, ``"sil"`` in a pause. They follow each other
        without gaps from 0 to the clip's end.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} clips; there is no clip {index}.")
        index %= len(self)
        rows = slice(self._phone_ends[index - 1] if index else 0, self._phone_ends[index])
        return self._phone_table.iloc[rows].reset_index(drop=True)

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip; in the task ``sex`` -1 for who has no
        counterpart.
        """
        targets = super().targets(task)
        if task != "sex":
            return targets
        women, men = self._sexes(equal=True)
        return np.where(self.table["speaker"].isin(women + men), targets, -1)

    def fingerprint(self) -> str:
        """Return hex digits that change when any sample changes."""
        return cache.file_digest(self.root)[:16]

    def _sexes(self, equal: bool = False) -> list[list[str]]:
        first = self.table.drop_duplicates("speaker")
        women, men = ([*first.loc[first["sex"] == sex, "speaker"]] for sex in ("female", "male"))
        n = min(len(women), len(men)) if equal else None
        return [women[:n], men[:n]]

    def _fold_makers(self, task):
        if task == "speaker":
            return {"utterance": lambda: utterance_folds(self.table)}
        return {"speaker": lambda: self._speaker_folds(task)}

    def _speaker_folds(self, task: str):
        """Deal speakers to five groups (sex: four), fewer if women or men are fewer; one validates,
        one tests.
        """
        women, men = self._sexes(equal=task == "sex")
        n_groups = min(4 if task == "sex" else 5, len(women), len(men))
        if n_groups < 3:
            raise FoldError(
                f"{self.n_speakers} generated speakers, {len(women)} of them female, are too few "
                "for folds: training, "
                "validation and test need a woman and a man each. Take n_speakers=6 or more."
            )
        return rotate(balanced_groups([women, men], n_groups), n_groups - 2, self._rows)


def _whole(value: int, name: str, low: int, high: int) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or not low <= value <= high
    ):
        raise ParameterError(
            f"{name} of voices must be a whole number from {low} to {high}, got {value!r}."
        )
    return int(value)


def _generate(plan: list[list[dict]], path: Path) -> None:
    program = [sys.executable, "-P", synthesizer.__file__]
    limit_s = _START_S + sum(len(clips) for clips in plan) * _CLIP_S
    try:
        with open(path, "wb") as output:
            done = subprocess.run(
                program,
                input=json.dumps(plan).encode(),
                stdout=output,
                check=False,
                timeout=limit_s,
            )
    except subprocess.TimeoutExpired:
        raise DamagedDataError(
            f"Generating voices was given up after {limit_s:.0f} s; {_NOTHING_KEPT}"
        ) from None
    if done.returncode != 0:
        raise DamagedDataError(
            f"Generating voices ended with exit code {done.returncode}; its own messages stand "
            f"above this one. {_NOTHING_KEPT.capitalize()}"
        )


def _sex(speaker: int) -> str:
    return "female" if speaker % 2 == 0 and speaker < 2 * _MAX_FEMALE else "male"


def _around(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """Draw from a normal distribution cut at two standard deviations."""
    return mean + deviation * float(np.clip(rng.standard_normal(), -2, 2))


def _room(rng: np.random.Generator) -> dict:
    return {
        "tilt": rng.uniform(-0.3, 0.3),
        "noise_db": rng.uniform(-60, -45),
        "level": rng.uniform(0.35, 0.75),
    }


def _take(rng: np.random.Generator, room: dict) -> dict:
    """Draw what differs between two recordings of a speaker."""
    return {
        "onset_s": rng.uniform(0.02, 0.07),
        "tail_s": rng.uniform(0.02, 0.06),
        "tilt": room["tilt"],
        "noise_db": room["noise_db"],
        "peak": room["level"] * rng.uniform(0.8, 1.2),
        "noise_seed": int(rng.integers(2**32)),
    }


def _person(speaker: int, seed: int) -> dict:
    """Return what an eSpeak speaker has in all clips."""
    rng = np.random.default_rng([seed, speaker, 0])
    sex = _sex(speaker)
    variants = np.random.default_rng([seed, len(_VARIANTS[sex])]).permutation(_VARIANTS[sex])
    rank = (
        speaker // 2 if speaker < 2 * _MAX_FEMALE else speaker - _MAX_FEMALE
    )  # among the speakers of this sex
    person = {
        "sex": sex,
        "variant": str(variants[rank % len(variants)]),
        "accent": str(rng.choice(_ACCENTS)),
    }
    person["f0_hz"] = _around(rng, 215, 17) if sex == "female" else _around(rng, 118, 13)
    person["tract_scale"] = _around(rng, 1.02, 0.03) if sex == "female" else _around(rng, 1.0, 0.03)
    person["words_per_minute"], person["pitch_range"] = rng.uniform(130, 170), rng.uniform(0.6, 1.4)
    return {**person, "room": _room(rng)}


def _espeak_clip(person: dict, take: np.random.Generator, names: dict, said: dict) -> dict:
    """Return the plan of one clip: its labels and what the synthesizer needs."""
    clip_f0_hz = person["f0_hz"] * take.uniform(0.95, 1.05)
    voice = {key: person[key] for key in ("accent", "variant", "tract_scale")}
    return {
        "labels": {**names, **voice, "nominal_f0_hz": clip_f0_hz},
        **said,
        **voice,
        "f0_hz": clip_f0_hz,
        "pitch_range": person["pitch_range"],
        "words_per_minute": person["words_per_minute"] * take.uniform(0.94, 1.06),
        **_take(take, person["room"]),
    }


def _digit_clips(speaker: int, repetitions: int, seed: int) -> list[dict]:
    """Return the plan of one speaker: for each clip its labels and what the synthesizer needs."""
    person = _person(speaker, seed)
    return [
        _espeak_clip(
            person,
            np.random.default_rng([seed, speaker, 1, repetition, digit]),
            {
                "id": f"{digit}_{speaker + 1:02d}_{repetition}",
                "speaker": f"{speaker + 1:02d}",
                "sex": person["sex"],
                "digit": digit,
                "word": word,
                "repetition": repetition,
            },
            {"word": word},
        )
        for repetition in range(repetitions)
        for digit, word in enumerate(DIGITS)
    ]


def _sentence_clips(speaker: int, repetitions: int, seed: int) -> list[dict]:
    """Return the plan of one speaker: the two sentences that everybody says, then others in an
    order of its own.
    """
    person = _person(speaker, seed)
    order = np.random.default_rng([seed, speaker, 4]).permutation(len(DEALT))
    said = [(f"sa{i + 1}", text) for i, text in enumerate(SHARED)] + [
        (f"sx{i + 1}", DEALT[i]) for i in order
    ]
    clips = []
    for repetition, (sentence, text) in enumerate(said[:repetitions]):
        take = np.random.default_rng([seed, speaker, 5, repetition])
        names = {
            "id": f"{speaker + 1:02d}_{sentence}",
            "speaker": f"{speaker + 1:02d}",
            "sex": person["sex"],
            "sentence": sentence,
            "kind": sentence[:2],
            "text": text,
            "repetition": repetition,
        }
        pauses = {"onset_s": take.uniform(0.08, 0.16), "tail_s": take.uniform(0.06, 0.14)}
        clips.append(_espeak_clip(person, take, names, {"text": text}) | pauses)
    return clips


def _hvd_clips(speaker: int, repetitions: int, seed: int) -> list[dict]:
    rng = np.random.default_rng([seed, speaker, 2])
    sex = _sex(speaker)
    person = {
        "sex": sex,
        "f0": _around(rng, 1, 0.1),
        "tract": _around(rng, 1, 0.04),
        "slow": _around(rng, 1, 0.1),
        "vowels": {vowel: [_around(rng, 1, 0.03) for _ in range(4)] for vowel in _VOWELS},
        "breath_db": rng.uniform(45, 60) if sex == "female" else rng.uniform(35, 50),
        "room": _room(rng),
    }
    return [
        _hvd_clip(
            speaker,
            person,
            vowel,
            repetition,
            np.random.default_rng([seed, speaker, 3, repetition, i]),
        )
        for repetition in range(repetitions)
        for i, vowel in enumerate(_VOWELS)
    ]


def _hvd_clip(
    speaker: int, person: dict, vowel: str, repetition: int, rng: np.random.Generator
) -> dict:
    word, women, men = _VOWELS[vowel]
    duration_ms, f0_mean_hz, *formant_means_hz = women if person["sex"] == "female" else men
    tube_hz = np.array(_TUBE_HZ[person["sex"]])
    formants_hz = (
        person["tract"]
        * np.array(formant_means_hz)
        * person["vowels"][vowel]
        * rng.uniform(0.99, 1.01, 4)
    )
    f0_hz = f0_mean_hz * person["f0"] * rng.uniform(0.97, 1.03)
    h_s, vowel_s = (
        rng.uniform(0.06, 0.1),
        duration_ms / 1000 * person["slow"] * rng.uniform(0.95, 1.05),
    )
    take = _take(rng, person["room"])
    start_s = round(take["onset_s"] * synthesizer.SAMPLE_RATE) / synthesizer.SAMPLE_RATE + h_s
    labels = {
        "id": f"{vowel}_{speaker + 1:02d}_{repetition}",
        "speaker": f"{speaker + 1:02d}",
        "sex": person["sex"],
        "vowel": vowel,
        "word": word,
        "repetition": repetition,
        "f0_hz": f0_hz,
        **{f"f{i}_hz": formant for i, formant in enumerate(formants_hz.tolist(), start=1)},
        "vowel_start_s": start_s,
        "vowel_end_s": start_s + vowel_s,
        "steady_s": start_s + 0.4 * vowel_s,
    }
    return {
        "labels": labels,
        "vowel": vowel,
        "f0_hz": f0_hz,
        "breath_db": person["breath_db"],
        "h_s": h_s,
        "vowel_s": vowel_s,
        "steady_s": h_s + 0.4 * vowel_s,
        "formants_hz": [*formants_hz, *(person["tract"] * tube_hz)],
        "d_locus_hz": [
            *(person["tract"] * np.array(_D_LOCUS_HZ[person["sex"]])),
            *(person["tract"] * tube_hz),
        ],
        **take,
    }
