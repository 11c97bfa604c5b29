"""Phone sets and their folding, against a table typed independently of the one in the package."""

import numpy as np
import pandas as pd
import pytest

from earwitness.corpora import sentences, synthesizer, voices
from earwitness.corpora.phones import (
    ARPABET_OF_AEV,
    IPA,
    PHONES_39,
    PHONES_48,
    PHONES_61,
    fold,
    phones_at,
)
from earwitness.errors import UnknownNameError

# what folding to 39 changes, as most toolkits list it; every other phone stays what it is
CHANGED_39 = {
    "ao": "aa",
    "ax": "ah",
    "ax-h": "ah",
    "axr": "er",
    "hv": "hh",
    "ix": "ih",
    "el": "l",
    "em": "m",
    "en": "n",
    "nx": "n",
    "eng": "ng",
    "zh": "sh",
    "ux": "uw",
    "q": "",
    **dict.fromkeys(["pcl", "tcl", "kcl", "bcl", "dcl", "gcl", "h#", "pau", "epi"], "sil"),
}
CHANGED_48 = {
    "ax-h": "ax",
    "axr": "er",
    "hv": "hh",
    "em": "m",
    "nx": "n",
    "eng": "ng",
    "ux": "uw",
    "q": "",
    "h#": "sil",
    "pau": "sil",
    **dict.fromkeys(["pcl", "tcl", "kcl"], "cl"),
    **dict.fromkeys(["bcl", "dcl", "gcl"], "vcl"),
}


def test_there_are_61_48_and_39_phones_each_once():
    assert [len(PHONES_61), len(PHONES_48), len(PHONES_39)] == [61, 48, 39]
    assert [len(set(PHONES_61)), len(set(PHONES_48)), len(set(PHONES_39))] == [61, 48, 39]


@pytest.mark.parametrize(("to", "changed"), [(39, CHANGED_39), (48, CHANGED_48)])
def test_folding_changes_what_lee_and_hon_change_and_nothing_else(to, changed):
    assert fold(PHONES_61, to).tolist() == [changed.get(phone, phone) for phone in PHONES_61]


def test_folding_by_way_of_48_gives_the_same_39_and_folding_again_changes_nothing():
    np.testing.assert_array_equal(fold(fold(PHONES_61, 48), 39), fold(PHONES_61, 39))
    assert fold(PHONES_39).tolist() == PHONES_39 and fold(PHONES_48, 48).tolist() == PHONES_48
    assert set(fold(PHONES_61, 48)) == {*PHONES_48, ""} and set(fold(PHONES_61)) == {*PHONES_39, ""}


def test_an_unknown_phone_or_size_is_named():
    with pytest.raises(UnknownNameError, match="no phone of TIMIT 'tsch'"):
        fold(["ao", "tsch"])
    with pytest.raises(UnknownNameError, match="no folding of TIMIT's phones to '40'"):
        fold(["ao"], 40)
    assert fold([]).shape == (0,)


def test_the_vowels_of_hillenbrands_words_are_twelve_phones_of_timit():
    assert len(set(ARPABET_OF_AEV.values())) == 12 and set(ARPABET_OF_AEV.values()) <= set(
        PHONES_61
    )
    assert {
        vowel: ARPABET_OF_AEV[vowel] for vowel in ("ah", "eh", "iy", "oa", "uw", "aw", "uh")
    } == {"ah": "aa", "eh": "eh", "iy": "iy", "oa": "ow", "uw": "uw", "aw": "ao", "uh": "ah"}


def test_the_phone_at_a_time_is_that_whose_interval_holds_it():
    phones = pd.DataFrame(
        {"start_s": [0.1, 0.3, 0.5], "end_s": [0.3, 0.5, 0.7], "phone_39": ["sil", "", "aa"]}
    )
    found = phones_at(phones, [0.0, 0.1, 0.29, 0.3, 0.5, 0.69, 0.7, 9])
    assert found.tolist() == ["", "sil", "sil", "", "aa", "aa", "", ""]
    assert phones_at(phones.rename(columns={"phone_39": "phone"}), [0.6], "phone").tolist() == [
        "aa"
    ]


def said(accent, text):
    clip = {
        "accent": accent,
        "variant": "Female1",
        "pitch_range": 1,
        "words_per_minute": 400,
        "tract_scale": 1,
        "word": text,
    }
    grid, _ = synthesizer._said(clip, synthesizer._ESPEAK_RATE, 0.0, 1.0)
    return {label for _, _, label in synthesizer._phones(grid, 1)}


def test_every_symbol_that_espeak_writes_for_our_words_is_mapped_and_none_other():
    text = " ".join([*sentences.SHARED, *sentences.DEALT, *voices.DIGITS])
    symbols = {accent: said(accent, text) for accent in voices._ACCENTS}
    assert set.union(*symbols.values()) | {""} == set(IPA)
    assert {IPA[symbol] for symbol in symbols["America"] | {""}} == set(PHONES_39)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("she", "sh iy"),
        ("mice", "m ay s"),
        ("boy", "b oy"),
        ("judge", "jh ah jh"),
        ("town", "t aw n"),
        ("boat", "b ow t"),
        ("thing", "th ih ng"),
        ("bird", "b er d"),
        ("hot", "hh aa t"),
        ("good", "g uh d"),
        ("yes", "y eh s"),
        ("measure", "m eh sh er"),
        ("chew", "ch uw"),
        ("that", "dh ae t"),
        ("great", "g r ey t"),
        ("butter", "b ah dx er"),
    ],
)
def test_american_words_fold_to_the_phones_that_a_dictionary_gives_them(text, expected):
    clip = {
        "accent": "America",
        "variant": "Male1",
        "pitch_range": 1,
        "words_per_minute": 150,
        "tract_scale": 1,
        "word": text,
    }
    grid, _ = synthesizer._said(clip, synthesizer._ESPEAK_RATE, 0.0, 1.0)
    assert " ".join(IPA[label] for _, _, label in synthesizer._phones(grid, 1) if label) == expected


def test_there_are_forty_two_sentences_of_seven_to_nine_words():
    everything = [*sentences.SHARED, *sentences.DEALT]
    assert len(sentences.SHARED) == 2 and len(everything) == len(set(everything)) == 42
    assert all(6 <= len(text.split()) <= 9 for text in everything)
