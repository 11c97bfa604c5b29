"""Samples and sound files: what is read is what is there, and what cannot be right is refused."""

import io
import os
import struct

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import audio, mpeg
from earwitness.audio import check_finite, check_rate, check_samples, read_audio
from earwitness.errors import AudioError, MissingDataError, UnknownNameError

RATE = 16000
TONE = 0.3 * np.sin(2 * np.pi * 220 * np.arange(4000) / RATE)
KINDS = [
    ("WAV", "PCM_16"),
    ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("NIST", "PCM_16"),
    ("CAF", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("WAV", "GSM610"),
    ("AIFF", "GSM610"),
    ("AU", "G721_32"),
    ("AU", "G723_24"),
    ("WAV", "NMS_ADPCM_16"),
    ("WAV", "IMA_ADPCM"),
]


@pytest.fixture
def wav(tmp_path):
    samples = 0.1 * np.sin(np.arange(800) / 10)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="PCM_16")
    return tmp_path / "a.wav"


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (np.ones((100, 2)), "one channel"),
        (np.array([]), "is empty"),
        (np.zeros(100), "is silent"),
        (np.array([0.1, np.nan, np.nan]), "2 samples that are NaN"),
        (np.array([0.1, np.inf]), "1 samples that are NaN"),
        (np.array([0.1, 1e300]), "1 samples beyond 3.4e38"),
        (np.array([1e-300, 1e-200]), "is silent"),
        (np.array([0.0, 6000.0]), r"a peak of 6000, far above full scale.* by 32768"),
        (np.ones(61 * 8000), "lasts 61 s"),
    ],
)
def test_unusable_samples_are_refused(samples, match):
    with pytest.raises(AudioError, match=match):
        check_samples(samples, 8000)


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (
            np.array([0, 16384], np.int16),
            r"whole numbers \(int16\); scale them to -1..1, e.g. divide those of 16 bits",
        ),
        (torch.tensor([0, 255], dtype=torch.uint8), r"whole numbers \(uint8\)"),
        ([1, 0, -1], "whole numbers"),
        (None, r"floats \(T,\) is needed, got object"),
        ("abc", "got <U3"),
        (np.array([True, False]), "got bool"),
        (np.ones(3, complex), "got complex128"),
    ],
)
def test_samples_that_are_no_floats_are_refused(samples, match):
    for may_be_silent in (False, True):
        with pytest.raises(AudioError, match=match):
            check_samples(samples, 8000, may_be_silent=may_be_silent)


@pytest.mark.parametrize("rate", [None, np.nan, np.inf, "16000", 0, -8000, True])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(AudioError, match="needs a sample rate, a positive number in Hz, got"):
        check_samples(np.ones(100), rate)


def test_silence_passes_where_it_may():
    np.testing.assert_array_equal(
        check_samples(torch.zeros(9).double(), 8000, may_be_silent=True), np.zeros(9)
    )
    with pytest.raises(AudioError, match="is empty"):
        check_samples(np.zeros(0), 8000, may_be_silent=True)


def test_another_sample_rate_than_expected_is_refused():
    with pytest.raises(AudioError, match="16000 samples a second, not 8000; resample"):
        check_samples(np.ones(100), 16000, expected_rate=8000)


def test_a_sound_file_is_read_as_it_was_written(wav):
    samples, rate = read_audio(wav)
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, 0.1 * np.sin(np.arange(800) / 10), atol=1 / 32768)


@pytest.mark.parametrize("kept", [30, 44, 500, -2])
def test_a_truncated_file_is_refused(wav, kept):
    wav.write_bytes(wav.read_bytes()[:kept])
    with pytest.raises(AudioError):
        read_audio(wav)


