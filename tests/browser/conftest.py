"""Pages in a headless Chromium without a network: the driver is Playwright, the browser is the machine's own.

Set BENCH_BROWSER to the path of a Chromium to choose another one than the first of `chromium`, `chromium-browser`,
`google-chrome` and `google-chrome-stable` on the path.
"""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench_suite.reports.html.page import write_page
from bench_suite.store.runs import Run, Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-sync", "--no-first-run", "--mute-audio",
)  # fmt: skip
DESKTOP = {"width": 1440, "height": 900}
WATCHED = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
"Runs before the page: it notes what the content security policy refused."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: `tox -e browser` runs them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def browser_path() -> str | None:
    """Return the path of the browser; None if there is none."""
    return next(filter(None, map(shutil.which, (os.environ.get("BENCH_BROWSER") or "", *NAMES))), None)


@dataclass
class Visit:
    """An open page, and what the browser reported about it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    "Errors and warnings on the console, exceptions that nobody caught, and what the policy refused."

    def check(self) -> list[str]:
        """Return the problems so far, those of the content security policy included."""
        return self.problems + [f"refused: {text}" for text in self.page.evaluate("window.violations ?? []")]

    def board(self, number: int = 0) -> Board:
        """Return the board of that position in the page."""
        return Board(self.page.locator("[data-board]").nth(number))

    def overflow(self) -> int:
        """Return by how many pixels the document is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def widest(self) -> list[str]:
        """Return the elements that exceed the window, for the message of a failure."""
        wide = """[...document.querySelectorAll("body *")].filter((one) =>
          one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".scroll, pre"))
          .slice(0, 5).map((one) => one.outerHTML.slice(0, 150))"""
        return list(self.page.evaluate(wide))

    def unfold(self) -> None:
        """Open everything that can be unfolded."""
        self.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


@dataclass
class Board:
    """A board of a page, as a reader finds it."""

    section: Locator

    def head(self, by: str) -> Locator:
        """Return the head of the column that sorts by this: `rank`, `label` or the column's position."""
        return self.section.locator(f'th[data-sort="{by}"]')

    def sort(self, by: str) -> str | None:
        """Press the button of a column's head, and return how the column is sorted then."""
        self.head(by).get_by_role("button").first.click()  # the second one explains the metric
        return self.head(by).get_attribute("aria-sort")

    def labels(self) -> list[str]:
        """Return the names of the rows that are shown, from top to bottom."""
        return [text.split("\n")[0].strip() for text in self.section.locator("tbody th").all_inner_texts()]

    def texts(self, by: str) -> list[str]:
        """Return the texts of a column of numbers, from top to bottom."""
        return self.section.locator(f"tbody tr td.number:nth-child({self._position(by)})").all_inner_texts()

    def cell(self, row: int, by: str) -> Locator:
        """Return a cell of the body."""
        return self.section.locator(f"tbody tr:nth-child({row + 1}) td.number:nth-child({self._position(by)})")

    def _position(self, by: str) -> int:
        return int(self.head(by).evaluate("head => head.cellIndex")) + 1


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    reason = "playwright is not installed; the extra `browser` brings it"
    driver = pytest.importorskip("playwright.sync_api", reason=reason)
    path = browser_path()
    if path is None:
        pytest.skip(f"no browser: install Chromium ({', '.join(NAMES)}), or set BENCH_BROWSER to its path")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a file without a network; at the end, nothing may have gone wrong in any page."""
    visits = []

    def open_file(path: Path, *, wait: bool = True, **context: Any) -> Visit:
        opened = browser.new_context(offline=True, **{"viewport": DESKTOP, **context})
        if context.get("java_script_enabled", True):
            opened.add_init_script(WATCHED)
        shown = Visit(opened.new_page())
        shown.page.set_default_timeout(10_000)
        opened.on("request", lambda request: shown.requests.append(request.url))
        shown.page.on("pageerror", lambda error: shown.problems.append(str(error)))
        shown.page.on(
            "console",
            lambda message: message.type in ("error", "warning") and shown.problems.append(message.text),
        )
        shown.page.goto(path.as_uri())
        if wait and context.get("java_script_enabled", True):
            shown.page.wait_for_selector("html[data-ready]", state="attached")
        visits.append((opened, shown, context.get("java_script_enabled", True)))
        return shown

    yield open_file
    for opened, shown, program in visits:
        problems = shown.check() if program else shown.problems
        opened.close()
        assert problems == []


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes the page of the repository's newest runs of suites, once for all tests."""
    folder = tmp_path_factory.mktemp("pages")
    written: dict[tuple[str, ...], Path] = {}

    def write(*suites: str) -> Path:
        if suites not in written:
            runs = []
            for suite in suites:
                names = sorted(path.name for path in (ROOT / "results").glob(f"*-{suite}-*") if path.is_dir())
                if not names:
                    pytest.skip(f"results/ has no run of {suite}")
                target = folder / "results" / names[-1]
                if not target.exists():
                    shutil.copytree(ROOT / "results" / names[-1], target)
                runs.append(Run(target))
            written[suites] = write_page(runs, folder / f"{'-'.join(suites)}.html")
        return written[suites]

    return write


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of 10,000 generated records."""
    folder = tmp_path_factory.mktemp("large")
    generated = runpy.run_path(str(ROOT / "tests" / "perf" / "test_store.py"))
    run = generated["make_run"](Store(folder / "results"), 10_000)
    return write_page([run], folder / "large.html")
