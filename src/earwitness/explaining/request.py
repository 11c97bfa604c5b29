"""From a sound and a network to an explanation, step by step."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earwitness import __version__, attribution, audition, evaluation, runtime
from earwitness.attribution import registry
from earwitness.attribution.question import Asked, Question
from earwitness.attribution.validation import frozen
from earwitness.audio import check_samples, read_audio, resample
from earwitness.errors import AudioError, InputsError, ParameterError
from earwitness.explaining.explanation import Explanation
from earwitness.explaining.networks import Network, Prepared
from earwitness.features.waveform import pad_to_length

FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_UNTRAINED = 104_729  # added to the seed: a network made from it would be its own control
_ORDERS = 10  # random orders that the explanation's order is held against
_BRIEF = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0), 2  # fractions and orders while somebody waits
_COMPLETE = {
    "integrated-gradients",
    "deeplift",
    "conductance",
}  # add up to the change from a baseline
_TIMES_INPUT = _COMPLETE | {"gradient-x-input", "dft-lrp"}  # zero where the input is, as LRP


def _is_lrp(method: str) -> bool:
    return registry.find(method).family == "lrp"


@dataclass
class Request:
    """One sound, one network, one method: what was asked, and :meth:`explain`.

    Attributes
    ----------
    sound : path, or (samples (T,), sample rate in Hz)
    network : Network
    method, target, channel, output, seed, class_axis, rules
        As for :func:`earwitness.explaining.explain`.
    options : dict
        The method's own.
    """

    sound: object
    network: Network
    method: str
    target: object
    channel: str | None
    output: object
    seed: int
    options: dict
    class_axis: int | None = None
    rules: Mapping | None = None

    def __post_init__(self):
        known = attribution.options(self.method)
        if unknown := sorted(set(self.options) - set(known)):
            raise ParameterError(
                f"{self.method} has no option {', '.join(unknown)}; it takes "
                f"{', '.join(sorted(known))}."
            )
        if "sample_rate" in known:
            self.options = {"sample_rate": self.network.sample_rate} | self.options

    @cached_property
    def whole(self) -> np.ndarray:
        """The sound at the network's rate, (T,) float32."""
        if isinstance(self.sound, str | Path):
            samples, rate = read_audio(Path(self.sound), channel=self.channel)
        else:
            samples, rate = self.sound
            samples = check_samples(samples, rate, what="The sound")
        return resample(samples, rate, self.network.sample_rate)

    @property
    def name(self) -> str:
        """What the sound is called."""
        return Path(self.sound).name if isinstance(self.sound, str | Path) else "sound"

    @cached_property
    def part(self) -> tuple[np.ndarray, int]:
        """What of the sound the network takes, and its first sample (negative: silence before)."""
        return fitted(self.whole, self.network.n_samples)

    @cached_property
    def specification(self) -> dict:
        """All that determines the explanation: files that explain the same are kept."""
        front_end = self.network.front_end
        return {
            "sound": hashlib.sha256(self.whole.tobytes()).hexdigest()[:20],
            "network": self.network.name,
            "weights": self.network.digest,
            "sample_rate_hz": self.network.sample_rate,
            "front_end": front_end
            if isinstance(front_end, str)
            else getattr(front_end, "__name__", "function"),
            "n_samples": self.network.n_samples,
            "method": self.method,
            "target": str(self.target),
            "output": str(self.output),
            "seed": self.seed,
            "version": __version__,
            "options": {name: _text(value) for name, value in sorted(self.options.items())},
            **self._chosen,
        }

    @property
    def _chosen(self) -> dict:
        """Axis of the classes and rules, where somebody has said them."""
        said = {} if self.class_axis is None else {"class_axis": self.class_axis}
        rules = {str(key): _text(rule) for key, rule in (self.rules or {}).items()}
        return said | ({"rules": rules} if rules else {})

    @property
    def reading(self) -> dict:
        """How the outputs are read, as :func:`earwitness.attribution.attribute` takes it."""
        return {"output": self.output, "class_axis": self.class_axis}

    def explain(self) -> Explanation:
        """Return the explanation.

        Raises
        ------
        EarwitnessError
            If the sound, the network and the method do not go together; the message says why.
        """
        found: dict = {}
        every = (_prepare, _predict, _explain, _balance, _control, _flip, _make_audible)
        for step in runtime.progress(every, self.name):
            found |= step(self, found)
        return self._explanation(found)

    def briefly(self) -> Explanation:
        """Return the explanation without ledger and control, its curve through fewer fractions.

        Raises
        ------
        EarwitnessError
            As :meth:`explain`.
        """
        found: dict = {"brief": True, "ledger": {}, "control": None, "agreement": {}}
        for step in (_prepare, _predict, _explain, _flip, _make_audible):
            found |= step(self, found)
        return self._explanation(found)

    def _explanation(self, found: dict) -> Explanation:
        prepared: Prepared = found["prepared"]
        samples, start = self.part
        return Explanation(
            name=self.name,
            network=self.network.name,
            method=self.method,
            specification=self.specification,
            samples=samples,
            sample_rate=self.network.sample_rate,
            start_s=start / self.network.sample_rate,
            level_db=None if prepared.of_samples else prepared.level,
            times_s=prepared.times_s,
            freqs_hz=prepared.freqs_hz,
            in_shares=_in_shares(self),
            inputs=prepared.inputs.detach().float().cpu().numpy(),
            **{
                name: value
                for name, value in found.items()
                if name not in ("prepared", "index", "raw", "brief")
            },
        )


