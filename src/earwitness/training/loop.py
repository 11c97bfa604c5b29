"""The training loop: Lightning, with checkpoints that a killed run resumes from."""

import copy
import logging
import warnings
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch import nn

from earwitness import cache, runtime
from earwitness.errors import EarwitnessError
from earwitness.models import evaluation_mode, layout
from earwitness.models.inference import agree
from earwitness.training import checkpoints
from earwitness.training.experiment import Experiment

N_CHECKPOINTS = 6

# Lightning's advice about loggers and loader processes is for other settings than ours
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Learner(LightningModule):
    """Training of a network as an experiment says; keeps a row of history per pass: its number,
    mean loss, metrics.

    Parameters
    ----------
    network : Module
        In the form that is trained.
    experiment : Experiment
    every : int
        Passes from one validation to the next.
    """

    def __init__(self, network: nn.Module, experiment: Experiment, every: int = 1):
        super().__init__()
        self.network, self.experiment, self.every = network, experiment, every
        self.n_done = 0  # epochs behind the checkpoint that is resumed from
        self.history: list[dict] = []
        self._losses: list[torch.Tensor] = []

    def on_train_epoch_start(self):
        # dropout depends on seed and epoch alone, so that a resumed run equals an uninterrupted one
        torch.manual_seed(self.experiment.seed * 1_000_003 + self.current_epoch)
        if self.current_epoch and self.current_epoch == self.n_done:
            # a pass begins by taking one number from the generator; a resumed run has begun its
            # first pass already
            torch.empty((), dtype=torch.int64).random_()
        self._losses = []

    def train_dataloader(self):
        # keys are of the epoch alone, so that a resumed run repeats them
        keys = list(self.experiment.keys(self.current_epoch))
        draw = self.experiment.draw
        return torch.utils.data.DataLoader(keys, batch_size=None, collate_fn=lambda key: draw(*key))

    def training_step(self, batch, index):
        loss = self.experiment.loss(self.network, batch)
        self._losses.append(loss.detach())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def on_train_epoch_end(self):
        row = {
            "epoch": self.current_epoch + 1,
            "loss": float(torch.stack(self._losses).float().mean()),
        }
        if not torch.isfinite(torch.tensor(row["loss"])):
            raise EarwitnessError(
                f"Training {self.experiment.model} diverged in pass {row['epoch']}: the loss is no "
                "number. Lower the recipe's learning rate."
            )
        metrics = {}
        if row["epoch"] % self.every == 0:
            with evaluation_mode(self.network):
                metrics = self.experiment.validate(self.network)
        self.history.append(row | metrics)
        self.log_dict(metrics, prog_bar=True, logger=False)

    def configure_gradient_clipping(self, optimizer, *limits, **named):
        # Lightning's own refuses optimisers that run as one kernel
        if limit := self.experiment.recipe.gradient_clip:
            nn.utils.clip_grad_norm_(self.parameters(), limit)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["history"] = list(self.history)

    def on_load_checkpoint(self, checkpoint):
        self.history = list(checkpoint["history"])

    def configure_optimizers(self):
        recipe, n_steps = (
            self.experiment.recipe,
            self.experiment.n_batches * self.experiment.n_epochs,
        )
        optimiser = _OPTIMISERS[recipe.optimiser](self.parameters(), recipe)
        schedule = _SCHEDULES[recipe.schedule](optimiser, recipe, n_steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


_OPTIMISERS = {
    "sgd": lambda weights, recipe: torch.optim.SGD(
        weights, recipe.learning_rate, momentum=recipe.momentum
    ),
    "adamw": lambda weights, recipe: torch.optim.AdamW(
        weights, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    ),
}
_SCHEDULES = {
    "halve": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.StepLR(
        optimiser, recipe.halve_every, 0.5
    ),
    "one-cycle": lambda optimiser, recipe, n_steps: torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=max(n_steps, 8), pct_start=recipe.warm_up
    ),  # it divides by zero at 4
}


def train(
    experiment: Experiment, network: nn.Module, device: torch.device, show: bool, folder: Path
) -> list[dict]:
    """Train a network in place and return its history.

    Parameters
    ----------
    experiment : Experiment
        Prepared.
    network : Module
    device : torch.device
    show : bool
        Whether to show a progress bar.
    folder : Path
        Where checkpoints are kept until training is done; a whole one of this training is resumed
        from.

    Raises
    ------
    EarwitnessError
        If the loss stops being a number.
    """
    every = experiment.every or max(1, experiment.n_epochs // N_CHECKPOINTS)
    owner = cache.digest({**experiment.specification, "torch": torch.__version__})
    learner = Learner(_form(network, experiment), experiment, every)
    checkpoint, learner.n_done = checkpoints.newest(folder, owner)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = _trainer(experiment, device, show, folder, every, owner)
        trainer.fit(learner, ckpt_path=checkpoint, weights_only=True)
    state = {
        name: weight.detach().cpu().float() for name, weight in learner.network.state_dict().items()
    }
    network.load_state_dict(layout.restored(state, network))
    return learner.history


def _trainer(
    experiment: Experiment, device: torch.device, show: bool, folder: Path, every: int, owner: str
) -> Trainer:
    recipe = experiment.recipe
    fast = recipe.mixed_precision and runtime.has_fast_bfloat16(device)
    keep = ModelCheckpoint(
        dirpath=folder,
        filename="{epoch}",
        every_n_epochs=every,
        save_top_k=1,
        save_on_train_epoch_end=True,
    )
    return Trainer(
        max_epochs=experiment.n_epochs,
        accelerator=device.type,
        devices=1 if device.type == "cpu" or device.index is None else [device.index],
        precision="bf16-mixed" if fast else "32-true",
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=show,
        plugins=[checkpoints.VerifiedIO(owner)],
        callbacks=[keep, *([TQDMProgressBar(refresh_rate=5)] if show else [])],
    )


def _form(network: nn.Module, experiment: Experiment) -> nn.Module:
    """Return a copy in the fastest layout that returns the same, with what only training adds to
    it.
    """
    form, dropout = layout.channels_last(network), experiment.recipe.dropout
    if layout.differs(form, network) and not agree(
        form, network, experiment.draw(*next(iter(experiment.keys(0))))[0][:1]
    ):
        form = copy.deepcopy(network)
    if dropout:
        for layer in form.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_pre_hook(
                    lambda layer, inputs: nn.functional.dropout(inputs[0], dropout, layer.training)
                )
    return form
