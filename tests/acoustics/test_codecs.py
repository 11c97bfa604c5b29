"""Codecs: what is too loud is clipped before it is coded, whatever level or rate it came with."""

import subprocess
import sys

import numpy as np
import pytest

from earwitness.acoustics.codecs import CODECS, through_codec
from earwitness.errors import AudioError

TONE = np.sin(2 * np.pi * 200 * np.arange(4000) / 8000).astype(np.float32)


@pytest.mark.parametrize("codec", sorted(CODECS))
@pytest.mark.parametrize("level", [1.001, 1.05, 2.0, 16.0])
def test_samples_above_full_scale_saturate(codec, level):
    loud, clipped = (
        through_codec(tone, 8000, codec) for tone in (level * TONE, np.clip(level * TONE, -1, 1))
    )
    np.testing.assert_allclose(loud, clipped, atol=1e-6)
    assert np.sign(loud[abs(TONE) > 0.9]) @ np.sign(TONE[abs(TONE) > 0.9]) > 0, "a sign is wrapped"


def test_samples_in_the_scale_of_integers_are_refused_and_end_no_process():
    code = (
        "import numpy as np; from earwitness.acoustics.codecs import through_codec\n"
        "through_codec(32768 * np.sin(np.arange(4000)), 8000, 'g711-mu')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "AudioError" in done.stderr


def test_a_rate_of_another_kind_of_number_gives_the_same_sound():
    np.testing.assert_array_equal(
        through_codec(0.5 * TONE, np.float32(8000), "g722"), through_codec(0.5 * TONE, 8000, "g722")
    )
    with pytest.raises(AudioError, match="whole number of Hz"):
        through_codec(TONE, 1e9, "gsm")
