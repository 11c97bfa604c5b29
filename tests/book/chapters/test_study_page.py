"""The study gives nothing away, shows what it should, and notes what was said."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile

from earwitness.errors import ParameterError
from earwitness_book.chapters import listening_study
from earwitness_book.chapters.listening_study import FORMATS
from earwitness_book.chapters.study_page import Study, StudyItem

PNG = b"\x89PNG of "


def item(spoken, predicted):
    rng = np.random.default_rng([spoken, predicted])
    signal = 0.1 * rng.standard_normal(400)
    sounds = {
        "signal": (signal, 8000, ""),
        "explanation": (0.1 * signal * np.linspace(0, 1, 400), 8000, ""),
    }
    return StudyItem(spoken, predicted, sounds, {"signal": PNG + b"a", "explanation": PNG + b"b"})


@pytest.fixture(scope="module")
def study():
    return Study(
        [item(d, d) for d in range(10)] + [item(d, (d + 3) % 10) for d in range(10)], "voices"
    )


def heard(address):
    return soundfile.read(io.BytesIO(base64.b64decode(address.partition("base64,")[2])))


def test_every_item_can_be_shown_in_four_formats_and_explanations_are_as_loud_as_signals(study):
    for shown in study.items:
        assert tuple(shown.addresses) == (
            "signal-heard",
            "explanation-heard",
            "signal-seen",
            "explanation-seen",
        )
        signal, explanation = (heard(shown.addresses[form])[0] for form in FORMATS[:2])
        assert np.sqrt(np.mean(explanation**2)) == pytest.approx(
            np.sqrt(np.mean(signal**2)), rel=0.02
        )
    assert (
        base64.b64decode(study.items[0].addresses["explanation-seen"].partition("base64,")[2])
        == PNG + b"b"
    )


def test_names_of_items_tell_nothing_and_ranks_keep_right_and_wrong_balanced(study):
    key = study.key
    assert sorted(key["item"]) == [f"s{n:02d}" for n in range(1, 21)]
    right = (key["spoken"] == key["predicted"]).to_numpy()
    assert (
        right[:10].all() and not right[10:].any()
    )  # so each group meets 2 or 3 of both per format
    order = right[np.argsort(key["item"])]
    assert 2 <= order[:10].sum() <= 8  # the names are not in this order
    for group in range(4):
        forms = np.array(listening_study.formats(20, group))
        assert {int((forms[right] == form).sum()) for form in FORMATS} == {2, 3}


def test_the_seed_decides_and_other_items_are_another_study(study):
    again = Study(study.items, "voices")
    assert again.key.equals(study.key) and again.id == study.id and study.id.startswith("voices-")
    assert not Study(study.items, "voices", seed=1).key.equals(study.key)
    assert Study(study.items[:19], "voices").id != study.id


def test_the_page_holds_all_items_in_one_line_that_no_text_can_end(study):
    html = study._repr_html_()
    assert "\n" not in html and html.count("</script>") == 1
    whole = json.loads(html.partition('application/json">')[2].partition("</script>")[0])
    assert [given["rank"] for given in whole["items"]] == list(range(20))
    assert whole["items"][4]["shown"] == study.ranked[4].addresses
    assert [given["item"] for given in whole["items"]] == study.key["item"].tolist()
    odd = Study(study.items, "</script><b>")._repr_html_()
    assert odd.count("</script>") == 1


def test_a_session_notes_what_the_reader_of_answers_reads(study):
    session = study.session("0000000a")
    for number in range(20):
        assert session.rank is not None and ("<audio" in session.shown) != ("<img" in session.shown)
        session.answer(None if number == 3 else number % 10)
    assert session.rank is None
    read = listening_study.read_answers([session.answers.to_csv(index=False)])
    assert len(read) == 19 and read["position"].tolist() == [1, 2, 3, *range(5, 21)]
    truth = study.key.set_index("item")
    assert (read["predicted"] == truth.loc[read["item"], "predicted"].to_numpy()).all()
    plan = dict(zip(study.key["item"], listening_study.formats(20, 0x0A % 4), strict=True))
    assert (read["format"] == read["item"].map(plan)).all()
    with pytest.raises(ParameterError, match="All items are answered"):
        session.answer(1)


def test_participants_meet_the_items_in_orders_of_their_own(study):
    orders = []
    for name in ("00000001", "00000005"):  # one group
        session = study.session(name)
        for _ in range(20):
            session.answer(0)
        orders.append(session.answers["item"].tolist())
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_the_widgets_lead_through_the_items_and_refuse_to_go_on_without_an_answer(study):
    session = study.session("00000001")
    asking = session.widget()
    _, stage, _, digits, buttons = asking.children
    onwards, skip = buttons.children
    first = stage.value
    onwards.click()
    assert len(session.answers) == 0 and stage.value == first
    digits.value = "7"
    onwards.click()
    assert (
        session.answers["answer"].tolist() == [7] and stage.value != first and digits.value is None
    )
    for _ in range(19):
        skip.click()
    assert "thank you" in asking.children[0].value and session.answers["answer"].isna().sum() == 19


def test_in_the_built_book_a_session_points_to_the_page(study, monkeypatch):
    assert "application/vnd.jupyter.widget-view+json" in study.session("01")._repr_mimebundle_()
    monkeypatch.setenv("EARWITNESS_PROFILE", "demo")
    shown = study.session("01")._repr_mimebundle_()
    assert 'href="study.html"' in shown["text/html"] and "widget" not in "".join(shown)


def test_incomplete_items_and_impossible_answers_are_refused(study):
    with pytest.raises(ParameterError, match="sounds of an item need explanation"):
        StudyItem(1, 1, {"signal": (np.ones(9), 8000, "")}, {"signal": PNG, "explanation": PNG})
    with pytest.raises(ParameterError, match="digits are 0 to 9, got 10 and 1"):
        StudyItem(10, 1, study.items[0].sounds, study.items[0].pictures)
    with pytest.raises(ParameterError, match="at least one item"):
        Study([], "voices")
    with pytest.raises(ParameterError, match="not 'me'"):
        study.session("me")
    with pytest.raises(ParameterError, match="from 0 to 9, not 12"):
        study.session("01").answer(12)
