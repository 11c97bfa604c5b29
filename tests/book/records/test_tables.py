"""Claims as HTML: closing tables, the scoreboard and its picture."""

import re

import yaml
from toy_claims import DECLARATION, executed

from earwitness_book import records


def _measured_on_two_corpora(checkout):
    rows = [
        {"id": "toy/accuracy", "value": 90, "corpus": "studio", "n": 20, "interval": [86, 94]},
        {"id": "toy/chance", "value": 51.6, "corpus": "studio"},
        {"id": "toy/accuracy", "value": 70, "corpus": "voices", "n": 4000},
        {"id": "toy/ceiling", "value": 99, "corpus": "studio"},
    ]
    executed(checkout, "real", rows)
    return records.scoreboard(ours=True)


def test_a_closing_table_has_a_row_per_claim_and_a_column_per_corpus(checkout):
    html = records.closing_html(_measured_on_two_corpora(checkout))
    open_table, *folded = html.split("<details")
    assert html.count('id="claim-toy-accuracy"') == 1
    head = re.findall(r'<th scope="col">(.*?)</th>', open_table)
    assert head == ["Claim", "Published", "studio", "generated voices"]
    cell = re.search(r'<td data-label="studio">(.*?)</td>', open_table)[1]
    for words in (
        "90 %",
        "control 51.6 % (guessing)",
        "95 %: 86 to 94 %",
        "n = 20",
        "✓ reproduced",
    ):
        assert words in cell
    assert any("The best possible." in part for part in folded)
    assert "The best possible." not in open_table


def test_what_stands_beside_a_value_for_reading_alone_is_not_called_its_control(checkout):
    row = {"id": "toy/new", "claim": "More.", "source": "T", "at_least": 1, "unit": "%"}
    rows = yaml.safe_load(DECLARATION)
    rows["claims"].append({**row, "measure": "A share.", "beside": "toy/chance"})
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump(rows))
    values = {"toy/new": 90, "toy/chance": 51.6}
    executed(
        checkout, "real", [{"id": i, "value": v, "corpus": "studio"} for i, v in values.items()]
    )
    board = records.scoreboard().query("id == 'toy/new'")
    assert "beside it 51.6 % (guessing)" in records.closing_html(board)
    assert records.three(records.finding(board))[2] == (
        "<b>Beside it</b>: 51.6 % (guessing). <b>No control</b> was asked for; "
        "verdict <b>✓ reproduced</b>."
    )


def test_at_most_five_claims_of_a_closing_table_are_open_those_with_a_control_among_them(checkout):
    rows = [
        {
            "id": f"toy/{i}",
            "claim": f"Claim {i}.",
            "source": "T",
            "at_least": 1,
            "unit": "%",
            "measure": "A share.",
            **({"control": "chance"} if i == 8 else {}),
        }
        for i in range(9)
    ]
    text = yaml.safe_dump({"chapter": "toy", "claims": rows})
    (checkout / "data/published/toy.yaml").write_text(text)
    executed(checkout, "real", [{"id": row["id"], "value": 2, "corpus": "studio"} for row in rows])
    opened, folded = records.closing_html(records.scoreboard()).split("<details")
    assert [n for n in range(9) if f"Claim {n}." in opened] == [0, 1, 2, 3, 8]
    assert [n for n in range(9) if f"Claim {n}." in folded] == [4, 5, 6, 7]


def test_the_scoreboard_shows_each_claim_once_as_a_mark_and_once_as_a_row_that_links_its_page(
    checkout,
):
    board = _measured_on_two_corpora(checkout)
    board = board[~board["ours"].astype(bool)]
    html = records.to_html(board, {"toy": "Toys"}, {"toy/share": "toy/01.html#claim-toy-share"})
    for id in board["id"].unique():
        assert html.count(f'href="#{records.anchor(id)}"') == 1
        assert html.count(f'<tbody id="{records.anchor(id)}"') == 1
    assert '<a href="toy/01.html#claim-toy-share">Most of it.</a>' in html
    assert 'data-corpus="studio|voices"' in html and ">Toys</th>" in html


def test_no_word_of_a_claim_or_of_a_measurement_becomes_a_tag(checkout):
    said = {key: f"</td><script>{key}</script>\"'&" for key in ("claim", "source", "measure")}
    claims = [
        {"id": 'toy/"><script>', "at_least": 1, "unit": "<u>", **said},
        {"id": "toy/yes", "at_least": 1, "unit": "1", **said},
    ]
    text = yaml.safe_dump({"chapter": "toy", "claims": claims})
    (checkout / "data/published/toy.yaml").write_text(text)
    rows = [
        {"id": claim["id"], "value": value, "corpus": "<corpus>", "protocol": "<protocol>"}
        | {"control": "<control>", "of": "<of>", "note": "<note>", "n": 3}
        for claim, value in zip(claims, (2, 3), strict=True)
    ]
    executed(checkout, "real", rows)
    board = records.scoreboard(ours=True)
    pages = [
        records.closing_html(board),
        records.to_html(board, {"toy": "<title>"}, {"toy/yes": '"><script>'}),
        records.three_html(board),
        records.picture(board, {"toy": "<title>"}, '"><script>'),
    ]
    for page in pages:
        assert "&lt;script&gt;" in page and set(re.findall(r"<([^\s>/]+)", page)) <= TAGS


TAGS = {"a", "b", "caption", "dd", "details", "div", "dl", "dt", "li", "ol", "p", "small", "span",
        "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul", "wbr"}  # fmt: skip


def test_the_same_says_as_what_where_that_is_not_the_row_above(checkout):
    rows = [
        {"id": "toy/a", "claim": "First.", "at_least": 1, "unit": "%", "measure": "A share."},
        {"id": "toy/b", "claim": "The same for noise.", "unit": "%"},
        {"id": "toy/c", "claim": "The same for chance.", "unit": "%"},
        {"id": "toy/d", "claim": "Second.", "unit": "%"},
        {"id": "toy/e", "claim": "The same for tones.", "unit": "%"},
    ]
    text = yaml.safe_dump({"chapter": "toy", "claims": [], "ours": rows})
    (checkout / "data/published/toy.yaml").write_text(text)
    executed(checkout, "real", [{"id": row["id"], "value": 2, "corpus": "studio"} for row in rows])
    shown = records.closing_html(records.scoreboard(ours=True))
    assert "The same for noise.<small>as in: First.</small>" in shown
    assert shown.count("as in: ") == 1  # chance stands under noise, tones under Second
