"""Which network is explained, by name, from a module or an ONNX file; and what it takes."""

import hashlib
import importlib
import pickle
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earwitness import features, models
from earwitness.arguments import checked
from earwitness.audio import check_rate
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError, check_choice
from earwitness.features import spectrogram
from earwitness.models import weights as shipped

_STATES = ("state_dict", "model_state_dict")  # where checkpoints of training loops keep the weights


@dataclass(frozen=True)
class Prepared:
    """What a network is given of a sound, and where in time and frequency its values lie.

    Attributes
    ----------
    inputs : Tensor, shape (1, ...)
    of_samples : bool
        Whether there is one value for each sample; otherwise (1, [channel,] freq, time).
    times_s, freqs_hz : ndarray, optional
        Centres of the columns and rows of a spectrogram.
    level_db : ndarray, shape (freq, time), optional
        What a map is drawn on, where that is not what the network is given.
    """

    inputs: torch.Tensor
    of_samples: bool
    times_s: np.ndarray | None = None
    freqs_hz: np.ndarray | None = None
    level_db: np.ndarray | None = None

    @property
    def level(self) -> np.ndarray:
        """What a map is drawn on, ([channel,] freq, time)."""
        if self.level_db is None:
            return self.inputs[0].detach().float().cpu().numpy()
        return self.level_db

    @property
    def silence(self) -> float:
        """What stands for silence in the inputs: zero, or the softest cell of levels in decibels,
        where zero is loud.
        """
        levels = not self.of_samples and self.level_db is None
        return float(self.inputs.min()) if levels else 0.0


