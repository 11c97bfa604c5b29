"""The training loop: Lightning, with checkpoints that a killed run goes on from."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch import nn

from earwitness import runtime

N_CHECKPOINTS = 6

# Lightning's advice about loggers and loader processes is for other settings than ours
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Learner(LightningModule):
    """Training of a network under a recipe; keeps a row of history per pass: its number, mean loss, what a look found.

    Parameters
    ----------
    network : Module
    recipe : Recipe
        Or anything with its optimiser, schedule, rates, gradient clip and precision.
    seed : int
        Of what layers draw at random.
    n_batches, n_epochs : int
        Batches in a pass; passes.
    loss : callable
        ``loss(network, batch)``, a number to make small.
    look : callable, optional
        ``look(network)`` returns what is measured after each pass, by name; the network is in evaluation mode.
    """

    def __init__(self, network: nn.Module, recipe, seed: int, n_batches: int, n_epochs: int, loss, look=None):
        super().__init__()
        self.network, self.recipe, self.seed = network, recipe, seed
        self.n_batches, self.n_epochs = n_batches, n_epochs
        self.loss, self.look = loss, look
        self.n_done = 0  # epochs behind the checkpoint that is gone on from
        self.history: list[dict] = []
        self._losses: list[torch.Tensor] = []

    def on_train_epoch_start(self):
        # dropout depends on seed and epoch alone, so that a resumed run equals an uninterrupted one
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        if self.current_epoch and self.current_epoch == self.n_done:
            # a pass begins by taking one number from the generator; a resumed run has begun its first pass already
            torch.empty((), dtype=torch.int64).random_()
        self._losses = []

    def training_step(self, batch, index):
        loss = self.loss(self.network, batch)
        self._losses.append(loss.detach())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def on_train_epoch_end(self):
        found = self.found()
        row = {"epoch": self.current_epoch + 1, "loss": float(torch.stack(self._losses).float().mean())}
        self.history.append(row | found)
        self.log_dict(found, prog_bar=True, logger=False)

    @torch.no_grad()
    def found(self) -> dict[str, float]:
        """Return what a look at the network finds now, by name."""
        if self.look is None:
            return {}
        self.network.eval()
        found = self.look(self.network)
        self.network.train()
        return found

    def on_save_checkpoint(self, checkpoint):
        checkpoint["history"] = list(self.history)

    def on_load_checkpoint(self, checkpoint):
        self.history = list(checkpoint["history"])

    def configure_optimizers(self):
        optimiser = _OPTIMISERS[self.recipe.optimiser](self.parameters(), self.recipe)
        schedule = _SCHEDULES[self.recipe.schedule](optimiser, self.recipe, self.n_batches * self.n_epochs)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Classifier(Learner):
    """Cross-entropy training of a classifier; its rows of history hold the accuracy of Lightning's validation."""

    def __init__(self, network: nn.Module, recipe, seed: int, n_batches: int, n_epochs: int):
        super().__init__(network, recipe, seed, n_batches, n_epochs,
                         lambda network, batch: nn.functional.cross_entropy(network(batch[0]), batch[1]))
        self._correct: list[torch.Tensor] = []

    def on_validation_epoch_start(self):
        self._correct = []

    def validation_step(self, batch, index):
        inputs, targets = batch
        self._correct.append(self.network(inputs).argmax(1) == targets)

    def found(self) -> dict[str, float]:
        """Return the accuracy of the validation that has just run, if one has."""
        correct, self._correct = self._correct, []
        return {"validation_accuracy": float(torch.cat(correct).float().mean())} if correct else {}


class Passes(torch.utils.data.Sampler):
    """The keys of each pass's batches, ``keys(epoch)``: of the epoch alone, so that a resumed run repeats them."""

    def __init__(self, keys, n_batches: int):
        self.keys, self.n_batches, self.epoch = keys, n_batches, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator:
        return iter(self.keys(self.epoch))


class Drawn(torch.utils.data.Dataset):
    """Batches that are made when they are asked for: ``draw(*key)``."""

    def __init__(self, draw):
        self.draw = draw

    def __getitem__(self, key: tuple):
        return self.draw(*key)


def batches(draw, keys, n_batches: int) -> torch.utils.data.DataLoader:
    """Return a loader of the batches ``draw(*key)`` for each key of ``keys(epoch)``, ``n_batches`` of them."""
    return torch.utils.data.DataLoader(Drawn(draw), batch_size=None, sampler=Passes(keys, n_batches))


_OPTIMISERS = {
    "sgd": lambda weights, recipe: torch.optim.SGD(weights, recipe.learning_rate, momentum=recipe.momentum),
    "adamw": lambda weights, recipe: torch.optim.AdamW(weights, recipe.learning_rate, weight_decay=recipe.weight_decay),
}
_SCHEDULES = {
    "halve": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.StepLR(optimiser, recipe.halve_every, 0.5),
    "one-cycle": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=max(n_steps, 8), pct_start=recipe.warm_up
    ),  # it divides by zero at 4
}


def train(learner: Learner, loader, device, show: bool, folder: Path, validation=None, every: int = 0):
    """Train the learner's network in place and return its weights and history.

    Parameters
    ----------
    learner : Learner
    loader : DataLoader
        As :func:`batches` makes it.
    device : torch.device
    show : bool
        Whether to show a progress bar.
    folder : Path
        Where checkpoints are kept until training is done; a readable one there is gone on from.
    validation : DataLoader, optional
        For learners that validate with Lightning.
    every : int
        Passes from one checkpoint, and validation, to the next. 0: so that there are six.

    Returns
    -------
    state : dict of str to tensor
    history : list of dict
    """
    recipe, every = learner.recipe, every or max(1, learner.n_epochs // N_CHECKPOINTS)
    fast = recipe.mixed_precision and runtime.has_fast_bfloat16(device)
    keep = ModelCheckpoint(dirpath=folder, filename="{epoch}", every_n_epochs=every, save_top_k=1,
                           save_on_train_epoch_end=True)
    trainer = Trainer(
        max_epochs=learner.n_epochs, accelerator="gpu" if device.type == "cuda" else "cpu", devices=1,
        precision="bf16-mixed" if fast else "32-true", gradient_clip_val=recipe.gradient_clip or None,
        check_val_every_n_epoch=every, num_sanity_val_steps=0, logger=False, enable_model_summary=False,
        enable_progress_bar=show, callbacks=[keep, *([TQDMProgressBar(refresh_rate=5)] if show else [])],
    )
    checkpoint, learner.n_done = _newest(folder)
    # Lightning draws the first batch of a resumed run before it tells the sampler which epoch it is
    loader.sampler.set_epoch(learner.n_done)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer.fit(learner, loader, validation, ckpt_path=checkpoint, weights_only=True)
    state = {name: weight.detach().cpu().float().clone() for name, weight in learner.network.state_dict().items()}
    return state, learner.history


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


__all__ = ["Classifier", "Learner", "batches", "train"]
