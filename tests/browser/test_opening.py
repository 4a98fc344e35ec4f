"""A page opens from disk without a network, on wide and narrow screens, on paper, and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

SUITES = ("quickstart", "challenges", "responsible", "attribution", "privacy", "ci")


@pytest.mark.parametrize("suite", SUITES)
def test_a_page_asks_for_nothing_else_and_reports_no_error(page_of: Callable, visit: Callable, suite: str) -> None:
    path = page_of(suite)
    shown = visit(path)
    shown.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert [address for address in shown.requests if not address.startswith("data:")] == [path.as_uri()]
    assert shown.check() == []


@pytest.mark.parametrize("suite", SUITES)
def test_no_page_is_wider_than_its_window(page_of: Callable, visit: Callable, suite: str) -> None:
    shown = visit(page_of(suite))
    for width in (1440, 768, 390):
        shown.page.set_viewport_size({"width": width, "height": 844})
        assert shown.overflow() == 0, f"{width} pixels, folded: {shown.widest()}"
    shown.unfold()
    for width in (390, 1440):
        shown.page.set_viewport_size({"width": width, "height": 844})
        assert shown.overflow() == 0, f"{width} pixels, unfolded: {shown.widest()}"


def test_several_runs_share_a_page(page_of: Callable, visit: Callable) -> None:
    shown = visit(page_of("quickstart", "ci"))
    names = shown.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert len(names) >= 2
    assert shown.page.locator("[data-board]").count() > 2


@pytest.mark.parametrize("suite", ["quickstart", "responsible"])
def test_every_link_of_a_page_leads_to_a_part_of_it_or_to_a_file_that_exists(
    page_of: Callable, visit: Callable, suite: str
) -> None:
    shown = visit(page_of(suite))
    broken = shown.page.evaluate(
        """[...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute("href"))
           .filter((address) => !document.getElementById(decodeURIComponent(address.slice(1))))"""
    )
    assert broken == []
    files = shown.page.evaluate("""[...document.querySelectorAll('a:not([href^="#"])')].map((link) => link.href)""")
    assert files
    assert [address for address in files if not Path(unquote(address.removeprefix("file://"))).is_file()] == []


@pytest.mark.parametrize("suite", ["quickstart", "challenges"])
def test_a_page_is_readable_without_javascript(page_of: Callable, visit: Callable, suite: str) -> None:
    shown = visit(page_of(suite), java_script_enabled=False)
    rows = shown.page.locator("[data-board] tbody tr")
    assert rows.count() >= 2
    assert rows.first.locator("th").is_visible()
    assert all(text.strip() for text in shown.page.locator("[data-board] tbody th").all_inner_texts())
    assert shown.page.locator("svg.chart").first.is_visible()
    assert shown.page.get_by_text("Reproduce this run").is_visible()
    folded = shown.page.locator("details").filter(has_text="More about these numbers")
    assert folded.get_attribute("open") is None
    folded.locator("summary").click()
    assert folded.get_attribute("open") is not None


def test_without_javascript_no_control_is_shown_that_needs_it(page_of: Callable, visit: Callable) -> None:
    shown = visit(page_of("quickstart"), java_script_enabled=False)
    controls = shown.page.locator("button, input, select, form, output, dialog, .js")
    assert [one.evaluate("e => e.outerHTML.slice(0, 90)") for one in controls.all() if one.is_visible()] == []


def test_print_shows_boards_and_charts_and_no_controls(page_of: Callable, visit: Callable) -> None:
    shown = visit(page_of("quickstart"))
    shown.page.emulate_media(media="print")
    assert shown.page.locator("[data-board]").first.is_visible()
    assert shown.page.locator("svg.chart").first.is_visible()
    assert not shown.page.get_by_role("navigation").is_visible()
    assert not shown.page.locator("form.filters").is_visible()
    pdf = shown.page.pdf(format="A4")
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) > 20_000


def test_dark_print_is_dark_ink_on_white_paper(page_of: Callable, visit: Callable) -> None:
    shown = visit(page_of("quickstart"), color_scheme="dark")
    shown.page.emulate_media(media="print", color_scheme="light")
    assert shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_paper_has_what_the_columns_mean_and_no_buttons(page_of: Callable, visit: Callable) -> None:
    page = visit(page_of("challenges")).page
    meanings = page.locator(".meanings dl").first
    assert not meanings.is_visible()
    page.emulate_media(media="print")
    assert meanings.bounding_box()["height"] > 40
    assert page.locator(".tip:visible, .copy:visible").count() == 0
