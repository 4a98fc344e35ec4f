"""axe-core finds nothing to complain about: light and dark, wide and narrow, folded and unfolded, in a dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

REASON = "axe-playwright-python is not installed; the extra `browser` brings it"
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=REASON)
SUITES = ("quickstart", "challenges", "responsible", "attribution", "privacy", "ci")
PHONE = {"width": 390, "height": 844}


def violations(page: Any) -> list[str]:
    """Return the rules that a page breaks, each with its first elements."""
    response = axe.Axe().run(page).response
    return [
        f"{rule['id']} ({len(rule['nodes'])}): {' | '.join(node['html'][:150] for node in rule['nodes'][:3])}"
        for rule in response["violations"]
    ]


@pytest.mark.parametrize("suite", SUITES)
def test_a_page_breaks_no_rule_in_light_and_dark(page_of: Callable, visit: Callable, suite: str) -> None:
    page = visit(page_of(suite), color_scheme="light").page
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@pytest.mark.parametrize("suite", ["quickstart", "responsible"])
def test_an_unfolded_page_on_a_phone_breaks_no_rule(page_of: Callable, visit: Callable, suite: str) -> None:
    shown = visit(page_of(suite), color_scheme="light", viewport=PHONE)
    shown.unfold()
    assert violations(shown.page) == []
    shown.page.emulate_media(color_scheme="dark")
    assert violations(shown.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_dialog_breaks_no_rule(page_of: Callable, visit: Callable, scheme: str) -> None:
    shown = visit(page_of("quickstart"), color_scheme=scheme)
    boxes = shown.board().section.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    shown.page.get_by_role("button", name="Compare").click()
    assert violations(shown.page) == []
    shown.page.keyboard.press("Escape")
    shown.board().section.locator("td.number button").first.click()
    assert violations(shown.page) == []


def test_a_page_of_several_runs_breaks_no_rule(page_of: Callable, visit: Callable) -> None:
    assert violations(visit(page_of("quickstart", "ci")).page) == []