def _normalised(samples: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(features.normalised(samples.numpy()))[None, None]


def _scaled(samples: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(features.waveform(samples.numpy()))[None, None]


def _published_spectrogram(samples: torch.Tensor):
    levels = features.log_spectrogram(samples.double()).float()[None, None]
    return levels, spectrogram.frame_times_s(), spectrogram.frequencies_hz()


FRONT_ENDS: dict[str, Callable] = {
    "waveform": lambda samples: samples[None, None],  # (1, 1, T)
    "flat": lambda samples: samples[None],  # (1, T)
    "scaled": _scaled,  # (1, 1, T), over the 95th percentile of its magnitude
    "normalised": _normalised,  # (1, 1, T), mean 0 and variance 1
    "spectrogram": _published_spectrogram,  # (1, 1, 227, 227) in dB, of a second at 8 kHz
}


@dataclass(frozen=True)
class Network:
    """A network and what it takes.

    Attributes
    ----------
    model : nn.Module
        In evaluation mode.
    name : str
        As the user called it.
    sample_rate : int
        Of the sounds that it takes, in Hz.
    front_end : str or callable
        A name of :data:`FRONT_ENDS`, or samples (T,) -> inputs (1, ...), or (inputs, times in
        seconds, frequencies in hertz).
    n_samples : int, optional
        Length of the sounds that it takes; by default any.
    classes : sequence of str, optional
        Names of its outputs.
    """

    model: nn.Module = field(repr=False)
    name: str
    sample_rate: int
    front_end: str | Callable = "waveform"
    n_samples: int | None = None
    classes: Sequence[str] | None = None

    def prepare(self, samples: np.ndarray) -> Prepared:
        """Return what the network is given of samples (T,) at its own rate.

        Raises
        ------
        ParameterError
            If the front end fails, or what it returns is neither samples nor a spectrogram.
        """
        name = self.front_end if isinstance(self.front_end, str) else "the front end"
        front_end = FRONT_ENDS.get(self.front_end, self.front_end)
        try:
            returned = front_end(torch.from_numpy(np.ascontiguousarray(samples)))
        except (RuntimeError, TypeError, IndexError) as error:
            raise ParameterError(
                f"The front end {name!r} fails on {len(samples)} samples: {error}"
            ) from error
        inputs, times_s, freqs_hz = (
            returned if isinstance(returned, tuple) else (returned, None, None)
        )
        inputs = torch.as_tensor(inputs)
        inputs = inputs[None, None] if inputs.ndim == 1 else inputs
        like = next(self.model.parameters(), inputs)
        inputs = inputs.detach().to(like.device, like.dtype)
        return Prepared(
            inputs, _is_of_samples(inputs, len(samples), name), _axis(times_s), _axis(freqs_hz)
        )

    def label(self, index: int) -> str:
        """Return what an output stands for, or its number."""
        known = self.classes is not None and index < len(self.classes)
        return str(self.classes[index]) if known else str(index)

    @property
    def digest(self) -> str:
        """Return a hash of the architecture's text and all weights: another network has another."""
        found = hashlib.sha256(str(self.model).encode())
        for name, value in self.model.state_dict().items():
            found.update(name.encode())
            if isinstance(value, torch.Tensor):
                found.update(
                    value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
                )
        return found.hexdigest()[:20]


def _axis(values) -> np.ndarray | None:
    return None if values is None else np.asarray(values, np.float64)


def _is_of_samples(inputs: torch.Tensor, n_samples: int, front_end: str) -> bool:
    if len(inputs) == 1 and inputs.numel() == inputs.shape[-1] == n_samples:
        return True
    if len(inputs) != 1 or inputs.ndim not in (3, 4):
        raise ParameterError(
            f"The front end {front_end!r} must return one clip, samples (1, 1, time) or a "
            f"spectrogram (1, 1, freq, time), got {tuple(inputs.shape)}."
        )
    return False


@checked
def find(
    model: str | nn.Module,
    *,
    weights: str | Path | None = None,
    sample_rate: int | None = None,
    front_end: str | Callable | None = None,
    n_samples: int | None = None,
    classes: Sequence[str] | None = None,
) -> Network:
    """Return a network ready to be explained.

    Parameters
    ----------
    model : str or nn.Module
        A network of ``models.pretrained`` (``"phone-cnn"``, ``"silero-vad"``), a file of
        ``earwitness train --export`` that ends in ``.pt``, ``"package.module:name"`` of a module, a
        class or a function that returns one, an ONNX file, or the network itself.
    weights : path, optional
        A file of ``torch.save``; loaded with ``weights_only=True``.
    sample_rate : int, optional
        In Hz; by default the model's own attribute ``sample_rate``.
    front_end : str or callable, optional
        As :class:`Network` has it, or ``"package.module:function"``; by default samples as they
        are.
    n_samples : int, optional
        By default the model's own attribute ``n_samples``, else any.
    classes : sequence of str, optional
        By default the model's own attribute ``classes``, else numbers.

    Raises
    ------
    UnknownNameError, MissingDataError, DamagedDataError, ParameterError
        If there is no such network, its weights do not fit it, or its sample rate is not known.
    """
    name, own = (type(model).__name__, {}) if isinstance(model, nn.Module) else (model, {})
    if isinstance(model, str):
        model, own = _from_text(model)
    if weights is not None:
        _load(model, Path(weights).expanduser())
    if n_samples is None:
        n_samples = own.get("n_samples", getattr(model, "n_samples", None))
    rate = (
        own.get("sample_rate", getattr(model, "sample_rate", None))
        if sample_rate is None
        else sample_rate
    )
    if rate is None:
        raise ParameterError(
            f"At which sample rate does {name} take sounds? Give it with --sample-rate "
            "(sample_rate=), or as the model's attribute sample_rate."
        )
    end = own.get("front_end", "waveform") if front_end is None else front_end
    return Network(
        model.eval(),
        name,
        check_rate(rate, name),
        _front_end(end),
        _length(n_samples),
        classes if classes is not None else own.get("classes", getattr(model, "classes", None)),
    )


def _length(n_samples) -> int | None:
    if n_samples is not None and (
        isinstance(n_samples, bool) or not isinstance(n_samples, int) or n_samples < 1
    ):
        raise ParameterError(f"n_samples must be a positive integer, got {n_samples!r}.")
    return n_samples


def _front_end(given: str | Callable) -> str | Callable:
    if callable(given):
        return given
    if ":" in given:
        function = _named(given, "front end")
        if not callable(function):
            raise ParameterError(f"The front end {given} is no function.")
        return function
    return check_choice(given, FRONT_ENDS, "front end")


def _from_text(text: str) -> tuple[nn.Module, dict]:
    """Return a network by its text, and what is known of it besides."""
    if text.lower().endswith(".onnx"):
        from earwitness.models import onnx

        return onnx.load(text), {}
    if text.endswith(".pt"):
        return _exported(text)
    if ":" not in text:
        return _shipped(text)
    made = _named(text, "model")
    if not isinstance(made, nn.Module):
        made = _made(made, text)
    return made, {}


def _shipped(name: str) -> tuple[nn.Module, dict]:
    check_choice(
        name,
        shipped.names(),
        "shipped network; a network of your own is package.module:name or a file.onnx",
    )
    if name.startswith("doa"):
        raise ParameterError(
            f"{name} takes four and more channels of ambisonics, and explain takes one channel; "
            f"the "
            "chapter sound-direction explains it."
        )
    found = models.pretrained(name)
    kind = _kind(found, name)
    return found.model, {
        "sample_rate": kind.sample_rate,
        "front_end": getattr(kind, "front_end", "normalised"),
        "classes": [str(label) for label in found.classes],
    }


def _exported(path: str) -> tuple[nn.Module, dict]:
    """Return a network by the file and card that ``training.export`` wrote."""
    found = models.pretrained(path)
    kind = _kind(found, path)
    own = {"sample_rate": kind.sample_rate, "classes": [str(label) for label in found.classes]}
    if "clips" in kind.tasks:  # a second each; the others take any part of a sentence
        return found.model, own | {"front_end": "scaled", "n_samples": kind.input_shape[-1]}
    return found.model, own | {"front_end": "normalised"}


def _kind(found: models.Pretrained, name: str) -> type[nn.Module]:
    """Return the class of a network with weights of ours, if it takes waveforms."""
    kind = models.find(found.card["network"])
    if kind.audio != "waveform":
        raise ParameterError(
            f"{name} is a {found.card['network']}, which takes no waveform; load it with "
            "earwitness.models.pretrained and explain its inputs with attribution.attribute."
        )
    return kind


def _named(text: str, what: str):
    """Return what ``package.module:name`` stands for, in the current directory too."""
    module, _, name = text.partition(":")
    if not module or module.startswith("."):
        raise ParameterError(f"A {what} is named package.module:name, got {text!r}.")
    with _here():
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise MissingDataError(
                f"The {what} {text} cannot be imported: {error}. Modules are looked for in the "
                f"current directory, {Path.cwd()}, and where Python has its packages."
            ) from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise MissingDataError(f"The module {module} has no {name!r}.")
        found = getattr(found, part)
    return found


@contextmanager
def _here():
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _made(maker, text: str) -> nn.Module:
    if not callable(maker):
        raise ParameterError(
            f"{text} is a {type(maker).__name__}, and no network, class or function."
        )
    try:
        made = maker()
    except TypeError as error:
        raise ParameterError(
            f"{text}() fails ({error}); write a function without arguments that returns the "
            "network, and name it."
        ) from error
    if not isinstance(made, nn.Module):
        raise ParameterError(f"{text}() returns a {type(made).__name__}, and no torch.nn.Module.")
    return made


def _load(model: nn.Module, path: Path) -> None:
    """Give a network the weights of a file, all of them, and nothing else from it."""
    if not path.is_file():
        raise MissingDataError(f"There are no weights {path}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise DamagedDataError(
            f"{path} holds no weights that can be read safely (weights_only=True); save "
            f"model.state_dict() with torch.save. ({str(error).splitlines()[0]})"
        ) from None
    for key in _STATES:
        state = (
            state[key] if isinstance(state, dict) and isinstance(state.get(key), dict) else state
        )
    if not isinstance(state, dict):
        raise DamagedDataError(
            f"{path} holds a {type(state).__name__}, and no dictionary of weights."
        )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ParameterError(f"The weights {path} do not fit the network: {error}") from None
