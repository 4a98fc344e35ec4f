"""`bench view` in a headless Chromium: the page follows its run, and does not disturb its reader."""

from __future__ import annotations

import contextlib
import runpy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench_suite.reports.watch.server import PageServer
from bench_suite.store.runs import Run, Store

TESTS = Path(__file__).parents[1]
make_record = runpy.run_path(str(TESTS / "reports" / "conftest.py"))["make_record"]
WATCHED = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
ASK = "document.dispatchEvent(new Event('visibilitychange'))"
"Asks for news at once, as a reader does who comes back to the page."


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run of two cells that has ended, with a title that is no markup."""
    run = Store(tmp_path / "results").create("s", {"title": "<img src=x onerror=alert(1)>", "cells": 2})
    with run.writer() as writer:
        writer.write(make_record(model="first", id="a"))
        writer.write(make_record(model="<b>second</b>", id="b", accuracy=0.7))
    return run


@pytest.fixture
def show(browser) -> Iterator[Callable[..., Any]]:
    """Return a function that serves a run and opens its page; at the end, nothing may have gone wrong in any page."""
    problems: list[str] = []
    with contextlib.ExitStack() as stack:

        def serve_and_open(path: Path, *, open_once: bool = False) -> tuple[Any, PageServer]:
            server = stack.enter_context(PageServer(path))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            context = browser.new_context()
            stack.callback(context.close)
            context.add_init_script(WATCHED)
            page = context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("dialog", lambda dialog: problems.append(dialog.message) or dialog.dismiss())
            page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))
            stack.callback(lambda: problems.extend(page.evaluate("window.violations")))
            page.goto(server.url_once() if open_once else server.url)
            page.wait_for_selector("#live strong:not(:empty)")
            return page, server

        yield serve_and_open
    assert problems == []


def count(page) -> str:
    """Return how many cells have ended, once the page has asked."""
    page.wait_for_function("document.querySelector('#live strong')?.innerText !== ''")
    return page.inner_text("#live strong")


@pytest.fixture
def live_run(tmp_path: Path) -> Iterator[Any]:
    run = runpy.run_path(str(TESTS / "live_run.py"))["LiveRun"](tmp_path)
    try:
        yield run
    finally:
        run.kill()


def test_the_page_follows_a_real_run_to_its_end(show, live_run) -> None:
    page, _ = show(live_run.path, open_once=True)
    assert (count(page), page.title().startswith("0/3 Run of <script>alert(1)</script>")) == ("0 of 3 cells", True)
    page.wait_for_selector("#live tbody th >> text=loans, waits")
    assert f"process {live_run.process.pid}" in page.inner_text("#live")
    assert "No cell has succeeded yet" in page.inner_text("main")
    assert live_run.end() == 3
    page.wait_for_selector("[data-board] tbody th >> text=ends", timeout=60_000)
    page.wait_for_selector("#live >> text=The run has ended.", timeout=60_000)
    assert (count(page), page.title().startswith("Run of")) == ("3 of 3 cells", True)
    page.click("#live-failures summary")
    assert "ValueError: the model says" in page.inner_text("#live-failures")
    with page.expect_navigation():
        page.click("#live-failures a")
    assert "ValueError: the model says" in page.inner_text("body")


def test_examples_are_a_page_of_their_own_from_which_a_reader_comes_back(show, tmp_path: Path) -> None:
    functions = runpy.run_path(str(TESTS / "example_runs.py"))
    data, options = functions["load"]("digits")
    models = {"first": functions["wrong_answers"](data, {3: 0.8}, 10)}
    page, _ = show(functions["example_run"](tmp_path, "digits", models, data=data, options=options).path)
    page.click("text=Browse test examples")
    page.wait_for_selector(".browse[data-ready]")
    page.get_by_role("combobox").first.select_option(label="wrong")
    assert page.locator(".example code").all_inner_texts() == [str(data.splits["test"].ids[3])]
    assert page.evaluate("document.querySelector('.example img').naturalWidth") > 0
    page.click("text=The run")
    page.wait_for_selector("#live strong:not(:empty)")


def test_new_results_reload_the_page_and_keep_what_the_reader_has_chosen(show, run) -> None:
    page, _ = show(run.path)
    page.fill("#filter-model", "second")
    page.locator("#filter-model").blur()
    page.click("#theme")
    page.click("[data-sort=label] button")
    page.evaluate("document.activeElement.blur(); document.querySelector('main details').open = true")
    with run.writer() as writer:
        writer.write(make_record(model="third of second", id="c"))
    with page.expect_navigation():
        page.evaluate(ASK)
    page.wait_for_selector("html[data-theme=dark]")
    assert page.input_value("#filter-model") == "second"
    labels = page.locator("[data-board] tbody th").all_inner_texts()
    assert [label.strip() for label in labels] == ["<b>second</b>", "third of second"]
    assert page.get_attribute("[data-sort=label]", "aria-sort") == "ascending"
    assert page.evaluate("document.querySelector('main details').open")
    assert count(page) == "3 of 3 cells"


@pytest.mark.parametrize("busy", ["dialog", "row", "keyboard", "choice"])
def test_a_reader_who_is_busy_is_offered_the_new_results_instead(show, run, busy: str) -> None:
    page, _ = show(run.path)
    match busy:
        case "dialog":
            page.click("[data-board] tbody td button >> nth=0")
        case "row":
            page.check("[data-board] tbody input >> nth=0")
        case "keyboard":
            page.focus("#filter-model")
        case "choice":
            page.uncheck("#live-follow")
    page.evaluate("window.same = true")
    with run.writer() as writer:
        writer.write(make_record(model="third", id="c"))
    page.evaluate(ASK)
    page.wait_for_selector("#live-renew", state="visible")
    assert page.evaluate("window.same") is True
    assert count(page) == "3 of 3 cells"
    if busy == "dialog":
        page.keyboard.press("Escape")
    with page.expect_navigation():
        page.click("#live-renew")
    page.wait_for_selector("[data-board] tbody th >> text=third")
    page.wait_for_selector("#live strong:not(:empty)")
    assert page.is_checked("#live-follow") is (busy != "choice")
    assert page.is_hidden("#live-renew")


def test_the_page_says_that_the_server_is_gone_and_keeps_what_it_shows(browser, run) -> None:
    with PageServer(run.path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("#live strong:not(:empty)")
        server.shutdown()
        thread.join()
    page.evaluate(ASK)
    page.wait_for_selector("#live.gone >> text=bench view does not answer any more.")
    assert page.inner_text("#live [role=status]").startswith("bench view does not answer")
    assert page.locator("[data-board] tbody th").count() == 2
    page.close()


def test_progress_is_announced_politely_and_not_at_every_change(show, run) -> None:
    page, _ = show(run.path)
    status = page.locator("#live [role=status]")
    assert (status.get_attribute("aria-live"), status.inner_text()) == ("polite", "The run has ended.")
    page.evaluate("""
      window.changes = 0;
      new MutationObserver(() => { window.changes += 1; })
        .observe(document.querySelector("#live [role=status]"), { childList: true, subtree: true });
    """)
    with page.expect_response("**/progress"):
        page.evaluate(ASK)
    assert page.evaluate("window.changes") == 0


def test_the_page_can_be_read_without_its_program(browser, run) -> None:
    with PageServer(run.path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(server.url)
        assert "Reload the page for new results" in page.inner_text("#live")
        assert "first" in page.inner_text("main")
        context.close()
        server.shutdown()
        thread.join()
