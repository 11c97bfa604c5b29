"""The report is one file that fetches nothing."""

import pytest
import soundfile
from small import RATE, chirp, explain, net

import earwitness
from earwitness import explaining


@pytest.fixture(scope="module")
def one():
    return explain()


def test_the_report_carries_everything_inside_and_forbids_itself_to_fetch(one):
    page = explaining.explanation.report.page(one)
    assert (
        "default-src 'none'" in page
        and 'src="http' not in page
        and '<link rel="stylesheet"' not in page
    )
    assert (
        page.count("data:audio/wav") == 3
        and page.count("data:image/png") == 3
        and "WaveSurfer" in page
    )
    assert one._repr_html_() in page


def test_names_in_the_report_are_text_and_not_html(tmp_path):
    path = tmp_path / "<b>&.wav"
    soundfile.write(path, chirp(), RATE)
    page = explaining.explanation.report.page(
        earwitness.explain(path, net(), sample_rate=RATE, classes=["<i>", "x", "y"])
    )
    assert "<b>&" not in page and "&lt;b&gt;&amp;.wav" in page and "<i>" not in page
