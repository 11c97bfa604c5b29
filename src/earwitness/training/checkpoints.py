"""Checkpoints that are only trusted whole, and by the training that wrote them."""

import json
import shutil
import time
import warnings
from pathlib import Path

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from earwitness import cache

STALE_DAYS = 14


class VerifiedIO(TorchCheckpointIO):
    """Write each checkpoint with a note: its checksum, its epoch, and whose it is."""

    def __init__(self, owner: str):
        self.owner = owner

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        """Write the note, then the checkpoint, each whole or not at all."""
        with cache.atomic(Path(path)) as temporary:
            torch.save(checkpoint, temporary)
            note = {
                "sha256": cache.file_digest(temporary),
                "epoch": checkpoint.get("epoch", -1),  # weights alone, on their way home, have none
                "owner": self.owner,
            }
            cache.write_text(_note(path), json.dumps(note))

    def remove_checkpoint(self, path) -> None:
        """Remove a checkpoint and its note."""
        Path(path).unlink(missing_ok=True)
        _note(path).unlink(missing_ok=True)


def newest(folder: Path, owner: str) -> tuple[Path | None, int]:
    """Return the newest checkpoint that is whole and of this training, and how many passes it has
    behind it.

    Others are put aside, with a warning that says so.
    """
    for path in sorted(folder.glob("*.ckpt"), key=lambda p: p.stat().st_mtime, reverse=True):
        note = _read_note(path)
        if note.get("owner") == owner and note.get("sha256") == cache.file_digest(path):
            return path, note["epoch"] + 1
        aside = path.rename(path.with_name(f"{path.name}.aside"))
        warnings.warn(
            f"The checkpoint {path} is damaged or of another training: it is put aside as "
            f"{aside.name}, and "
            "training resumes from the one before, or begins anew.",
            stacklevel=2,
        )
    return None, 0


def remove_stale(folder: Path, days: float = STALE_DAYS) -> None:
    """Remove the folders of trainings that have written nothing for so many days."""
    for run in folder.iterdir():
        latest = max((path.stat().st_mtime for path in [run, *run.rglob("*")]), default=0.0)
        if latest < time.time() - 86400 * days:
            shutil.rmtree(run, ignore_errors=True)


def _note(path) -> Path:
    return Path(f"{path}.json")


def _read_note(path: Path) -> dict:
    try:
        note = json.loads(_note(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("epoch"), int) else {}
