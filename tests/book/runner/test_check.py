"""The check reads a page as a browser does: every way to load from elsewhere is found, and nothing
else is.
"""

import pytest

from earwitness_book.runner import check, site, theme

OUT = "https://example.org/a"
OUTSIDE = [
    f'<img alt="x" srcset="{OUT} 1x, b.png 2x">',
    f'<source srcset="{OUT}">',
    f'<link rel="preload" imagesrcset="{OUT}">',
    f"<style>p {{ background: url({OUT}) }}</style>",
    f"<style>@import '{OUT}';</style>",
    '<style>@import/**/"//example.org/a";</style>',
    "<style>p { background: url(\\68ttps://example.org/a) }</style>",
    f"<p style=\"background: image-set('{OUT}' 1x)\"></p>",
    '<p style="background: url(//example.org)"></p>',
    f'<form action="{OUT}"></form>',
    f'<button formaction="{OUT}"></button>',
    f'<base href="{OUT}">',
    '<base href="/">',
    f"<script>fetch('{OUT}')</script>",
    f"<script>import(`{OUT}`)</script>",
    "<script>new WebSocket('wss://example.org')</script>",
    "<script>x.open('GET', '//example.org')</script>",
    f'<script type="module">import "{OUT}"</script>',
    '<script type="importmap">{"imports": {}}</script>',
    f"<p onclick=\"fetch('{OUT}')\"></p>",
    f'<meta http-equiv="Refresh" content="0; url={OUT}">',
    f'<object data="{OUT}"></object>',
    f'<embed src="{OUT}">',
    f'<iframe src="{OUT}"></iframe>',
    '<iframe srcdoc="<p>"></iframe>',
    '<iframe src="data:text/html,x"></iframe>',
    f'<video poster="{OUT}"></video>',
    f'<video><track src="{OUT}"></video>',
    f'<audio src="{OUT}"></audio>',
    f'<input type="image" src="{OUT}">',
    f'<link rel="prefetch" href="{OUT}">',
    f'<link rel="preconnect" href="{OUT}">',
    f'<link rel="icon" href="{OUT}">',
    f'<link rel="dns-prefetch" href="{OUT}">',
    f'<link rel="manifest" href="{OUT}">',
    f'<link rel="alternate stylesheet" href="{OUT}">',
    f'<link href="{OUT}">',
    f'<html manifest="{OUT}">',
    f'<svg><use href="{OUT}"/></svg>',
    f'<svg><image xlink:href="{OUT}"/></svg>',
    f'<svg><feImage href="{OUT}"/></svg>',
    f'<svg><rect fill="url({OUT}#a)"/></svg>',
    '<svg><set attributeName="href" to="x"/></svg>',
    f'<svg><script href="{OUT}"></script></svg>',
    f'<a href="b.html" ping="{OUT}">b</a>',
    f'<body background="{OUT}">',
    '<img alt="x" src="//example.org/a">',
    '<img alt="x" src="\\\\example.org\\a">',
    '<img alt="x" src="ht\ntps://e.org">',
    '<img alt="x" src="file:///etc/hostname">',
    '<img alt="x" src="/etc/hostname">',
    '<a href="javascript:f()">x</a>',
    '<img alt="x" src="../outside.png">',
]
INSIDE = [
    '<a href="https://example.org">there</a>',
    '<link rel="canonical" href="https://example.org/">',
    '<blockquote cite="https://example.org"></blockquote>',
    '<img alt="x" src="here.png">',
    "<p>https://example.org</p>",
    '<img alt="https://example.org" src="data:image/png;base64,AAAA">',
    '<p style="color: red"></p>',
    '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>',
    "<style>/* https://example.org */ p {}</style>",
    '<style>p { background: url("data:image/svg+xml,%3Csvg '
    "xmlns='http://www.w3.org/2000/svg'/%3E\") }</style>",
    '<script type="application/json">{"from": "https://example.org"}</script>',
    "<script>a = 4 // 2\nb = 1</script>",
    '<meta property="og:image" content="https://example.org/card.png">',
    '<form action="here.png"></form>',
    '<img alt="x" srcset="here.png 1x, here.png 2x">',
    '<p data-from="https://example.org"></p>',
]


