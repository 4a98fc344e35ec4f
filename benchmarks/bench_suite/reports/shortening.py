"""Shortening: texts that have to fit into a number of terminal columns, such that different texts remain different."""

from __future__ import annotations

from collections.abc import Sequence

from bench_suite.reports import escaping


def shorten(labels: Sequence[str], max_width: int) -> list[str]:
    """Shorten labels in the middle such that different labels remain different.

    The cut keeps as much of the end as necessary for that. If no cut suffices, equal labels get numbers.

    Args:
        labels: the labels.
        max_width: the maximum number of columns of a label.
    """
    for share in (0.5, 0.7, 0.85, 1.0, 0.25, 0.0):
        shortened = [cut(label, max_width, share) for label in labels]
        if len(set(shortened)) == len(set(labels)):
            return shortened
    shortened = [cut(label, max_width, 0.5) for label in labels]
    numbers_of = {label: number for number, label in enumerate(dict.fromkeys(labels), 1)}
    return [
        text if shortened.count(text) == labels.count(label) else cut(label, max_width - len(end), 0.5) + end
        for label, text in zip(labels, shortened)
        for end in (f" #{numbers_of[label]}",)
    ]


def cut(text: str, max_width: int, tail_share: float = 0.0) -> str:
    """Return the text in at most `max_width` columns; `…` replaces the part before its end.

    `tail_share` is the share of the columns that the end takes.
    """
    if escaping.width(text) <= max_width:
        return text
    end = ""
    while len(end) < len(text) and escaping.width(text[-len(end) - 1 :]) <= tail_share * (max_width - 1):
        end = text[-len(end) - 1 :]
    start = ""
    while escaping.width(text[: len(start) + 1]) + escaping.width(end) <= max_width - 1:
        start = text[: len(start) + 1]
    return f"{start}…{end}"
