"""Several processes train what one trains, resume, and only one of them writes."""

import pickle
import subprocess
import sys
from functools import partial

import pytest
import torch

from earwitness import cache, models, training
from earwitness.errors import EarwitnessError, ParameterError, UnknownNameError
from earwitness.models import registry
from earwitness.training import loop
from earwitness.training.processes import Processes, checked_processes

TINY = {"n_speakers": 6, "repetitions": 1}
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def loudness(tmp_path, monkeypatch):
    """A network without batch norm and dropout; 36 clips in batches of 10, 10, 8, 8 or so."""
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    for where, name in ((registry, "_NETWORKS"), (training.experiment, "_EXPERIMENTS")):
        monkeypatch.setattr(where, name, dict(getattr(where, name)))

    @models.register(sample_rate=8000, audio="waveform", tasks=("clips",), input_shape=(1, 8000))
    class Loudness(torch.nn.Sequential):
        def __init__(self, n_classes):
            super().__init__(
                torch.nn.Conv1d(1, 4, 64, 32), torch.nn.ReLU(), torch.nn.Flatten(),
                torch.nn.Linear(4 * 249, n_classes),
            )  # fmt: skip

    recipe = training.Recipe("adamw", 1e-3, 9, batch_size=15, mixed_precision=False)
    training.trains("Loudness", {"fast": recipe})(training.clips.Clips)
    yield
    training.RECIPES.pop("Loudness")


def fit(**options):
    return training.fit(
        "Loudness", "voices", "digit", device="cpu", progress=False, corpus_options=TINY, **options
    )


@pytest.fixture
def short():
    """Test what forks where it does: elsewhere the network of these tests is not found."""
    if sys.platform != "linux":
        pytest.skip("processes fork under Linux only")


def test_two_processes_learn_what_one_learns_and_one_file_is_written(short, tmp_path):
    one, two = fit(), fit(devices=2)
    begun = training.untrained(one, 0).state_dict()
    for name, weight in two.model.state_dict().items():
        assert torch.allclose(weight, one.model.state_dict()[name], atol=1e-5), name
        assert not torch.allclose(weight, begun[name], atol=1e-4)
    assert two.history["loss"].tolist() == pytest.approx(one.history["loss"].tolist(), rel=1e-4)
    assert two.specification["devices"] == 2 and "devices" not in one.specification
    written = {f"{cache.digest(each.specification)}.pt" for each in (one, two)}
    assert {path.name for path in (tmp_path / "models").glob("*.pt")} == written
    assert not list((tmp_path / "unfinished").iterdir())
    assert two.card(two.model)["devices"] == 2


def test_two_processes_resume_where_they_were_killed(short, tmp_path, monkeypatch):
    real, noted = loop.Learner.on_train_epoch_start, tmp_path / "began"

    def stop_in_the_second_pass(module):
        if module.current_epoch == 1:
            raise EarwitnessError("The lights went out.")
        real(module)

    def note(module):
        with noted.open("a") as file:
            file.write(f"{module.current_epoch}\n")
        real(module)

    with monkeypatch.context() as stopped:
        stopped.setattr(loop.Learner, "on_train_epoch_start", stop_in_the_second_pass)
        with pytest.raises(EarwitnessError, match="^The lights went out.$"):
            fit(devices=2)
    monkeypatch.setattr(loop.Learner, "on_train_epoch_start", note)
    resumed = fit(devices=2)
    assert sorted(noted.read_text().split()) == ["1", "1", "2", "2", "3", "3"], "it began anew"
    (tmp_path / "models" / f"{cache.digest(resumed.specification)}.pt").unlink()
    whole = fit(devices=2)
    assert all(map(torch.equal, whole.model.parameters(), resumed.model.parameters()))
    assert resumed.history.equals(whole.history)


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


DEEP_GRADIENT = """
import torch

class Nested(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, depth):
        ctx.depth = depth
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        if ctx.depth:
            with torch.enable_grad():
                leaf = torch.ones(1, requires_grad=True)
                Nested.apply(leaf, ctx.depth - 1).backward()
        return gradient, None

Nested.apply(torch.ones(1, requires_grad=True), 100).backward()  # torch starts a thread for it
from earwitness.errors import ParameterError
from earwitness.training.processes import checked_processes

cpu = torch.device("cpu")
print(checked_processes(2, "auto", cpu, 10).strategy)
try:
    checked_processes(2, "ddp_fork", cpu, 10)
except ParameterError as refused:
    print(refused)
"""


def test_a_process_whose_gradients_have_threads_is_not_forked(short):
    """In a process of its own: afterwards no fork of it learns."""
    done = subprocess.run(
        [sys.executable, "-c", DEEP_GRADIENT], capture_output=True, text=True, check=True
    )
    strategy, refusal = done.stdout.splitlines()
    assert strategy == "ddp_spawn"
    assert "has started threads" in refusal and "use 'ddp_spawn'" in refusal
    assert checked_processes(2, "auto", CPU, 10).strategy == "ddp_fork"


def test_the_command_hands_devices_on_and_the_card_says_how_to_make_it_again(short, tmp_path, call):
    out = tmp_path / "mine.pt"
    given = ["--option", "n_speakers=6", "--option", "repetitions=1", "--devices", "2"]
    status, _, said = call("train", "Loudness", "--corpus", "voices", "--task", "digit",
                           "--device", "cpu", *given, "--export", str(out))  # fmt: skip
    assert status == 0, said
    card = out.with_suffix(".md").read_text()
    assert "--devices 2" in card and "\ndevices: 2\n" in card
