"""Networks by name: each is registered where it is written, with what one must know before the
first input.
"""

import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from torch import nn

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_choice

GROUP = "earwitness.models"  # entry points of packages that bring networks of their own
AUDIO = ("waveform", "spectrogram", "ambisonic")

_NETWORKS: dict[str, type[nn.Module]] = {}


def register(
    *,
    sample_rate: int,
    audio: str,
    tasks: tuple[str, ...],
    input_shape: tuple[int, ...] = (),
    label: str = "",
):
    """Register the class below under its own name; it gets these as attributes.

    Parameters
    ----------
    sample_rate : int
        Of the sound that its inputs are made from, in Hz.
    audio : {"waveform", "spectrogram", "ambisonic"}
        What its inputs are.
    tasks : tuple of str
        What it is made for: ``"clips"`` (a class for each), ``"frames"``, ``"directions"``,
        ``"quality"``, ``"page"`` (small enough to run in a browser), ``"everyday"`` (in wide use,
        with weights of another package).
    input_shape : tuple of int
        Of one input as published; () where it varies.
    label : str
        For tables and figures. Default: the name of the class.

    Raises
    ------
    UnknownNameError
        If ``audio`` is none of the three.
    """
    check_choice(audio, AUDIO, "type of audio")

    def note(network: type[nn.Module]) -> type[nn.Module]:
        network.label, network.sample_rate = label or network.__name__, sample_rate
        network.audio, network.tasks, network.input_shape = audio, tasks, input_shape
        _NETWORKS[network.__name__] = network
        return network

    return note


@checked
def names(task: str | None = None, audio: str | None = None) -> list[str]:
    """Return the names of all registered networks, or of those made for a task, or for a type of
    audio.
    """
    return sorted(
        name
        for name, network in _all().items()
        if task in (None, *network.tasks) and audio in (None, network.audio)
    )


@checked
def find(name: str) -> type[nn.Module]:
    """Return the class of a network.

    Raises
    ------
    UnknownNameError
        If there is no network of that name.
    """
    known = _all()
    return known[check_choice(name, known, "model")]


@checked
def create(name: str, *arguments, **options) -> nn.Module:
    """Return an untrained network by name; the rest is what its class takes, most often the number
    of classes.

    Raises
    ------
    UnknownNameError
        If there is no network of that name.
    """
    return find(name)(*arguments, **options)


@checked
def sample_rate(name: str) -> int:
    """Return the sample rate in Hz of the sound that a network's inputs are made from."""
    return find(name).sample_rate


def _all() -> dict[str, type[nn.Module]]:
    _of_other_packages()
    return _NETWORKS


@cache
def _of_other_packages() -> None:
    for point in entry_points(group=GROUP):
        try:
            _load(point)
        except (
            Exception
        ) as error:  # somebody else's code: any error there must leave our networks usable
            warnings.warn(
                f"The network {point.name} of {point.value} is left out: {error}", stacklevel=4
            )


def _load(point: EntryPoint) -> None:
    network = point.load()
    if network not in _NETWORKS.values():
        raise ParameterError(
            f"it is not registered; write @earwitness.models.register(...) above {point.attr}."
        )
