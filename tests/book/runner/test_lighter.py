"""What no page uses is left out, and what one uses stays: icons by name, signs and drawing."""

import shutil

from fontTools.ttLib import TTFont

from earwitness_book.runner import lighter


def test_icons_that_no_page_names_go_and_the_others_keep_their_sign():
    style = (
        '.fa-house:before,.fa-home:before{content:"\\f015"}.fa-ghost:before{content:"\\f6e2"}p{}'
    )
    assert lighter.slimmed(style, {"home"}) == style.replace(
        '.fa-ghost:before{content:"\\f6e2"}', ""
    )
    said = lighter.used_icons(['<i class="fa-solid fa-chevron-down">', "icon('fa-xmark')"])
    assert {"chevron-down", "xmark"} <= said


def test_a_site_keeps_the_icons_it_shows_in_a_font_of_a_few_kilobytes(tmp_path):
    (tmp_path / "_static" / "scripts").mkdir(parents=True)
    for part in (lighter.STYLE, lighter.FONTS):
        origin, copy = lighter._STATIC / part, tmp_path / "_static" / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(origin, copy) if origin.is_dir() else shutil.copy(origin, copy)
    search = '<script src="../searchindex.js"></script>'
    page, finder = tmp_path / "page.html", tmp_path / "search.html"
    for path in (page, finder):
        path.write_text(f'<i class="fa-solid fa-chevron-down"></i>{search}<p>é</p>')
    lighter.lighten(tmp_path)
    assert search not in page.read_text() and search in finder.read_text()
    font = tmp_path / "_static" / lighter.FONTS / "fa-solid-900.woff"
    drawn = TTFont(font).getBestCmap()
    assert 0xF078 in drawn and 0xF019 in drawn and len(drawn) < 100  # the theme's own are there
    assert font.stat().st_size < 20_000
    assert not list(font.parent.glob("*.ttf")) + list(font.parent.glob("*.woff2"))
    style = (tmp_path / "_static" / lighter.STYLE).read_text()
    assert "fa-solid-900.woff)" in style and "fa-ghost" not in style
    assert '.fa-chevron-down:before{content:"\\f078"}' in style
    lighter.lighten(tmp_path)  # again, as when a page changes
    assert font.exists()


def test_slides_which_have_another_theme_are_left_as_they_are(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<script src="searchindex.js"></script>')
    lighter.lighten(tmp_path)
    assert page.read_text() == '<script src="searchindex.js"></script>'
    assert list(tmp_path.iterdir()) == [page]
