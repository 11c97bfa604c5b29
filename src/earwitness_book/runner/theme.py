"""What this book adds to Sphinx: pages that load nothing from elsewhere, and say in one sentence
what they hold.
"""

import re
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from markupsafe import Markup
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as Plain
from pybtex.style.labels import BaseLabelStyle
from sphinx import addnodes

from earwitness import cache
from earwitness.html import html, joined
from earwitness_book.runner import launch, lighter

# ``file:`` beside ``'self'``: pages are also opened from a disk, where some browsers take every
# file for another host.
_HERE = "'self' file: data: blob:"
POLICY = "; ".join(
    [
        f"default-src {_HERE}",
        f"script-src {_HERE} 'unsafe-inline'",
        f"style-src {_HERE} 'unsafe-inline'",
        "object-src 'none'",
        "frame-src 'none'",
        "base-uri 'none'",
        "form-action 'self' file:",
    ]
)
EVAL = POLICY.replace(
    "'unsafe-inline'; style-src", "'unsafe-inline' 'unsafe-eval'; style-src"
)  # widgets compile schemas
CARD = "images/idea.png"  # the picture of a link to any page
_UNUSED = ("*.map", "fontawesome.js*", "webpack-macros.html", "sbt-webpack-macros.html")
_TITLE_LENGTH = 300  # of what hovering a term shows


class _AsCited(BaseLabelStyle):
    """Labels of the bibliography as the text cites: Becker et al., 2018."""

    def format_labels(self, sorted_entries):
        """Return the label of each work; years of works that share one bear letters: 2016a."""
        return [_cited(entry) for entry in sorted_entries]


class _AuthorYear(Plain):
    default_label_style = _AsCited


def _cited(entry) -> str:
    names = [" ".join(person.last_names) for person in entry.persons.get("author", [])]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{who or entry.fields.get('title', entry.key)}, {entry.fields.get('year', 'no year')}"


def setup(app) -> dict:
    """Connect to Sphinx, which finds this module by its name in ``_config.yml``."""
    register_plugin("pybtex.style.formatting", "author-year", _AuthorYear)
    app.add_config_value("ew_outside", {}, "", types=(dict,))
    app.add_config_value("ew_launch", {}, "html", types=(dict,))
    app.connect("env-get-outdated", _changed)
    app.connect("missing-reference", _elsewhere)
    app.connect("doctree-resolved", _explain_terms)
    app.connect("doctree-resolved", _drop_shared_ids)
    app.connect("html-page-context", _head, priority=900)
    app.connect("html-page-context", _offer_kernels, priority=900)
    app.connect("html-collect-pages", _not_found)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _changed(app, env, added, changed, removed) -> list[str]:
    """Return the pages whose source is another than the one that was read; Sphinx itself asks
    clocks alone.
    """
    known = getattr(env, "ew_sources", {})
    env.ew_sources = {page: cache.file_digest(Path(env.doc2path(page))) for page in env.found_docs}
    return [page for page in env.found_docs if known.get(page) != env.ew_sources[page]]


def _elsewhere(app, env, node, words):
    """Return a reference to a page that this site leaves out as plain text: the author's words, or
    its title.
    """
    place = env.relfn2path(node["reftarget"], node.get("refdoc", env.docname))[0]
    page = re.sub(r"\.(md|ipynb)$", "", place)
    if page not in app.config.ew_outside:
        return None
    title = words.astext() if node.get("refexplicit") else app.config.ew_outside[page]
    return nodes.inline("", title)


def _explain_terms(app, doctree, docname) -> None:
    """Let hovering a term show what it means: the beginning of its entry in the glossary."""
    links = [
        link for link in doctree.findall(nodes.reference) if "#term-" in link.get("refuri", "")
    ]
    meanings = _meanings(app.env) if links else {}
    for link in links:
        if meaning := meanings.get(link["refuri"].rpartition("#")[2]):
            link["reftitle"] = meaning


