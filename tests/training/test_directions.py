"""Training of direction networks: targets, exact shortcuts, turns that keep truth, a run that goes on."""

import numpy as np
import pytest
import torch
import yaml

from earwitness import cache, cli, corpora, features, models
from earwitness.acoustics import sphere
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models import weights
from earwitness.training import directions

FEW = {"n_speakers": 6, "repetitions": 2}


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("earwitness.corpora.scenes._SOURCES", {"voices": {"words": "sentences"} | FEW})
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
        torch.testing.assert_close(directions.quick_logits(network, inputs), network(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "n_channels"), [("intensity", 6), ("order1", 8), ("order2", 18)])
def test_examples_have_the_shape_that_the_network_eats(corpus, kind, n_channels):
    examples = directions.DirectionExamples(corpus, kind, (0.0, 30.0))
    inputs, truth = examples.draw(np.random.default_rng(0), 3, 12)
    assert inputs.shape == (3, n_channels, 12, 512) and inputs.dtype == torch.float32
    np.testing.assert_allclose(np.linalg.norm(truth, axis=1), 1)
    again, _ = examples.draw(np.random.default_rng(0), 3, 12)
    assert torch.equal(inputs, again)


def test_an_example_points_where_its_truth_says(corpus):
    # free field: the pool's speech replaced by a plane wave from the scene's direction
    examples = directions.DirectionExamples(corpus, "intensity", (60.0, 60.0))
    noise = np.random.default_rng(0).standard_normal(16000)
    examples.pool = np.array(examples.pool, np.float32)
    examples.pool[:, 0] = 0.05 * sphere.harmonics(examples.directions, 2)[:, :, None] * noise
    for seed in range(6):
        mixture, truth = examples._mixture(np.random.default_rng(seed), 25)
        found = features.pseudo_intensity_direction(features.ambisonic_stft(mixture))
        assert np.rad2deg(sphere.angle_between(found, truth)) < 1


def test_babble_is_turned_by_itself(corpus):
    examples = directions.DirectionExamples(corpus, "intensity", (-60.0, -60.0))  # hardly any speech
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
    examples = directions.DirectionExamples(corpus, "order1", (7.0, 7.0))
    quiet = directions.DirectionExamples(corpus, "order1", (70.0, 70.0))
    for seed in range(4):
        mixture, speech = (e._mixture(np.random.default_rng(seed), 50)[0][0].astype(float) for e in (examples, quiet))
        scale = (mixture @ speech) / (speech @ speech)  # the level is set for the mixture
        ratio = 10 * np.log10(np.square(scale * speech).sum() / np.square(mixture - scale * speech).sum())
        assert ratio == pytest.approx(7, abs=0.4)
        assert np.sqrt(np.mean(mixture**2)) == pytest.approx(0.05, rel=0.1)


def test_magnitudes_and_phases_are_normalised_each_as_a_whole_and_intensities_are_not():
    inputs = torch.cat([3 + 2 * torch.randn(4, 4, 6, 512), 5 * torch.randn(4, 4, 6, 512)], 1)
    network = models.DoaCRNN(8)
    directions.normalise(network, inputs, "order1")
    out = network.normalisation(inputs)
    for part in (out[:, :4], out[:, 4:]):
        assert float(part.mean()) == pytest.approx(0, abs=1e-3) and float(part.std()) == pytest.approx(1, abs=1e-3)
    assert network.normalisation.mean[:4].unique().numel() == 1
    plain = models.DoaCRNN(6)
    directions.normalise(plain, 7 + torch.randn(2, 6, 3, 512), "intensity")
    assert not plain.normalisation.mean.any() and (plain.normalisation.std == 1).all()


def test_a_network_is_trained_once_and_its_weights_learn(monkeypatch):
    network, training = directions.fit_directions("intensity", "voices", "smoke", progress=False)
    with monkeypatch.context() as broken:
        broken.setattr(directions, "_train", lambda *_: pytest.fail("trained again"))
        again, _ = directions.fit_directions("intensity", "voices", "smoke", progress=False)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))
    assert set(training["history"][-1]) == {"epoch", "loss", "within_10_deg", "median_error_deg"}
    assert not network.training
    assert network.bn1.num_batches_tracked == 2


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(monkeypatch, corpus, tmp_path):
    from earwitness.training import loop

    monkeypatch.setattr(directions, "_PASS", 1)
    plan = directions.DirectionRecipe(3, batch_size=2, frames_early=4, share_early=0.5)
    examples = directions.DirectionExamples(corpus, "intensity", plan.snr_db)
    validation = corpus.mixtures(range(1)), corpus.unit_vectors()[:1]

    def run(folder, network_seed):
        torch.manual_seed(network_seed)
        return directions._learn(models.DoaCRNN(6), examples, validation, plan, 0, "intensity", torch.device("cpu"),
                                 folder, False)

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