def judged(request: Request) -> dict:
    """Return what is known of an explanation without pictures and sounds: ``index`` and ``logits``
    of the output, ``ledger``, ``agreement`` with random weights, and ``faithfulness``.
    """
    found: dict = {}
    for step in (_prepare, _predict, _explain, _balance, _control, _flip):
        found |= step(request, found)
    return found


def _text(value):
    return (
        value
        if isinstance(value, str | int | float | bool | None | list | tuple | dict)
        else str(value)
    )


def fitted(samples: np.ndarray, n_samples: int | None) -> tuple[np.ndarray, int]:
    """Return the loudest part of a sound, or all of it amid silence; and where it begins."""
    if n_samples is None or len(samples) == n_samples:
        return samples, 0
    if len(samples) < n_samples:
        return pad_to_length(samples, None, n_samples), -((n_samples - len(samples)) // 2)
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[n_samples:] - energy[:-n_samples]))
    return samples[start : start + n_samples], start


def _in_shares(request: Request) -> bool:
    """Tell whether the relevance of a sample is a share of what it is: zero where it is zero."""
    baseline = request.options.get("baseline", 0.0)
    return (_is_lrp(request.method) or request.method in _TIMES_INPUT) and np.all(
        np.asarray(baseline) == 0
    )


class _MeanOverTime(nn.Module):
    """The network as one output for each clip, (batch, n_classes): its mean over time."""

    def __init__(self, model: nn.Module, output=None, class_axis: int | None = None):
        super().__init__()
        self.asked = Asked(model, Question(output, class_axis))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits = self.asked(inputs)
        return logits.flatten(1, -2).mean(1) if logits.ndim > 2 else logits


def _prepare(request: Request, found: dict) -> dict:
    prepared = request.network.prepare(request.part[0])
    if prepared.inputs.ndim < 2 or not torch.isfinite(prepared.inputs).all():
        raise ParameterError("The front end returns values that are NaN or infinite.")
    return {"prepared": prepared}


def logits_of(
    network: Network, output, inputs: torch.Tensor, class_axis: int | None = None
) -> torch.Tensor:
    """Return what a network returns for inputs, one row each (batch, n_outputs), on the CPU.

    Raises
    ------
    ParameterError
        If it fails, or returns values that are no numbers.
    """
    try:
        with frozen(network.model), torch.no_grad():
            logits = _MeanOverTime(network.model, output, class_axis)(inputs).double().cpu()
    except InputsError as error:
        raise InputsError(
            f"{error} "
            "Does it take samples (1, time)? Then the front end is 'flat'. Does it take a "
            "spectrogram? Then name a front end that makes it (--front-end "
            "package.module:function). Does it take one length only? Then give its number of "
            "samples (--samples)."
        ) from error
    if not torch.isfinite(logits).all():
        raise ParameterError("The network returns NaN or infinite values for this sound.")
    return logits


