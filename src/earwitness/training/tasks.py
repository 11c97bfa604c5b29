"""What is learnt on what."""

from typing import NamedTuple

from earwitness.errors import check_choice

_UNSEEN = {"speaker": "unseen speakers", "repetition": "unseen repetitions", "utterance": "unseen utterances"}


class Task(NamedTuple):
    """What is learnt on what, and how training and test are kept apart."""

    corpus: str
    task: str
    protocol: str = "speaker"

    @property
    def family(self) -> str:
        """``"sex"``, or ``"digits"`` for the task of many classes: ten digits, or twelve words on ``aev``."""
        return "sex" if self.task == "sex" else "digits"

    def __str__(self) -> str:
        return f"{self.task} ({self.corpus}, {_UNSEEN[self.protocol]})"


def tasks(corpus: str) -> list[Task]:
    """Return the tasks that the chapter audiomnist trains on a corpus, or on several joined by ``+``.

    The many-class task comes first. ``fsdd`` has one sex and two protocols; its six speakers are too few to generalise
    to a seventh, so the split by repetition comes first there.
    """
    return [task for name in corpus.split("+") for task in _TASKS[check_choice(name, _TASKS, "corpus with tasks")]]


_TASKS = {name: [Task(name, many), Task(name, "sex")] for name, many in
          {"audiomnist": "digit", "voices": "digit", "aev": "word"}.items()}
_TASKS["fsdd"] = [Task("fsdd", "digit", "repetition"), Task("fsdd", "digit", "speaker")]
