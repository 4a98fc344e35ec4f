"""Verdicts on the first screen: of gates, between runs, and runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.comparison.baselines import set_baseline
from bench_suite.contracts import Record
from bench_suite.reports.gate_verdicts import verdicts_of
from bench_suite.reports.html.verdicts import between_runs, gate_verdicts, side_by_side
from bench_suite.reports.html.view import Verdicts
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run, Store

Make = Callable[..., Run]
Make_record = Callable[..., Record]
GATE = {"quality/accuracy": {"min": 0.85}}
TOLERANCE = {"quality/accuracy": {"tolerance": 0.05}}


@pytest.fixture(autouse=True)
def beside_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands name the folder of the runs only if it is not `results` in the working folder."""
    monkeypatch.chdir(tmp_path)


def of(run: Run) -> Verdicts | None:
    return gate_verdicts(run, verdicts_of(run))


def seeds(record: Make_record, accuracy: float, **changes: object) -> list[Record]:
    return [record(seed=seed, accuracy=accuracy + seed / 1000, half_width=0.005, **changes) for seed in range(3)]


def test_a_suite_without_a_gate_has_no_verdict(make_run: Make, record: Make_record) -> None:
    assert of(make_run(record())) is None


def test_a_smoke_run_has_no_verdict(make_run: Make, record: Make_record) -> None:
    assert of(make_run(record(accuracy=0.1), gate=GATE, smoke=True)) is None


def test_a_bound_is_good_or_bad(make_run: Make, record: Make_record) -> None:
    good, bad = of(make_run(record(), gate=GATE)), of(make_run(record(accuracy=0.5), gate=GATE))
    assert good is not None
    assert bad is not None
    assert (good.status, bad.status) == ("good", "bad")
    assert bad.grid is not None
    assert bad.grid.rows[0][:2] == ["failed", "quality/accuracy"]


def test_a_tolerance_without_a_baseline_is_unknown_and_says_how_to_set_one(make_run: Make, record: Make_record) -> None:
    run = make_run(record(), gate=TOLERANCE)
    verdicts = of(run)
    assert verdicts is not None
    assert verdicts.status == "unknown"
    assert verdicts.command == f"bench baseline set {run.name}"


def test_a_regression_against_the_baseline_is_bad(make_run: Make, record: Make_record) -> None:
    base = make_run(*seeds(record, 0.9), gate=TOLERANCE)
    set_baseline(Store(base.path.parent), base)
    worse, same = make_run(*seeds(record, 0.6), gate=TOLERANCE), make_run(*seeds(record, 0.9), gate=TOLERANCE)
    statuses = [verdicts.status if (verdicts := of(run)) else None for run in (worse, same)]
    assert statuses == ["bad", "good"]
    verdicts = of(worse)
    assert verdicts is not None
    assert base.name in verdicts.summary


def test_cells_that_are_not_compared_leave_the_verdict_open(make_run: Make, record: Make_record) -> None:
    base = make_run(*seeds(record, 0.9), *seeds(record, 0.9, model="other"), gate=TOLERANCE)
    set_baseline(Store(base.path.parent), base)
    changed = seeds(record, 0.2, model="other", options={"train": {"epochs": 1}})
    verdicts = of(make_run(*seeds(record, 0.9), *changed, gate=TOLERANCE))
    assert verdicts is not None
    assert verdicts.status == "unknown"
    assert "1 kind of cell not compared" in verdicts.summary


def test_runs_of_one_suite_are_compared_one_after_the_other(make_run: Make, record: Make_record) -> None:
    first, second = make_run(*seeds(record, 0.9), gate=TOLERANCE), make_run(*seeds(record, 0.6), gate=TOLERANCE)
    other = make_run(record(), suite="other")
    [difference] = between_runs([first, second, other])
    assert difference.heading == f"{second.name} against {first.name}"
    assert difference.status == "bad"
    assert difference.command == f"bench compare {first.name} {second.name}"
    assert between_runs([first]) == []


def test_runs_stand_side_by_side_by_the_metric_that_ranks(make_run: Make, record: Make_record) -> None:
    runs = [make_run(record(), record(model="b")), make_run(record(accuracy=0.5))]
    grid = side_by_side(runs, [tables([run]) for run in runs])
    assert grid is not None
    assert list(grid.header) == ["Task", "Model", "Metric", runs[0].name, runs[1].name]
    values = {row[1]: row[3:] for row in grid.rows}
    assert values["minilm"][0].startswith("0.900")
    assert values["minilm"][1].startswith("0.500")
    assert values["b"][1] == "–"


def test_without_a_metric_that_ranks_nothing_stands_side_by_side(make_run: Make, record: Make_record) -> None:
    runs = [make_run(Record(**{**vars(record()), "metrics": ()}))]
    assert side_by_side(runs, [tables(runs)]) is None
