"""A machine in the listeners' place: another recogniser is given the study's sounds, and says a
digit. What it says is about machines, not about people.
"""

import copy

import numpy as np
import pandas as pd
import torch

from earwitness import attribution, audition, cache, corpora, models, training
from earwitness.training import clips
from earwitness_book.chapters.listening_study import difference, score_table, with_outcome

NAME = "machine"
FORMS = ("signal-heard", "explanation-heard", "untrained-heard", "random-heard")
_IDS = "audible-explanations/ours/machine"
_EVERY = 5


def recogniser(explained, recipe: str = "brief", **settings):
    """Return a DigitNet that has heard none of the clips that a study's network learnt from or is
    tested on.

    The network that travels with the book, if it was trained on nobody of that corpus; otherwise
    one that is trained on the clips that the study's network was validated on.

    Parameters
    ----------
    explained : Trained
        The network of the study.
    recipe : str
        Of the training, if there is one.
    **settings
        As :func:`earwitness.training.fit` takes them.

    Returns
    -------
    model, prepare, classes
        The network; what makes its inputs of seconds at 8 kHz, (n, 8000); its digits.
    """
    shipped, given = models.pretrained("own-voice"), explained.specification
    if shipped.card["corpus"] != given["corpus"]:
        classes = [int(name) for name in shipped.classes]
        return shipped.model, lambda seconds: clips.represent("DigitNet", seconds), classes
    other = training.fit("DigitNet", set_aside(explained), "digit", recipe=recipe, **settings)
    return other.model, other.prepare, [int(name) for name in other.classes]


def set_aside(explained):
    """Return the corpus of a network with one fold, in which it learns from what the network was
    validated on: every fifth clip of that chooses, and the same are tested on.

    Parameters
    ----------
    explained : Trained
    """
    view, part = copy.copy(explained.corpus), explained.fold
    chooses = np.arange(len(part.validation)) % _EVERY == 0
    fold = corpora.Fold(
        part.validation[~chooses], part.validation[chooses], part.test, f"set aside, {part.name}"
    )
    digits = cache.digest({"corpus": explained.corpus.fingerprint(), "learns from": fold.name})
    view.folds = lambda task, protocol="speaker": [fold]
    view.fingerprint = lambda: digits[:16]
    return view


def stimuli(explained, rows, method: str, seed: int) -> dict[str, np.ndarray]:
    """Return the study's sounds of some clips: the signal, its audible explanation, and two
    controls.

    Parameters
    ----------
    explained : Trained
    rows : array of int, shape (n,)
        Of its corpus.
    method : str
        How the digit that it predicts is explained.
    seed : int
        Of the weights of the untrained network and of the random relevance.

    Returns
    -------
    dict
        By :data:`FORMS` sounds (n, 8000), all at the level of their signal: the signal; ReLU(R) x
        for the predicted digit; the same for the relevance of an untrained network; the same for
        relevance drawn at random.
    """
    seconds = explained.seconds(rows)
    inputs = explained.prepare(seconds)
    predicted = models.logits(explained.model, inputs).argmax(1)
    untrained = training.untrained(explained, seed + 1)
    drawn = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed))
    relevance = {
        FORMS[1]: attribution.attribute(explained.model, inputs, predicted, method=method),
        FORMS[2]: attribution.attribute(untrained, inputs, predicted, method=method),
        FORMS[3]: drawn,
    }
    sounds = {FORMS[0]: seconds}
    for form, each in relevance.items():
        heard = audition.relevance_times_signal(each[:, 0].numpy(), seconds)
        sounds[form] = _as_loud(heard, seconds)
    return sounds


def _as_loud(sounds: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return sounds (n, T) at the root mean square of others; silence stays silence."""
    level, wanted = (np.sqrt(np.mean(np.square(each), axis=1)) for each in (sounds, like))
    return (sounds * (wanted / np.maximum(level, 1e-12))[:, None]).astype(np.float32)


def answers(explained, listener, rows, sounds: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return what a recogniser says of sounds, as the study keeps the answers of people.

    Parameters
    ----------
    explained : Trained
        The network of the study.
    listener : tuple
        Of :func:`recogniser`.
    rows : array of int, shape (n,)
    sounds : dict
        Of :func:`stimuli`.

    Returns
    -------
    DataFrame
        One participant, :data:`NAME`, who meets every item in every form.
    """
    model, prepare, classes = listener
    digits = np.array([int(name) for name in explained.classes])
    inputs = explained.prepare(explained.seconds(rows))
    items = pd.DataFrame(
        {
            "item": np.arange(len(rows)),
            "spoken": digits[explained.targets(rows).numpy()],
            "predicted": digits[models.logits(explained.model, inputs).argmax(1).numpy()],
        }
    )
    said = {
        form: np.array(classes)[models.logits(model, prepare(each)).argmax(1).numpy()]
        for form, each in sounds.items()
    }
    parts = [items.assign(format=form, answer=each) for form, each in said.items()]
    together = pd.concat(parts, ignore_index=True)
    return with_outcome(together.assign(participant=NAME, position=1, seconds=np.nan))


def answer_records(said: pd.DataFrame, n_resamples: int, seed: int) -> dict[str, dict]:
    """Return what is recorded of a machine's answers, by id: informedness, its interval over
    items, and its lead over every other form. What is not defined is left out.
    """
    scores = score_table(said, n_resamples=n_resamples, seed=seed).xs("mean", level="digit")
    scores, found = scores.dropna(subset=["informedness", "informedness_low"]), {}
    for (outcome, form), row in scores.iterrows():
        others = [other for _, other in scores.loc[[outcome]].index if other != form]
        lead = {
            _id(outcome, other): difference(
                said, outcome, form, other, n_resamples=n_resamples, seed=seed
            ).loc["informedness", ["low", "high"]]
            for other in others
        }
        items = said[(said["outcome"] == outcome) & (said["format"] == form)]
        found[_id(outcome, form)] = {
            "value": row["informedness"],
            "interval": (row["informedness_low"], row["informedness_high"]),
            "against": {other: tuple(ends) for other, ends in lead.items()},
            "n": len(items),
            "of": "clips",
        }
    return found


def _id(outcome: str, form: str) -> str:
    return f"{_IDS}-{outcome}-{form.removesuffix('-heard')}"
