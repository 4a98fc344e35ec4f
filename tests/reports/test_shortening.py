"""Claims about texts that are cut to a number of columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench_suite.reports.escaping import width
from bench_suite.reports.shortening import cut, shorten


def test_labels_that_differ_are_never_cut_into_the_same_text() -> None:
    assert shorten(["short", "gradient_boosting (a=1)"], 12) == ["short", "gradie…(a=1)"]
    assert shorten(["x" * 20 + "1" + "y" * 20, "x" * 20 + "2" + "y" * 20], 12) == [
        "xxxx…yyyy #1",
        "xxxx…yyyy #2",
    ]


def test_a_cut_keeps_the_end_if_asked_to_and_counts_wide_characters() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcdef", 4, 1.0) == "…def"
    assert cut("模型模型", 5) == "模型…"


@given(st.lists(st.text("ab模", min_size=1, max_size=40), unique=True, min_size=1, max_size=9))
def test_any_labels_stay_apart_and_fit(labels: list[str]) -> None:
    cut = shorten(labels, 14)
    assert len(set(cut)) == len(labels)
    assert max(map(width, cut)) <= 14