def test_stereo_absent_and_foreign_files_are_refused(tmp_path, wav):
    soundfile.write(tmp_path / "stereo.wav", np.ones((100, 2)) / 2, 8000)
    with pytest.raises(AudioError, match=r"stereo.wav has shape \(100, 2\)"):
        read_audio(tmp_path / "stereo.wav")
    (tmp_path / "page.wav").write_text("<html>")
    with pytest.raises(AudioError, match="not a sound file"):
        read_audio(tmp_path / "page.wav")
    with pytest.raises(MissingDataError, match="no file"):
        read_audio(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="not 16000"):
        read_audio(wav, sample_rate=16000)


def encoded(container, subtype, samples=TONE, rate=RATE):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def samples_in(path, content):
    path.write_bytes(content)
    samples, rate = read_audio(path)
    assert audio.length(path) == (len(samples), rate), "the table says another length than is read"
    return samples


@pytest.mark.parametrize(("container", "subtype"), KINDS)
def test_every_container_is_read_whole_and_refused_when_cut(container, subtype, tmp_path):
    whole = encoded(container, subtype)
    assert len(TONE) <= len(samples_in(tmp_path / "a", whole)) < len(TONE) + 600
    for kept in (0.98, 0.75, 0.5, 0.1):
        (tmp_path / "a").write_bytes(whole[: int(kept * len(whole))])
        with pytest.raises(AudioError, match="cut off|cannot be read|can be read"):
            read_audio(tmp_path / "a")
        with pytest.raises(AudioError):
            audio.length(tmp_path / "a")


@pytest.mark.parametrize(
    ("container", "subtype"), [kind for kind in KINDS if kind[0] not in ("OGG", "MP3", "FLAC")]
)
def test_what_stands_behind_the_samples_is_not_taken_for_sound(container, subtype, tmp_path):
    whole = encoded(container, subtype)
    np.testing.assert_array_equal(
        samples_in(tmp_path / "a", whole + b"junk" * 50), samples_in(tmp_path / "b", whole)
    )


def pcm_wav(data, riff, size, bits=16, behind=b"", order="<"):
    head = struct.pack(
        order + "4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * bits // 8, bits // 8, bits
    )
    start = struct.pack(order + "4sI", b"RIFF" if order == "<" else b"RIFX", riff)
    return start + b"WAVE" + head + struct.pack(order + "4sI", b"data", size) + data + behind


PCM = np.round(32767 * TONE).astype("<i2").tobytes()
TAG = struct.pack("<4sI", b"LIST", 4) + b"INFO"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("riff", "size"),
    [
        (0x7FFFF024, 0x7FFFF000),
        (0x80000024, 0x80000000),
        (0x7FFFFFFF, 0x7FFFFFFF - 36),
        (2**32 - 1, 2**32 - 1),
        (0, 0),
        (8, 0),
        (2**32 - 1, 0),
        (0, 2**32 - 1),
        (36, 0),
        (44 + len(PCM), len(PCM)),
        (1, len(PCM)),
        (10**6, len(PCM)),
    ],
)
def test_sizes_that_a_pipe_wrote_do_not_count(order, riff, size, tmp_path):
    data = np.frombuffer(PCM, "<i2").astype(order + "i2").tobytes()
    found = samples_in(tmp_path / "a.wav", pcm_wav(data, riff, size, order=order))
    np.testing.assert_allclose(found, TONE, atol=1e-4)


@pytest.mark.parametrize("riff", [36 + 3999, 36 + 4000, 44 + 3999])
def test_a_pad_byte_may_be_absent_and_counted_or_not(riff, tmp_path):
    data = bytes(128 + i % 50 for i in range(3999))
    assert len(samples_in(tmp_path / "a.wav", pcm_wav(data, riff, 3999, bits=8))) == 3999


