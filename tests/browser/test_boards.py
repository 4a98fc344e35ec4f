"""Boards in the browser: sort, filter, show more rows, trace a number, compare rows; with a mouse and with keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.html.page import write_page
from bench_suite.store.runs import Store

ACCURACY = {"linear": 0.9, "Bayes": 0.5, "ada": 0.75, "forest": None, "zebra": 0.6}
SPEED = {"linear": 9.0, "Bayes": 10.0, "ada": 1000.0, "forest": 200.0, "zebra": None}


def record(task: str, model: str, seed: int) -> Record:
    """Return a record whose values are known: an accuracy and a rate, one of which a model lacks."""
    accuracy, speed = ACCURACY[model], SPEED[model]
    ends = None if accuracy is None else Interval(accuracy - 0.01, accuracy + 0.01)
    metrics = (
        MetricRow("quality/accuracy", accuracy and accuracy + 0.001 * seed, "fraction", "higher", interval=ends, n=500,
                  reason=None if accuracy else "no score"),
        MetricRow("cost/latency", speed, "ms", "lower", reason=None if speed else "not measured"),
    )  # fmt: skip
    return Record(
        "r", "known", f"{task}{model}{seed}".encode().hex(), "k",
        {"task": task, "model": model, "engine": "native", "precision": "32-true", "seed": seed}, {}, "ok",
        probes={"quality": ProbeRow("ok", "k"), "cost": ProbeRow("ok", "k")}, metrics=metrics,
        data={"name": task, "fingerprint": "f" * 8, "train": 100, "test": 500}, started="2026-11-24T12:00:00Z",
    )  # fmt: skip


@pytest.fixture(scope="module")
def known_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of two tasks, five models and two seeds."""
    folder = tmp_path_factory.mktemp("known")
    records = [record(task, model, seed) for task in ("digits", "loans") for model in ACCURACY for seed in (0, 1)]
    run = Store(folder / "results").create("known", {"title": "Known values", "cells": len(records), "text": ""})
    environment = run.add_environment({"hardware": {"cpu": "Example Processor"}})
    with run.writer() as writer:
        for one in records:
            writer.write(Record(**{**vars(one), "environment": environment}))
    return write_page([run], folder / "known.html")


def column(board, name: str) -> str:
    """Return by what the column of a metric sorts."""
    heads = board.section.locator("th.number[data-sort]").filter(has_text=re.compile(name))
    return heads.first.get_attribute("data-sort")


def test_numbers_are_sorted_as_numbers_and_rows_without_a_value_come_last(known_page: Path, visit: Callable) -> None:
    board = visit(known_page).board()
    latency = column(board, "latency")
    assert board.sort(latency) == "ascending"  # lower is better
    assert board.labels() == ["linear", "Bayes", "forest", "ada", "zebra"]
    assert board.sort(latency) == "descending"
    assert board.labels() == ["ada", "forest", "Bayes", "linear", "zebra"]


def test_a_column_of_which_more_is_better_shows_its_highest_value_first(known_page: Path, visit: Callable) -> None:
    board = visit(known_page).board()
    accuracy = column(board, "accuracy")
    assert board.sort(accuracy) == "descending"
    assert board.labels() == ["linear", "ada", "zebra", "Bayes", "forest"]


def test_names_are_sorted_as_a_reader_expects(known_page: Path, visit: Callable) -> None:
    board = visit(known_page).board()
    assert board.sort("label") == "ascending"
    assert board.labels() == ["ada", "Bayes", "forest", "linear", "zebra"]


