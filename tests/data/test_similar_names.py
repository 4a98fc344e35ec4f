"""Names that a person reads as one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bench_suite.data.similar_names import note_on_similar_names, similar_categories, similar_names


@pytest.mark.parametrize(
    "same",
    [
        ("Yes", "yes"), ("no", "no "), ("New York", "New  York"), ("a b", "a\u00a0b"), ("caf\u00e9", "cafe\u0301"),
        ("\uff21", "A"), ("ab", "a\u200bb"), ("Stra\u00dfe", "STRASSE"), ("x", "X", " x"),
        ("1", "1.0", "01", "+1."), ("-5", "-5.00"),
    ],
)  # fmt: skip
def test_case_spaces_and_unicode_forms_make_no_other_name(same: tuple[str, ...]) -> None:
    assert similar_names([*same, "other"]) == [same]


@pytest.mark.parametrize(
    "names",
    [
        ("ab", "a b"),
        ("1.1", "1.10"),
        ("1", "-1"),
        ("1", "1e0"),
        ("1", "10"),
        ("a-b", "a_b"),
        ("u", "\u00fc"),
        ("", " x"),
    ],
)
def test_other_differences_make_another_name(names: tuple[str, ...]) -> None:
    assert similar_names(names) == []
    assert note_on_similar_names(names) == ""


def test_names_that_print_alike_are_shown_by_their_codes() -> None:
    assert note_on_similar_names(["caf\u00e9", "cafe\u0301", "tea"]).endswith(r"such as 'caf\xe9' and 'cafe\u0301'")


def test_names_of_all_splits_are_compared_and_long_lists_are_cut() -> None:
    columns = {f"c{n}": ["a", None] for n in range(7)}
    tables = {
        "train": pa.table({**columns, "n": [1, 2]}),
        "test": pa.table({**{name: ["A", "b"] for name in columns}, "n": [1, 2]}),
    }
    [note] = similar_categories(tables, [*columns, "n", "c0"]).values()
    assert note.startswith(
        "`c0`: 2 of 3 differ only in case, spaces or Unicode form, such as 'A' and 'a'; `c1`: 2 of 3"
    )
    assert note.endswith("; and 2 more columns")
    many = [f"{letter}{n}" for n in range(10) for letter in "ab"] + [f"A{n}" for n in range(10)]
    assert note_on_similar_names(many) == (
        "20 of 30 differ only in case, spaces or Unicode form, such as 'a0' and 'A0', 'a1' and 'A1', 'a2' and 'A2'"
    )