def test_a_wav_without_samples_is_empty_though_a_chunk_follows(tmp_path):
    (tmp_path / "a.wav").write_bytes(pcm_wav(b"", 36 + 12, 0, behind=TAG))
    with pytest.raises(AudioError, match="is empty"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("size", [0, 2**32 - 1])
def test_an_au_from_a_pipe_is_read_to_its_end(size, tmp_path):
    content = bytearray(encoded("AU", "PCM_16"))
    content[8:12] = struct.pack(">I", size)
    assert len(samples_in(tmp_path / "a.au", content)) == len(TONE)


def flac_that_states(n):
    content = bytearray(encoded("FLAC", "PCM_16"))
    content[21] = content[21] & 0xF0 | n >> 32
    content[22:26] = struct.pack(">I", n & 0xFFFFFFFF)
    return bytes(content)


def test_a_flac_from_a_pipe_is_read_to_its_end(tmp_path):
    assert len(samples_in(tmp_path / "a.flac", flac_that_states(0))) == len(TONE)


def test_a_header_that_promises_gigabytes_takes_no_memory(tmp_path):
    (tmp_path / "a.flac").write_bytes(flac_that_states(2**33))
    with pytest.raises(AudioError, match="lasts 536871 s; at most 60 s"):
        read_audio(tmp_path / "a.flac")
    assert audio.length(tmp_path / "a.flac") == (2**33, RATE)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125), bytes(3000)])
def test_an_mp3_without_a_count_of_its_frames_is_read_whole(rate, behind, tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * rate)
    content = encoded("MP3", "MPEG_LAYER_III", noise, rate)
    counted = samples_in(tmp_path / "a.mp3", content)
    plain = samples_in(tmp_path / "b.mp3", content[mpeg.frame_length(content[:4]) :] + behind)
    late = int(np.argmax(np.correlate(plain[:4000], counted[1000:2000]))) - 1000
    assert 0 < late < 2000 and len(plain) >= len(counted)
    both = min(len(plain) - late, len(counted))
    assert np.corrcoef(plain[late : late + both], counted[:both])[0, 1] > 0.9


def test_two_mp3_in_one_file_are_both_read(tmp_path):
    content = encoded("MP3", "MPEG_LAYER_III")
    double = content + content[mpeg.frame_length(content[:4]) :]
    assert len(samples_in(tmp_path / "a.mp3", double)) > 1.9 * len(TONE)


def test_kinds_whose_end_nothing_tells_are_refused(tmp_path):
    for container in ("VOC", "PVF", "MAT5"):
        (tmp_path / "a").write_bytes(encoded(container, "PCM_16"))
        with pytest.raises(AudioError, match="WAV .*Ogg and MP3 are"):
            read_audio(tmp_path / "a")


def test_a_compressed_sphere_says_how_to_convert_it(tmp_path):
    content = encoded("NIST", "PCM_16").replace(
        b"sample_coding -s3 pcm", b"sample_coding -s9 pcm,short"
    )
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match="'pcm,short', which cannot be read here.*sph2pipe"):
        read_audio(tmp_path / "a.wav")


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_no_damage_of_any_container_ends_in_another_error(tmp_path_factory, kind, changes, kept):
    content = bytearray(encoded(*kind, samples=TONE[:1000]))
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path_factory.mktemp("fuzz") / "a"
    path.write_bytes(content[: max(1, round(kept * len(content)))])
    for function in (read_audio, audio.length):
        try:
            function(path)
        except AudioError as error:
            assert str(path) in str(error)


def test_a_recording_replaced_under_its_name_has_its_new_length(tmp_path):
    assert len(samples_in(tmp_path / "a.wav", encoded("WAV", "PCM_16"))) == 4000
    assert len(samples_in(tmp_path / "a.wav", encoded("WAV", "PCM_16", TONE[:1000]))) == 1000


