"""Weights that the repository ships: small networks trained here, each with a card that says what it was made from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml
from torch import nn

from earwitness import cache, catalogue
from earwitness.errors import DamagedDataError, MissingDataError, check_choice

NAMES = ("phone-cnn", "speaker-cnn", "doa-intensity", "doa-order1", "doa-order2")


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
        What the head of ``data/weights/<name>.md`` says: among others ``corpus``, ``task``, ``protocol``, ``fold``,
        ``held_out`` and ``held_out_speakers`` (neither heard in training), ``measured`` on them with these very
        weights, ``licence``, ``recipe`` and ``made``.
    """

    name: str
    model: nn.Module = field(repr=False)
    classes: list
    card: dict = field(repr=False)


def folder() -> Path:
    """Return where shipped weights lie: ``data/weights`` of the checkout."""
    return catalogue.folder() / "weights"


def read_card(path: Path) -> tuple[dict, str]:
    """Return the head of a model card, the YAML between its first two lines of ``---``, and the prose below.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DamagedDataError
        If it has no head that can be read.
    """
    if not path.is_file():
        raise MissingDataError(f"There is no model card {path}; `git checkout data/weights` brings it back.")
    parts = path.read_text(encoding="utf-8").split("---\n", 2)
    try:
        head = yaml.safe_load(parts[1])
    except (IndexError, yaml.YAMLError):
        head = None
    if not isinstance(head, dict) or len(parts) != 3 or parts[0]:
        raise DamagedDataError(f"{path} has no readable head; `git checkout data/weights` brings it back.")
    return head, parts[2]


def restore(name: str, makers: Mapping[str, Callable[..., nn.Module]]) -> Pretrained:
    """Return a shipped network; ``makers[network](n_classes=...)`` makes its architecture."""
    card, _ = read_card(folder() / f"{check_choice(name, NAMES, 'pretrained network')}.md")
    channels = {"n_channels": card["n_channels"]} if "n_channels" in card else {}
    model = makers[card["network"]](n_classes=len(card["classes"]), **channels)
    model.load_state_dict(read_state(folder() / f"{name}.pt", card["weights"]["sha256"]))  # copies into float32
    return Pretrained(name, model.eval(), card["classes"], card)


def read_state(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Return shipped weights, float16, if the file has the checksum of its card."""
    if not path.is_file():
        raise MissingDataError(f"The weights {path} are not there; `git checkout data/weights` brings them back.")
    if cache.file_digest(path) != sha256:
        raise DamagedDataError(
            f"{path} is not the file its card describes (its SHA-256 differs); `git checkout data/weights` brings both "
            "back, `earwitness train --export` makes both anew."
        )
    return torch.load(path, weights_only=True)
