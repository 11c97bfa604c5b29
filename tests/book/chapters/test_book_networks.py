"""The networks of the book with sounds to explain."""

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import models, training
from earwitness.errors import UnknownNameError
from earwitness_book.chapters import book_networks

SHIPPED = ("digits", "phones", "speakers", "directions", "quality")


@pytest.mark.parametrize("name", SHIPPED)
def test_each_network_takes_its_sounds_and_is_asked_about_what_it_answers(name):
    found = book_networks.subject(name, 2)
    with torch.no_grad():
        outputs = found.model(found.inputs)
    assert len(found.sounds) == len(found.inputs) == len(found.targets) == 2
    if found.represent is not None:
        torch.testing.assert_close(found.represent(found.sounds[1])[0], found.inputs[1])
    if name in ("phones", "speakers"):
        assert torch.equal(outputs.argmax(1), found.targets)


def test_digits_come_in_turn_and_who_is_learnt_from_is_not_who_is_explained():
    explained = book_networks.subject("digits", 10)
    assert sorted(explained.targets.tolist()) == list(range(10))
    learnt = book_networks.to_learn("voices", 20, 0)
    same = [any(np.array_equal(a, b) for b in learnt.sounds) for a in explained.sounds]
    assert not any(same) and learnt.inputs.shape == (20, 1, 40, 81)


def test_a_network_that_is_trained_here_is_that_of_its_chapter_and_asked_about_unmet_speakers():
    voices = {"n_speakers": 10, "repetitions": 1}
    how = {"recipe": "smoke", "voices": voices}
    found = book_networks.subject("audionet", 4, how=how)
    assert found.sample_rate == 8000 and found.corpus == "voices"
    assert len(set(found.targets.tolist())) == 4
    torch.testing.assert_close(found.represent(found.sounds[2])[0], found.inputs[2])
    own = training.fit("AudioNet", "voices", "digit", recipe="smoke", corpus_options=voices)
    for first, second in zip(found.model.parameters(), own.model.parameters(), strict=True):
        assert torch.equal(first, second)
    unmet = own.seconds(own.fold.test)
    assert all((sound == unmet).all(1).any() for sound in found.sounds)


def test_a_stretch_is_the_loudest_and_its_phones_are_counted_from_its_beginning():
    samples = np.full(16000, 0.01, np.float32)
    samples[8000:9600] = 1.0
    phones = pd.DataFrame(
        {"phone": ["a", "b", "c"], "start_s": [0.0, 0.5, 0.6], "end_s": [0.5, 0.6, 1.0]}
    )
    part, inside = book_networks.stretch(samples, phones, 4000)
    assert len(part) == 4000 and part.sum() > 1600
    middle = inside[inside["phone"] == "b"].iloc[0]
    loud = part[round(middle["start_s"] * 16000) : round(middle["end_s"] * 16000)]
    assert (loud == 1).all() and len(loud) == 1600
    assert inside["end_s"].max() <= 0.25 and inside["start_s"].min() >= 0


def test_the_question_of_two_voices_is_the_difference_of_their_cosines():
    encoder = models.VoiceEncoder().eval()
    sound = torch.randn(1, 1, 16000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = encoder(sound)
        known = torch.cat([own, own.flip(1)])
        found = book_networks.Nearer(encoder, known)(sound)
    assert found.shape == (1, 1)
    torch.testing.assert_close(found[0, 0], 1 - (own * own.flip(1)).sum(), atol=1e-5, rtol=0)


def test_a_network_that_the_book_has_not_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="network of the book"):
        book_networks.subject("digit", 2)
