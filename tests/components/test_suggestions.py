"""Suggestions: the known name that is closest to a misspelt one, and none for a strange one."""

from __future__ import annotations

import pytest

from bench_suite.components.suggestions import nearest

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