def _predict(request: Request, found: dict) -> dict:
    """Ask the network, and find out which output is meant."""
    inputs = found["prepared"].inputs
    logits = logits_of(request.network, inputs=inputs, **request.reading)[0]
    index = index_of(request.target, request.network.classes, logits)
    best = int(logits.argmax())
    prediction = {
        "output": best,
        "label": request.network.label(best),
        "value": float(logits[best]),
    }
    if len(logits) > 1:
        prediction["probability"] = float(logits.softmax(0)[best])
    label = " against ".join(
        map(request.network.label, index if isinstance(index, tuple) else (index,))
    )
    return {"index": index, "logits": logits.numpy(), "prediction": prediction, "explained": label}


def index_of(target, classes, logits: torch.Tensor) -> int | tuple[int, int]:
    """Return the output that a target stands for, or a pair of them."""
    classes = [] if classes is None else list(map(str, classes))

    def one(said) -> int:
        if str(said) == "predicted":
            return int(logits.argmax())
        if str(said) in classes:
            return classes.index(str(said))
        if not str(said).isdigit() or int(said) >= len(logits):
            known = f"; classes are {', '.join(classes)}" if classes else ""
            raise ParameterError(
                f"There is no output {said!r}: outputs go from 0 to {len(logits) - 1}{known}."
            )
        return int(said)

    if isinstance(target, tuple) and len(target) == 2:
        return one(target[0]), one(target[1])
    if isinstance(target, str) and target not in classes and target.count("-") == 1:
        return tuple(one(side) for side in target.split("-"))
    return one(target)


def _attribute(request: Request, found: dict, model: nn.Module) -> torch.Tensor:
    """Return the relevance of a network's input, shaped as it is."""
    return attribution.attribute(
        model,
        found["prepared"].inputs,
        found["index"],
        request.method,
        request.rules,
        **request.reading,
        **request.options,
    )


def _drawn(relevance: torch.Tensor, of_samples: bool) -> np.ndarray:
    """Return relevance as (T,) or, summed over channels, as (freq, time)."""
    values = relevance[0].double().cpu().numpy()
    if of_samples:
        return values.reshape(-1)
    return values.sum(0) if values.ndim == 3 else values


def _explain(request: Request, found: dict) -> dict:
    relevance = _attribute(request, found, request.network.model)
    if not relevance.any():
        raise ParameterError(
            f"{request.method} finds no relevance at all: the output does not depend on this sound."
        )
    return {"raw": relevance, "relevance": _drawn(relevance, found["prepared"].of_samples)}


def _balance(request: Request, found: dict) -> dict:
    """Return the ledger: what the relevance adds up to, and what it should."""
    if _is_lrp(request.method):
        return {"ledger": _conserved(request, found)}
    if request.method in _COMPLETE and not isinstance(found["index"], tuple):
        return {"ledger": _completed(request, found)}
    return {"ledger": {"relevance": float(found["raw"].double().sum())}}  # no sum is promised


def _conserved(request: Request, found: dict) -> dict:
    ledger = attribution.conservation(
        request.network.model,
        found["prepared"].inputs,
        found["index"],
        request.method,
        request.rules,
        **request.reading,
        **request.options,
    )
    absorbed = {name: float(part.sum()) for name, part in ledger.absorbed.items()}
    explained, relevance = float(ledger.explained.sum()), float(ledger.relevance.sum())
    missing = explained - relevance - sum(absorbed.values())
    return {
        "explained": explained,
        "relevance": relevance,
        "absorbed": absorbed,
        "missing": missing,
    }


def _completed(request: Request, found: dict) -> dict:
    sums = attribution.completeness(
        Asked(request.network.model, Question(**request.reading)),
        found["prepared"].inputs,
        found["index"],
        found["raw"],
        baseline=request.options.get("baseline", 0.0),
    )
    explained, relevance = float(sums.difference[0]), float(sums.total[0])
    return {"explained": explained, "relevance": relevance, "missing": explained - relevance}


