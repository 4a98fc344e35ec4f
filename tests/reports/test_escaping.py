"""Any string renders literally, and cannot end its table, code or file."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench_suite.reports import escaping

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")

HOSTILE = [
    "a|b",
    "`x`",
    "<script>",
    "a\nb",
    "**b**",
    "[x](http://y)",
    "![x](y)",
    "_x_",
    "&lt;",
    "\\",
    "<!-- a -->",
    "~~a~~",
    "a\x00b\x1b[31m",
    "$x$",
    "``",
]


def shown(rendered: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", rendered)).replace("~~", "~~")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text: str) -> None:
    rendered = MARKDOWN.render(f"x {escaping.inline(text)} x")
    flat = " ".join(text.replace("\x00", " ").replace("\x1b", " ").split())
    assert shown(rendered).strip() == f"x {flat} x"
    assert re.findall(r"<(?!/?p>)", rendered) == []


@given(st.text(max_size=60))
def test_any_text_in_a_table_stays_in_its_cell(text: str) -> None:
    rendered = MARKDOWN.render(escaping.table(["a", "b"], [[escaping.inline(text), "x"], ["y", escaping.code(text)]]))
    assert rendered.count("<tr>") == 3
    assert rendered.count("<td>") == 4
    assert "<script" not in rendered


@given(st.text(max_size=80))
def test_any_text_stays_in_its_code_block(text: str) -> None:
    rendered = MARKDOWN.render(f"{escaping.block(text)}\n\nafter")
    assert rendered.count("<pre>") == 1
    assert rendered.rstrip().endswith("<p>after</p>")


def test_names_with_underscores_read_well_raw() -> None:
    assert (
        escaping.inline("bag_of_words quality/accuracy precision=32-true")
        == "bag_of_words quality/accuracy precision=32-true"
    )
    assert escaping.inline("__init__") == "\\_\\_init\\_\\_"


def test_tables_line_up_in_the_raw_text() -> None:
    text = escaping.table(["Model", "n"], [["模型", "1"], ["a", "1,000"]], right=[1])
    assert len({escaping.width(line) for line in text.splitlines()}) == 1


def test_the_same_note_has_one_number() -> None:
    notes = escaping.Notes()
    assert [notes.mark("a"), notes.mark(None), notes.mark("b"), notes.mark("a")] == [" ¹", "", " ²", " ¹"]
    assert notes.lines() == ["¹ a", "² b"]


@pytest.mark.parametrize("text", [*HOSTILE, '" onerror="alert(1)', "it's"])
def test_hostile_text_stays_in_its_attribute(text: str) -> None:
    image = f'<img src="x.png" alt="{escaping.attribute(text)}">'
    rendered = MARKDOWN.render(escaping.table(["a", "b"], [[image, "x"]]))
    flat = " ".join(text.replace("\x00", " ").replace("\x1b", " ").split())
    assert [html.unescape(alt) for alt in re.findall(r'<img src="x.png" alt="([^"]*)">', rendered)] == [flat]
    assert rendered.count("<td>") == 2
