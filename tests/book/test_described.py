"""What the maps of an executed notebook say stands in the alternative text of their pictures."""

from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot as plt

from earwitness import figures
from earwitness_book import described


def test_a_figure_with_a_map_hands_its_words_on_beside_its_picture():
    shell = InteractiveShell()
    described.figures_speak(shell)
    figure, ax = figures.panels()
    figures.relevance_map(ax, [[0.0, 1.0], [0.0, -1.0]], [0.0, 0.5], [100.0, 200.0])
    data, _ = shell.display_formatter.format(figure)
    ax.clear()
    empty, _ = shell.display_formatter.format(figure)
    plt.close(figure)
    assert data[described.MIME].startswith("Half of what is red lies between 0.50 and 0.50 s")
    assert "text/plain" in data and described.MIME not in empty


def test_the_words_end_the_alternative_text_and_leave_the_outputs():
    output = {"output_type": "execute_result", "data": {described.MIME: "It lies there.", "a": "b"}}
    image = {"mystnb": {"image": {"alt": "A map."}}}
    cells = [
        {"metadata": image, "outputs": [output]},
        {"metadata": {}, "outputs": [{"data": {described.MIME: "Nowhere."}}]},
        {"metadata": {}, "source": "words"},
    ]
    first, second, _ = described.told({"cells": cells})["cells"]
    assert first["metadata"]["mystnb"]["image"]["alt"] == "A map. It lies there."
    assert first["outputs"][0]["data"] == {"a": "b"} and second["outputs"][0]["data"] == {}
