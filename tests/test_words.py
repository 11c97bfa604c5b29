"""Words of the field in all code: networks return or predict; only people answer or hear."""

import re

import pytest

from earwitness_book import project

PEOPLE = r"answer(?:s|ed|ing)?|eat(?:s|en|ing)?|ate|hear(?:s|d|ing)?|swallow(?:s|ed|ing)?"
NETWORKS = (
    r"(?:network|model|layer|unit|classifier|CNN|LSTM)s?"
    r" (?:sees?|saw|says?|said|knows?|thinks?|believes?|listens?|wants?|answers?|answered)"
)
NEVER = re.compile(rf"\b(?:{PEOPLE}|{NETWORKS})\b", re.IGNORECASE)
NAMES = re.compile(r"\b(?:def|class) _?(?:answer|hear|eat|swallow)\w*", re.IGNORECASE)
PERMITTED = {  # file: who it is that answers or hears there
    "earwitness/audition": "people listen to relevance",
    "earwitness/corpora/aev.py": "the word 'heard', spoken for its vowel",
    "earwitness/corpora/sentences.py": "sentences to speak",
    "earwitness/corpora/voices.py": "the word 'heard', spoken for its vowel",
    "earwitness/evaluation/speech.py": "people understand speech",
    "earwitness_book/chapters/audible_explanations.py": "people hear the word; ids say so",
    "earwitness_book/chapters/listening_study.py": "participants answer",
    "earwitness_book/chapters/machine_listener.py": "a recogniser takes a participant's place; ids",
    "earwitness_book/chapters/study_page.py": "participants answer",
    "earwitness_book/course": "students answer",
}
PERMIT = "|".join(map(re.escape, PERMITTED))
SOURCES = {
    path.relative_to(project.root() / "src").as_posix(): path
    for path in sorted((project.root() / "src").glob("earwitness*/**/*.py"))
}


def used(name: str) -> list[str]:
    """Return the lines of a source that hold a word which only people deserve."""
    text = SOURCES[name].read_text(encoding="utf-8")
    lines = text.replace("known-answers", "").replace("known_answers", "").splitlines()
    return [line for line in lines if NEVER.search(line) or NAMES.search(line)]


@pytest.mark.parametrize("name", [name for name in SOURCES if not re.match(PERMIT, name)])
def test_networks_return_or_predict(name):
    assert not used(name), f"{name}: a network returns or predicts, it takes inputs"


@pytest.mark.parametrize("permitted", PERMITTED)
def test_no_permission_is_kept_that_nobody_needs(permitted):
    assert any(used(name) for name in SOURCES if name.startswith(permitted))


def test_where_people_answer_networks_still_do_not():
    lines = [line for path in SOURCES.values() for line in path.read_text("utf-8").splitlines()]
    assert not [line for line in lines if re.search(rf"\b{NETWORKS}\b", line, re.IGNORECASE)]
