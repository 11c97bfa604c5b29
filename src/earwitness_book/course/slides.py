"""Slides of a chapter: reveal.js through nbconvert, in a folder that needs no network."""

import json
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat

from earwitness import cache
from earwitness.errors import MissingDataError
from earwitness.html import html
from earwitness_book import project
from earwitness_book.course.exercises import Exercise, parts, plain
from earwitness_book.runner import notebooks, site
from earwitness_book.runner.notebooks import Notebook, tags
from earwitness_book.runner.theme import POLICY

REVEAL = "sphinx_revealjs"  # the package whose copy of reveal.js is taken
_FILES = ("LICENSE", "dist/reveal.css", "dist/reveal.js", "dist/theme/white.css",
          "dist/theme/fonts/source-sans-pro", "plugin/notes/notes.js")  # fmt: skip
_OUTPUTS = ("display_data", "execute_result")
_DIRECTIVE = re.compile(r"^ *(?:`{3,}|:{3,})(?:\{.*)?$|^:[\w-]+:.*$", re.MULTILINE)
_MATH = re.compile(r"(\$\$)(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", re.DOTALL)
# nbconvert's own takes five scripts from other hosts; reveal.js needs none of them
_TEMPLATE = """\
{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy" content="POLICY">
{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}<script src="katex/set.js"></script>{%- endblock -%}
{%- block html_head_css -%}
<style>.reveal { font-size: 26px; } .reveal table { font-size: 0.7em; }
.reveal :is(img, svg) { max-height: 72vh; width: auto; }
.reveal .jp-OutputPrompt, .reveal .jp-Collapser { display: none; }</style>
{%- endblock -%}
{%- block footer_js -%}
<script src="reveal/dist/reveal.js"></script><script src="reveal/plugin/notes/notes.js"></script>
<script>Reveal.initialize({ hash: true, slideNumber: "c/t", plugins: [RevealNotes] });</script>
{%- endblock -%}
"""


def check() -> None:
    """Raise if reveal.js is not installed.

    Raises
    ------
    MissingDataError
    """
    if find_spec(REVEAL) is None:
        raise MissingDataError(
            'Slides need reveal.js, which is not installed: pip install "earwitness[course]"'
        )


def make(chapters: list[str], out: Path, profile: str) -> list[Path]:
    """Write the slides of chapters into ``out/slides``, from what a profile executed; return them.

    Headings and what cells show are on the slides, sentences are the speaker's notes (key S),
    solutions come after their exercises.

    Raises
    ------
    MissingDataError
        If reveal.js is not installed, or a notebook of the chapters not executed.
    """
    check()
    wanted = [each for each in notebooks.every() if each.chapter in chapters]
    ran = {each: site.executed(profile, each) for each in wanted}
    if missing := [each.id for each, content in ran.items() if content is None]:
        raise MissingDataError(
            f"Slides show what a notebook computed; {', '.join(missing)} was not executed: "
            f"`earwitness build --profile {profile}` does."
        )
    made = []
    for notebook, content in ran.items():
        folder = out / "slides" / notebook.chapter
        _scripts(folder)
        path = folder / f"{notebook.path.stem}.html"
        cache.write_text(path, _page(notebook, content))
        made.append(path)
    return made


def _scripts(folder: Path) -> None:
    """Put reveal.js and KaTeX beside the slides."""
    reveal = Path(find_spec(REVEAL).origin).parent / "_static" / "revealjs"
    for name in _FILES:
        copy = shutil.copytree if (reveal / name).is_dir() else shutil.copyfile
        target = folder / "reveal" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(reveal / name, target, **({"dirs_exist_ok": True} if copy == shutil.copytree else {}))
    katex = project.root() / "book" / "_extra" / "vendor" / "katex"
    shutil.copytree(katex, folder / "katex", dirs_exist_ok=True)


def _page(notebook: Notebook, content: dict) -> str:
    from nbconvert import SlidesExporter  # takes a second

    shown = nbformat.v4.new_notebook(cells=list(_cells(notebook, content)))
    shown.metadata["title"] = notebook.title()
    exporter = SlidesExporter(
        raw_template=_TEMPLATE.replace("POLICY", POLICY),
        reveal_url_prefix="reveal",
        reveal_theme="white",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    return exporter.from_notebook_node(shown)[0]


def _cells(notebook: Notebook, content: dict) -> Iterator[nbformat.NotebookNode]:
    """Yield a slide for each heading, each thing that a cell shows, and each exercise."""
    executed = Notebook(notebook.path, json.dumps(content))
    for part in list(parts(executed)):  # read to its end: solutions stand behind what they solve
        if isinstance(part, Exercise):
            yield _words(f"### {part.title}\n\n{part.asked}", "slide")
            yield from (_words(f"```python\n{code}\n```", "fragment") for code in part.code)
            yield from [_words(part.words, "fragment")] if part.words else ()
        elif part["cell_type"] == "markdown":
            yield from _spoken(notebooks.text(part))
        elif part["cell_type"] == "code" and "injected-parameters" not in tags(part):
            alt = part["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            shown = [_described(each, alt) for each in part["outputs"]
                     if each["output_type"] in _OUTPUTS]  # fmt: skip
            if shown and "parameters" not in tags(part):
                cell = nbformat.v4.new_code_cell("", outputs=nbformat.from_dict(shown))
                yield _on(cell, "subslide")


def _described(output: dict, alt: str) -> dict:
    """Return an output with its lines joined, a picture as HTML with its alternative text:
    nbconvert has no place for one.
    """
    data = {kind: "".join(each) for kind, each in output["data"].items() if _is_text(each)}
    if "image/png" in data and "text/html" not in data:
        shown = '<img src="data:image/png;base64,{}" alt="{}">'
        data = {"text/html": str(html(shown, data["image/png"].strip(), alt))}
    return output | {"data": data}


def _is_text(value) -> bool:
    return isinstance(value, str | list)


def _spoken(words: str) -> Iterator[nbformat.NotebookNode]:
    """Yield a slide with a text's heading, if it has one, and the text as the speaker's notes."""
    words = plain(_DIRECTIVE.sub("", words))
    heading = re.match(r"(#{1,3}) +(.+)\n*", words)
    if heading:
        yield _words(heading[0].strip(), "slide" if len(heading[1]) < 3 else "subslide")
        words = words[heading.end() :]
    if words.strip():
        yield _words(words, "notes")


def _words(text: str, kind: str) -> nbformat.NotebookNode:
    return _on(nbformat.v4.new_markdown_cell(_MATH.sub(_formula, text)), kind)


def _formula(found: re.Match) -> str:
    """Return a formula as KaTeX's script finds it, in letters that Markdown does not read."""
    source = "".join(f"&#{ord(c)};" if c in "\\_*`[]<>&" else c for c in found[2] or found[3])
    return f'<{(tag := "div" if found[1] else "span")} class="math">{source.strip()}</{tag}>'


def _on(cell: nbformat.NotebookNode, kind: str) -> nbformat.NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell
