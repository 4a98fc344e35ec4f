"""The file of the examples beside a page goes with the page that links to it; a file of somebody else stays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_suite.reports.html import example_page
from bench_suite.reports.html.beside import MARKER, beside, remove_stale
from bench_suite.reports.html.page import write_page
from bench_suite.reports.leaderboard import ReportError

COLUMNS = {"targets": [0, 1] * 30, "predictions": [1, 1] * 30, "ids": range(60)}


@pytest.mark.parametrize("examples", [0, 2])
def test_the_file_is_removed_when_the_page_no_longer_links_to_it(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    run = runs_of_examples.example_run(tmp_path, "t", {"a": COLUMNS})
    target = tmp_path / "page.html"
    monkeypatch.setattr(example_page, "EXAMPLES_BYTES", 100)
    write_page([run], target)
    assert beside(target).name in target.read_text("utf-8")
    monkeypatch.undo()
    write_page([run], target, examples=examples)
    assert beside(target).name not in target.read_text("utf-8")
    assert not beside(target).exists()


def test_a_report_of_that_name_and_any_other_file_stay(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    run = runs_of_examples.example_run(tmp_path, "t", {"a": COLUMNS}, text=MARKER)
    report = write_page([run], tmp_path / "page-examples.html")
    assert MARKER not in report.read_text("utf-8")  # the text of a suite is escaped
    write_page([run], tmp_path / "page.html", examples=0)
    assert report.is_file()
    report.write_text("mine")
    write_page([run], tmp_path / "page.html", examples=0)
    assert report.read_text() == "mine"


def test_a_link_and_a_folder_stay_and_a_missing_file_is_no_error(tmp_path: Path) -> None:
    ours, link = tmp_path / "ours.html", tmp_path / "link.html"
    ours.write_text(MARKER)
    link.symlink_to(ours)
    assert not remove_stale(link)
    assert not remove_stale(tmp_path)
    assert not remove_stale(tmp_path / "missing.html")
    assert remove_stale(ours)
    assert not ours.exists()


def test_a_file_of_somebody_else_is_not_overwritten(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs_of_examples.example_run(tmp_path, "t", {"a": COLUMNS})
    target = tmp_path / "page.html"
    monkeypatch.setattr(example_page, "EXAMPLES_BYTES", 100)
    beside(target).write_text("mine")
    with pytest.raises(ReportError, match="is no page of examples: choose another --output"):
        write_page([run], target)
    assert (beside(target).read_text(), target.exists()) == ("mine", False)
