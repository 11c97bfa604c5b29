"""Turn a plan of clips into sound with Praat. A program of its own: JSON on standard input, npz on
standard output.

eSpeak, which Praat's synthesizer contains, carries state from one utterance to the next (the phase
of its flutter, its noise), so the same word sounds slightly different each time within a process.
Every speaker is therefore spoken by a fresh process, in the order of the plan: a speaker's clips
depend on nothing but the plan of that speaker. Imports nothing of earwitness, so that starting it
costs a third of a second.
"""

import io
import json
import multiprocessing
import os
import sys
from contextlib import suppress
from multiprocessing import connection

import numpy as np
import parselmouth
import soxr
from parselmouth.praat import call, run
from tqdm import tqdm

SAMPLE_RATE = 16000
_ESPEAK_RATE = 22050
_SILENCE_S = 600.0  # so long no speaker may be done; one takes seconds
_DECAY_S = 0.04  # what is kept of a sentence after its last phone
_PITCH_MULTIPLIERS = (0.6, 1.9)  # where the synthesizer's F0 is measured; it takes 0.5 to 2.0
_BANDWIDTHS_HZ = (60, 90, 150, 200, 250, 300)
_CLOSURE_S, _BURST_S, _RAMP_S = 0.07, 0.012, 0.015


def speak_all(plan: list[list[dict]], processes: int | None = None) -> dict[str, np.ndarray]:
    """Return the clips of all speakers, one after the other.

    Parameters
    ----------
    plan : list of lists of dict
        Per speaker the clips as ``voices.py`` plans them.
    processes : int, optional
        Default: one per core.

    Returns
    -------
    dict
        ``samples`` int16 (T,), ``lengths`` int64 (n_clips,), ``n_phones`` int64 (n_clips,), and per
        phone ``phone`` str, ``start_s``, ``end_s`` float64 (n_phones,).
    """
    clips = [
        clip for speaker in _spoken(plan, processes or os.cpu_count() or 1) for clip in speaker
    ]
    phones = [phone for _, of_clip in clips for phone in of_clip]
    return {
        "samples": np.concatenate([samples for samples, _ in clips]),
        "lengths": np.array([len(samples) for samples, _ in clips]),
        "n_phones": np.array([len(of_clip) for _, of_clip in clips]),
        "phone": np.array([label for _, _, label in phones]),
        "start_s": np.array([start for start, _, _ in phones]),
        "end_s": np.array([end for _, end, _ in phones]),
    }


def _spoken(plan: list[list[dict]], processes: int) -> list[list]:
    """Return the clips of each speaker, each spoken by a process of its own, whose death is an
    error.

    A pool would wait for ever for a worker that was killed with the pool's lock in its hands.
    """
    method = "fork" if sys.platform == "linux" else "spawn"  # on macOS a forked child may crash
    context, waiting, running, done = (
        multiprocessing.get_context(method),
        list(enumerate(plan)),
        {},
        {},
    )
    try:
        with tqdm(
            total=len(plan), desc="Speaking", unit="speaker", disable=None, leave=False
        ) as bar:
            while waiting or running:
                while waiting and len(running) < processes:
                    number, clips = waiting.pop(0)
                    ours, theirs = context.Pipe(duplex=False)
                    others = [ours, *running] if method == "fork" else []
                    serving = (clips, theirs, others)
                    worker = context.Process(target=_serve, args=serving, daemon=True)
                    worker.start()
                    theirs.close()
                    running[ours] = number, worker
                ready = connection.wait(running, timeout=_SILENCE_S)
                if not ready:
                    raise TimeoutError(f"No speaker was done within {_SILENCE_S:.0f} s.")
                for ours in ready:
                    number, worker = running.pop(ours)
                    done[number] = _received(ours, worker, number)
                    bar.update()
    finally:
        for _, worker in running.values():
            worker.kill()
    return [done[number] for number in range(len(plan))]


def _serve(clips: list[dict], theirs, others: list) -> None:
    """Send what is spoken; without a reader, end. ``others`` are the readers' ends, which a fork
    inherits: open here, they would keep a pipe alive whose reader was killed, and this for ever.
    """
    for end in others:
        end.close()
    with suppress(BrokenPipeError):
        theirs.send(speak(clips))
    theirs.close()


