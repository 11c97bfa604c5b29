"""What the chapter known-answers says of a network that is not in the book is what was measured."""

import json

import pytest
import torch

from benchmarks import stranger


@pytest.mark.skipif(
    not stranger.RESULTS.exists(), reason="python -m benchmarks.stranger is not recorded yet"
)
def test_the_section_is_that_of_the_recorded_run():
    found = json.loads(stranger.RESULTS.read_text())
    page = stranger.PAGE.read_text()
    inside = page.split(stranger.START)[1].split(stranger.END)[0]
    assert inside == stranger.section(found)
    assert found["accuracy"] > 60 and not found["commit"].endswith("+")


def test_a_row_is_written_with_its_intervals():
    row = {
        "method": "lrp-epsilon", "points": 61.2, "points_low": 50.5, "points_high": 70.0,
        "points_untrained": 52.0, "points_energy": 55.0, "follows": 0.51, "follows_low": 0.4,
        "follows_high": 0.6, "follows_untrained": -0.1,
    }  # fmt: skip
    cells = [cell.strip() for cell in stranger._row(row).strip("|").split("|")]
    assert cells[1:] == ["61 (50 to 70)", "52", "55", "+0.51 (+0.40 to +0.60)", "-0.10"]


def test_what_is_better_and_what_is_refused_is_said_in_one_sentence_each():
    rows = [
        {"method": name, "better": better, "follows": 0.5}
        for name, better in (("gradient-x-input", True), ("lrp-epsilon", False))
    ]
    said = stranger._said(
        {"methods": rows, "refused": {"deeplift": "DeepLIFT does not add up: 9 %."}}
    )
    assert said.startswith("Sound by sound, gradient × input surely points better than chance")
    assert said.endswith("DeepLIFT does not apply, for it does not add up: 9 %.")
    rows[1]["better"] = True
    assert "gradient × input and LRP-ε surely point better" in stranger._said(
        {"methods": rows, "refused": {}}
    )


def test_silence_and_a_sound_are_told_by_a_front_end_of_mel_bands():
    network = stranger.Listener()
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)[None, None]
    cosine, sine = network.front(tone).chunk(2, 1)
    power = (cosine**2 + sine**2).mean(-1)[0]
    peak = torch.fft.rfft(network.front.weight[int(power.argmax()), 0], 8000).abs().argmax()
    assert abs(int(peak) - 1000) < 60
    assert network(torch.zeros(2, 1, 8000)).shape == (2, 10)
