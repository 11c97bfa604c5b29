"""Scenes: parts that add up, gains as theory has them, ratios as asked, the same every time, splits
apart.
"""

import numpy as np
import pytest

from earwitness import cache, corpora
from earwitness.acoustics import sphere
from earwitness.corpora import scenes
from earwitness.errors import AudioError, ParameterError, UnknownNameError

FEW = {"n_speakers": 6, "repetitions": 2}


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def load(**options):
    return corpora.load("scenes", **({"n_scenes": 6, "source_options": FEW} | options))


@pytest.fixture(scope="module")
def few():
    return load(order=2)


def power(samples):
    return float(np.mean(samples.astype(float) ** 2))


def test_direct_sound_reverberation_and_noise_add_up_to_what_the_corpus_hands_out(few):
    for i in range(3):
        scene = few.parts(i)
        assert all(
            part.shape == (9, 16000) and part.any()
            for part in (scene.direct, scene.reverberation, scene.noise)
        )
        np.testing.assert_allclose(
            scene.direct + scene.reverberation + scene.noise, few[i].samples, atol=1e-7
        )
        assert few[i].sample_rate == 16000 and few[i].samples.dtype == np.float32


def test_the_direct_sound_has_the_gains_of_a_source_in_free_field(few):
    scene = few.parts(1)
    gains = sphere.harmonics(sphere.unit_vector(*scene.direction), 2)
    np.testing.assert_allclose(scene.direct, gains[:, None] * scene.dry, atol=1e-6)
    np.testing.assert_allclose(gains[0], 1)
    np.testing.assert_allclose(scene.room.direction, sphere.unit_vector(*scene.direction))


def test_the_ratio_of_speech_to_noise_is_the_one_in_the_table(few):
    for i, snr_db in enumerate(few.table["snr_db"]):
        scene = few.parts(i)
        speech = scene.direct[0] + scene.reverberation[0]
        assert 10 * np.log10(power(speech) / power(scene.noise[0])) == pytest.approx(
            snr_db, abs=0.01
        )
        assert scene.snr_db == snr_db and 0 <= snr_db <= 30


def test_every_mixture_is_equally_loud_and_never_clips(few):
    for clip in few:
        assert np.sqrt(power(clip.samples[0])) == pytest.approx(scenes.LEVEL, rel=1e-3)
        assert np.abs(clip.samples).max() < 1


def test_the_table_says_what_the_room_is(few):
    for i in range(len(few)):
        room, row = few.room(i), few.table.iloc[i]
        assert room.t60_s == row["t60_s"] and 0.2 <= room.t60_s <= 0.8
        assert room.distance_m == pytest.approx(row["distance_m"]) and 0.6 <= room.distance_m <= 4
        azimuth, elevation = np.rad2deg(sphere.angles(room.direction))
        assert (azimuth, elevation) == pytest.approx((row["azimuth_deg"], row["elevation_deg"]))
        assert sphere.nearest(room.direction) == row["class_index"] == few.parts(i).class_index
    np.testing.assert_allclose(few.unit_vectors(), [few.room(i).direction for i in range(len(few))])


def test_scenes_are_the_same_every_time_and_a_longer_corpus_begins_with_them(few):
    longer = load(order=2, n_scenes=9)
    np.testing.assert_array_equal(longer[5].samples, few[5].samples)
    assert longer.table.iloc[:6].equals(few.table)
    assert not np.array_equal(load(order=2, seed=1)[0].samples, few[0].samples)


def test_a_lower_order_is_the_first_channels_of_a_higher_one(few):
    np.testing.assert_allclose(load(order=1)[2].samples, few[2].samples[:4], atol=1e-6)


def test_threads_give_the_same_scenes(few):
    alone = np.stack([few[i].samples for i in range(4)])
    np.testing.assert_array_equal(few.mixtures(range(4), n_workers=2), alone)


def test_nobody_and_no_room_is_in_two_splits():
    splits = {name: load(split=name, n_scenes=40).table for name in ("train", "validation", "test")}
    for one, other in [("train", "validation"), ("train", "test"), ("validation", "test")]:
        assert not set(splits[one]["speaker"]) & set(splits[other]["speaker"])
        assert not set(splits[one]["size_x_m"]) & set(splits[other]["size_x_m"])


def test_directions_are_spread_evenly_over_the_sphere():
    vectors = load(n_scenes=600).unit_vectors()
    np.testing.assert_allclose(vectors.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(vectors.T @ vectors / 600, np.eye(3) / 3, atol=0.06)


def test_scenes_on_axes_take_turns_and_point_along_x_and_y():
    corpus = load(n_scenes=8, directions="axes")
    axes = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]] * 2)
    apart = np.rad2deg(sphere.angle_between(corpus.unit_vectors(), axes))
    assert apart.max() < 5  # half of 360 / 37
    np.testing.assert_array_equal(corpus.table["class_index"], sphere.nearest(axes))


def test_fixed_conditions_are_kept():
    table = load(snr_db=(12.0, 12.0), t60_s=(0.4, 0.4)).table
    assert (table["snr_db"] == 12).all() and (table["t60_s"] == 0.4).all()


