"""How many processes train, and how they are started; forking.py has them train."""

import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from earwitness.errors import ParameterError, UnknownNameError
from earwitness.training import loop
from earwitness.training.processes import Processes, checked_processes

CPU = torch.device("cpu")
FORKING = Path(__file__).with_name("forking.py")


@pytest.mark.skipif(sys.platform != "linux", reason="processes fork under Linux only")
def test_two_processes_train_what_one_trains():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", FORKING], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_shares_of_a_batch_are_all_of_it_and_weigh_what_they_hold():
    batch = torch.arange(7.0), torch.arange(7)
    parts = [loop.share(batch, rank, 3) for rank in range(3)]
    assert sorted(torch.cat([part[0] for part in parts]).tolist()) == batch[0].tolist()
    assert all(torch.equal(inputs.long(), targets) for inputs, targets in parts)
    weighted = [3 * len(inputs) / 7 * inputs.mean() for inputs, _ in parts]
    assert float(sum(weighted) / 3) == pytest.approx(float(batch[0].mean()))
    assert loop.share((batch[0][:2], batch[1][:2]), 2, 3)[0].tolist() == [0, 1]  # too few to share


def test_a_network_with_dropout_travels_to_a_process_that_starts_afresh():
    layer = torch.nn.Linear(4, 2)
    layer.register_forward_pre_hook(partial(loop._drop, share=0.5))
    again = pickle.loads(pickle.dumps(layer)).train()
    torch.manual_seed(0)
    assert (again(torch.ones(200, 4)).std(0) > 0).all()


@pytest.mark.parametrize(
    ("devices", "strategy", "device", "said"),
    [
        (0, "auto", CPU, "from 1"),
        (2, "ddp", CPU, "whole command once more.*ddp_spawn"),
        (2, "fsdp_cpu_offload", CPU, "fits on one"),
        (1, "ddp_spawn", CPU, "two devices or more"),
        (16, "auto", CPU, "batch of 10 cannot be shared by 16"),
        (2, "auto", torch.device("mps"), "One device of type mps"),
        (2, "auto", torch.device("cuda:1"), "cannot all be cuda:1"),
        (999, "auto", torch.device("cuda"), "has [0-9]+ GPUs; 999"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(devices, strategy, device, said):
    with pytest.raises(ParameterError, match=said):
        checked_processes(devices, strategy, device, 10)


def test_gpus_are_not_forked_and_an_unknown_strategy_names_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    cuda = torch.device("cuda")
    assert checked_processes(2, "auto", cuda, 10) == Processes(2, "ddp_spawn")
    with pytest.raises(ParameterError, match="forks"):
        checked_processes(2, "ddp_fork", cuda, 10)
    with pytest.raises(UnknownNameError, match="ddp_spawn"):
        checked_processes(2, "ddp_spwan", cuda, 10)