def _drop_shared_ids(app, doctree, docname) -> None:
    """Take away the id that sphinx-exercise gives to the content of every exercise alike: an id is
    there once on a page.
    """
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


def _meanings(env) -> dict[str, str]:
    """Return the beginning of each entry of the glossary by its anchor, whole words."""
    if "glossary" not in env.found_docs:
        return {}
    found = {}
    for item in env.get_doctree("glossary").findall(nodes.definition_list_item):
        text = _words(item[-1])
        short = text if len(text) <= _TITLE_LENGTH else text[:_TITLE_LENGTH].rpartition(" ")[0]
        for term in item.findall(nodes.term):
            found |= dict.fromkeys(term["ids"], short if short == text else f"{short} …")
    return found


def _words(definition) -> str:
    """Return the text of an entry without the keys of works that it cites."""
    plain = definition.deepcopy()
    for cited in list(plain.findall(addnodes.pending_xref)):
        if cited.get("refdomain") == "cite":
            cited.parent.remove(cited)
    return re.sub(r"\s+([:.,;)])", r"\1", " ".join(plain.astext().split()))


def _head(app, pagename, templatename, context, doctree) -> None:
    """Put the policy before everything that a page loads, then what others show when they link to
    it.
    """
    widgets = any("embed-amd" in str(script) for script in context.get("script_files", []))
    base, about = app.config.html_baseurl, _description(doctree)
    tags = [
        html(
            '<meta http-equiv="Content-Security-Policy" content="{}" />',
            Markup(EVAL if widgets else POLICY),
        ),
        html('<meta name="referrer" content="no-referrer" />'),
    ]
    if about:
        title = Markup(context.get("title", "")).striptags()
        tags += [
            html('<meta name="description" content="{}" />', about),
            html('<meta property="og:title" content="{}" />', title),
            html('<meta property="og:type" content="article" />'),
            html('<meta property="og:description" content="{}" />', about),
            html('<meta name="twitter:card" content="summary_large_image" />'),
        ]
        if base and Path(app.srcdir, CARD).exists():
            picture = urljoin(base, f"_images/{Path(CARD).name}")
            tags.append(html('<meta property="og:image" content="{}" />', picture))
    others = Markup(context.get("metatags") or "")
    context["metatags"] = joined(["", *tags, others], "\n    ")


def _offer_kernels(app, pagename, templatename, context, doctree) -> None:
    """Let notebooks be opened with a kernel, where somebody has said where the book is."""
    if app.config.ew_launch and "kernelspec" in app.env.metadata.get(pagename, {}):
        if found := launch.links(**app.config.ew_launch, page=pagename):
            context["header_buttons"].append(launch.buttons(found))


def _description(doctree) -> str:
    """Return the first sentences of a page, at most 200 characters; what made it, and warnings, are
    none of it.
    """
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) >= 40 and isinstance(
            paragraph.parent, (nodes.section, nodes.document, nodes.container)
        ):
            return text if len(text) <= 200 else text[:199].rpartition(" ")[0] + " …"
    return ""


def _not_found(app):
    """Yield the page that a server shows instead of one that is not there, at an address of any
    depth.
    """
    yield "404", {"title": "Not found", "ew_base": app.config.html_baseurl or "/"}, "404.html"


def _finish(app, exception) -> None:
    """Leave out what no page loads, and list the pages for search engines where the site's address
    is known.
    """
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in (path for pattern in _UNUSED for path in static.rglob(pattern)):
        path.unlink()
    lighter.lighten(Path(app.outdir))
    if base := app.config.html_baseurl:
        urls = joined(
            (
                html("<url><loc>{}</loc></url>", urljoin(base, f"{page}.html"))
                for page in sorted(app.env.found_docs)
            ),
            "\n",
        )
        Path(app.outdir, "sitemap.xml").write_text(
            f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{urls}\n</urlset>\n",
            encoding="utf-8",
        )
