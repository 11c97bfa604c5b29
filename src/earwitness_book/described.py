"""What a map shows, said in the alternative text of its picture: where the red of it lies is
computed when a notebook shows the figure, and read where an executed notebook is.
"""

MIME = "application/vnd.earwitness.described+text"


def figures_speak(shell) -> None:
    """Have the figures of a kernel say, beside their picture, where the red of their maps lies."""
    from matplotlib.figure import Figure

    from earwitness.figures import described

    def words(figure: Figure) -> dict:
        said = described.where(figure)
        return {MIME: said} if said else {}

    shell.display_formatter.mimebundle_formatter.for_type(Figure, words)


def told(notebook: dict) -> dict:
    """Return an executed notebook whose alternative texts end in what its maps said, in place."""
    for cell in notebook["cells"]:
        said = [
            "".join(output["data"].pop(MIME))
            for output in cell.get("outputs", ())
            if MIME in output.get("data", {})
        ]
        image = cell.get("metadata", {}).get("mystnb", {}).get("image", {})
        if said and image.get("alt"):
            image["alt"] = " ".join([image["alt"], *said])
    return notebook
