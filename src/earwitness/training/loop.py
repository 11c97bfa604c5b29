"""The training loop: Lightning, with checkpoints that a killed run resumes from."""

import copy
import json
import logging
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch import nn
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from earwitness import cache, runtime
from earwitness.errors import EarwitnessError
from earwitness.models import evaluation_mode, layout
from earwitness.models.inference import agree
from earwitness.training import checkpoints
from earwitness.training.experiment import Experiment
from earwitness.training.processes import ALONE, Processes, check_importable

N_CHECKPOINTS = 6
HISTORY = "history.json"  # beside the checkpoints: what processes of their own hand back
_PER_PROCESS = 7_919_000_000_003  # between their seeds of dropout

# Lightning's advice about loggers and loader processes is for other settings than ours
for _name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(_name).setLevel(logging.ERROR)


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

    Notes
    -----
    Of several processes each draws the whole batch, as a single one would, and computes on its
    share of the examples; gradients are averaged. Weights agree with those of one process up to
    rounding, except for batch norm, whose statistics are those of a share on processors and
    of the whole batch on GPUs, and for dropout, which each process draws for itself.
    """

    def __init__(self, network: nn.Module, experiment: Experiment, every: int = 1):
        super().__init__()
        self.network, self.experiment, self.every = network, experiment, every
        self.n_done = 0  # epochs behind the checkpoint that is resumed from
        self.history: list[dict] = []
        self._losses: list[torch.Tensor] = []

    def on_train_epoch_start(self):
        # dropout depends on seed, epoch and process alone, so that a resumed run equals an
        # uninterrupted one
        seed = self.experiment.seed * 1_000_003 + self.current_epoch
        torch.manual_seed(seed + _PER_PROCESS * self.global_rank)
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
        n, rank = self.trainer.world_size, self.global_rank
        part = share(batch, rank, n)
        weight = n * len(part[0]) / len(batch[0]) if part[0] is not batch[0] else 1.0
        loss = weight * self.experiment.loss(self.network, part)  # the mean over processes counts
        self._losses.append(loss.detach())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def on_train_epoch_end(self):
        mean = self.trainer.strategy.reduce(torch.stack(self._losses).float().mean(), None, "mean")
        row = {"epoch": self.current_epoch + 1, "loss": float(mean)}
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

    def on_train_end(self):
        if self.trainer.world_size > 1 and self.trainer.is_global_zero:
            cache.write_text(
                Path(self.trainer.checkpoint_callback.dirpath) / HISTORY, json.dumps(self.history)
            )

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


def share(batch: tuple, rank: int, n: int) -> tuple:
    """Return what one of ``n`` processes computes of a batch: every n-th example; all of it where
    there are fewer examples than processes.
    """
    if n == 1 or len(batch[0]) < n:
        return batch
    return tuple(part[rank::n] for part in batch)


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
    experiment: Experiment,
    network: nn.Module,
    device: torch.device,
    show: bool,
    folder: Path,
    processes: Processes = ALONE,
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
    processes : Processes
        One, or several that share each batch.

    Raises
    ------
    EarwitnessError
        If the loss stops being a number, or a process cannot import the network.
    """
    if processes.strategy == "ddp_spawn":
        check_importable(network)
    every = experiment.every or max(1, experiment.n_epochs // N_CHECKPOINTS)
    owner = cache.digest({**experiment.specification, "torch": torch.__version__})
    learner = Learner(_form(network, experiment), experiment, every)
    checkpoint, learner.n_done = checkpoints.newest(folder, owner)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = _trainer(experiment, device, show, folder, every, owner, processes)
        with _in_a_sentence():
            trainer.fit(learner, ckpt_path=checkpoint, weights_only=True)
    if processes.n > 1:
        learner.history = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    state = {
        name: weight.detach().cpu().float() for name, weight in learner.network.state_dict().items()
    }
    network.load_state_dict(layout.restored(state, network))
    return learner.history


@contextmanager
def _in_a_sentence():
    """Raise what ended another process as it was raised there."""
    try:
        yield
    except ProcessRaisedException as error:
        last = str(error).strip().splitlines()[-1]
        if not last.startswith("earwitness.errors."):
            raise
        raise EarwitnessError(last.partition(": ")[2]) from None
    except ProcessExitedException as error:
        raise EarwitnessError(f"A process of the training was ended: {error}") from None


def _trainer(
    experiment: Experiment,
    device: torch.device,
    show: bool,
    folder: Path,
    every: int,
    owner: str,
    processes: Processes,
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
    one = 1 if device.type == "cpu" or device.index is None else [device.index]
    several = {
        "devices": processes.n,
        "strategy": processes.strategy,
        "use_distributed_sampler": False,  # each process draws whole batches
        "sync_batchnorm": device.type == "cuda",
    }
    return Trainer(
        max_epochs=experiment.n_epochs,
        accelerator=device.type,
        **(several if processes.n > 1 else {"devices": one}),
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
                layer.register_forward_pre_hook(partial(_drop, share=dropout))
    return form


def _drop(layer: nn.Module, inputs: tuple, share: float) -> torch.Tensor:
    return nn.functional.dropout(inputs[0], share, layer.training)
