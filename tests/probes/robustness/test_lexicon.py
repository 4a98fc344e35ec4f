"""The lexicon: no word means two things."""

from __future__ import annotations

from bench_suite.probes.robustness.lexicon import lexicon


def test_no_word_stands_in_two_lists():
    read = lexicon()
    words = [word for words in (*read.names, *read.places) for word in words]
    assert len(words) == len(set(words))
    assert all(word[0].isupper() and word.isalpha() for word in words)


def test_every_word_with_a_synonym_leads_back_to_itself():
    synonyms = lexicon().synonyms
    for word in synonyms:
        step, seen = synonyms[word], 1
        while step != word:
            step, seen = synonyms[step], seen + 1
            assert seen < 5
        assert seen > 1


def test_contractions_and_long_forms_are_inverse():
    read = lexicon()
    assert {long: short for short, long in read.long_forms.items()} == read.contractions
    assert all("'" in short for short in read.long_forms)