def _received(ours, worker, number: int) -> list:
    try:
        clips = ours.recv()
    except (EOFError, OSError):
        worker.join()
        raise RuntimeError(
            f"The process of speaker {number + 1} ended with {worker.exitcode}."
        ) from None
    worker.join()
    return clips


def speak(clips: list[dict]) -> list[tuple[np.ndarray, list]]:
    """Return samples (int16) and phones (start_s, end_s, label) of each clip of one speaker."""
    run("random_initializeWithSeedUnsafelyButPredictably (1)")  # KlattGrid's aspiration noise
    kinds = {"vowel": lambda clip: _klatt, "text": _Reader, "word": _Espeak}
    kind = next(kind for key, kind in kinds.items() if key in clips[0])
    synthesize = kind(clips[0])
    return [_record(clip, *synthesize(clip)) for clip in clips]


class _Espeak:
    """One speaker of Praat's SpeechSynthesizer; knows which pitch setting gives which F0."""

    def __init__(self, clip: dict):
        f0_hz = [
            _median_f0(self._utter({**clip, "word": "nine"}, multiplier)[0])
            for multiplier in _PITCH_MULTIPLIERS
        ]
        self.low_hz, self.high_hz = f0_hz

    def __call__(self, clip: dict) -> tuple[np.ndarray, list]:
        share = (clip["f0_hz"] - self.low_hz) / (self.high_hz - self.low_hz)
        low, high = _PITCH_MULTIPLIERS
        sound, grid = self._utter(clip, float(np.clip(low + share * (high - low), 0.5, 2.0)))
        return sound.values[0], _phones(grid, 1 / clip["tract_scale"])

    def _utter(
        self, clip: dict, pitch_multiplier: float
    ) -> tuple[parselmouth.Sound, parselmouth.TextGrid]:
        # A tract shorter by the factor raises all resonances by it: speak at a lower sample rate,
        # claim the usual one.
        # That raises F0 and shortens the clip, too: F0 is measured after it, the rate is corrected
        # before it.
        scale = clip["tract_scale"]
        grid, sound = _said(clip, SAMPLE_RATE / scale, 0.01, pitch_multiplier)
        return parselmouth.Sound(sound.values[0], SAMPLE_RATE), grid


class _Reader(_Espeak):
    """A speaker of whole sentences: no gaps between words, and no half second of silence at the
    end.

    eSpeak's own rate is asked for, because Praat's way to another one takes ten times as long as
    the speaking.
    """

    def __call__(self, clip: dict) -> tuple[np.ndarray, list]:
        samples, phones = super().__call__({**clip, "word": clip["text"]})
        end_s = max(end for _, end, label in phones if label) + _DECAY_S
        return samples[: round(end_s * SAMPLE_RATE)], phones

    def _utter(
        self, clip: dict, pitch_multiplier: float
    ) -> tuple[parselmouth.Sound, parselmouth.TextGrid]:
        scale = clip["tract_scale"]
        grid, sound = _said(clip, _ESPEAK_RATE, 0.0, pitch_multiplier)
        samples = soxr.resample(sound.values[0], _ESPEAK_RATE * scale, SAMPLE_RATE)
        return parselmouth.Sound(samples, SAMPLE_RATE), grid


def _said(clip: dict, rate: float, word_gap_s: float, pitch_multiplier: float) -> tuple:
    """Return what eSpeak says to ``clip["word"]`` before the tract is scaled: a TextGrid and a
    Sound.
    """
    speaker = call("Create SpeechSynthesizer", f"English ({clip['accent']})", clip["variant"])
    call(
        speaker,
        "Speech output settings...",
        rate,
        word_gap_s,
        pitch_multiplier,
        clip["pitch_range"],
        clip["words_per_minute"] / clip["tract_scale"],
        "IPA",
    )
    call(speaker, "Estimate speech rate from speech...", False)
    return call(speaker, "To Sound...", clip["word"], True)


def _median_f0(sound: parselmouth.Sound) -> float:
    f0_hz = sound.to_pitch_ac(pitch_floor=50, pitch_ceiling=500).selected_array["frequency"]
    return float(np.median(f0_hz[f0_hz > 0]))


def _phones(grid: parselmouth.TextGrid, time_factor: float) -> list[tuple[float, float, str]]:
    tier = 4  # sentence, clause, word, phoneme
    return [
        (
            call(grid, "Get start time of interval", tier, i) * time_factor,
            call(grid, "Get end time of interval", tier, i) * time_factor,
            call(grid, "Get label of interval", tier, i),
        )
        for i in range(1, call(grid, "Get number of intervals", tier) + 1)
    ]