def test_whole_passes_are_done_and_shares_are_of_what_is_done(monkeypatch, corpus, tmp_path):
    monkeypatch.setattr(directions, "_PASS", 2)
    asked, real = [], directions._batch
    monkeypatch.setattr(directions, "_batch", lambda examples, plan, seed, iteration: asked.append(
        (iteration, iteration < plan.share_early * plan.iterations)) or real(examples, plan, seed, iteration))
    plan = directions.DirectionRecipe(5, batch_size=2, frames_early=4, share_early=0.75)
    examples = directions.DirectionExamples(corpus, "intensity", plan.snr_db)
    validation = corpus.mixtures(range(1)), corpus.unit_vectors()[:1]
    _, history = directions._learn(models.DoaCRNN(6), examples, validation, plan, 0, "intensity", torch.device("cpu"),
                                   tmp_path, False)
    assert [row["epoch"] for row in history] == [1, 2]
    assert asked == [(0, True), (1, True), (2, True), (3, False)]


def test_a_batch_is_short_and_smooth_early_and_whole_and_sharp_late(corpus):
    plan = directions.DirectionRecipe(10, batch_size=3, frames_early=4, share_early=0.5)
    examples = directions.DirectionExamples(corpus, "intensity", plan.snr_db)
    inputs, wanted = directions._batch(examples, plan, 0, 4)
    assert inputs.shape == (3, 6, 4, 512) and (wanted > 0).sum() > 3
    inputs, wanted = directions._batch(examples, plan, 0, 5)
    assert inputs.shape == (3, 6, 50, 512) and sorted(wanted.unique().tolist()) == [0, 1]
    assert torch.equal(directions._batch(examples, plan, 0, 5)[0], inputs)


def test_weights_are_exported_with_a_card_that_measures_them_beside_the_baseline(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "corpora.yaml").write_text("voices: {licence: free}\n")
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    network, training = directions.fit_directions("intensity", "voices", "smoke", progress=False)
    path = tmp_path / "data" / "weights" / "doa-intensity.pt"
    card = directions.export(network, training, path, "earwitness train and so on", n_test=5)
    shipped = models.pretrained("doa-intensity")
    assert shipped.card == yaml.safe_load(yaml.safe_dump(card))
    assert shipped.model.n_channels == 6 and len(shipped.classes) == 425 and path.stat().st_size < 1.2e6
    np.testing.assert_allclose(sphere.unit_vector(*np.deg2rad(shipped.classes).T), sphere.directions(), atol=2e-4)
    for name, value in shipped.model.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[name].half().to(value.dtype), rtol=0, atol=0)
    test = corpora.load("scenes", n_scenes=5, split="test")
    errors = np.rad2deg(sphere.angle_between(models.locate(shipped.model, test.mixtures(range(5)), "intensity"),
                                             test.unit_vectors()))
    assert card["measured"]["network"]["median_deg"] == round(float(np.median(errors)), 2)
    assert card["measured"]["pseudo_intensity"]["median_deg"] != card["measured"]["network"]["median_deg"]
    assert sum(row["n"] for row in card["measured"]["network"]["by_snr_db"]) == 5
    with pytest.raises(ParameterError, match=r"ends in \.pt"):
        directions.export(network, training, tmp_path / "weights.bin")


def test_the_command_line_trains_and_exports_and_the_card_says_how(monkeypatch, capsys, tmp_path):
    asked = {}
    monkeypatch.setattr(directions, "export", lambda network, how, *where: asked.update(where=where))
    arguments = ("train DoaCRNN --corpus scenes --source voices --input intensity --recipe smoke --seed 0 "
                 f"--export {tmp_path}/a.pt")
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments.split())
    assert ended.value.code == 0
    assert asked["where"] == (tmp_path / "a.pt", f"earwitness {arguments}")
    assert "median_error_deg" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("arguments", ["train DoaCRNN --corpus timit", "train PhoneCNN --corpus scenes"])
def test_doacrnn_and_scenes_go_together_only(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments.split())
    assert ended.value.code != 0 and "DoaCRNN learns from scenes" in " ".join(capsys.readouterr().err.split())


def test_unknown_inputs_and_recipes_are_refused():
    with pytest.raises(UnknownNameError, match="no input 'order5'"):
        directions.fit_directions("order5", "voices", "smoke")
    with pytest.raises(UnknownNameError, match="no recipe for directions 'quick'"):
        directions.fit_directions("intensity", "voices", "quick")
    assert set(weights.NAMES) >= {"doa-intensity", "doa-order1", "doa-order2"}
    assert not [*cache.directory("unfinished").iterdir()]


@pytest.mark.parametrize(("kind", "n_channels"), [("intensity", 6), ("order1", 8), ("order2", 18)])
def test_the_shipped_networks_are_small_and_intact_and_beat_the_formula(kind, n_channels):
    shipped = models.pretrained(f"doa-{kind}")
    card, path = shipped.card, weights.folder() / f"doa-{kind}.pt"
    assert path.stat().st_size < 1.2e6 and card["weights"]["sha256"] == cache.file_digest(path)
    assert card["input"] == kind and shipped.model.n_channels == n_channels and len(shipped.classes) == 425
    assert card["source"] == "timit" and "NC" in card["licence"] and "+" not in card["made"]["commit"]
    network, formula = card["measured"]["network"], card["measured"]["pseudo_intensity"]
    assert network["within_percent"] > 85 > 65 > formula["within_percent"]
    heard = corpora.load("scenes", n_scenes=12, order=2, snr_db=(20.0, 30.0))  # generated voices, never met in training
    found = models.locate(shipped.model, heard.mixtures(range(12)), kind)
    assert np.median(np.rad2deg(sphere.angle_between(found, heard.unit_vectors()))) < 9
