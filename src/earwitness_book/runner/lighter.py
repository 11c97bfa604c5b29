"""Leave out of a site what no page uses of the theme: icons by the thousand, and the index of the
search on pages that do not search.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont

_STATIC = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
STYLE = "styles/pydata-sphinx-theme.css"
FONTS = "vendor/fontawesome/webfonts"
_SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
)
_ICON = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"(?:\\[0-9a-f]+)"\}')
_NAME = re.compile(r"\bfa-([a-z][\w-]*)")
_SIGN = re.compile(r'"(?:\\([0-9a-f]{4})|([\ue000-\uf8ff]))"')
_FACE = re.compile(
    r"url\(([^)]*)\.woff2\) format\(\"woff2\"\),url\([^)]*\.ttf\) format\(\"truetype\"\)"
)


def lighten(html: Path) -> None:
    """Take out of a rendered site what its pages do not use; the original is the theme's own.

    Slides, and sites of another theme, are left as they are.
    """
    if not (html / "_static" / STYLE).exists():
        return
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    for path in pages:
        if path.name != "search.html":
            _rewrite(path, _SEARCH.sub("", path.read_text(encoding="utf-8")))
    scripts = [*(html / "_static").glob("*.js"), *(html / "_static" / "scripts").glob("*.js")]
    used = used_icons(path.read_text(encoding="utf-8") for path in (*pages, *scripts))
    style = slimmed((_STATIC / STYLE).read_text(encoding="utf-8"), used)
    _rewrite(html / "_static" / STYLE, style)
    signs = {int(a, 16) if a else ord(b) for a, b in _SIGN.findall(style)}
    for path in (_STATIC / FONTS).glob("*.ttf"):
        _write_font(path, html / "_static" / FONTS, signs)


def used_icons(texts: Iterable[str]) -> set[str]:
    """Return the names of the icons that pages and scripts mention: ``chevron-down``, ..."""
    return {name for text in texts for name in _NAME.findall(text)}


def slimmed(style: str, used: set[str]) -> str:
    """Return the theme's style without the icons that are not used, its fonts as WOFF."""

    def kept(rule: re.Match) -> str:
        names = _NAME.findall(rule[1])
        return rule[0] if used.intersection(names) else ""

    return _FACE.sub(r'url(\1.woff) format("woff")', _ICON.sub(kept, style))


def _write_font(original: Path, folder: Path, signs: set[int]) -> None:
    """Write the part of an icon font that draws some signs, and remove the whole one."""
    font = TTFont(original)
    part = subset.Subsetter(subset.Options(notdef_outline=True))
    part.populate(unicodes=signs)
    part.subset(font)
    font.flavor = "woff"
    folder.mkdir(parents=True, exist_ok=True)
    font.save(folder / f"{original.stem}.woff")
    for ending in (".ttf", ".woff2"):
        (folder / (original.stem + ending)).unlink(missing_ok=True)


def _rewrite(path: Path, text: str) -> None:
    """Write a file if it would change."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
