"""Write weights as the repository ships them, with the card that says what they are."""

import copy
import datetime
import json
from pathlib import Path

import torch
import yaml

from earwitness import cache, provenance
from earwitness.arguments import checked
from earwitness.errors import MissingDataError, ParameterError
from earwitness.models import weights
from earwitness.training.trained import Trained


@checked
def export(trained: Trained, path: str | Path, command: str = "") -> dict:
    """Write weights rounded to float16 to ``path``, and beside it the card that describes and
    measures them.

    ``models.pretrained(path)`` reads both. Prose below the head of a card that is already there is
    kept.

    Parameters
    ----------
    trained : Trained
    path : path
        ``data/weights/phone-cnn.pt``; the card is ``data/weights/phone-cnn.md``.
    command : str
        That makes them again.

    Returns
    -------
    dict
        The head of the card. What it says under ``measured`` holds for the rounded weights, on what
        was held out.

    Raises
    ------
    ParameterError
        If ``path`` does not end in ``.pt``.
    """
    path = Path(path).expanduser()
    if path.suffix != ".pt":
        raise ParameterError(
            f"Weights are exported to a file that ends in .pt, not to {path.name!r}."
        )
    made = _made(
        command
    )  # before anything is written: a tracked file that differs marks the commit
    state = {
        name: value.half() if value.is_floating_point() else value  # counters stay whole numbers
        for name, value in trained.model.state_dict().items()
    }
    rounded = copy.deepcopy(trained.model)
    rounded.load_state_dict(
        state
    )  # it computes in its own precision, as for whoever loads the file
    n_parameters = sum(value.numel() for value in trained.model.parameters())
    card = {"name": path.stem, **trained.card(rounded)}
    mean = getattr(trained, "mean", torch.zeros(1))
    with cache.atomic(path) as temporary:
        torch.save(state | ({"input_mean": mean.half()} if mean.any() else {}), temporary)
    card |= {
        "weights": {"sha256": cache.file_digest(path), "n": n_parameters, "dtype": "float16"},
        "made": made,
    }
    _write_card(path.with_suffix(".md"), card)
    return card


def _made(command: str) -> dict:
    """Return what a card says about who made the weights, when and on what."""
    return {
        "command": command,
        "commit": provenance.commit(),
        "date": datetime.date.today().isoformat(),
        "hardware": provenance.provenance()["processor"],
        "torch": str(torch.__version__),
    }


def _write_card(path: Path, card: dict) -> None:
    """Write the head of a card; prose that is there already is kept."""
    try:
        prose = weights.read_card(path)[1]
    except MissingDataError:
        prose = (
            f"\n# {card['name']}\n\nA {card['network']} trained on {card['corpus']}; "
            "the head says how.\n"
        )
    plain = json.loads(json.dumps(card))  # tuples are lists, and nothing stands for another thing
    head = yaml.safe_dump(
        plain, sort_keys=False, allow_unicode=True, width=118, default_flow_style=None
    )
    cache.write_text(path, f"---\n{head}---\n{prose}")
