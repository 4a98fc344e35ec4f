"""Claims about identity terms: which words are swapped, and the resulting text."""

import pytest

from bench_suite.probes.fairness.counterfactuals import swapper, words_of
from bench_suite.probes.fairness.terms import word_lists

LISTS = word_lists()


def test_every_list_has_sources_and_a_word_for_each_of_its_groups():
    for words in LISTS.values():
        assert words.sources
        assert len(words.groups) >= 2
        for row in words.terms:
            assert set(row) == set(words.groups)
            assert all(row.values())


def test_no_word_of_a_list_names_two_of_its_groups():
    for words in LISTS.values():
        named = [words.recognised(group) for group in words.groups]
        assert sum(map(len, named)) == len(frozenset().union(*named)), words.attribute


@pytest.mark.parametrize(
    ("attribute", "old", "new", "text", "swapped"),
    [
        ("gender", "male", "female", "He said HE likes himself.", "She said SHE likes herself."),
        ("gender", "female", "male", "Her mother told her that; I saw her.", "His father told him that; I saw him."),
        ("gender", "female", "male", "hers", "his"),
        ("gender", "male", "female", "The book is his.", "The book is hers."),
        ("gender", "female", "male", "The book is hers.", "The book is his."),
        ("gender", "male", "female", "His book, HIS book", "Her book, HER book"),
        ("gender", "female", "male", "Her book, HER book", "His book, HIS book"),
        ("gender", "male", "female", "HIS is better; his? Better!", "HERS is better; hers? Better!"),
        ("gender", "male", "female", "A friend of his who came (his).", "A friend of hers who came (hers)."),
        ("gender", "male", "female", "his very first, his or their back", "her very first, her or their back"),
        ("gender", "male", "female", 'his "pet" on his on-screen dog', 'her "pet" on her on-screen dog'),
        ("gender", "female", "male", "her 'pet'; I saw her - twice", "his 'pet'; I saw him - twice"),
        ("gender", "female", "male", "Her, and her best film", "Him, and his best film"),
        ("gender", "male", "female", "The men's hero, a waiter", "The women's heroine, a waitress"),
        ("gender", "male", "female", "an actor and a man", "an actress and a woman"),
        ("gender", "male", "female", "The theme, then a human manner", "The theme, then a human manner"),
        ("origin", "american", "mexican", "An American, an american", "A Mexican, a mexican"),
        ("origin", "mexican", "american", "a Mexican and A MEXICAN", "an American and An AMERICAN"),
        ("origin", "american", "indian", "American Beauty is American.", "American Beauty is Indian."),
        ("origin", "american", "chinese", "Latin America, South American food", "Latin America, South American food"),
        ("religion", "christian", "jewish", "Christian Slater, a Christian", "Christian Slater, a Jewish"),
        ("religion", "muslim", "christian", "Moslems in mosques", "Christians in churches"),
        ("orientation", "homosexual", "heterosexual", "a gay friend", "a heterosexual friend"),
    ],
)
def test_a_text_becomes(attribute, old, new, text, swapped):
    assert swapper(LISTS[attribute], old, new)(text) == swapped


def test_what_is_swapped_are_words_that_the_list_recognises():
    words = LISTS["gender"]
    text = "An actress, her son and THEIR daughters"
    assert words_of(text) & words.recognised("female") == {"actress", "her", "daughters"}
    assert words_of(text) & words.recognised("male") == {"son"}
