"""Corrupted texts: what each corruption does, how often, and that it is the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.robustness.texts import CORRUPTIONS, RATES, corrupt_texts

TEXTS = [" ".join(f"word{chr(97 + (7 * row + number) % 26)}x" for number in range(200)) for row in range(20)]


def changed_words(name: str, severity: int) -> float:
    pairs = zip(TEXTS, corrupt_texts(TEXTS, name, severity))
    return float(np.mean([np.mean([a != b for a, b in zip(old.split(), new.split())]) for old, new in pairs]))


@pytest.mark.parametrize("name", ["typos", "case", "punctuation"])
def test_a_severity_is_the_share_of_the_words_that_change(name):
    for severity, rate in enumerate(RATES, 1):
        shares = changed_words(name, severity)
        tolerance = 4.9 * (rate * (1 - rate) / 4000) ** 0.5
        assert shares == pytest.approx(rate, abs=tolerance)


def test_dropped_words_are_missing_and_one_stays():
    for severity, rate in enumerate(RATES, 1):
        left = [len(text.split()) for text in corrupt_texts(TEXTS, "dropped_words", severity)]
        assert np.mean(left) == pytest.approx(200 * (1 - rate), abs=200 * 4.9 * (rate * (1 - rate) / 4000) ** 0.5)
    ones = corrupt_texts([chr(97 + letter) for letter in range(26)], "dropped_words", 5)
    assert all(ones)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_changes_what_a_lower_one_does_and_more(name):
    texts = [set(), set()]
    for changed, severity in zip(texts, (2, 4)):
        for row, (old, new) in enumerate(zip(TEXTS, corrupt_texts(TEXTS, name, severity))):
            if name in ("typos", "case", "punctuation"):
                changed |= {(row, at) for at, (a, b) in enumerate(zip(old.split(), new.split())) if a != b}
            elif old != new:
                changed.add((row, 0))
    assert texts[0] <= texts[1]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_text_is_corrupted_alike_whatever_stands_beside_it(name):
    assert corrupt_texts(TEXTS, name, 3) == [corrupt_texts([text], name, 3)[0] for text in TEXTS]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("text", ["", " ", "a", "\n\n a  b \n", "naïve — \ud800 text", "¿Qué?"])
def test_odd_texts_are_no_error(name, text):
    for severity in range(1, 6):
        (changed,) = corrupt_texts([text], name, severity)
        assert isinstance(changed, str)


def test_letters_and_words_are_exchanged_and_none_is_lost():
    for name in ("typos", "swapped_words"):
        for old, new in zip(TEXTS, corrupt_texts(TEXTS, name, 5)):
            assert sorted(old) == sorted(new)
    for old, new in zip(TEXTS, corrupt_texts(TEXTS, "swapped_words", 5)):
        assert sorted(old.split()) == sorted(new.split())


def test_a_mark_is_removed_if_there_is_one_and_added_if_not():
    texts = ["good. bad good! bad bad? good, " * 20]
    (changed,) = corrupt_texts(texts, "punctuation", 5)
    for old, new in zip(texts[0].split(), changed.split()):
        assert old == new or old.rstrip(".!?,;:") == new.rstrip(".!?,;:")
        assert old == new or (old[-1] in ".!?,") != (new[-1] in ".!?,;:")


def test_gaps_between_words_stay():
    texts = ["one\n\ntwo  three\tfour " * 5]
    for name in ("typos", "case", "punctuation", "swapped_words"):
        (changed,) = corrupt_texts(texts, name, 5)
        assert [gap for gap in changed if gap.isspace()] == [gap for gap in texts[0] if gap.isspace()]
