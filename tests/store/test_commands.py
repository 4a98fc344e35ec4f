"""Claims about commands that a person can paste."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.store.commands import bench, display_path, results_option


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    return tmp_path


def test_a_command_names_the_results_folder_unless_it_is_the_default(folder):
    assert bench("report", "a run", results=Path("results")) == "bench report 'a run'"
    assert bench("report", results=folder / "results") == "bench report"
    assert bench("report", results=Path("my runs")) == "bench report --results 'my runs'"
    assert bench("report", results=Path("/runs")) == "bench report --results /runs"
    assert bench("run", "quickstart") == "bench run quickstart"


def test_the_default_folder_is_named_if_the_variable_states_another_one(monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", "elsewhere")
    assert results_option(Path("results")) == " --results results"
    assert results_option(Path("elsewhere")) == " --results elsewhere"


def test_paths_inside_the_working_folder_are_relative(folder):
    assert display_path(folder / "runs" / "one") == "runs/one"
    assert display_path(Path("/elsewhere")) == "/elsewhere"
