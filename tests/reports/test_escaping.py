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
    "# no heading",
    "- no item",
    "+ no item",
    "---",
    "===",
    "1. no item",
    "17) no item",
    "=",
]


def shown(rendered: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", rendered)).replace("~~", "~~")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text: str) -> None:
    rendered = MARKDOWN.render(f"x {escaping.inline(text)} x")
    flat = " ".join(text.replace("\x00", " ").replace("\x1b", " ").split())
    assert shown(rendered).strip() == f"x {flat} x"
    assert re.findall(r"<(?!/?p>)", rendered) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself_at_the_start_of_a_line(text: str) -> None:
    flat = " ".join(text.replace("\x00", " ").replace("\x1b", " ").split())
    rendered = MARKDOWN.render(escaping.inline(text))
    assert shown(rendered).strip() == flat
    assert re.findall(r"<(?!/?p>)", rendered) == []


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("@octocat", "@&#8203;octocat"),
        ("thanks (@org/team)", "thanks (@&#8203;org/team)"),
        ("a@b.example", "a@&#8203;b.example"),
        ("#123", "#&#8203;123"),
        ("org/repo#7", "org/repo#&#8203;7"),
        ("recall@5", "recall@5"),
        ("# of examples", "\\# of examples"),
        ("https://evil.example/a", "https:\\/\\/evil.example/a"),
        ("WWW.evil.example", "WWW\\.evil.example"),
    ],
)
def test_no_text_notifies_people_or_links_issues_or_addresses(text: str, raw: str) -> None:
    assert escaping.inline(text) == raw
    assert shown(MARKDOWN.render(raw)).strip().replace("\u200b", "") == text


@pytest.mark.parametrize("number", [0x202A, 0x202B, 0x202C, 0x202D, 0x202E, *range(0x2066, 0x206A), 0x200B, 0x2060,
                                    0xFEFF, 0xAD, 0x200F, 0xE0041])  # fmt: skip
def test_invisible_characters_become_visible(number: int) -> None:
    text = f"a{chr(number)}b"
    for written in (escaping.inline(text), escaping.code(text), escaping.block(text), escaping.attribute(text)):
        assert f"U+{number:04X}" in html.unescape(written)
        assert chr(number) not in html.unescape(written)


def test_joiners_of_scripts_and_emojis_stay_and_those_that_disguise_a_name_do_not() -> None:
    assert escaping.inline("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"
    assert escaping.inline("ad\u200dmin\u200c") == "ad⟨U+200D⟩min⟨U+200C⟩"


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
