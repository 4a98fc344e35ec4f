"""Claims about fitting sections of text into one screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench_suite.cli.screen import Entry, Section, fit


def section(name: str, count: int, least: int = 1) -> Section:
    return Section(
        [Entry(f"{name} {number}") for number in range(count)],
        least=least,
        rest=lambda left: f"… and {len(left)} more of {name}",
    )


def texts(sections: list[Section], rows: int | None, columns: int = 80) -> list[str]:
    return [entry.text for entry in fit(sections, columns, rows)]


def test_what_fits_and_what_goes_to_a_file_is_whole():
    sections = [section("a", 3), Section([Entry("")], expendable=True), section("b", 2)]
    whole = ["a 0", "a 1", "a 2", "", "b 0", "b 1"]
    assert texts(sections, 6) == texts(sections, None) == whole


def test_blank_lines_go_first_then_the_longest_section_from_its_end():
    sections = [section("a", 9), Section([Entry("")], expendable=True), section("b", 3)]
    assert "" not in texts(sections, 12)
    shown = texts(sections, 8)
    assert shown == ["a 0", "a 1", "a 2", "a 3", "… and 5 more of a", "b 0", "b 1", "b 2"]


def test_the_least_of_a_section_stays_unless_the_screen_is_smaller_than_that_of_all():
    sections = [section("a", 9, least=2), section("b", 9)]
    assert texts(sections, 5) == ["a 0", "a 1", "… and 7 more of a", "b 0", "… and 8 more of b"]
    assert texts(sections, 4) == ["a 0", "… and 8 more of a", "b 0", "… and 8 more of b"]
    assert texts(sections, 1) == ["… and 9 more of a", "… and 9 more of b"]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(1, 250)), max_size=12), st.integers(20, 60)
)
def test_a_screen_is_never_longer_than_the_terminal(parts: list[tuple[int, int, int]], rows: int):
    sections = [
        Section([Entry("x" * size)] * count, least=least, text_rows=2, rest=lambda left: f"… {len(left)} more")
        for count, least, size in parts
    ]
    shown = texts(sections, rows)
    assert sum(max(1, -(-len(line) // 80)) for text in shown for line in text.split("\n")) <= rows


def test_a_long_text_is_counted_by_its_rows_and_cut_only_if_there_is_no_room():
    long = Section([Entry("word " * 60)], least=1, text_rows=2)
    assert texts([long], 4, 80) == ["word " * 60]
    (cut,) = texts([long], 3, 80)
    assert cut.count("\n") == 1
    assert cut.endswith(" …")
    assert max(map(len, cut.split("\n"))) <= 80


def test_the_line_for_what_is_left_out_goes_to_the_same_stream():
    errors = Section([Entry(str(n), err=True) for n in range(9)], least=1, rest=lambda left: "more")
    assert [entry.err for entry in fit([errors], 80, 3)] == [True, True, True]
