"""Why a network predicts so: maps, sounds, numbers; shown in a notebook, saved in a folder."""

import io
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from earwitness.attribution import dft_lrp
from earwitness.errors import ParameterError
from earwitness.explaining import report
from earwitness.provenance import provenance

NUMBERS = "numbers.json"


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a network predicts so for a sound.

    Attributes
    ----------
    name, network, method : str
    specification : dict
        All that determines the explanation.
    samples : ndarray, shape (T,), float32
        What of the sound was explained, at ``sample_rate`` Hz.
    sample_rate : int
    start_s : float
        Where in the sound the samples begin, in seconds; negative where silence was put before it.
    logits : ndarray, shape (n_outputs,), float64
        The network's output, its mean over time where there is one for each step.
    prediction : dict
        Highest output: ``output``, ``label``, ``value``, and ``probability`` by softmax if there
        are several.
    explained : str
        The output that is explained, in words.
    relevance, control : ndarray, shape (T,) or (freq, time), float64
        Of the network, and of the same network with random weights (None where it has no such).
    ledger : dict
        What relevance adds up to, and for methods that promise a sum what it should.
    agreement : dict
        Correlation of relevance and control, with and without signs: near 1, the map shows the
        sound and not what was learnt.
    flipping : dict
        Curves over ``faithfulness["fractions"]``: ``relevance`` (n,), ``random`` (n_orders, n).
    faithfulness : dict
        Areas under these curves; by relevance it should be less than at random.
    sounds : dict of ndarray (T,)
        ``explanation`` and ``control``: the sound with each part as loud as it speaks for the
        output.
    inputs : ndarray
        What the network was given.
    level_db, times_s, freqs_hz : ndarray, optional
        For a network of spectrograms: what it was given, and where its cells lie.
    in_shares : bool
        Whether relevance is zero where the samples are, so that it can be handed on to frequencies.
    """

    name: str
    network: str
    method: str
    specification: dict
    samples: np.ndarray
    sample_rate: int
    start_s: float
    logits: np.ndarray
    prediction: dict
    explained: str
    relevance: np.ndarray
    control: np.ndarray | None
    ledger: dict
    agreement: dict
    flipping: dict
    faithfulness: dict
    sounds: dict
    inputs: np.ndarray
    level_db: np.ndarray | None = None
    times_s: np.ndarray | None = None
    freqs_hz: np.ndarray | None = None
    in_shares: bool = False
    _kept: dict = field(default_factory=dict)

    @property
    def of_samples(self) -> bool:
        """Whether relevance is that of samples (T,), rather than of a spectrogram (freq, time)."""
        return self.relevance.ndim == 1

    def frames(self) -> dict:
        """Return ``level_db`` and ``relevance`` (freq, time) of the samples, and their axes.

        Relevance of samples is handed on by short-time DFT-LRP; None for methods whose relevance is
        no share of the samples. A network of spectrograms has its own.
        """
        if not self.of_samples:
            rows, columns = self.relevance.shape
            span = len(self.samples) / self.sample_rate
            times = (
                (np.arange(columns) + 0.5) * span / columns
                if self.times_s is None
                else self.times_s
            )
            freqs = np.arange(rows) if self.freqs_hz is None else self.freqs_hz
            level = self.level_db.reshape(-1, rows, columns).mean(0)
            return {
                "level_db": level - level.max(),
                "relevance": self.relevance,
                "times_s": times,
                "freqs_hz": freqs,
            }
        width = min(2 ** round(np.log2(0.032 * self.sample_rate)), len(self.samples))
        inputs = self.inputs.reshape(-1).astype(float)
        shares = self.relevance if self.in_shares else np.zeros_like(inputs)
        relevance, freqs, times = dft_lrp.short_time_map(
            shares, inputs, self.sample_rate, width=width
        )
        return {
            "level_db": _levels_db(np.pad(inputs, width // 2), width, len(times)),
            "relevance": relevance if self.in_shares else None,
            "times_s": times,
            "freqs_hz": freqs,
        }

    @property
    def numbers(self) -> dict:
        """Everything that is a number, as it is written to ``numbers.json``."""
        return {
            "sound": self.name,
            "network": self.network,
            "method": self.method,
            "explained": self.explained,
            "start_s": self.start_s,
            "duration_s": len(self.samples) / self.sample_rate,
            "sample_rate_hz": self.sample_rate,
            "prediction": self.prediction,
            "outputs": self.logits.tolist(),
            "ledger": self.ledger,
            "faithfulness": {
                **self.faithfulness,
                "by_relevance": self.flipping["relevance"].tolist(),
                "at_random": self.flipping["random"].mean(0).tolist(),
            },
            "agreement_with_random_weights": self.agreement,
            "made_from": self.specification,
            "made_with": provenance(),
        }

    def pictures(self) -> dict[str, bytes]:
        """Return the pictures as PNG, by name; drawn once."""
        if not self._kept:
            self._kept.update(report.pictures(self))
        return self._kept

    def _repr_html_(self) -> str:
        return report.body(self)

    def __repr__(self) -> str:
        return f"<explanation: {self.network} on {self.name}, {self.explained} by {self.method}>"

    def save(self, folder: str | Path) -> Path:
        """Write pictures, sounds, numbers, arrays and ``report.html``, all or nothing.

        Raises
        ------
        ParameterError
            If the folder holds something else. The same explanation is kept as it is.
        """
        folder = Path(folder).expanduser()
        if kept(folder, self.specification):
            return folder
        write_folder(folder, self._files())
        return folder

    def _files(self) -> dict[str, bytes]:
        sounds = {"signal": self.samples} | self.sounds
        return {
            **{f"{name}.png": picture for name, picture in self.pictures().items()},
            **{f"{name}.wav": _wav(samples, self.sample_rate) for name, samples in sounds.items()},
            NUMBERS: (json.dumps(self.numbers, indent=1, allow_nan=False) + "\n").encode(),
            "arrays.npz": self._arrays(),
            "report.html": report.page(self).encode(),
        }

    def _arrays(self) -> bytes:
        frames = self.frames()
        arrays = {
            "samples": self.samples,
            "inputs": self.inputs,
            "relevance": self.relevance,
            "control": self.control,
            "outputs": self.logits,
            "flipping_by_relevance": self.flipping["relevance"],
            "flipping_at_random": self.flipping["random"],
            "relevance_of_frequencies": frames["relevance"],
            "times_s": frames["times_s"],
            "freqs_hz": frames["freqs_hz"],
        }
        stream = io.BytesIO()
        np.savez_compressed(
            stream, **{name: values for name, values in arrays.items() if values is not None}
        )
        return stream.getvalue()


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write files by name into a folder that is not there yet or empty, all or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name[:40]}.") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        for name, content in files.items():
            (made / name).write_bytes(content)
        if folder.exists():  # empty: kept() has looked
            folder.rmdir()
        os.replace(made, folder)


def kept(folder: Path, specification: dict) -> bool:
    """Tell whether a folder holds this explanation already; False if it is empty or not there.

    Raises
    ------
    ParameterError
        If it holds anything else: nothing is ever overwritten.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        written = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))["made_from"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ParameterError(
            f"{folder} holds something that is no explanation; choose another folder."
        ) from None
    if written != json.loads(json.dumps(specification)):
        differs = sorted(
            name
            for name in specification
            if written.get(name) != json.loads(json.dumps(specification[name]))
        )
        raise ParameterError(
            f"{folder} holds another explanation (it differs in {', '.join(differs)}); choose "
            f"another "
            "folder, or take that one away."
        )
    return True


def _levels_db(samples: np.ndarray, width: int, n_frames: int) -> np.ndarray:
    """Return the levels (freq, time) of the frames of DFT-LRP, dB relative to the largest."""
    hop = max(1, width // 2)
    padded = np.pad(samples, (0, (n_frames - 1) * hop + width - len(samples)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    magnitude = np.abs(np.fft.rfft(cut * dft_lrp.WINDOWS["halfsine"](width))).T
    return 20 * np.log10(np.maximum(magnitude, 1e-6 * magnitude.max()) / magnitude.max())


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    stream = io.BytesIO()
    peak = float(np.abs(samples).max())
    soundfile.write(stream, samples / max(1.0, peak), sample_rate, format="WAV", subtype="FLOAT")
    return stream.getvalue()
