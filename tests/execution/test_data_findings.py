"""A run checks its data once before training, stores what was found, and ends before training if the suite says so."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_suite.contracts import FINDING_CODES
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.data_findings import DATA_CODES, RESULT_CODES, FindingsFailed, check_results
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Run, Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
train = { epochs = 1 }
[probes.quality]
[matrix]
seed = [0, 1]
threads = 1
"""


class Announced(RunCallback):
    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []

    def findings(self, task, findings) -> None:
        self.calls.append((task, [finding.code for finding in findings]))


def plan_of(tmp_path: Path, fail_on: str = "") -> Plan:
    (tmp_path / "mine.toml").write_text(SUITE + (f"[data]\nfail_on = {fail_on}\n" if fail_on else ""))
    return make_plan(read_suite(str(tmp_path / "mine.toml")))


def test_codes_are_of_data_or_of_results() -> None:
    assert {*FINDING_CODES} == DATA_CODES | RESULT_CODES
    assert not DATA_CODES & RESULT_CODES


def test_data_are_checked_once_and_findings_are_stored_and_shown(tmp_path: Path) -> None:
    announced = Announced()
    outcome = execute(plan_of(tmp_path), Store(tmp_path / "results"), Request(), announced)
    data_calls = [codes for task, codes in announced.calls if "D010" in codes]
    assert len(data_calls) == 1, "two cells share the task"
    stored = Run(outcome.run.path).findings
    assert {"D010"} <= {finding.code for finding in stored}
    assert stored == list(outcome.findings)
    from bench_suite.reports.markdown import report

    text = report(outcome.run)
    assert text.index("## Findings") < text.index("## Results")
    assert re.search(r"\| D010 +\| warning +\| loans +\|", text)


def test_folds_are_run_and_ranked_together_and_their_data_are_checked_once(tmp_path: Path) -> None:
    lines = [f"{number % 17},{number},{'yes' if number % 17 > 8 else 'no'}" for number in range(90)]
    (tmp_path / "churn.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    (tmp_path / "churn.toml").write_text(
        f"""
[[tasks]]
use = "files"
path = "{tmp_path / "churn.csv"}"
label = "y"
split = {{ folds = 3 }}
[[models]]
use = "logistic_regression"
[probes.quality]
"""
    )
    announced = Announced()
    plan = make_plan(read_suite(str(tmp_path / "churn.toml")))
    outcome = execute(plan, Store(tmp_path / "results"), Request(), announced)
    assert [(record.status, record.cell["fold"], record.data["test"]) for record in outcome.records] == [
        ("ok", 0, 30), ("ok", 1, 30), ("ok", 2, 30),
    ]  # fmt: skip
    assert sum("D010" in codes for _, codes in announced.calls) == 1
    from bench_suite.reports.table import tables

    [table] = tables([Run(outcome.run.path)])
    assert [(row.folds, row.seeds) for row in table.rows] == [(3, 1)]


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_model_that_guesses_on_folds_is_named_with_the_interval_over_folds(tmp_path: Path, executor: str) -> None:
    lines = [f"{number * 7919 % 101},{'no' if number * number % 11 < 7 else 'yes'}" for number in range(120)]
    (tmp_path / "luck.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    (tmp_path / "luck.toml").write_text(
        f"""
[[tasks]]
use = "files"
path = "{tmp_path / "luck.csv"}"
label = "y"
split = {{ folds = 3 }}
[[models]]
use = "logistic_regression"
[probes.quality]
[run]
executor = "{executor}"
"""
    )
    plan = make_plan(read_suite(str(tmp_path / "luck.toml")))
    outcome = execute(plan, Store(tmp_path / "results"), Request(), RunCallback())
    assert [record.status for record in outcome.records] == ["ok"] * 3
    [finding] = [one for one in outcome.findings if one.code == "D009"]
    assert finding.values["folds"] == 3
    assert "over 3 folds" in finding.summary


def test_a_resume_that_loads_no_data_of_a_task_keeps_what_was_found_about_its_models(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    store = Store(tmp_path / "results")
    first = execute(plan, store, Request(), RunCallback())
    codes = [finding.code for finding in Run(first.run.path).findings]
    assert "D009" in codes
    context = SimpleNamespace(
        smoke=False, plan=plan, run=first.run, baselines={}, findings=[], storing=nullcontext, callback=RunCallback()
    )
    check_results(context, first.records)
    assert [finding.code for finding in Run(first.run.path).findings].count("D009") == codes.count("D009")


def test_a_code_of_the_data_ends_the_run_before_training(tmp_path: Path) -> None:
    with pytest.raises(FindingsFailed, match="nothing was trained") as failed:
        execute(plan_of(tmp_path, '["D010"]'), Store(tmp_path / "results"), Request(), RunCallback())
    assert failed.value.exit_status == 1
    (run,) = Store(tmp_path / "results").runs()
    assert Run(run.path).records() == []
    assert json.loads((run.path / "run.json").read_text())["findings"][0]["code"] == "D010"


def test_other_codes_let_the_run_go_on(tmp_path: Path) -> None:
    outcome = execute(plan_of(tmp_path, '["D001"]'), Store(tmp_path / "results"), Request(smoke=True), RunCallback())
    assert len(outcome.records) == 2


def test_the_section_changes_no_id(tmp_path: Path) -> None:
    plain = [cell.id for cell in plan_of(tmp_path).cells]
    assert [cell.id for cell in plan_of(tmp_path, '["D001", "D009"]').cells] == plain


def test_an_error_of_a_check_never_fails_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **more: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("bench_suite.data.checks.runner.check_task", broken)
    outcome = execute(plan_of(tmp_path), Store(tmp_path / "results"), Request(smoke=True), RunCallback())
    assert [record.status for record in outcome.records] == ["ok", "ok"]
