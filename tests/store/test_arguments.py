"""Claims about wrong arguments of the Python interface: each is an error of the program that says what to give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.store.arguments import ArgumentError, check, check_each

WRONG: tuple[Any, ...] = (3, None, b"results/x", ["a", 3], 2.5, object())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_a_wrong_type_is_an_error_that_says_what_to_give(value):
    calls = {
        "load": lambda: bench_suite.load(value),
        "compare": lambda: bench_suite.compare(value),
        "compare head": lambda: bench_suite.compare("a", value),
        "history": lambda: bench_suite.history(value),
        "frame": lambda: bench_suite.frame(value),
        "cells": lambda: bench_suite.cells(value),
        "predictions": lambda: bench_suite.predictions(value),
        "report": lambda: bench_suite.report(value, "report.md"),
        "run": lambda: bench_suite.run(value),
        "overrides": lambda: bench_suite.run("quickstart", overrides=value),
        "results": lambda: bench_suite.load(results=value),
    }
    calls |= {} if value is None else {"leaderboard": lambda: bench_suite.leaderboard(value)}
    for name, call in calls.items():
        with pytest.raises(ArgumentError, match=": give ") as raised:
            call()
        assert "\n" not in str(raised.value), name


def test_a_missing_folder_and_one_without_runs_and_a_file_are_errors(folder):
    (folder / "empty").mkdir()
    (folder / "file").write_text("")
    for path in ("missing", "empty", folder / "empty"):
        for call in (bench_suite.load, bench_suite.leaderboard):
            with pytest.raises(bench_suite.BenchError, match="no run"):
                call(results=path)
        with pytest.raises(bench_suite.BenchError, match="no run"):
            bench_suite.load(path)
    with pytest.raises(ArgumentError, match="results: file is no folder: give the folder of the runs"):
        bench_suite.load(results="file")
    with pytest.raises(bench_suite.BenchError):
        bench_suite.load("file")


def test_a_text_is_no_list_of_texts_and_a_long_value_is_cut():
    with pytest.raises(ArgumentError, match=r"only: give a list, not 'model=mlp' \(str\)"):
        check_each("only", "model=mlp", str, "a list", "a text")
    with pytest.raises(ArgumentError) as raised:
        check("name", ["x" * 200], str, "a name")
    assert len(str(raised.value)) < 120
