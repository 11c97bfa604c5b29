"""Vowels: generated words whose F0 and formants are known, shares by hand, controls, what cannot be
measured.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import corpora
from earwitness.errors import AudioError, ParameterError, UnknownNameError
from earwitness.evaluation import statistics
from earwitness_book.chapters import vowel_measurements

RATE = 16000


@pytest.fixture(scope="module")
def words():
    """Return the signals and the table of the five vowels of Table 2, said by KlattGrid."""
    corpus = corpora.load("voices", words="hvd", n_speakers=6, repetitions=1)
    rows = np.flatnonzero(corpus.table["vowel"].isin(["ah", "eh", "iy", "oa", "uw"]))
    return [corpus[i].samples for i in rows], corpus.table.iloc[rows].reset_index(drop=True)


@pytest.fixture(scope="module")
def measured(words):
    signals, table = words
    return vowel_measurements.measure(signals, RATE, table["steady_s"])


def test_f0_and_formants_of_generated_vowels_come_back(words, measured):
    _, table = words
    errors = {
        name: np.abs(measured[f"{name}_hz"] / table[f"{name}_hz"] - 1)
        for name in vowel_measurements.QUANTITIES
    }
    assert errors["f0"].max() < 0.02
    assert errors["f1"].median() < 0.05 and errors["f2"].median() < 0.02
    assert (measured[["n_f1", "n_f2"]] == 10).all().all() and not measured["silent"].any()


def test_scale_and_number_of_processes_change_nothing(words, measured):
    signals, table = words
    tiny = [np.float32(1e-30) * signal.astype(np.float32) for signal in signals[:3]]
    again = vowel_measurements.measure(tiny, RATE, table["steady_s"][:3], n_jobs=2)
    np.testing.assert_allclose(again.to_numpy(float), measured[:3].to_numpy(float), rtol=1e-4)


def test_a_silent_signal_is_not_measured_and_counts_as_wrong(words):
    signals, table = words
    found = vowel_measurements.measure([signals[0], 0 * signals[1]], RATE, table["steady_s"][:2])
    assert found["silent"].tolist() == [False, True]
    assert found.loc[1, ["f0_hz", "f1_hz", "f2_hz"]].isna().all()
    assert not vowel_measurements.within(found["f0_hz"], table["f0_hz"][:2], [np.inf, np.inf])[1]


def test_formants_are_the_mean_of_the_frames_that_have_them(monkeypatch):
    tracks = pd.DataFrame(
        {"time_s": 0.02 + 0.005 * np.arange(40), "F1": 500.0, "F2": 1500.0, "F3": 0.0, "F4": 0.0}
    )
    near = np.flatnonzero(
        np.abs(tracks["time_s"] - 0.1) < 0.0249
    )  # 9 frames; the tenth is at 0.075, before 0.125
    tracks.loc[near[:3], "F1"] = np.nan
    tracks.loc[near[3:], "F1"] = [600.0] * 6
    tracks.loc[near[:6], "F2"] = np.nan
    monkeypatch.setattr("earwitness.features.phonetics.formants", lambda *_: tracks)
    signal = np.sin(np.arange(4000) / 20)
    found = vowel_measurements.measure([signal], RATE, [0.1001 - 0.0002]).iloc[0]
    assert (found["n_f1"], found["n_f2"]) == (7, 4)
    assert found["f1_hz"] == pytest.approx((6 * 600 + 500) / 7)
    assert np.isnan(found["f2_hz"])  # four of ten are less than half


def test_fewer_samples_a_second_keep_the_number_of_poles(words):
    signals, table = words
    low = vowel_measurements.measure(signals, RATE, table["steady_s"], lp_rate_hz=8000, lp_order=8)
    men = (table["sex"] == "male").to_numpy()
    assert np.abs(low["f1_hz"] / table["f1_hz"] - 1)[men].median() < 0.1
    crowded = vowel_measurements.measure(
        signals, RATE, table["steady_s"], lp_rate_hz=8000
    )  # sixteen poles over 4 kHz
    assert np.abs(crowded["f2_hz"] / table["f2_hz"] - 1)[men].median() > 0.2


def hand_made():
    """Return a table of two groups whose F1 means are 500 and 700 and whose standard deviation is
    100 and 50.
    """
    table = pd.DataFrame(
        {
            "sex": ["male"] * 4 + ["female"] * 3,
            "vowel": "eh",
            "f1_hz": [400.0, 500, 600, np.nan, 650, 700, 750],
        }
    )
    return table.assign(
        f0_hz=[90.0, 100, 110, 100, 200, 210, 0], f2_hz=[1000.0, 1100, 1200, 1100, 1500, 1600, 1700]
    )


def test_shares_by_hand_under_both_readings():
    table = hand_made()
    measured = table.assign(f1_hz=[500.0, 601, np.nan, 500, 601, 700, 850])
    found = vowel_measurements.share_within_sd(measured, table).set_index(["sex", "quantity"])
    male, female = found.loc[("male", "f1")], found.loc[("female", "f1")]
    assert (male["n"], male["n_excluded"], male["n_unmeasured"]) == (3, 1, 1)
    assert male["share"] == pytest.approx(
        100 / 3
    )  # 500 is one SD from 400, the bound counts; 601 is 101 from 500
    assert female["share"] == pytest.approx(200 / 3)  # 601 is 49 from 650
    group = vowel_measurements.share_within_sd(measured, table, reading="group").set_index(
        ["sex", "quantity"]
    )
    assert group.loc[("male", "f1"), "share"] == pytest.approx(100 / 3)  # 500, not 601
    assert group.loc[("female", "f1"), "share"] == pytest.approx(
        100 / 3
    )  # 700 alone lies in 650 to 750
    assert found.loc[("female", "f0"), "n_excluded"] == 1  # an entry of zero: was not measurable


def test_the_interval_is_wilsons():
    table = pd.DataFrame(
        {"sex": "male", "vowel": "ah", "f0_hz": 100.0 + np.arange(10), "f1_hz": 1.0, "f2_hz": 1.0}
    )
    measured = table.assign(f0_hz=np.where(np.arange(10) < 7, table["f0_hz"], 0))
    found = vowel_measurements.share_within_sd(measured, table).iloc[0]
    z, p, n = 1.959964, 0.7, 10
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert found["low"] == pytest.approx(100 * (centre - half) / (1 + z**2 / n), rel=1e-5)
    assert found["high"] == pytest.approx(100 * (centre + half) / (1 + z**2 / n), rel=1e-5)


def test_group_statistics_and_the_control_that_hears_nothing():
    table = hand_made()
    groups = vowel_measurements.group_statistics(table).set_index(["sex", "quantity"])
    assert groups.loc[("male", "f1"), ["mean_hz", "sd_hz", "n", "n_excluded"]].tolist() == [
        500,
        100,
        3,
        1,
    ]
    means = vowel_measurements.group_means(table)
    assert means["f1_hz"].tolist() == [500] * 4 + [700] * 3
    own = vowel_measurements.share_within_sd(means, table).set_index(["sex", "quantity"])
    assert own.loc[("male", "f1"), "share"] == pytest.approx(100)
    group = vowel_measurements.share_within_sd(means, table, reading="group")
    assert (group["share"] == 100).all()


def test_a_part_of_a_table_takes_its_spread_from_the_whole():
    table = hand_made()
    part = table.iloc[[1]].reset_index(drop=True)
    with pytest.raises(ParameterError, match="eh/, male, has fewer than two"):
        vowel_measurements.share_within_sd(part, part)
    found = vowel_measurements.share_within_sd(
        part.assign(f1_hz=590.0), part, population=table
    ).set_index("quantity")
    assert found.loc["f1", "share"] == 100
    assert vowel_measurements.group_means(part, table)["f1_hz"].tolist() == [500]


def test_noise_has_the_power_and_permutation_the_values_of_the_signal():
    signals = [3 * np.sin(np.arange(50000) / 7), np.zeros(10)]
    noise, silence = vowel_measurements.white_noise(signals, np.random.default_rng(0))
    assert np.mean(noise**2) == pytest.approx(4.5, rel=0.05) and not silence.any()
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.02
    mixed = vowel_measurements.permuted(signals, np.random.default_rng(0))[0]
    np.testing.assert_array_equal(np.sort(mixed), np.sort(signals[0]))
    assert abs(np.corrcoef(mixed[1:], mixed[:-1])[0, 1]) < 0.02


def test_the_controls_fail_where_the_words_pass(words, measured):
    signals, table = words
    kept = vowel_measurements.share_within_sd(measured, table).groupby("quantity")["share"].mean()
    lost = vowel_measurements.measure(
        vowel_measurements.white_noise(signals, np.random.default_rng(1)), RATE, table["steady_s"]
    )
    lost = vowel_measurements.share_within_sd(lost, table).groupby("quantity")["share"].mean()
    assert (
        kept["f0"] == 100 and kept["f1"] > 50 and kept["f2"] > 80
    )  # three speakers a group spread little
    assert lost["f0"] == 0 and lost["f1"] < 20 and lost["f2"] < 20


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"signals": [np.ones(100)]}, AudioError, "Signal 0: The clip lasts 6.2 ms"),
        (
            {"signals": [np.full(4000, np.nan)]},
            AudioError,
            "Signal 0: The signal holds 4000 values",
        ),
        ({"signals": [np.ones((2, 4000))]}, AudioError, "one channel"),
        ({"steady_s": [0.3]}, ParameterError, "no 0.300 s"),
        ({"steady_s": []}, ParameterError, "1 signals and 0 moments"),
        ({"n_frames": 0}, ParameterError, "n_frames"),
        ({"lp_rate_hz": 44100}, ParameterError, "2000 to 16000"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_sentence(change, error, said):
    given = {
        "signals": [np.sin(np.arange(4000) / 9)],
        "sample_rate": RATE,
        "steady_s": [0.001],
    } | change
    with pytest.raises(error, match=said):
        vowel_measurements.measure(**given)


def test_a_wrong_reading_or_number_of_rows_is_an_error():
    table = hand_made()
    with pytest.raises(UnknownNameError, match="recording"):
        vowel_measurements.share_within_sd(table, table, reading="records")
    with pytest.raises(ParameterError, match="6 measured rows for 7"):
        vowel_measurements.share_within_sd(table[:6], table)


def test_a_listener_without_ears_knows_the_sex_or_nothing_and_an_oracle_the_vowel():
    table = pd.DataFrame(
        {
            "sex": ["male", "male", "female", "female"],
            "vowel": ["ah", "iy", "ah", "iy"],
            "f0_hz": [100.0, 120, 200, 240],
            "f1_hz": [700.0, 300, 900, 0],  # zero: not measurable
            "f2_hz": [1.0, 1, 1, 1],
        }
    )
    oracle, by_sex, for_all = (
        vowel_measurements.group_means(table, by=by) for by in (("sex", "vowel"), ("sex",), ())
    )
    assert oracle["f0_hz"].tolist() == [100, 120, 200, 240]
    assert by_sex["f0_hz"].tolist() == [110, 110, 220, 220]
    assert by_sex["f1_hz"].tolist() == [500, 500, 900, 900]
    assert for_all["f0_hz"].tolist() == [165] * 4


def vowel_table(n=40):
    """Return a table of one vowel, F0 known of all but the first, SD near 29 Hz."""
    f0 = 100.0 + 100 * np.arange(n) / n
    table = pd.DataFrame({"sex": "male", "vowel": "ah", "f0_hz": f0, "f1_hz": f0, "f2_hz": f0})
    return table.assign(speaker=np.arange(n) // 2, f1_hz=np.where(np.arange(n) == 0, 0, f0))


def test_hits_are_the_shares_of_table_2_before_they_are_counted():
    table = vowel_table()
    values = table.assign(f0_hz=table["f0_hz"] + np.where(np.arange(40) < 10, 20, 200))
    hits, known = vowel_measurements.hits(values, table, table), vowel_measurements.known(table)
    assert hits["f0"].tolist() == [True] * 10 + [False] * 30
    assert not hits.loc[0, "f1"] and not known.loc[0, "f1"] and known["f0"].all()
    share = vowel_measurements.share_within_sd(values, table).set_index("quantity")["share"]
    assert share["f0"] == 100 * hits["f0"].mean()


def test_cells_do_not_depend_on_how_the_rows_of_the_table_are_numbered():
    """Rows that were chosen or sorted keep their numbers."""
    table = vowel_table()
    values = table.assign(f0_hz=table["f0_hz"] + np.where(np.arange(40) < 10, 20, 200))
    turned = table.set_axis(np.roll(table.index, 7))

    def shares(of):
        right = vowel_measurements.hits(values, of, of)
        none = [right & False] * 2
        return vowel_measurements.changed_cells(right, none, of)["share"].tolist()

    assert shares(turned) == pytest.approx(shares(table))
    assert shares(turned)[0] == 25


def test_shares_over_cells_are_those_of_table_2_and_talkers_are_drawn():
    men, women = vowel_table(20), vowel_table(40).assign(sex="female")
    table = pd.concat([men, women.assign(speaker=women["speaker"] + 100)], ignore_index=True)
    off = np.where(np.arange(60) % 4 == 0, 200, 1)
    values = table.assign(f0_hz=table["f0_hz"] + off, f2_hz=table["f2_hz"] + np.roll(off, 1))
    right = vowel_measurements.hits(values, table, table)
    found = vowel_measurements.over_cells(right, table, 500)
    wanted = vowel_measurements.share_within_sd(values, table).groupby("quantity")["share"].mean()
    for q, drawn in found.items():
        assert drawn[0] == pytest.approx(wanted[q]) and len(drawn) == 501
    assert wanted["f1"] == 100 and (found["f1"] == 100).all()  # what has no value counts nowhere
    assert 2 < np.std(found["f0"][1:]) < 6  # of 30 talkers, each half or wholly right
    of_sexes = [table["sex"] == sex for sex in ("male", "female")]
    alone = [vowel_measurements.over_cells(right[s], table[s], 5)["f0"][0] for s in of_sexes]
    assert found["f0"][0] == pytest.approx(np.mean(alone))  # a cell counts, not a recording


def test_a_share_is_recorded_with_its_talkers_and_networks_and_of_what_has_a_value():
    table = vowel_table()
    right = pd.DataFrame({"f0": np.arange(40) < 20, "f1": True, "f2": False}, index=table.index)
    (own,) = vowel_measurements.share_records("a", right, "f0", table).values()
    assert (own["value"], own["n"], own["of"]) == (50, 20, "talkers") and "seeds" not in own
    low, high = own["interval"]
    assert 20 < low < 35 and 65 < high < 80
    several = [right, right.assign(f0=True), right.assign(f0=False)]
    (mean,) = vowel_measurements.share_records("a", several, "f0", table).values()
    assert (mean["value"], mean["seeds"]) == (pytest.approx(50), 3)
    few = table["f0_hz"] < 125
    (chosen,) = vowel_measurements.share_records("a", right, "f0", table, few).values()
    assert (chosen["value"], chosen["n"]) == (100, 5)
    (known,) = vowel_measurements.share_records("a", right.assign(f1=~few), "f1", table).values()
    assert known["value"] == pytest.approx(100 * 30 / 39)  # the first has no F1 to compare with


def test_cells_of_random_weights_are_means_of_networks():
    table = vowel_table()
    right = pd.DataFrame({"f0": np.arange(40) < 20, "f1": True, "f2": False}, index=table.index)
    some = [right, right.assign(f0=np.arange(40) < 10), right.assign(f0=np.arange(40) < 15)]
    found = vowel_measurements.floor_cells(some, table)
    share, low, high = found.loc[("f0", "male", "ah")]
    assert share == pytest.approx(37.5) and 0 <= low < 20 and 55 < high < 90
    assert found.loc[("f1", "male", "ah"), "share"] == 100
    assert found.loc[("f2", "male", "ah"), "share"] == 0  # nobody of twenty: no certainty
    assert found.loc[("f2", "male", "ah"), "high"] == pytest.approx(16.1, abs=0.1)
    assert list(found.index.names) == ["quantity", "sex", "vowel"]
    alone = vowel_measurements.floor_cells(some, table.assign(speaker=7))
    assert np.isnan(alone.loc[("f0", "male", "ah"), "low"])


def test_the_lead_over_networks_is_as_wide_as_talkers_and_networks_make_it():
    trained = np.ones(40, bool)
    alike = np.stack([np.arange(40) % 2 == 0] * 5)  # each talker right once
    apart = np.stack([np.full(40, k < 2) for k in range(4)])  # networks right always or never
    talkers = np.arange(40) // 2
    assert vowel_measurements.lead_over_networks(trained, alike, talkers)[:3] == (50, 50, 50)
    wide = vowel_measurements.lead_over_networks(trained, apart, talkers)
    assert wide.value == 50 and wide.low <= 10 and wide.high >= 90 and wide.n == 20
    seeds = np.stack([trained, ~trained])  # training that ends well or badly
    unsure = vowel_measurements.lead_over_networks(seeds, alike, talkers)
    assert unsure[:3] == (0, -100, 100)  # of two, nothing is known
    assert vowel_measurements.lead_over_networks(trained, alike, [7] * 40) == (50, -100, 100, 1)


def test_cells_that_training_changes_are_told_from_those_it_leaves():
    table = vowel_table()
    right = pd.DataFrame({"f0": True, "f1": [False, True] * 20, "f2": False}, index=table.index)
    none = [right.assign(f0=False) for _ in range(3)]
    found = vowel_measurements.changed_cells(right, none, table).set_index("quantity")
    assert found.loc["f0", ["share", "floor", "lead", "low"]].tolist() == [100, 0, 100, 100]
    assert found.loc["f0", "p"] < 1e-9 and found.loc[["f1", "f2"], "p"].tolist() == [1, 1]
    assert found.loc["f1", "share"] == pytest.approx(100 * 20 / 39)  # of those with a table value


def test_ends_that_hold_for_all_cells_at_once_are_no_luck_of_the_draws():
    """Of 48 talkers and 20 networks they vary by a point with the seed, not by five."""
    rng = np.random.default_rng(0)
    trained, untrained, level = rng.random(48) < 0.9, rng.random((20, 48)) < 0.7, 1 - 0.05 / 30
    lows = [
        statistics.lead_over_networks(
            100.0 * trained, 100.0 * untrained, np.arange(48), level=level, seed=seed,
            n_resamples=vowel_measurements.AT_ONCE,
        ).low
        for seed in range(8)
    ]  # fmt: skip
    assert np.ptp(lows) < 2
    table = pd.DataFrame({"sex": "female", "vowel": "ah", "speaker": np.arange(48)})
    table = table.assign(f0_hz=200.0, f1_hz=700.0, f2_hz=1200.0)
    nothing = np.zeros(48, bool)
    right, *blank = (
        pd.DataFrame({"f0": each, "f1": nothing, "f2": nothing}) for each in (trained, *untrained)
    )
    found = vowel_measurements.changed_cells(right, blank, table).set_index("quantity")
    at_once = vowel_measurements.lead_over_networks(
        trained, untrained, np.arange(48), 1 - 0.05 / 3, vowel_measurements.AT_ONCE
    )
    assert found.loc["f0", ["low", "high"]].tolist() == [at_once.low, at_once.high]


def test_recipes_are_chosen_by_speakers_who_do_not_test(monkeypatch):
    asked = []

    def measure(model, corpus, task, rows):
        asked.append((model, corpus, task, rows))
        return {"confusion": torch.tensor([[3, 1], [0, 4]])}

    monkeypatch.setattr(vowel_measurements.frames, "measure", measure)
    trained = SimpleNamespace(
        model="network",
        corpus="corpus",
        specification={"task": "phone"},
        fold=SimpleNamespace(validation=[4, 5], test=[6]),
    )
    assert vowel_measurements.validation_error(trained) == pytest.approx(12.5)
    assert asked == [("network", "corpus", "phone", [4, 5])]


def test_one_window_is_centred_on_the_steady_state():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4000, 2, bias=False)).eval()
    with torch.no_grad():
        network[1].weight[:] = 1
    sound = np.zeros(16000, np.float32)
    sound[8000] = 1.0
    found = vowel_measurements.one_window(network, [sound], [0.5], [1], "gradient-x-input")
    assert found.shape == (1, 4000) and np.abs(found[0]).argmax() == 2000
