"""The training loop: Lightning, with checkpoints that a killed run goes on from."""

import logging
import warnings
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch import nn

from earwitness import runtime

N_CHECKPOINTS = 6

# Lightning's advice about loggers and loader processes is for other settings than ours
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(LightningModule):
    """Cross-entropy training of a classifier under a recipe; keeps a row of history per epoch."""

    def __init__(self, network: nn.Module, recipe, seed: int, n_batches: int, n_epochs: int):
        super().__init__()
        self.network, self.recipe, self.seed = network, recipe, seed
        self.n_steps = n_batches * n_epochs
        self.n_done = 0  # epochs behind the checkpoint that is gone on from
        self.history: list[dict] = []
        self._losses: list[torch.Tensor] = []
        self._correct: list[torch.Tensor] = []

    def on_train_epoch_start(self):
        # dropout depends on seed and epoch alone, so that a resumed run equals an uninterrupted one
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        if self.current_epoch and self.current_epoch == self.n_done:
            # a pass begins by taking one number from the generator; a resumed run has begun its first pass already
            torch.empty((), dtype=torch.int64).random_()
        self._losses = []

    def training_step(self, batch, index):
        inputs, targets = batch
        loss = nn.functional.cross_entropy(self.network(inputs), targets)
        self._losses.append(loss.detach())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def on_validation_epoch_start(self):
        self._correct = []

    def validation_step(self, batch, index):
        inputs, targets = batch
        self._correct.append(self.network(inputs).argmax(1) == targets)

    def on_validation_epoch_end(self):
        self.log("validation", torch.cat(self._correct).float().mean(), prog_bar=True, logger=False)

    def on_train_epoch_end(self):
        row = {"epoch": self.current_epoch + 1, "loss": float(torch.stack(self._losses).float().mean())}
        if self._correct:
            row["validation_accuracy"] = float(torch.cat(self._correct).float().mean())
            self._correct = []
        self.history.append(row)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["history"] = list(self.history)

    def on_load_checkpoint(self, checkpoint):
        self.history = list(checkpoint["history"])

    def configure_optimizers(self):
        optimiser = _OPTIMISERS[self.recipe.optimiser](self.parameters(), self.recipe)
        schedule = _SCHEDULES[self.recipe.schedule](optimiser, self.recipe, self.n_steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


_OPTIMISERS = {
    "sgd": lambda weights, recipe: torch.optim.SGD(weights, recipe.learning_rate, momentum=recipe.momentum),
    "adamw": lambda weights, recipe: torch.optim.AdamW(weights, recipe.learning_rate, weight_decay=recipe.weight_decay),
}
_SCHEDULES = {
    "halve": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.StepLR(optimiser, recipe.halve_every, 0.5),
    "one-cycle": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=max(n_steps, 8), pct_start=0.25  # it divides by zero at 4
    ),
}


def train(network, loader, validation, recipe, seed, device, show, folder: Path, n_batches: int, callbacks=()):
    """Train ``network`` in place and return its weights and history.

    Parameters
    ----------
    folder : Path
        Where checkpoints are kept until training is done; a readable one there is gone on from.
    callbacks : sequence of Callback
        Added to ours.

    Returns
    -------
    state : dict of str to tensor
    history : list of dict
    """
    n_epochs = max(1, round(recipe.iterations / n_batches))
    every = max(1, n_epochs // N_CHECKPOINTS)
    module = Classifier(network, recipe, seed, n_batches, n_epochs)
    fast = recipe.mixed_precision and runtime.has_fast_bfloat16(device)
    keep = ModelCheckpoint(dirpath=folder, filename="{epoch}", every_n_epochs=every, save_top_k=1,
                           save_on_train_epoch_end=True)
    trainer = Trainer(
        max_epochs=n_epochs, accelerator="gpu" if device.type == "cuda" else "cpu", devices=1,
        precision="bf16-mixed" if fast else "32-true", gradient_clip_val=recipe.gradient_clip or None,
        check_val_every_n_epoch=every, num_sanity_val_steps=0, logger=False, enable_model_summary=False,
        enable_progress_bar=show, callbacks=[keep, *([TQDMProgressBar(refresh_rate=5)] if show else []), *callbacks],
    )
    checkpoint, n_done = _newest(folder)
    module.n_done = n_done
    # Lightning draws the first batch of a resumed run before it tells the sampler which epoch it is
    loader.sampler.set_epoch(n_done)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer.fit(module, loader, validation, ckpt_path=checkpoint, weights_only=True)
    state = {name: weight.detach().cpu().float().clone() for name, weight in module.network.state_dict().items()}
    return state, module.history


def _newest(folder: Path) -> tuple[Path | None, int]:
    """Return the newest checkpoint that can be read and how many epochs it has behind it.

    Unreadable ones (the run was killed while writing) are removed.
    """
    for path in sorted(folder.glob("*.ckpt"), key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            return path, torch.load(path, weights_only=True, map_location="cpu")["epoch"] + 1
        except (RuntimeError, EOFError, OSError):
            path.unlink()
    return None, 0


__all__ = ["Callback", "Classifier", "train"]