def _control(request: Request, found: dict) -> dict:
    """Return what the same network without anything learnt gives, and how alike the two are."""
    try:
        untrained = evaluation.randomised(request.network.model, request.seed + _UNTRAINED)
        control = _drawn(_attribute(request, found, untrained), found["prepared"].of_samples)
    except ParameterError as error:
        return {"control": None, "agreement": {"why_not": str(error)}}
    if not control.any():
        return {
            "control": None,
            "agreement": {"why_not": "the network with random weights has no relevance at all"},
        }
    mine, other = found["relevance"].ravel(), control.ravel()
    return {
        "control": control,
        "agreement": {
            "correlation": _correlation(mine, other),
            "correlation_of_magnitudes": _correlation(np.abs(mine), np.abs(other)),
        },
    }


def _correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    if not (first.std() > 0 and second.std() > 0):
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _flip(request: Request, found: dict) -> dict:
    """Return how the output falls when the clip is taken away by relevance, and by chance."""
    inputs, index = found["prepared"].inputs, found["index"]
    target = index[0] if isinstance(index, tuple) else index
    model, order = _MeanOverTime(request.network.model, **request.reading), found["relevance"]
    floor = found["prepared"].silence
    if floor:
        model, inputs = attribution.relative_to(model, floor), inputs - floor
    order = torch.from_numpy(order).to(inputs).expand(inputs.shape)
    fractions, n_orders = _BRIEF if found.get("brief") else (FRACTIONS, _ORDERS)
    curves = [evaluation.pixel_flipping(model, inputs, target, order, fractions)]
    curves += [
        evaluation.pixel_flipping(model, inputs, target, "random", fractions, seed=request.seed + n)
        for n in range(n_orders)
    ]
    ours, *random = (curve.score for curve in curves)
    areas = [curve.auc("score") for curve in curves]
    return {
        "flipping": {"relevance": ours, "random": np.stack(random)},
        "faithfulness": {
            "area_by_relevance": areas[0],
            "area_at_random": float(np.mean(areas[1:])),
            "area_at_random_std": float(np.std(areas[1:], ddof=1)),
            "fractions": list(fractions),
            "what": "output" if len(found["logits"]) == 1 else "probability",
        },
    }


def _make_audible(request: Request, found: dict) -> dict:
    sounds = {"explanation": _audible(request, found, found["relevance"])}
    if found["control"] is not None:
        sounds["control"] = _audible(request, found, found["control"])
    return {"sounds": sounds}


def _audible(request: Request, found: dict, relevance: np.ndarray) -> np.ndarray:
    """Return the sound with every part as loud as it speaks for the output."""
    samples, prepared = request.part[0], found["prepared"]
    if prepared.of_samples:
        return audition.relevance_times_signal(relevance, samples)
    gains = np.maximum(relevance, 0) / np.abs(relevance).max()  # (freq, time)
    if prepared.freqs_hz is None:  # when, not where: the frequencies of the rows are not known
        columns = (np.arange(gains.shape[1]) + 0.5) / gains.shape[1] * len(samples)
        over_time = gains.sum(0) / max(gains.sum(0).max(), np.finfo(float).tiny)
        return (np.interp(np.arange(len(samples)), columns, over_time) * samples).astype(np.float32)
    try:
        return audition.filter_by_relevance(
            samples,
            gains,
            request.network.sample_rate,
            freqs_hz=prepared.freqs_hz,
            **_columns(prepared, request.network.sample_rate),
        )
    except AudioError as error:
        raise ParameterError(f"The explanation cannot be made audible: {error}") from error


def _columns(prepared: Prepared, sample_rate: int) -> dict:
    """Return where the columns of a spectrogram lie in samples, as the filter bank takes it."""
    if prepared.times_s is None or len(prepared.times_s) < 2:
        return {}
    hop = max(1, round(float(np.diff(prepared.times_s).mean()) * sample_rate))
    return {
        "hop": hop,
        "frame_length": 2 * hop,
        "start": round(prepared.times_s[0] * sample_rate) - hop,
    }