@pytest.fixture
def said(tmp_path):
    """A function that returns what the check says of a page with some markup after the policy."""
    html = tmp_path / "html"
    html.mkdir()
    (html / "here.png").write_bytes(b"")
    (tmp_path / "outside.png").write_bytes(b"")

    def of(markup, policy=theme.POLICY):
        given = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
        page = check.read(f"<!doctype html><html><head>{given}</head>{markup}</html>")
        return list(check._self_contained(page, html / "index.html", html))

    return of


@pytest.mark.parametrize("markup", OUTSIDE)
def test_every_way_to_load_from_elsewhere_is_found(said, markup):
    assert said(markup) != []


@pytest.mark.parametrize("markup", INSIDE)
def test_what_loads_nothing_from_elsewhere_is_fine(said, markup):
    assert said(markup) == []


@pytest.mark.parametrize(
    "policy", ["", "default-src *", theme.POLICY.replace("object-src 'none'; ", "")]
)
def test_a_page_without_the_policy_or_with_a_weaker_one_is_named(said, policy):
    assert said("<p>", policy) == [
        "it lacks the policy that keeps a browser from loading anything else."
    ]


def test_a_policy_behind_what_it_should_hold_is_named(said):
    late = (
        '<script src="here.png"></script>'
        f'<meta http-equiv="Content-Security-Policy" content="{theme.POLICY}">'
    )
    assert "its policy stands behind what it should hold." in said(late, "")


SHOWN = "text/html"
UNREADABLE = [
    ({"output_type": "stream", "text": "share: nan %"}, "'nan' instead of a number"),
    ({"output_type": "display_data", "data": {SHOWN: "<td>1.0</td><td>NaN</td>"}}, "'NaN' instead"),
    ({"output_type": "display_data", "data": {SHOWN: "<td>&lt;NA&gt;</td>"}}, "'<NA>' instead"),
    (
        {"output_type": "execute_result", "data": {"text/plain": "{'male': 1.4}"}},
        "Python's own way",
    ),
    ({"output_type": "execute_result", "data": {"text/plain": "[{'n': 4},"}}, "Python's own way"),
    ({"output_type": "stream", "text": "half at np.float64(0.7)"}, "Python's own way"),
    (
        {"output_type": "execute_result", "data": {"text/plain": "array([1, 2])"}},
        "Python's own way",
    ),
]
READABLE = [
    {"output_type": "stream", "text": "banana, 3 nanoseconds, {curly} and 1.5 nat"},
    {"output_type": "display_data", "data": {SHOWN: '<td class="nan">–</td>', "text/plain": "NaN"}},
    {"output_type": "display_data", "data": {SHOWN: "<script>NaN</script><style>nan{}</style>"}},
    {"output_type": "display_data", "data": {"image/png": "", "text/plain": "array([1])"}},
    {"output_type": "error", "ename": "ValueError", "evalue": "nan", "traceback": []},
]


@pytest.mark.parametrize("output, said", UNREADABLE)
def test_a_cell_that_shows_no_number_or_what_python_prints_for_itself_is_named(output, said):
    assert any(said in sentence for sentence in check._readable(output))


@pytest.mark.parametrize("output", READABLE)
def test_what_a_reader_understands_is_left_alone(output):
    assert not list(check._readable(output))


def test_a_computed_sentence_that_lacks_its_number_is_named():
    page = '<p>nan</p><ol class="ew-three"><li>This build: <b>{}</b> %.</li></ol>'
    assert any("This build: nan %" in said for said in check._numberless(page.format("nan")))
    assert list(check._numberless(page.format("None"))) and not list(
        check._numberless(page.format("4.1"))
    )


def test_a_site_in_which_nothing_was_wrong_is_read_again_only_when_it_changes(
    make_toy, monkeypatch
):
    make_toy()
    html = site.folder("demo") / "html"
    html.mkdir(parents=True)
    runs = []

    def found(profile, listed):
        runs.append(listed)
        return ["bad"] * (html / "bad.html").exists()

    monkeypatch.setattr(check, "_problems", found)
    (html / "index.html").write_text("good")
    assert check.problems("demo") == check.problems("demo") == [] and len(runs) == 1
    (html / "bad.html").write_text("bad")
    assert check.problems("demo") == check.problems("demo") == ["bad"] and len(runs) == 3
    (html / "bad.html").unlink()
    assert check.problems("demo") == [] and len(runs) == 3
    (html / "index.html").write_text("goof")
    assert check.problems("demo") == [] and len(runs) == 4