def _klatt(clip: dict) -> tuple[np.ndarray, list]:
    """Return an hVd word: aspiration with the vowel's resonances, the vowel, a voiced closure, a
    burst.
    """
    start = clip["h_s"]
    end = start + clip["vowel_s"]
    release = end + _CLOSURE_S
    total = release + _BURST_S + 0.02
    klatt = call("Create KlattGrid...", "hVd", 0, total, 6, 0, 0, 0, 0, 0, 0)
    for time, factor in [(start, 1.04), (clip["steady_s"], 1.0), (end, 0.9), (release, 0.82)]:
        call(klatt, "Add pitch point...", time, clip["f0_hz"] * factor)
    _levels(
        klatt,
        "voicing",
        [
            (start, 0),
            (start + _RAMP_S, 90),
            (end - _RAMP_S, 86),
            (end + _RAMP_S, 62),
            (release - _RAMP_S, 55),
            (release, 0),
        ],
    )
    _levels(
        klatt,
        "aspiration",
        [
            (0, 0),
            (_RAMP_S, 56),
            (start, 56),
            (start + 2 * _RAMP_S, clip["breath_db"]),
            (end, clip["breath_db"]),
            (end + 0.005, 0),
            (release, 0),
            (release + 0.002, 70),
            (release + _BURST_S, 0),
        ],
    )
    _resonances(klatt, clip, end)
    sound = call(klatt, "To Sound").resample(SAMPLE_RATE, 50)
    return sound.values[0], [(0.0, start, "h"), (start, end, clip["vowel"]), (end, total, "d")]


def _levels(klatt: parselmouth.Data, what: str, points: list[tuple[float, float]]) -> None:
    for time, level_db in points:
        call(klatt, f"Add {what} amplitude point...", time, level_db)


def _resonances(klatt: parselmouth.Data, clip: dict, vowel_end_s: float) -> None:
    """Hold the vowel's formants for three quarters of it, then move to the place of /d/."""
    hold_s = vowel_end_s - 0.25 * clip["vowel_s"]
    for i, (formant_hz, locus_hz) in enumerate(
        zip(clip["formants_hz"], clip["d_locus_hz"], strict=True), start=1
    ):
        call(klatt, "Add oral formant frequency point...", i, hold_s, formant_hz)
        call(klatt, "Add oral formant frequency point...", i, vowel_end_s, locus_hz)
        call(klatt, "Add oral formant bandwidth point...", i, hold_s, _BANDWIDTHS_HZ[i - 1])


def _record(clip: dict, speech: np.ndarray, phones: list) -> tuple[np.ndarray, list]:
    """Return the clip as a microphone in a quiet room takes it: pauses around, tilt, noise, level;
    and its phones.
    """
    before, after = round(clip["onset_s"] * SAMPLE_RATE), round(clip["tail_s"] * SAMPLE_RATE)
    samples = np.pad(speech, (before, after))
    samples[1:] += clip["tilt"] * samples[:-1]
    samples *= clip["peak"] / np.abs(samples).max()
    noise = np.random.default_rng(clip["noise_seed"]).standard_normal(len(samples))
    samples += noise * clip["peak"] * 10 ** (clip["noise_db"] / 20)
    return np.round(samples * 32767).astype(np.int16), _placed(
        phones, before, len(speech), len(samples)
    )


def _placed(
    phones: list, before: int, n_speech: int, n_samples: int
) -> list[tuple[float, float, str]]:
    onset_s, speech_s, total_s = (
        before / SAMPLE_RATE,
        n_speech / SAMPLE_RATE,
        n_samples / SAMPLE_RATE,
    )
    spoken = [
        (min(s, speech_s) + onset_s, min(e, speech_s) + onset_s, label)
        for s, e, label in phones
        if label
    ]
    edges = [0.0, *(edge for phone in spoken for edge in phone[:2]), total_s]
    pauses = [(s, e, "") for s, e in zip(edges[::2], edges[1::2], strict=True) if e - s > 1e-9]
    return sorted(spoken + pauses)


def main() -> None:
    """Read a plan, write the clips."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the bytes of the output
    buffer = io.BytesIO()
    np.savez(buffer, **speak_all(json.load(sys.stdin)))
    with output:
        output.write(buffer.getbuffer())


if __name__ == "__main__":
    main()
