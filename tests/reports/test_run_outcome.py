"""A run from Python ends with its gates, its comparison and a verdict, as `bench run` does."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench_suite
from bench_suite.contracts import BenchError

SUITE = """
[[tasks]]
use = "digits"

[[models]]
use = "./model.py"

[matrix]
threads = 1

[probes.quality]

[gate]
"quality/accuracy" = { tolerance = 0.02, min = 0.6 }
"""
MODEL = '''
"""A model that is right on a share of the examples."""

import os

import numpy as np

MODALITIES = ("image", "table")
PROBLEMS = ("classification",)


class Model:
    def fit(self, data, options, report):
        if os.environ.get("FAILS"):
            raise ValueError("asked to fail")

    def predict(self, split):
        answers = np.asarray(split.take(np.arange(len(split)))["target"])
        ease = np.random.default_rng(1).random(len(answers))
        return {"predictions": np.where(ease < float(os.environ.get("SHARE", 0.9)), answers, (answers + 1) % 10)}


def build(data, options):
    return Model()
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, which contains a suite and its model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


@pytest.fixture
def first(folder: Path) -> bench_suite.RunOutcome:
    """Return a run of the suite."""
    return bench_suite.run("suite.toml", trust=True)


def test_without_a_base_the_bounds_are_judged(first: bench_suite.RunOutcome) -> None:
    assert (first.verdict, first.status, first.comparison) == ("passed", 0, None)
    assert [gate.verdict for gate in first.gates] == ["passed"]
    assert repr(first) == f"<RunOutcome {first.run.name}: 1 of 1 cells, passed>"
    assert set(first.frame().metric) >= {"quality/accuracy"}
    assert "gate passed: quality/accuracy" in str(first)


@pytest.mark.parametrize(
    ("share", "verdict", "status"), [("0.9", "not worse", 0), ("0.7", "regressed", 1), ("0.5", "regressed", 1)]
)
def test_against_a_base_the_outcome_has_the_comparison(
    first: bench_suite.RunOutcome, monkeypatch: pytest.MonkeyPatch, html_text, share: str, verdict: str, status: int
) -> None:
    monkeypatch.setenv("SHARE", share)
    outcome = bench_suite.run("suite.toml", trust=True, against=first.run)
    assert (outcome.verdict, outcome.status) == (verdict, status)
    assert outcome.comparison is not None
    assert (outcome.comparison.base, outcome.comparison.head) == (first.run.name, outcome.run.name)
    assert outcome.comparison.verdict == verdict
    assert not any(gate.needs_baseline for gate in outcome.gates), "the comparison judges tolerances"
    text = html_text(outcome._repr_html_())
    assert text.startswith(f"{verdict}: 1 of 1 cells")
    assert f"{first.run.name} → {outcome.run.name}" in text
    assert f"{first.run.name} → {outcome.run.name}" in str(outcome)


def test_a_bound_that_is_missed_fails_a_gate_and_a_cell_that_fails_is_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARE", "0.3")
    missed = bench_suite.run("suite.toml", trust=True)
    assert (missed.verdict, missed.status) == ("gate failed", 1)
    monkeypatch.setenv("FAILS", "1")
    failed = bench_suite.run("suite.toml", trust=True, against=missed.run.name[:16])
    assert failed.verdict == "failed"
    assert failed.status == 3
    assert "asked to fail" in str(failed)


def test_the_base_is_looked_up_before_anything_is_trained(folder: Path) -> None:
    with pytest.raises(BenchError, match="has no baseline"):
        bench_suite.run("suite.toml", trust=True, against="baseline")
    with pytest.raises(BenchError, match="a smoke run is never compared"):
        bench_suite.run("suite.toml", trust=True, against="latest", smoke=True)
    assert not list(folder.glob("results/*/run.json"))


def test_a_number_of_seeds_is_that_of_the_command_line(folder: Path) -> None:
    (folder / "suite.toml").write_text(SUITE.replace("[gate]", "[gate]\nseeds = { from = 2, to = 5 }"))
    outcome = bench_suite.run("suite.toml", trust=True, seeds=3)
    assert [record.cell["seed"] for record in outcome.records] == [0, 1, 2]
    again = bench_suite.run("suite.toml", trust=True, resume="newest")
    assert (again.cells, again.done_before) == (3, 3), "a resume keeps the seeds of the run"


def test_progress_is_shown_if_asked_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench_suite.run("suite.toml", trust=True)
    assert capfd.readouterr() == ("", "")
    bench_suite.run("suite.toml", trust=True, progress=True)
    assert "[1/1] digits, model" in capfd.readouterr().err
