"""Forms: each says the same in another way, and a negation says the opposite."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.robustness.forms import ARRAY_FORMS, TEXT_FORMS, negated, rounded
from bench_suite.probes.robustness.lexicon import lexicon

CHANGED = [
    ("lower_case", "A GOOD Film", "a good film"),
    ("upper_case", "A good film", "A GOOD FILM"),
    ("final_mark", "A good film.", "A good film"),
    ("final_mark", "A good film?!", "A good film"),
    ("final_mark", "A good film ", "A good film."),
    ("whitespace", "A good  film\nI saw", "A  good  film\nI  saw"),
    ("expanded", "I don't know, it ISN'T good; Can't be", "I do not know, it IS NOT good; Cannot be"),
    ("expanded", "They’re here", "They are here"),
    ("contracted", "I do not know. You are here", "I don't know. You're here"),
    ("synonyms", "A funny film, often SAD. Films!", "A humorous movie, frequently UNHAPPY. Movies!"),
    ("synonyms", "filmed in a big-budget", "filmed in a large-budget"),
]


@pytest.mark.parametrize(("form", "text", "expected"), CHANGED)
def test_a_text_gets_another_form(form, text, expected):
    assert TEXT_FORMS[form](text) == expected


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("people", "the mary rose"),
        ("people", "we saw Mary Poppins and Uncle Peter"),
        ("places", "the paris of Paris Hilton"),
        ("numbers", "a 1990s film, 3.14, 10:30, 5 stars and 12,000 people"),
        ("synonyms", "a filmmaker"),
        ("expanded", "the dog's bone"),
        ("contracted", "nothing here"),
    ],
)
def test_what_is_something_else_stays(form, text):
    assert TEXT_FORMS[form](text) == text


def test_a_name_is_another_of_its_list_the_same_throughout_and_the_same_each_time():
    text = "Then Anna met David in Rome, in Italy; but Anna left."
    changed = TEXT_FORMS["people"](text)
    assert changed == TEXT_FORMS["people"](text)
    words = changed.split()
    assert words[0] == "Then"
    text = "then Anna met David in Rome, in Italy, but Anna left."
    words = TEXT_FORMS["people"](text).split()
    women, men = lexicon().names
    assert words[1] in women
    assert words[1] != "Anna"
    assert words[3] in men
    assert words[3] != "David"
    assert words[9] == words[1]
    moved = TEXT_FORMS["places"](text)
    assert "Rome" not in moved
    assert "Italy" not in moved
    assert "Anna" in moved


def test_a_number_becomes_another_of_as_many_digits():
    for number in range(10, 1000):
        changed = TEXT_FORMS["numbers"](f"about {number} of them")
        (new,) = [word for word in changed.split() if word.isdigit()]
        assert len(new) == len(str(number))
        assert new != str(number)
        assert new[0] != "0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is good", "It is not good"),
        ("It is not good", "It is good"),
        ("It isn't good and it was bad", "It is good and it was not bad"),
        ("You COULD go", "You COULD not go"),
        ("Good film", None),
        ("this island", None),
    ],
)
def test_a_statement_is_negated_and_a_negation_is_removed(text, expected):
    assert negated(text) == expected


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("text", ["", " ", "\n", "¿Qué?", "a'b'c ’", "\ud800"])
def test_odd_texts_are_no_error(form, text):
    assert isinstance(TEXT_FORMS[form](text), str)


def test_images_move_by_a_pixel_and_the_border_repeats():
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)
    forms = ARRAY_FORMS["image"]
    assert forms["shift_left"](image)[0, 0, :, 0].tolist() == [1, 2, 3, 3]
    assert forms["shift_right"](image)[0, 0, :, 0].tolist() == [0, 0, 1, 2]
    assert forms["shift_up"](image)[0, :, 0, 0].tolist() == [4, 8, 8]
    assert forms["shift_down"](image)[0, :, 0, 0].tolist() == [0, 0, 4]
    assert forms["brighter"](np.array([0, 254, 255], dtype=np.uint8)).tolist() == [1, 255, 255]


def test_a_number_keeps_three_digits():
    values = np.array([[123456.0, -0.00123456, 0.0, np.nan, 5.0, np.inf, -np.inf]])
    assert np.array_equal(rounded(values), [[123000.0, -0.00123, 0.0, np.nan, 5.0, np.inf, -np.inf]], equal_nan=True)
