"""As many of the first lines as fit, and no more are made than about twice as many."""

from __future__ import annotations

import pytest

from bench_suite.reports.fitting_lines import fitting_lines


@pytest.mark.parametrize("limit", [0, 1, 3, 4, 5, 17, 39, 1000])
def test_the_longest_beginning_that_fits_is_shown_and_the_others_are_counted(limit: int) -> None:
    items = list(range(1, 11))
    lines = ["a" * item for item in items]
    count = max(number for number in range(11) if len("\n".join(lines[:number])) <= limit)
    text = fitting_lines(items, lambda item: "a" * item, "\n".join, limit, "rows")
    rest = [f"{10 - count} more rows"] if count < 10 else []
    assert text == "\n\n".join([*(["\n".join(lines[:count])] if count else []), *rest])


def test_nothing_has_no_text() -> None:
    assert fitting_lines([], str, "\n".join, 100, "rows") == ""


def test_lines_that_cannot_fit_are_not_made() -> None:
    asked: list[int] = []

    def line_of(item: int) -> str:
        asked.append(item)
        return "ten digits"

    assert fitting_lines(range(100_000), line_of, "\n".join, 1_000, "rows").endswith("\n\n99909 more rows")
    assert len(asked) == len(set(asked)) < 200