def test_speech_is_no_pause(few):
    for i in range(len(few)):
        dry = few.parts(i).dry / few.parts(i).dry.std()
        active = np.abs(dry).reshape(50, -1).max(1) > 0.1
        assert active.mean() > 0.4


@pytest.mark.parametrize("signal", ["bursts", "tones"])
def test_other_signals_sound_in_the_same_rooms_and_babble(few, signal):
    other = load(order=2, signal=signal)
    assert other.table.equals(few.table) and other.fingerprint() != few.fingerprint()
    scene, speech = other.parts(1), few.parts(1)
    assert np.corrcoef(scene.dry, speech.dry)[0, 1] < 0.2
    same_babble = np.corrcoef(scene.noise.ravel(), speech.noise.ravel())[0, 1]
    assert same_babble == pytest.approx(1, abs=1e-5) and scene.room == speech.room
    assert scene.snr_db == speech.snr_db
    np.testing.assert_array_equal(scene.dry, other.parts(1).dry)
    next_one = other.parts(2).dry
    assert np.corrcoef(scene.dry, next_one)[0, 1] < 0.9  # not the same one at another level


def test_bursts_are_white_with_pauses_and_tones_are_harmonic():
    bursts, tones = (
        make(np.random.default_rng(0)) for make in (scenes.noise_bursts, scenes.melody)
    )
    for sound in (bursts, tones):
        assert sound.shape == (16000,) and power(sound) == pytest.approx(1)
    assert 0.2 < np.mean(bursts == 0) < 0.8
    spectrum = np.abs(np.fft.rfft(bursts)) ** 2
    assert spectrum[4000:].sum() == pytest.approx(spectrum[:4000].sum(), rel=0.2)
    first = np.abs(np.fft.rfft(tones[:2048] * np.hanning(2048)))
    f0 = np.argmax(first) * 16000 / 2048
    assert 190 < f0 < 790
    peak, between = (first[round(k * f0 * 2048 / 16000)] for k in (2, 2.5))
    assert peak > 10 * between


def test_babble_comes_alike_from_everywhere():
    speech = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    noise = scenes.babble(speech, 2, np.random.default_rng(1))
    gram = noise @ noise.T / np.square(noise[0]).sum()
    np.testing.assert_allclose(gram, np.eye(9), atol=0.12)


def test_babble_needs_more_than_a_second_of_speech():
    with pytest.raises(AudioError, match="more than 16000 samples of speech"):
        scenes.babble(np.ones(16000, np.float32), 1, np.random.default_rng(0))


def test_convolution_equals_the_slow_one():
    rng = np.random.default_rng(0)
    dry, response = rng.standard_normal(300), rng.standard_normal((2, 120))
    slow = np.stack([np.convolve(dry, channel)[:300] for channel in response])
    np.testing.assert_allclose(scenes.convolve(dry, response), slow, atol=1e-4)


def test_the_pool_holds_speech_in_its_room_and_babble_and_is_kept():
    corpus = load(n_scenes=3)
    scene, pool = corpus.parts(1), corpus.pool
    assert pool.shape == (3, 2, 4, 16000) and pool.dtype == np.float16
    np.testing.assert_allclose(pool[1, 0], scene.direct + scene.reverberation, atol=5e-4)
    np.testing.assert_allclose(pool[1, 1], scene.noise, atol=5e-4)
    files = sorted(cache.directory("scenes").glob("*.npy"))
    load(n_scenes=3).pool  # noqa: B018  the same file again
    assert sorted(cache.directory("scenes").glob("*.npy")) == files


def test_a_scene_that_is_not_there_is_an_index_error(few):
    with pytest.raises(IndexError, match="there is no scene 6"):
        few.parts(6)
    np.testing.assert_array_equal(few.parts(-1).dry, few.parts(5).dry)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"order": 0}, ParameterError, "ambisonic order here is a whole number from 1 to 4, got 0"),
        ({"order": 5}, ParameterError, "from 1 to 4, got 5"),
        ({"n_scenes": 0}, ParameterError, "n_scenes must be a whole number from 1"),
        ({"n_scenes": 2.5}, ParameterError, "n_scenes must be a whole number from 1"),
        ({"snr_db": 10}, ParameterError, "snr_db is a pair"),
        ({"snr_db": (20, 10)}, ParameterError, "snr_db is a pair"),
        ({"t60_s": (0, 0.5)}, ParameterError, "reverberation time is positive"),
        ({"t60_s": (0.2, np.inf)}, ParameterError, "finite"),
        ({"split": "all"}, UnknownNameError, "no split of scenes 'all'"),
        ({"source": "fsdd"}, UnknownNameError, "no source of scenes 'fsdd'"),
        ({"directions": "axis"}, UnknownNameError, "Did you mean 'axes'"),
    ],
)
def test_what_scenes_cannot_be_is_said_in_a_sentence(options, error, sentence):
    with pytest.raises(error, match=sentence):
        load(**options)
