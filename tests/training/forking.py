"""Two processes learn what one learns. In a process of its own, which test_processes.py starts:
where torch.export or a deep gradient has left threads, no fork of the process learns.
"""

import pytest
import torch

from earwitness import cache, models, training
from earwitness.errors import EarwitnessError, ParameterError
from earwitness.models import registry
from earwitness.training import loop
from earwitness.training.processes import checked_processes

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


def test_two_processes_learn_what_one_learns_and_one_file_is_written(tmp_path):
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


def test_two_processes_resume_where_they_were_killed(tmp_path, monkeypatch):
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


def test_the_command_hands_devices_on_and_the_card_says_how_to_make_it_again(tmp_path, call):
    out = tmp_path / "mine.pt"
    given = ["--option", "n_speakers=6", "--option", "repetitions=1", "--devices", "2"]
    status, _, said = call("train", "Loudness", "--corpus", "voices", "--task", "digit",
                           "--device", "cpu", *given, "--export", str(out))  # fmt: skip
    assert status == 0, said
    card = out.with_suffix(".md").read_text()
    assert "--devices 2" in card and "\ndevices: 2\n" in card


class Nested(torch.autograd.Function):
    """A gradient that takes a gradient, so many deep that torch starts a thread for it."""

    @staticmethod
    def forward(ctx, x, depth):
        ctx.depth = depth
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        if ctx.depth:
            with torch.enable_grad():
                Nested.apply(torch.ones(1, requires_grad=True), ctx.depth - 1).backward()
        return gradient, None


def test_where_no_fork_can_learn_processes_start_afresh():
    """The last test here, as it leaves threads."""
    assert checked_processes(2, "auto", CPU, 10).strategy == "ddp_fork"
    Nested.apply(torch.ones(1, requires_grad=True), 100).backward()
    assert checked_processes(2, "auto", CPU, 10).strategy == "ddp_spawn"
    with pytest.raises(ParameterError, match="has started threads.*use 'ddp_spawn'"):
        checked_processes(2, "ddp_fork", CPU, 10)
    with pytest.raises(ParameterError, match="must import .*Loudness.*define it in a module"):
        fit(devices=2)
