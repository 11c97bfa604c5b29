"""Checkpoints: trusted whole and by their own training only, put aside otherwise, removed when
nobody returns.
"""

import os
import pickle
import shutil
import time
import warnings
from dataclasses import asdict

import pytest
import torch

from earwitness import training
from earwitness.training import checkpoints, loop


class Line(training.Experiment):
    """A straight line through two points a batch."""

    every, n_batches = 1, 2

    def network(self):
        """Return a line that starts alike each time."""
        torch.manual_seed(0)
        return torch.nn.Linear(1, 1)

    def keys(self, epoch):
        """Yield the number of each batch."""
        return ((2 * epoch + i,) for i in range(2))

    def draw(self, number):
        """Return two points."""
        x = torch.tensor([[float(number)], [-1.0]]) / 10
        return x, 3 * x + 1

    def loss(self, network, batch):
        """Return the squared error."""
        return (network(batch[0]) - batch[1]).square().mean()

    def validate(self, network):
        """Return the slope."""
        return {"slope": float(network.weight.detach())}


def experiment(seed=0):
    recipe = asdict(training.Recipe("adamw", 0.1, 8, mixed_precision=False))
    return Line(None, {"model": "Line", "seed": seed, "recipe": recipe}, {})


def run(folder, stop=None, seed=0):
    """Train, or stop before pass ``stop``; return weights and the passes that were begun."""
    begun, real = [], loop.Learner.on_train_epoch_start

    def start(module):
        begun.append(module.current_epoch)
        if module.current_epoch == stop:
            raise KeyboardInterrupt
        real(module)

    made = experiment(seed)
    network = made.network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Learner, "on_train_epoch_start", start)
        try:
            loop.train(made, network, torch.device("cpu"), False, folder)
        except (KeyboardInterrupt, SystemExit):
            assert begun[-1] == stop
    return torch.cat([weight.detach().flatten() for weight in network.parameters()]), begun


@pytest.fixture
def stopped(tmp_path):
    """Return the folder of a training that was stopped after two passes, with its one
    checkpoint.
    """
    run(tmp_path / "run", stop=2)
    (checkpoint,) = (tmp_path / "run").glob("*.ckpt")
    return checkpoint


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "one flipped byte": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "text": lambda path: path.write_text("not a checkpoint"),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"epoch": 1})),
    "a foreign tensor file": lambda path: torch.save({"epoch": 1, "weight": torch.ones(3)}, path),
    "empty": lambda path: path.write_bytes(b""),
    "no note": lambda path: path.with_name(path.name + ".json").unlink(),
    "a note that is a list": lambda path: path.with_name(path.name + ".json").write_text("[1]"),
    "a note that is no text": lambda path: path.with_name(path.name + ".json").write_bytes(
        b"\xff\xfe\x00"
    ),
}


def test_a_whole_checkpoint_is_resumed_from_and_the_weights_end_bit_for_bit_alike(
    stopped, tmp_path
):
    whole, _ = run(tmp_path / "whole")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        resumed, begun = run(stopped.parent)
    assert begun == [2, 3] and torch.equal(resumed, whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_put_aside_with_a_sentence_and_training_begins_anew(
    stopped, tmp_path, damage
):
    DAMAGES[damage](stopped)
    whole, _ = run(tmp_path / "whole")
    with pytest.warns(
        UserWarning, match=r"damaged or of another training: it is put aside as epoch=1.ckpt.aside"
    ):
        anew, begun = run(stopped.parent)
    assert begun == [0, 1, 2, 3] and torch.equal(anew, whole)
    assert stopped.with_name("epoch=1.ckpt.aside").is_file()


def test_a_checkpoint_of_another_training_is_put_aside_too(stopped, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(stopped.parent, other)
    with pytest.warns(UserWarning, match="of another training"):
        _, begun = run(other, seed=1)
    assert begun == [0, 1, 2, 3]


def test_the_one_before_is_resumed_from_if_the_newest_is_damaged(stopped):
    older = stopped.with_name("epoch=0.ckpt")
    for path in (stopped, stopped.with_name(stopped.name + ".json")):
        shutil.copy(path, path.with_name(path.name.replace("epoch=1", "epoch=0")))
    os.utime(older, (1, 1))
    flip(stopped)
    with pytest.warns(UserWarning, match="resumes from the one before"):
        assert checkpoints.newest(stopped.parent, owner_of(stopped))[0] == older


def owner_of(checkpoint):
    return checkpoints._read_note(checkpoint.with_name("epoch=0.ckpt"))["owner"]


def test_one_checkpoint_is_kept_with_its_note_and_nothing_else(stopped):
    assert sorted(path.name for path in stopped.parent.iterdir()) == [
        "epoch=1.ckpt",
        "epoch=1.ckpt.json",
    ]


def test_folders_of_trainings_that_nobody_returned_to_are_removed_and_others_kept(tmp_path):
    for name, days in (("old", 15), ("young", 13)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "epoch=1.ckpt").write_text("")
        when = time.time() - 86400 * days
        for path in (tmp_path / name / "epoch=1.ckpt", tmp_path / name):
            os.utime(path, (when, when))
    (tmp_path / "begun").mkdir()
    checkpoints.remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "young"]
