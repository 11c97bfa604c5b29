"""Write weights that the repository ships, with the card that says what they are."""

import copy
import datetime
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from earwitness import cache, catalogue, provenance
from earwitness.errors import MissingDataError, ParameterError
from earwitness.models import weights
from earwitness.training.frames import TrainedOnFrames, measure
from earwitness.training.trained import Trained


def export(trained: Trained, path: str | Path, command: str = "") -> dict:
    """Write weights rounded to float16 to ``path``, and beside it the card that describes and measures them.

    Prose below the head of a card that is already there is kept.

    Parameters
    ----------
    trained : TrainedOnFrames
    path : path
        ``data/weights/phone-cnn.pt``; the card is ``data/weights/phone-cnn.md``.
    command : str
        That makes them again.

    Returns
    -------
    dict
        The head of the card. What it says under ``measured`` holds for the rounded weights, on the held-out part.

    Raises
    ------
    ParameterError
        If the network was trained on clips, not frames, or ``path`` does not end in ``.pt``.
    """
    path = Path(path)
    if not isinstance(trained, TrainedOnFrames):
        raise ParameterError(f"Only PhoneCNN and SpeakerCNN are exported, not {trained.specification['model']}.")
    if path.suffix != ".pt":
        raise ParameterError(f"Weights are exported to a file that ends in .pt, not to {path.name!r}.")
    origin = made(command)  # before anything is written: a tracked file that differs marks the commit
    rounded = write_rounded(trained.model, path)
    card = {"name": path.stem, **_origin(trained), "measured": _measured(trained, rounded),
            "weights": weights_entry(rounded, path), "made": origin}
    write_card(path.with_suffix(".md"), card)
    return card


def write_rounded(network: torch.nn.Module, path: Path) -> torch.nn.Module:
    """Write a network's weights rounded to float16 to ``path``; return a copy of the network that has them.

    Counters stay whole numbers. The copy reckons in the precision of the original, so that it answers as whoever loads
    the file will find.
    """
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    rounded = copy.deepcopy(network)
    rounded.load_state_dict(state)
    with cache.atomic(path) as temporary:
        torch.save(state, temporary)
    return rounded


def weights_entry(rounded: torch.nn.Module, path: Path) -> dict:
    """Return what a card says about the file that :func:`write_rounded` wrote."""
    n_values = sum(value.numel() for value in rounded.state_dict().values())
    return {"sha256": cache.file_digest(path), "n": n_values, "dtype": "float16"}


def _origin(trained: TrainedOnFrames) -> dict:
    """Return what the network is, and what it has heard and has not."""
    specification, table, fold = trained.specification, trained.corpus.table, trained.fold
    ids, speakers = table["id"].to_numpy(), table["speaker"].to_numpy()
    keys = ("corpus", "corpus_options", "fingerprint", "task", "protocol", "fold", "seed")
    return {
        "network": specification["model"], "n_samples": trained.model.n_samples, "sample_rate_hz": 16000,
        "classes": list(trained.classes), **{key: specification[key] for key in keys},
        "licence": _licence(specification["corpus"]),
        "trained_on": sorted(set(ids[fold.train].tolist())), "validated_on": sorted(ids[fold.validation].tolist()),
        "held_out": sorted(ids[fold.test].tolist()),
        "held_out_speakers": sorted(set(speakers[fold.test].tolist()) - set(speakers[fold.train].tolist())),
        "recipe": {name: list(value) if isinstance(value, tuple) else value
                   for name, value in specification["recipe"].items()},
    }


def _measured(trained: TrainedOnFrames, rounded: torch.nn.Module) -> dict:
    outcome = measure(rounded, trained.corpus, trained.specification["task"], trained.fold.test)
    there = replace(trained, model=rounded, confusion=outcome["confusion"].numpy(), utterances=outcome["utterances"])
    return {"frame_accuracy_percent": round(100 * there.accuracy, 2), "n_frames": int(there.confusion.sum()),
            "n_utterances": len(trained.fold.test), **{k: round(v, 2) for k, v in there.more().items()}}


def made(command: str) -> dict:
    """Return what a card says about who made the weights, when and on what."""
    return {"command": command, "commit": provenance.commit(), "date": datetime.date.today().isoformat(),
            "hardware": provenance.provenance()["processor"], "torch": str(torch.__version__)}


def _licence(corpus: str) -> str:
    return catalogue.corpora()[corpus]["licence"]


def write_card(path: Path, card: dict) -> None:
    """Write the head of a card; prose that is there already is kept."""
    try:
        prose = weights.read_card(path)[1]
    except MissingDataError:
        prose = f"\n# {card['name']}\n\nA {card['network']} trained on {card['corpus']}; the head says how.\n"
    head = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=118, default_flow_style=None)
    cache.write_text(path, f"---\n{head}---\n{prose}")
