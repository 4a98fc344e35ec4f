"""Labels of pictures are one line of limited length."""

import pytest

from bench_suite.reports.labels import plain_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("short", "short"),
        ("a\nb\x00  c", "a b c"),
        ("", ""),
        (3, "3"),
        ("x" * 13, "x" * 11 + "…"),
        ("x" * 12, "x" * 12),
        ("some words that go on", "some words…"),
    ],
)
def test_labels_are_one_line_and_shortened(text: object, label: str) -> None:
    assert plain_label(text, 12) == label
