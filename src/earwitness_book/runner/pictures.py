"""Pictures of an executed notebook, lighter: 256 colours are enough for a figure."""

import base64
import io

from PIL import Image

_COLOURS = 256
_SMALL = 8_000  # bytes: below it nothing is to be saved


def lighten(cells: list[dict]) -> None:
    """Give each PNG among the outputs of cells a palette, in place, where that makes it smaller.

    Figures are drawn with two points for each of a page's, which would double the weight of a
    page. With a palette they weigh what they did before; the largest deviation of a colour is
    about 10 of 255, in maps whose own colour bar has fewer steps.
    """
    for cell in cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = _lighter("".join(data["image/png"]))


def _lighter(encoded: str) -> str:
    content = base64.b64decode(encoded)
    if len(content) < _SMALL:
        return encoded
    with Image.open(io.BytesIO(content)) as picture:
        if picture.mode == "P" or _is_transparent(picture):
            return encoded
        few = picture.convert("RGB").quantize(
            _COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    stream = io.BytesIO()
    few.save(stream, "png", compress_level=9)
    smaller = stream.getvalue()
    return base64.b64encode(smaller).decode() if len(smaller) < len(content) else encoded


def _is_transparent(picture: Image.Image) -> bool:
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 255
