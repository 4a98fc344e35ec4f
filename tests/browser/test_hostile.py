"""Hostile texts in a run do nothing in its page but appear: no program runs, and nothing leaves its place."""

from __future__ import annotations

import runpy
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.reports.html.page import write_page
from bench_suite.store.runs import Store

STRINGS = runpy.run_path(str(Path(__file__).parents[1] / "hostile_run.py"))
PHONE = {"width": 390, "height": 844}
FOREIGN = """() => {
  const foreign = [];
  for (const one of document.querySelectorAll("*")) {
    for (const attribute of one.attributes) {
      if (attribute.name.startsWith("on") || attribute.name === "style") foreign.push(one.outerHTML.slice(0, 200));
      if (/^\\s*javascript:/i.test(attribute.value) && ["href", "src", "action"].includes(attribute.name))
        foreign.push(one.outerHTML.slice(0, 200));
    }
  }
  const strange = "main script, iframe, object, embed, textarea, base, link, img:not([src^='data:image/'])";
  return [...foreign, ...[...document.querySelectorAll(strange)].map((one) => one.outerHTML.slice(0, 200))];
}"""
"Elements and attributes that only a text of the run could have brought."


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    return write_page([STRINGS["write_hostile_run"](Store(folder / "results"))], folder / "hostile.html")


def harmless(shown) -> bool:
    """Return whether no text of the run has become a program or an element."""
    assert shown.page.evaluate("window.pwned") is None
    assert shown.page.evaluate(FOREIGN) == []
    assert shown.check() == []
    return True


def test_no_text_becomes_a_program_or_an_element(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    shown.unfold()
    assert harmless(shown)


def test_texts_appear_as_they_are(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    assert STRINGS["MARKUP"] in shown.page.title()
    text = shown.page.evaluate("document.body.textContent")
    assert text.count(STRINGS["MARKUP"]) > 20
    assert STRINGS["TEMPLATE"] in text
    assert "]]>--></style></title></textarea>" in text
    assert "49${49}" not in text


def test_no_character_turns_or_hides_what_follows(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    shown.board().cell(0, "0").get_by_role("button").click()
    texts = shown.page.evaluate(
        """[document.documentElement.textContent, ...[...document.querySelectorAll("*")].flatMap((one) =>
           [...one.attributes].map((attribute) => attribute.value))].join(" ")"""
    )
    hidden = {c for c in texts if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"}
    assert hidden <= {"\u200b"}, [f"U+{ord(c):04X}" for c in hidden]


def test_the_layout_holds(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    for width in (1440, 390):
        shown.page.set_viewport_size({"width": width, "height": 844})
        assert shown.overflow() == 0, shown.widest()
    shown.unfold()
    for width in (390, 1440):
        shown.page.set_viewport_size({"width": width, "height": 844})
        assert shown.overflow() == 0, shown.widest()


def test_the_dialogs_are_harmless_too(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page, viewport=PHONE)
    board, page = shown.board(), shown.page
    board.sort("label")
    for column in range(2):
        board.cell(0, str(column)).get_by_role("button").click()
        assert page.get_by_role("dialog").is_visible()
        assert shown.overflow() == 0, shown.widest()
        assert harmless(shown)
        page.keyboard.press("Escape")


def test_a_comparison_of_hostile_rows_is_harmless(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    board, page = shown.board(), shown.page
    boxes = board.section.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Compare").click()
    assert STRINGS["MARKUP"] in page.get_by_role("dialog").inner_text()
    assert shown.overflow() == 0, shown.widest()
    assert harmless(shown)


def test_a_filter_takes_any_text(hostile_page: Path, visit: Callable) -> None:
    shown = visit(hostile_page)
    search = shown.page.get_by_role("searchbox", name="Model")
    for text in (STRINGS["BREAKOUTS"], "[(*\\", STRINGS["MARKUP"]):
        search.fill(text)
    assert shown.board().section.locator("tbody tr").count() == 1
    assert harmless(shown)


def test_without_the_program_the_policy_is_not_needed(hostile_page: Path, visit: Callable) -> None:
    page = visit(hostile_page, java_script_enabled=False).page
    assert page.locator("body > script").count() == 2
    assert page.get_by_text(STRINGS["MARKUP"]).count() > 5
