"""What is learnt on what."""

from typing import NamedTuple

from earwitness import corpora
from earwitness.arguments import checked
from earwitness.errors import check_choice

_UNSEEN = {
    "speaker": "unseen speakers",
    "repetition": "unseen repetitions",
    "utterance": "unseen utterances",
}


class Task(NamedTuple):
    """What is learnt on what, and how training and test are kept apart."""

    corpus: str | corpora.Corpus
    task: str | None
    protocol: str = "speaker"

    @property
    def family(self) -> str:
        """``"sex"``, or ``"digits"`` for the task of many classes: ten digits, or twelve words on
        ``aev``.
        """
        return "sex" if self.task == "sex" else "digits"

    def __str__(self) -> str:
        return f"{self.task} ({self.corpus}, {_UNSEEN[self.protocol]})"


@checked
def tasks(corpus: str) -> list[Task]:
    """Return the tasks that networks are compared on, of a corpus or of several joined by ``+``.

    They travel with the corpus, as its attribute ``compared``. The many-class task comes first.
    """
    return [Task(name, *pair) for name in corpus.split("+") for pair in _of(name)]


def _of(name: str) -> tuple:
    known = {
        other: found.compared for other, found in corpora.registered().items() if found.compared
    }
    return known[check_choice(name, known, "corpus with tasks to compare networks on")]
