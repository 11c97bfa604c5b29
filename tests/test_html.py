"""Text becomes HTML in one place, which escapes it."""

import ast
import json
import re
from pathlib import Path

import earwitness
import earwitness_book
from earwitness.html import html, in_script, joined

HOSTILE = """</td><script>alert("1 & '2'")</script>"""


def test_what_is_put_into_a_template_is_escaped_once():
    inside = html("<b>{}</b>", HOSTILE)
    whole = html('<td title="{}">{}{}</td>', HOSTILE, inside, 3.5)
    assert re.findall("<[^>]*>", whole) == [
        '<td title="&lt;/td&gt;&lt;script&gt;alert(&#34;1 &amp; &#39;2&#39;&#34;)&lt;/script&gt;">',
        "<b>",
        "</b>",
        "</td>",
    ]
    assert "&amp;lt;" not in whole and whole.endswith("</b>3.5</td>")


def test_an_f_string_of_html_is_text_again():
    assert html("{}", f"{html('<b>x</b>')}") == "&lt;b&gt;x&lt;/b&gt;"


def test_parts_that_are_text_are_escaped_where_they_are_joined():
    assert joined([html("<br>"), "<br>"], "/<wbr>") == "<br>/<wbr>&lt;br&gt;"


def test_data_in_a_script_cannot_end_it():
    data = {"a": "</script><script>x", "b": "<!--<script>", "c": "ü & \"'"}
    assert "<" not in in_script(data) and json.loads(in_script(data)) == data


def test_no_other_module_escapes_by_itself():
    for package in (earwitness, earwitness_book):
        for path in Path(package.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module in ("html", "markupsafe"):
                    names = {alias.name for alias in node.names}
                    assert "escape" not in names, f"{path} escapes text by itself"
