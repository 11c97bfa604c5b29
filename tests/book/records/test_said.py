"""Computed sentences: numbers that are missing are never written."""

import math

from earwitness_book import records


def test_sentences_are_one_paragraph_whose_signs_are_escaped():
    said = records.say("Below 500 Hz lie 16.7 %,", "less than the < 20 % of chance.")
    assert repr(said) == "Below 500 Hz lie 16.7 %, less than the < 20 % of chance."
    assert said._repr_html_() == (
        '<p class="ew-said">Below 500 Hz lie 16.7 %, less than the &lt; 20 % of chance.</p>'
    )


def test_a_sentence_without_its_number_is_left_out_and_if_all_are_the_page_says_so():
    lost = f"Random weights give {math.nan:.1f} %."
    assert repr(records.say("The network gives 3 %.", lost)) == "The network gives 3 %."
    assert repr(records.say(lost)) == repr(records.say()) != ""
    assert "nan" not in repr(records.say(lost))
    assert repr(records.say("Hernandez is a name.")) == "Hernandez is a name."
