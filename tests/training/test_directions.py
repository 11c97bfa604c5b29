"""Training of direction networks: targets, exact shortcuts, rotations that keep truth, a run that
resumes.
"""

import shutil
from dataclasses import asdict

import numpy as np
import pytest
import torch
import yaml

from earwitness import cache, catalogue, cli, corpora, features, models, training
from earwitness.acoustics import sphere
from earwitness.errors import ParameterError
from earwitness.models import weights
from earwitness.training import directions

FEW = {"n_speakers": 6, "repetitions": 2}


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(
            "earwitness.corpora.scenes._SOURCES", {"voices": {"words": "sentences"} | FEW}
        )
        yield


@pytest.fixture(scope="module")
def corpus():
    return corpora.load("scenes", n_scenes=4, order=2, split="train")


def test_a_smoothed_target_is_largest_at_the_nearest_class_and_falls_with_the_angle():
    truth = sphere.unit_vector(np.array([0.3, 2.0]), np.array([0.2, -1.0]))
    target = directions.targets(truth, 6.0).double().numpy()
    np.testing.assert_allclose(target.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(target.argmax(1), sphere.nearest(truth))
    angle = sphere.angle_between(truth[:1], sphere.directions())
    a, b = np.argsort(angle)[[0, 2]]
    wanted = (np.cos(angle[a]) - np.cos(angle[b])) / np.deg2rad(6) ** 2
    assert np.log(target[0, a] / target[0, b]) == pytest.approx(wanted, rel=1e-3)


def test_without_smoothing_the_target_is_one_class():
    truth = sphere.directions()[[7, 300]]
    target = directions.targets(truth, 0.0)
    assert target.sum(1).tolist() == [1, 1] and target.argmax(1).tolist() == [7, 300]


def test_pooling_before_elu_changes_nothing():
    torch.manual_seed(0)
    network = models.DoaCRNN(6).eval()
    with torch.no_grad():
        for norm in (network.bn1, network.bn2, network.bn3):  # also where a gain is negative
            norm.weight.uniform_(-1, 1)
        inputs = torch.randn(2, 6, 5, 512)
        torch.testing.assert_close(
            directions.quick_logits(network, inputs), network(inputs), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(("kind", "n_channels"), [("intensity", 6), ("order1", 8), ("order2", 18)])
def test_examples_have_the_shape_that_the_network_takes(corpus, kind, n_channels):
    examples = directions.SceneMixer(corpus, kind, (0.0, 30.0))
    inputs, truth = examples.draw(np.random.default_rng(0), 3, 12)
    assert inputs.shape == (3, n_channels, 12, 512) and inputs.dtype == torch.float32
    np.testing.assert_allclose(np.linalg.norm(truth, axis=1), 1)
    again, _ = examples.draw(np.random.default_rng(0), 3, 12)
    assert torch.equal(inputs, again)


def test_an_example_points_where_its_truth_says(corpus):
    # free field: the pool's speech replaced by a plane wave from the scene's direction
    examples = directions.SceneMixer(corpus, "intensity", (60.0, 60.0))
    noise = np.random.default_rng(0).standard_normal(16000)
    examples.pool = np.array(examples.pool, np.float32)
    examples.pool[:, 0] = 0.05 * sphere.harmonics(examples.directions, 2)[:, :, None] * noise
    for seed in range(6):
        mixture, truth = examples._mixture(np.random.default_rng(seed), 25)
        found = features.pseudo_intensity_direction(features.ambisonic_stft(mixture))
        assert np.rad2deg(sphere.angle_between(found, truth)) < 1


def test_babble_is_turned_by_itself(corpus):
    examples = directions.SceneMixer(corpus, "intensity", (-60.0, -60.0))  # hardly any speech
    examples.pool = np.array(examples.pool[:1], np.float32)
    wave = np.random.default_rng(0).standard_normal(16000)
    examples.pool[0, 1] = 0.05 * sphere.harmonics(examples.directions[0], 2)[:, None] * wave
    apart = []
    for seed in range(6):
        mixture, truth = examples._mixture(np.random.default_rng(seed), 25)
        found = features.pseudo_intensity_direction(features.ambisonic_stft(mixture))
        apart.append(np.rad2deg(sphere.angle_between(found, truth)))
    assert max(apart) > 30


def test_mixtures_have_the_ratio_that_was_drawn_and_the_level_of_scenes(corpus):
    examples = directions.SceneMixer(corpus, "order1", (7.0, 7.0))
    quiet = directions.SceneMixer(corpus, "order1", (70.0, 70.0))
    for seed in range(4):
        mixture, speech = (
            e._mixture(np.random.default_rng(seed), 50)[0][0].astype(float)
            for e in (examples, quiet)
        )
        scale = (mixture @ speech) / (speech @ speech)  # the level is set for the mixture
        ratio = 10 * np.log10(
            np.square(scale * speech).sum() / np.square(mixture - scale * speech).sum()
        )
        assert ratio == pytest.approx(7, abs=0.4)
        assert np.sqrt(np.mean(mixture**2)) == pytest.approx(0.05, rel=0.1)


def test_magnitudes_and_phases_are_normalised_each_as_a_whole_and_intensities_are_not():
    inputs = torch.cat([3 + 2 * torch.randn(4, 4, 6, 512), 5 * torch.randn(4, 4, 6, 512)], 1)
    network = models.DoaCRNN(8)
    directions.normalise(network, inputs, "order1")
    out = network.normalisation(inputs)
    for part in (out[:, :4], out[:, 4:]):
        assert float(part.mean()) == pytest.approx(0, abs=1e-3) and float(
            part.std()
        ) == pytest.approx(1, abs=1e-3)
    assert network.normalisation.mean[:4].unique().numel() == 1
    plain = models.DoaCRNN(6)
    directions.normalise(plain, 7 + torch.randn(2, 6, 3, 512), "intensity")
    assert not plain.normalisation.mean.any() and (plain.normalisation.std == 1).all()


def fit(kind="intensity", **options):
    return training.fit(
        "DoaCRNN",
        "scenes",
        variant=kind,
        progress=False,
        device="cpu",
        **{"recipe": "smoke"} | options,
    )


def test_all_folds_of_scenes_are_the_one_there_is():
    task = training.Task("scenes", None)
    (one,) = training.cross_validate("DoaCRNN", task, recipe="smoke", device="cpu", progress=False)
    assert one.specification == fit().specification


def test_another_task_than_directions_is_refused():
    with pytest.raises(ParameterError, match="DoaCRNN learns the task class_index, not 'digit'"):
        training.fit("DoaCRNN", "scenes", "digit", recipe="smoke")


@pytest.fixture
def prepare(monkeypatch):
    """Return a function that makes a prepared experiment of few scenes with passes of ``n``
    batches.
    """

    def make(n, **recipe):
        monkeypatch.setattr(directions, "_PASS", n)
        plan = directions.DirectionRecipe(n_scenes=4, batch_size=2, frames_early=4, **recipe)
        specification = {
            "model": "DoaCRNN",
            "variant": "intensity",
            "seed": 0,
            "recipe": asdict(plan),
        }
        made = directions.Directions(None, specification, {})
        made.prepare()
        return made

    return make


def test_a_network_is_trained_once_and_its_weights_learn(monkeypatch):
    trained = fit()
    with monkeypatch.context() as broken:
        broken.setattr(training.fitting, "_train", lambda *_: pytest.fail("trained again"))
        again = fit()
    network = trained.model
    assert all(map(torch.equal, network.state_dict().values(), again.model.state_dict().values()))
    assert list(trained.history) == ["epoch", "loss", "within_10_deg", "median_error_deg"]
    assert not network.training and network.bn1.num_batches_tracked == 2
    assert trained.results()["variant"] == "intensity"


def test_a_killed_run_resumes_and_ends_as_if_it_had_not_been_killed(monkeypatch, prepare, tmp_path):
    from earwitness.training import loop

    made = prepare(1, iterations=3, share_early=0.5)

    def run(folder, network_seed):
        torch.manual_seed(network_seed)
        network = made.network()
        history = loop.train(made, network, torch.device("cpu"), False, folder)
        return network.state_dict(), history

    whole, history = run(tmp_path / "whole", 0)
    real = loop.Learner.on_train_epoch_start

    def stop(module):
        if module.current_epoch == 2:
            raise KeyboardInterrupt
        real(module)

    with monkeypatch.context() as interrupted, pytest.raises((KeyboardInterrupt, SystemExit)):
        interrupted.setattr(loop.Learner, "on_train_epoch_start", stop)
        run(tmp_path / "resumed", 0)
    resumed, its_history = run(tmp_path / "resumed", 1)
    assert len(history) == 3 and its_history == history
    assert all(map(torch.equal, whole.values(), resumed.values()))


def test_whole_passes_are_done_and_shares_are_of_what_is_done(prepare):
    made = prepare(2, iterations=5, share_early=0.75)
    assert (made.n_epochs, [list(made.keys(epoch)) for epoch in range(2)]) == (
        2,
        [[(0,), (1,)], [(2,), (3,)]],
    )
    assert [made.draw(i)[0].shape[2] for i in range(4)] == [4, 4, 4, 50]


def test_a_batch_is_short_and_smooth_early_and_whole_and_sharp_late(prepare):
    made = prepare(10, iterations=10, share_early=0.5)
    inputs, wanted = made.draw(4)
    assert inputs.shape == (2, 6, 4, 512) and (wanted > 0).sum() > 2
    inputs, wanted = made.draw(5)
    assert inputs.shape == (2, 6, 50, 512) and sorted(wanted.unique().tolist()) == [0, 1]
    assert torch.equal(made.draw(5)[0], inputs)


def test_weights_are_exported_with_a_card_that_measures_them_beside_the_baseline(
    tmp_path, monkeypatch
):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data" / "weights").mkdir(parents=True)
    shutil.copy(catalogue.folder() / "corpora.yaml", tmp_path / "data")
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    trained = fit()
    monkeypatch.setattr(directions, "N_TEST", 5)
    path = tmp_path / "data" / "weights" / "doa-intensity.pt"
    card = training.export(trained, path, "earwitness train and so on")
    shipped = models.pretrained("doa-intensity")
    assert shipped.card == yaml.safe_load(yaml.safe_dump(card))
    assert (
        shipped.model.n_channels == 6
        and len(shipped.classes) == 425
        and path.stat().st_size < 1.2e6
    )
    np.testing.assert_allclose(
        sphere.unit_vector(*np.deg2rad(shipped.classes).T), sphere.directions(), atol=2e-4
    )
    for name, value in shipped.model.state_dict().items():
        torch.testing.assert_close(
            value, trained.model.state_dict()[name].half().to(value.dtype), rtol=0, atol=0
        )
    test = corpora.load("scenes", n_scenes=5, split="test")
    errors = np.rad2deg(
        sphere.angle_between(
            models.locate(shipped.model, test.mixtures(range(5)), "intensity"), test.unit_vectors()
        )
    )
    assert card["measured"]["network"]["median_deg"] == round(float(np.median(errors)), 2)
    assert (
        card["measured"]["pseudo_intensity"]["median_deg"]
        != card["measured"]["network"]["median_deg"]
    )
    assert sum(row["n"] for row in card["measured"]["network"]["by_snr_db"]) == 5


def test_the_command_line_trains_and_exports_and_the_card_says_how(monkeypatch, capsys, tmp_path):
    asked = {}
    monkeypatch.setattr(training, "export", lambda trained, *where: asked.update(where=where))
    arguments = (
        "train DoaCRNN --corpus scenes --task class_index --fold 0 --protocol speaker --recipe "
        "smoke --seed 0 "
        f"--input intensity --option source=voices --export {tmp_path}/a.pt"
    )
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments.split())
    assert ended.value.code == 0
    assert asked["where"] == (tmp_path / "a.pt", f"earwitness {arguments}")
    assert "median_error_deg" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train DoaCRNN --corpus timit", "DoaCRNN learns from the corpus scenes, by name"),
        (
            "train DoaCRNN --option n_scenes=3",
            "source_options, t60_s; got 'scenes' with ['n_scenes']",
        ),
        ("train DoaCRNN --source voices --recipe smoke --fold 1", "Scenes have no folds"),
        ("train DoaCRNN --source", "requires an argument"),
        ("train DoaCRNN --option source", "An option is written NAME=VALUE, got 'source'"),
        ("train DoaCRNN --input order5", "no variant of DoaCRNN 'order5'"),
        ("train DoaCRNN --recipe quick", "no recipe for DoaCRNN 'quick'"),
        ("train PhoneCNN --input order2 --corpus voices", "no variant of PhoneCNN 'order2'"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments.split())
    assert ended.value.code != 0 and sentence in " ".join(
        capsys.readouterr().err.replace("│", " ").split()
    )


def test_the_key_of_a_network_changes_with_what_is_said_in_its_scenes(monkeypatch):
    before = corpora.load("scenes", n_scenes=1, split="train")
    fingerprint = before.fingerprint()
    monkeypatch.setattr(before._speech, "fingerprint", "other samples")
    assert before.fingerprint() != fingerprint


def test_nothing_unfinished_is_left():
    fit()
    assert not [*cache.directory("unfinished").iterdir()]


@pytest.mark.parametrize(("kind", "n_channels"), [("intensity", 6), ("order1", 8), ("order2", 18)])
def test_the_shipped_networks_are_small_and_intact_and_beat_the_formula(kind, n_channels):
    shipped = models.pretrained(f"doa-{kind}")
    card, path = shipped.card, weights.folder() / f"doa-{kind}.pt"
    assert path.stat().st_size < 1.2e6 and card["weights"]["sha256"] == cache.file_digest(path)
    assert (
        card["input"] == kind
        and shipped.model.n_channels == n_channels
        and len(shipped.classes) == 425
    )
    assert (
        card["source"] == "timit" and "NC" in card["licence"] and "+" not in card["made"]["commit"]
    )
    network, formula = card["measured"]["network"], card["measured"]["pseudo_intensity"]
    assert network["within_percent"] > 85 > 65 > formula["within_percent"]
    heard = corpora.load(
        "scenes", n_scenes=12, order=2, snr_db=(20.0, 30.0)
    )  # generated voices, never met in training
    found = models.locate(shipped.model, heard.mixtures(range(12)), kind)
    assert np.median(np.rad2deg(sphere.angle_between(found, heard.unit_vectors()))) < 9