def test_one_column_of_a_board_is_marked_as_sorted(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    board = shown.board()
    board.sort("label")
    board.sort(column(board, "latency"))
    assert board.section.locator("th[aria-sort]").count() == 1
    assert shown.board(1).section.locator("th[aria-sort]").count() == 0


def test_a_task_and_a_model_filter_the_boards(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    page = shown.page
    page.get_by_role("combobox", name="Task").select_option("loans")
    assert [board.get_attribute("data-task") for board in page.locator("[data-board]:visible").all()] == ["loans"]
    page.get_by_role("searchbox", name="Model").fill("A")
    assert shown.board(1).labels() == ["linear", "ada", "zebra", "Bayes"]
    page.get_by_role("searchbox", name="Model").fill("nothing like this")
    assert page.locator("[data-board]:visible").count() == 0
    assert "0 rows" in page.locator("#filter-count").inner_text()
    page.get_by_role("searchbox", name="Model").fill("")
    page.get_by_role("combobox", name="Task").select_option("")
    assert page.locator("[data-board]:visible").count() == 2


def test_parts_of_other_tasks_are_hidden_too(page_of: Callable, visit: Callable) -> None:
    page = visit(page_of("challenges")).page
    tasks = {part.get_attribute("data-task") for part in page.locator(".part[data-task]").all()} - {""}
    assert len(tasks) > 1
    chosen = min(tasks)
    page.get_by_role("combobox", name="Task").select_option(chosen)
    visible = {part.get_attribute("data-task") for part in page.locator(".part:visible").all()}
    assert visible - {""} == {chosen}


def test_more_rows_are_shown_on_demand(large_page: Path, visit: Callable) -> None:
    shown = visit(large_page)
    board = shown.board()
    assert board.section.locator("tbody tr").count() == 25
    board.section.get_by_role("button", name="Show 100 more").click()
    assert board.section.locator("tbody tr").count() == 125
    board.section.get_by_role("button", name="Show all").click()
    assert board.section.locator("tbody tr").count() == 500
    assert not board.section.get_by_role("button", name="Show all").is_visible()
    shown.page.get_by_role("searchbox", name="Model").fill("model_00499")
    assert board.labels() == ["model_00499"]


def test_a_number_names_the_cells_and_the_files_behind_it(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    board = shown.board()
    row = board.labels().index("ada")
    board.cell(row, column(board, "latency")).get_by_role("button").click()
    dialog = shown.page.get_by_role("dialog")
    assert "ada" in dialog.get_by_role("heading").first.inner_text()
    lines = dialog.get_by_role("row").all_inner_texts()[1:]
    assert len(lines) == 2
    for seed, line in enumerate(lines):
        assert f"digitsada{seed}".encode().hex() in line
        assert "1000" in line.replace(",", "")
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_selected_rows_are_compared_by_their_differences(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    board, page = shown.board(), shown.page
    box = page.get_by_role("checkbox")
    board.section.get_by_role("checkbox", name=re.compile("linear")).check()
    assert page.get_by_role("button", name="Compare").is_disabled()
    board.section.get_by_role("checkbox", name=re.compile("Bayes")).check()
    page.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog")
    text = dialog.inner_text()
    assert "linear" in text
    assert "Bayes" in text
    assert re.search(r"[−-]0\.4\b", text), text  # 0.5 − 0.9
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    assert box.count() > 0
    assert not any(one.is_checked() for one in box.all())
    assert not page.get_by_role("region", name="Selected rows").is_visible()


def test_a_selection_outlives_a_sort(known_page: Path, visit: Callable) -> None:
    board = visit(known_page).board()
    board.section.get_by_role("checkbox", name=re.compile("zebra")).check()
    board.sort("label")
    assert board.section.get_by_role("checkbox", name=re.compile("zebra")).is_checked()


def test_keys_alone_reach_a_number_open_it_and_come_back(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    page = shown.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
        if page.evaluate("document.activeElement.matches('td.number button')"):
            break
    assert page.evaluate("document.activeElement.matches('td.number button')"), reached
    name = page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    again = page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
    assert again == name


def test_the_focus_stays_on_the_head_that_sorts(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    button = shown.board().head("label").get_by_role("button")
    button.focus()
    shown.page.keyboard.press("Enter")
    assert button.evaluate("button => button === document.activeElement")
    assert shown.board().head("label").get_attribute("aria-sort") == "ascending"


def test_the_dialog_keeps_the_focus_inside(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    shown.board().cell(0, column(shown.board(), "accuracy")).get_by_role("button").click()
    for _ in range(12):
        shown.page.keyboard.press("Tab")
        inside = "d => d.contains(document.activeElement) || document.activeElement === document.body"
        assert shown.page.locator("dialog").evaluate(inside)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_button_of_colours_changes_the_paper(known_page: Path, visit: Callable, scheme: str) -> None:
    page = visit(known_page, color_scheme=scheme).page
    paper = "getComputedStyle(document.body).backgroundColor"
    button = page.locator("#theme")
    white, own = "rgb(255, 255, 255)", page.evaluate(paper)
    for mode in ("dark", "light") if scheme == "light" else ("light", "dark"):  # the first press changes something
        button.click()
        assert mode in button.get_attribute("aria-label")
        assert (page.evaluate(paper) == white) == (mode == "light")
    button.click()
    assert page.evaluate(paper) == own


def test_each_axis_that_tells_rows_apart_is_a_filter(page_of: Callable, visit: Callable) -> None:
    shown = visit(page_of("engines"))
    board = shown.board()
    selects = shown.page.locator("#filter-axes select")
    assert selects.count() >= 1
    axis = selects.first
    values = [value for value in axis.locator("option").evaluate_all("all => all.map((one) => one.value)") if value]
    assert len(values) >= 2
    rows = board.section.locator("tbody tr").count()
    counts = []
    for value in values:
        axis.select_option(value)
        counts.append(board.section.locator("tbody tr").count())
    assert sum(counts) == rows
    axis.select_option("")
    assert board.section.locator("tbody tr").count() == rows


def test_keys_open_and_close_what_a_column_means(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    page, board = shown.page, shown.board()
    tip, button = page.locator("#tip"), board.head(column(board, "accuracy")).get_by_role("button", name="Meaning")
    button.focus()
    page.keyboard.press("Enter")
    assert "Share of the test examples whose predicted class is the true one. Higher is better." in tip.inner_text()
    assert button.get_attribute("aria-expanded") == "true"
    assert tip.get_attribute("role") == "status", "a screen reader says it"
    box, head = tip.bounding_box(), button.bounding_box()
    assert 0 < box["y"] - head["y"] < 60, "it is beside what it explains"
    page.keyboard.press("Escape")
    assert tip.inner_text() == ""
    assert button.evaluate("one => one === document.activeElement")
    assert board.head(column(board, "accuracy")).get_attribute("aria-sort") is None, "to ask does not sort"


def test_a_touch_opens_what_a_column_means_and_a_touch_elsewhere_closes_it(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page, viewport={"width": 390, "height": 844}, has_touch=True)
    page, board = shown.page, shown.board()
    tip, heads = page.locator("#tip"), board.section.get_by_role("button", name="Meaning")
    heads.first.tap()
    first = tip.inner_text()
    heads.nth(1).tap()
    assert tip.inner_text() not in ("", first)
    assert tip.bounding_box()["x"] >= 0
    assert shown.overflow() == 0, shown.widest()
    heads.nth(1).tap()
    assert tip.inner_text() == "", "the same one closes it"
    heads.first.tap()
    page.get_by_role("heading").first.tap()
    assert tip.inner_text() == ""


def test_the_dialog_of_a_number_says_what_its_metric_means(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    board = shown.board()
    board.cell(0, column(board, "accuracy")).get_by_role("button").click()
    assert "quality/accuracy: Share of the test examples" in shown.page.get_by_role("dialog").inner_text()


def test_without_the_program_the_meanings_are_unfolded_in_the_page(known_page: Path, visit: Callable) -> None:
    page = visit(known_page, java_script_enabled=False).page
    page.locator(".meanings summary").first.click()
    assert "Higher is better. Unit: fraction, from 0 to 1." in page.locator(".meanings dl").first.inner_text()
    assert page.locator(".tip").count() == 0


def test_a_command_is_copied_with_a_key_and_that_is_announced(known_page: Path, visit: Callable) -> None:
    page = visit(known_page, permissions=["clipboard-read", "clipboard-write"]).page
    button = page.get_by_role("button", name="Copy the command").first
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#said").filter(has_text="Copied: ").wait_for(state="attached")
    command = page.locator("[data-copy]").first.inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == command
    assert page.locator("#said").inner_text() == f"Copied: {command}"
    assert button.inner_text() == "Copied"


def test_keys_alone_compare_two_rows_beside_their_boxes(known_page: Path, visit: Callable) -> None:
    shown = visit(known_page)
    page, boxes = shown.page, shown.board().section.get_by_role("checkbox")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    boxes.nth(1).focus()
    page.keyboard.press("Space")
    assert "Press Enter" in page.locator("#tray-text").inner_text()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert boxes.nth(1).evaluate("one => one === document.activeElement")
