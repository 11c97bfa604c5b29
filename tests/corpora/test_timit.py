"""TIMIT's loader, on small trees of tones that the tests write: the sample's layout and that of the
whole corpus.
"""

import warnings

import numpy as np
import pytest
import soundfile

from earwitness import corpora
from earwitness.corpora.phones import PHONES_39
from earwitness.corpora.timit import _SAMPLE_SPEAKERS, CORE_TEST_SPEAKERS
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    FoldError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)

N = 1600
PHN = [(0, 400, "h#"), (400, 700, "ao"), (700, 900, "q"), (900, N, "h#")]
SENTENCES = ["sa1", "sa2", "si2000", "sx9", "sx10"]


def lines(rows):
    return "".join(f"{start} {end} {label}\n" for start, end, label in rows)


def write(path, phn=PHN, upper=False, form="NIST", suffix="", wrd="400 700 or\n650 900 a\n"):
    """Write a tone with its notes; ``path`` is without its ending, which follows the case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = str.upper if upper else str.lower
    tone = 0.3 * np.sin(2 * np.pi * 440 / 16000 * np.arange(N))
    soundfile.write(f"{path}{end('.wav')}{suffix}", tone, 16000, format=form, subtype="PCM_16")
    notes = {
        ".phn": lines(phn) if phn is not None else None,
        ".wrd": wrd,
        ".txt": f"0 {N} Or a tone.\n",
    }
    for ending, text in notes.items():
        if text is not None:
            path.with_name(path.name + end(ending)).write_text(text)


def write_sample(root, speakers=None):
    for i, speaker in enumerate(_SAMPLE_SPEAKERS):
        for sentence in SENTENCES:
            if speakers is None or speaker in speakers:
                write(root / f"dr{i // 2 + 1}-{speaker}" / sentence)
    return root


def write_whole(root, core=CORE_TEST_SPEAKERS, **how):
    people = [("TRAIN", 1, "FCJF0"), ("TRAIN", 8, "MBCG0"), ("TEST", 2, "FJAA0")]
    people += [
        ("TEST", 1 + i // 3, speaker.upper())
        for i, speaker in enumerate(CORE_TEST_SPEAKERS)
        if speaker in core
    ]
    for part, dialect, speaker in people:
        for sentence in ("SA1", "SI5", "SX7"):
            write(root / part / f"DR{dialect}" / speaker / sentence, upper=True, **how)
    return root


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return corpora.load("timit", root=write_sample(tmp_path_factory.mktemp("timit")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return corpora.load("timit", root=write_whole(tmp_path_factory.mktemp("whole") / "TIMIT"))


def test_the_sample_is_read_with_labels_from_its_names(sample):
    assert len(sample) == 80 and sample.table["id"].is_unique
    row = sample.table.set_index("id").loc["faem0_si2000"]
    assert row[
        ["speaker", "sex", "dialect", "sentence", "kind", "text", "n_phones", "part"]
    ].tolist() == ["faem0", "female", 2, "si2000", "si", "Or a tone.", 4, "sample"]
    assert row["duration_s"] == 0.1 and not row["longer_than_1s"]
    clip = sample[3]
    assert (
        clip.sample_rate == 16000
        and clip.samples.shape == (N,)
        and abs(np.abs(clip.samples).max() - 0.3) < 0.01
    )
    assert sample.missing_speakers == [] and len(sample.excluded) == 0


def test_phones_have_times_in_seconds_and_their_foldings(sample):
    phones = sample.phones(-1)
    assert phones["start_s"].tolist() == [0, 0.025, 0.04375, 0.05625]
    assert phones["end_s"].tolist() == [0.025, 0.04375, 0.05625, 0.1]
    assert phones["phone"].tolist() == ["h#", "ao", "q", "h#"]
    assert phones["phone_48"].tolist() == ["sil", "ao", "", "sil"]
    assert phones["phone_39"].tolist() == ["sil", "aa", "", "sil"]
    phones["phone"] = "changed"
    assert sample.phones(-1)["phone"].tolist() == ["h#", "ao", "q", "h#"], (
        "the corpus keeps its own"
    )
    with pytest.raises(IndexError, match="no clip 80"):
        sample.phones(80)


def test_words_may_overlap_as_they_do_in_timit(sample):
    assert sample.words(5).to_numpy().tolist() == [[0.025, 0.04375, "or"], [0.040625, 0.05625, "a"]]


def test_phones_are_a_task_per_frame_and_speakers_one_per_utterance(sample):
    assert sample.classes("phone") == PHONES_39
    with pytest.raises(ParameterError, match=r"per frame.*phones\(i\)"):
        sample.targets("phone")
    assert sample.classes("speaker") == sorted(_SAMPLE_SPEAKERS)
    assert [sample.classes("speaker")[t] for t in sample.targets("speaker")] == sample.table[
        "speaker"
    ].tolist()
    assert (sample.targets("sex") == (sample.table["sex"] == "female")).all()


@pytest.mark.parametrize("task", ["phone", "sex"])
def test_four_folds_of_the_sample_test_two_dialects_and_leave_out_what_everybody_says(sample, task):
    folds = sample.folds(task)
    dialects = [
        [set(sample.table["dialect"].iloc[part]) for part in (f.train, f.validation, f.test)]
        for f in folds
    ]
    assert [test for _, _, test in dialects] == [{1, 2}, {3, 4}, {5, 6}, {7, 8}]
    assert [validation for _, validation, _ in dialects] == [{3}, {5}, {7}, {1}]
    assert all(
        train == set(range(1, 9)) - validation - test for train, validation, test in dialects
    )
    for fold in folds:
        assert [len(fold.train), len(fold.validation), len(fold.test)] == [30, 6, 12]
        assert "sa" not in set(
            sample.table["kind"].iloc[np.concatenate([fold.train, fold.validation, fold.test])]
        )


def test_folds_by_utterance_hold_one_of_every_speaker_back_sa_last(sample):
    folds = sample.folds("speaker", protocol="utterance")
    assert [set(sample.table["sentence"].iloc[f.test]) for f in folds] == [
        {"sx9"},
        {"sx10"},
        {"si2000"},
        {"sa1"},
        {"sa2"},
    ]
    for fold in folds:
        assert len(fold.test) == 16 and sample.table["speaker"].iloc[fold.test].is_unique
        assert sorted([*fold.train, *fold.test]) == list(range(80)) and len(fold.validation) == 0
    with pytest.raises(UnknownNameError, match="Known: utterance"):
        sample.folds("speaker")


def test_a_sample_with_missing_speakers_can_be_read_but_has_no_folds_by_dialect(tmp_path):
    corpus = corpora.load("timit", root=write_sample(tmp_path, speakers=_SAMPLE_SPEAKERS[:14]))
    assert len(corpus) == 70 and corpus.missing_speakers == ["fbcg1", "mbcg0"]
    with pytest.raises(
        FoldError, match="all 16 speakers.*fbcg1, mbcg0.*earwitness data download timit"
    ):
        corpus.folds("phone")
    assert len(corpus.folds("speaker", protocol="utterance")[0].test) == 14


@pytest.mark.parametrize(
    ("phn", "reason"),
    [
        ([(0, 400, "h#"), (400, N + 1, "ao")], "ends at sample 1601, the recording at 1600"),
        ([(0, 400, "h#"), (401, N, "ao")], "a gap between sample 400 and 401"),
        ([(0, 400, "h#"), (399, N, "ao")], "an overlap between sample 400 and 399"),
        ([(0, 400, "h#"), (400, N, "oops")], "phones that TIMIT does not have: oops"),
        ([(1, 400, "h#"), (400, N, "ao")], "starts at sample 1, not 0"),
        ([(0, 400, "h#"), (400, 400, "ao"), (400, N, "h#")], "phone 1 ends where it starts"),
        ([(0, 400, "h#"), ("x", N, "ao")], "sa2.phn has the line 'x 1600 ao'"),
        ([], "is empty"),
        (None, "there is no .phn file"),
    ],
)
def test_a_recording_whose_phones_do_not_match_is_left_out_and_counted(tmp_path, phn, reason):
    write(tmp_path / "dr1-fvmh0" / "sa1")
    write(tmp_path / "dr1-fvmh0" / "sa2", phn=phn)
    write(tmp_path / "dr1-fvmh0" / "sx3")
    with pytest.warns(UserWarning, match="1 of 3 recordings of timit are left out"):
        corpus = corpora.load("timit", root=tmp_path)
    assert corpus.table["id"].tolist() == ["fvmh0_sa1", "fvmh0_sx3"]
    assert (
        corpus.excluded["id"].tolist() == ["fvmh0_sa2"] and reason in corpus.excluded["reason"][0]
    )
    assert len(corpus.phones(1)) == 4 and corpus[1].labels["sentence"] == "sx3"


def test_a_rest_without_phones_is_taken_up_to_a_quarter_of_a_second(tmp_path):
    for sentence, n_samples in [("sx1", 4400), ("sx2", 4401)]:
        write(tmp_path / "dr1-fvmh0" / sentence, phn=[(0, 400, "h#")])
        soundfile.write(
            tmp_path / "dr1-fvmh0" / f"{sentence}.wav",
            np.full(n_samples, 0.1),
            16000,
            format="NIST",
            subtype="PCM_16",
        )
    with pytest.warns(UserWarning, match="1 of 2"):
        corpus = corpora.load("timit", root=tmp_path)
    assert corpus.table["sentence"].tolist() == ["sx1"]
    assert "long before the recording does" in corpus.excluded["reason"][0]


def test_if_no_recording_matches_its_phones_that_is_an_error(tmp_path):
    write(tmp_path / "dr1-fvmh0" / "sa1", phn=[(5, N, "h#")])
    with pytest.raises(
        DamagedDataError, match=r"No recording.*fvmh0_sa1: the first phone starts at sample 5"
    ):
        corpora.load("timit", root=tmp_path)


def test_words_that_are_missing_or_damaged_are_reported_when_asked_for(tmp_path):
    write(tmp_path / "dr1-fvmh0" / "sa1", wrd=None)
    write(tmp_path / "dr1-fvmh0" / "sa2", wrd="0 400\n")
    corpus = corpora.load("timit", root=tmp_path)
    with pytest.raises(MissingDataError, match="fvmh0_sa1 of timit came without its .wrd"):
        corpus.words(0)
    with pytest.raises(
        DamagedDataError, match="the line '0 400' instead of two numbers and a label"
    ):
        corpus.words(1)


def test_a_compressed_sphere_file_is_refused_with_the_way_out(tmp_path):
    write(tmp_path / "dr1-fvmh0" / "sa1")
    path = tmp_path / "dr1-fvmh0" / "sa1.wav"
    coding = b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    head = path.read_bytes()[:1024].replace(b"end_head\n", coding).rstrip(b" \x00").ljust(1024)
    path.write_bytes(head + path.read_bytes()[1024:])
    with pytest.raises(
        AudioError,
        match=r"sa1.wav is a SPHERE file with the coding 'pcm,embedded-shorten.*sph2pipe",
    ):
        corpora.load("timit", root=tmp_path)


def test_a_sphere_file_that_is_cut_off_is_refused(tmp_path):
    write(tmp_path / "dr1-fvmh0" / "sa1")
    path = tmp_path / "dr1-fvmh0" / "sa1.wav"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(AudioError, match=r"sa1.wav is cut off: 3,198 of 3,200 bytes"):
        corpora.load("timit", root=tmp_path)


def test_a_folder_without_recordings_is_reported(tmp_path):
    with pytest.raises(MissingDataError, match="holds no recording of this corpus"):
        corpora.load("timit", root=tmp_path)


def test_the_whole_corpus_is_split_as_its_tree_and_core_test_set_say(whole):
    assert len(whole) == 81 and whole.table["part"].value_counts().to_dict() == {
        "test": 75,
        "train": 6,
    }
    (fold,) = whole.folds("phone")
    speakers = [
        set(whole.table["speaker"].iloc[part]) for part in (fold.train, fold.validation, fold.test)
    ]
    assert speakers == [{"fcjf0", "mbcg0"}, {"fjaa0"}, set(CORE_TEST_SPEAKERS)]
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [4, 2, 48]
    assert set(
        whole.table["sentence"].iloc[np.concatenate([fold.train, fold.validation, fold.test])]
    ) == {"si5", "sx7"}
    assert (
        whole.phones(0)["phone_39"].tolist() == ["sil", "aa", "", "sil"]
        and len(whole.words(0)) == 2
    )


def test_the_core_test_set_has_two_men_and_a_woman_of_each_region():
    sexes = [speaker[0] for speaker in CORE_TEST_SPEAKERS]
    assert len(set(CORE_TEST_SPEAKERS)) == 24
    assert all(sorted(sexes[i : i + 3]) == ["f", "m", "m"] for i in range(0, 24, 3))


def test_speakers_of_the_whole_corpus_are_those_of_its_training_part(whole):
    assert whole.classes("speaker") == ["fcjf0", "mbcg0"]
    assert set(whole.targets("speaker")[whole.table["part"] == "test"]) == {-1}
    folds = whole.folds("speaker", protocol="utterance")
    assert [whole.table["id"].iloc[f.test].tolist() for f in folds] == [
        ["fcjf0_sx7", "mbcg0_sx7"],
        ["fcjf0_si5", "mbcg0_si5"],
        ["fcjf0_sa1", "mbcg0_sa1"],
    ]
    assert all(len(fold.train) == 4 for fold in folds)


def test_riff_copies_are_read_and_not_counted_twice(tmp_path):
    write_whole(tmp_path, core=CORE_TEST_SPEAKERS[:1], form="WAV", suffix=".wav")
    corpus = corpora.load("timit", root=tmp_path)
    assert len(corpus) == 12 and corpus.table["path"].str.endswith(".WAV.wav").all()
    assert corpus.table["n_phones"].eq(4).all() and corpus[0].samples.shape == (N,)
    write_whole(tmp_path, core=CORE_TEST_SPEAKERS[:1])
    corpus = corpora.load("timit", root=tmp_path)
    assert len(corpus) == 12 and corpus.table["path"].str.endswith(".WAV").all()


def test_missing_speakers_of_the_whole_corpus_are_named(tmp_path):
    write_whole(tmp_path, core=CORE_TEST_SPEAKERS[:22])
    (tmp_path / "DOC").mkdir()
    (tmp_path / "DOC" / "SPKRINFO.TXT").write_text(
        "; comment\nCJF0  F  1  TRN\nBCG0  M  8  TRN\nABC0  M  3  TRN\n"
    )
    corpus = corpora.load("timit", root=tmp_path)
    assert corpus.missing_speakers == ["mabc0"]
    with pytest.raises(FoldError, match="no recordings of fmld0, mpam0 in TEST"):
        corpus.folds("phone")


def test_where_sample_and_whole_corpus_lie_together_the_whole_corpus_counts(tmp_path):
    write_whole(tmp_path)
    write(tmp_path / "dr8-mbcg0" / "sx8")
    corpus = corpora.load("timit", root=tmp_path)
    assert (
        len(corpus) == 81
        and "sample" not in set(corpus.table["part"])
        and len(corpus.folds("phone")) == 1
    )


def test_one_utterance_a_speaker_is_too_few_for_folds_by_utterance(tmp_path):
    write(tmp_path / "dr1-fvmh0" / "sa1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = corpora.load("timit", root=tmp_path)
    with pytest.raises(FoldError, match="there is one only"):
        corpus.folds("speaker", protocol="utterance")
