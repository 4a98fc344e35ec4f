"""Suggestions: the known name that is closest to a misspelt one, and none for a strange one."""

from __future__ import annotations

import pytest

from bench_suite.components.suggestions import SYNONYMS, meant, nearest

KNOWN = ["accuracy", "macro_f1", "log_loss", "top_5_accuracy"]


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("acuracy", "accuracy"), ("ACCURACY", "accuracy"), ("logloss", "log_loss"), ("ma", "macro_f1"),
        ("top", "top_5_accuracy"), ("m", ""), ("xyz", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_nearest_name_is_similar_or_begins_with_the_word(word, suggestion):
    assert nearest(word, KNOWN) == (f'; did you mean "{suggestion}"?' if suggestion else "")


def test_a_suggestion_is_spelt_as_the_name_is():
    assert nearest("adamw", ["AdamW"]) == '; did you mean "AdamW"?'
    assert nearest("a", []) == ""


def test_words_of_other_tools_stand_for_keys_that_the_table_has():
    assert meant("lr", ["learning_rate", "epochs"]) == "learning_rate"
    assert meant("Target", ["label"]) == "label"
    assert meant("sensitive_features", ["groups"]) == "groups"
    assert meant("lr", ["epochs"]) is None
    assert meant("learning_rate", ["learning_rate"]) is None


def test_no_word_stands_for_itself_and_all_stand_for_keys_of_a_suite():
    from bench_suite.data.split_rules import KEYS
    from bench_suite.suite.misplaced_keys import sections_of_keys

    assert not [word for word, key in SYNONYMS.items() if word == key]
    assert {*SYNONYMS.values()} <= {*sections_of_keys(), *KEYS}