def stereo(path):
    soundfile.write(path, np.stack([TONE, -TONE / 3], 1), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(("channel", "share"), [("left", 1), ("right", -1 / 3), ("mean", 1 / 3)])
def test_one_of_two_channels_is_taken_when_asked_for(channel, share, tmp_path):
    found, _ = read_audio(stereo(tmp_path / "a.wav"), channel=channel)
    np.testing.assert_allclose(found, share * TONE, atol=1e-7)


def test_two_channels_are_refused_with_the_way_out(tmp_path, wav):
    with pytest.raises(AudioError, match="2 channels.*'left', 'right' or 'mean'.*--channel"):
        read_audio(stereo(tmp_path / "two.wav"))
    soundfile.write(tmp_path / "many.wav", np.ones((100, 6)) / 2, RATE)
    with pytest.raises(AudioError, match="6 channels.*channel='mean', on"):
        read_audio(tmp_path / "many.wav", channel="left")
    with pytest.raises(UnknownNameError, match="no channel 'lft'. Did you mean 'left'"):
        read_audio(wav, channel="lft")
    np.testing.assert_array_equal(read_audio(wav, channel="right")[0], read_audio(wav)[0])


@pytest.mark.parametrize(
    "rate", [16000.0, np.float32(16000), np.float64(16000), np.int64(16000), 16000]
)
def test_a_rate_of_any_kind_of_number_is_the_same_rate(rate):
    assert check_rate(rate) == 16000 and type(check_rate(rate)) is int
    np.testing.assert_array_equal(audio.resample(TONE, rate, 8000.0), audio.resample(TONE, 16000))


@pytest.mark.parametrize("rate", [1e9, 2**63, 2**80, 44100.5])
def test_a_rate_of_no_recorder_is_refused_at_once(rate):
    for call in (
        check_rate,
        lambda rate: check_samples(TONE, rate),
        lambda rate: audio.resample(TONE, rate),
        lambda rate: audio.resample(TONE, RATE, rate),
    ):
        with pytest.raises(AudioError, match="a whole number of Hz, 1,000,000 at most"):
            call(rate)


def test_samples_of_any_level_pass_where_the_level_does_not_matter():
    np.testing.assert_array_equal(
        check_samples(1000 * TONE, RATE, any_scale=True), np.float32(1000 * TONE)
    )
    assert check_samples(16 * np.ones(9), RATE).max() == 16
    for unusable in (1e300 * TONE, 1e-300 * TONE):
        with pytest.raises(AudioError):
            check_samples(unusable, RATE, any_scale=True)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("x" * 300, "no file"),
        ("a\0b", "no file"),
        ("folder", "it is a folder"),
        ("dead", "it is a link to nothing"),
    ],
)
def test_paths_that_are_no_files_are_named(name, match, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match=match):
        read_audio(tmp_path / name)


def test_a_tilde_in_a_path_is_the_home(tmp_path, monkeypatch, wav):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(read_audio("~/a.wav")[0]) == len(read_audio(wav)[0]) == 800
    assert not os.path.exists("~")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_single_precision_does_not_hold_are_counted(value):
    check_finite([0.0, -3e38], "The map")
    with pytest.raises(AudioError, match="The map holds 1 values that are NaN, infinite or beyond"):
        check_finite([0.0, value], "The map")


@pytest.mark.parametrize("value", [None, "text", {}, [object()]])
def test_what_is_no_numbers_is_refused_as_such(value):
    with pytest.raises(AudioError, match="The map must be numbers, got"):
        check_finite(value, "The map")


@pytest.mark.parametrize("ending", ["au", "snd", "vox", "gsm", "raw", "mp3", "AU"])
@pytest.mark.parametrize("read", [audio.read_audio, audio.length])
def test_the_ending_of_a_name_makes_no_sound_file_of_anything(tmp_path, ending, read, capfd):
    path = tmp_path / f"x.{ending}"
    for content in (b"", b"fLaC", bytes(500), b"no sound at all " * 30):
        path.write_bytes(content)
        with pytest.raises(AudioError, match="is not a sound file that can be read") as caught:
            read(path)
        assert "exist" not in str(caught.value)
    assert capfd.readouterr().err == ""
