"""Pictures with a palette: lighter, nearly the same, and never those that would lose something."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from earwitness_book.runner import pictures


def _png(values, mode="RGB"):
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8), mode).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()


def _seen(encoded):
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return picture.mode, np.asarray(picture.convert("RGB")).astype(int)


@pytest.fixture
def drawn():
    """A map from blue over white to red with noise, on white."""
    ramp = np.linspace(-1, 1, 400)
    values = np.clip(ramp + 0.2 * np.random.default_rng(0).standard_normal((300, 400)), -1, 1)
    red, blue = 255 * (1 + np.minimum(values, 0)), 255 * (1 - np.maximum(values, 0))
    picture = np.full((320, 420, 3), 255.0)
    picture[10:310, 10:410] = np.stack([red, np.minimum(red, blue), blue], axis=-1)
    return picture


def test_a_map_gets_lighter_keeps_its_size_and_nearly_its_colours(drawn):
    before = _png(drawn)
    cells = [{"outputs": [{"data": {"image/png": before, "text/plain": "figure"}}]}, {}]
    pictures.lighten(cells)
    after = cells[0]["outputs"][0]["data"]["image/png"]
    assert len(after) < 0.7 * len(before)
    mode, seen = _seen(after)
    assert mode == "P" and seen.shape == drawn.shape
    difference = np.abs(seen - drawn.astype(np.uint8))
    assert difference.max() <= 20 and difference.mean() < 3
    assert (seen[:10] == 255).all()  # white stays white: a figure has no box around it
    pictures.lighten(cells)
    assert cells[0]["outputs"][0]["data"]["image/png"] == after


def test_small_and_transparent_pictures_stay_as_they_are(drawn):
    small = _png(np.random.default_rng(0).uniform(0, 255, (48, 48, 3)))
    assert 5000 < len(small) * 3 / 4 < 8000
    clear = np.dstack([drawn, np.zeros(drawn.shape[:2])])
    for encoded in (small, _png(clear, "RGBA")):
        cells = [{"outputs": [{"data": {"image/png": encoded}}]}]
        pictures.lighten(cells)
        assert cells[0]["outputs"][0]["data"]["image/png"] == encoded
