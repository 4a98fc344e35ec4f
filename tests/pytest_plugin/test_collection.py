"""A suite under pytest: what is collected, and one run for all tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

from bench_suite.pytest_plugin.collection import Summary
from bench_suite.store.runs import Run, Store


def runs(folder: Path) -> list[Run]:
    """The runs, oldest first."""
    return [Run(info.path) for info in reversed(Store(folder / "results").runs())]


def test_cells_and_gates_are_tests_of_one_run(whole, folder: Path) -> None:
    assert whole.status == 1, whole.output
    first = runs(folder)[0]
    assert {name: outcome for name, (outcome, _) in whole.outcomes.items()} == {
        "digits-logistic_regression-seed0-threads1": "passed",
        "digits-broken-seed0-threads1": "failed",
        "mnist-logistic_regression-seed0-threads1": "skipped",
        "gate-quality/accuracy-digits-logistic_regression-threads1": "passed",
        "gate-quality/accuracy-mnist-logistic_regression-threads1": "skipped",
        "gate-quality/accuracy-digits-logistic_regression-threads1-2": "failed",
        "data-D009": "failed",
    }
    assert len(first.records()) == 3
    assert (first.path / "report.md").is_file()
    assert f"records  results/{first.name}/records/" in whole.output


def test_a_failing_cell_and_gate_have_the_message_of_the_run_whatever_warnings_the_project_forbids(whole) -> None:
    _, cell = whole.outcomes["digits-broken-seed0-threads1"]
    assert "digits, broken, seed 0, threads 1: failed: " in cell
    assert "broken on purpose" in cell
    assert "traceback: results/" in cell
    _, gate = whole.outcomes["gate-quality/accuracy-digits-logistic_regression-threads1-2"]
    assert gate.startswith("gate failed: quality/accuracy, digits, logistic_regression, threads 1: 0.96")
    assert "lies outside min 0.99" in gate
    assert "Traceback" not in whole.output
    _, finding = whole.outcomes["data-D009"]
    assert "[data] fail_on names D009" in finding


def test_an_unavailable_cell_is_skipped_with_its_reason(whole, folder: Path) -> None:
    _, cell = whole.outcomes["mnist-logistic_regression-seed0-threads1"]
    _, gate = whole.outcomes["gate-quality/accuracy-mnist-logistic_regression-threads1"]
    (record,) = (one for one in runs(folder)[0].records() if one.status == "unavailable")
    first_line = str(record.reason).splitlines()[0]
    assert f"unavailable: {first_line}" in cell
    assert f"no cell is available: {first_line}" in gate


def test_the_progress_is_shown_as_by_a_run(whole) -> None:
    assert "[1/3] digits, logistic_regression, seed 0, threads 1: accuracy 0.9" in whole.output
    assert re.search(r"^small\.toml [.FsE]{7} ", whole.output, re.MULTILINE)


def test_k_runs_the_chosen_cells_and_those_of_chosen_gates(whole, folder: Path, run_pytest) -> None:
    del whole  # its run comes first
    words = ("small.toml", "--bench-trust", "-k", "gate and digits", "-q", "--bench-results", "chosen")
    ended = run_pytest(folder, *words)
    assert sorted(ended.outcomes) == [
        "gate-quality/accuracy-digits-logistic_regression-threads1",
        "gate-quality/accuracy-digits-logistic_regression-threads1-2",
    ]
    assert "[1/1]" not in ended.output  # -q
    (path,) = (folder / "chosen").glob("2*/run.json")
    info = json.loads(path.read_text())
    assert (info["cells"], len(info["passed"])) == (1, 2)
    assert info["only"] == ['-k "digits, logistic_regression, seed 0, threads 1"']


def test_the_run_is_a_baseline_for_the_tolerances(whole, folder: Path, run_pytest) -> None:
    del whole
    chosen = ("-k", "digits and not broken and not data or compared")
    before = runs(folder)[0].name
    ended = run_pytest(folder, "small.toml", "--bench-trust", "--bench-against", before, *chosen)
    outcomes = {name: outcome for name, (outcome, _) in ended.outcomes.items()}
    assert outcomes["against-quality/accuracy-digits-logistic_regression-threads1"] == "passed", ended.output
    assert outcomes["against-compared"] == "passed", ended.outcomes
    assert len(runs(folder)) == 2


def test_without_a_baseline_nothing_is_run(folder: Path, run_pytest) -> None:
    ended = run_pytest(folder, "small.toml", "--bench-trust", "--bench-against", "baseline")
    assert ended.status == 2
    assert "small has no baseline in " in ended.output
    ended = run_pytest(folder, "small.toml", "--bench-trust", "--bench-against", "last:5", "--bench-results", "none")
    assert ended.status == 2
    assert "last:5: there is no earlier run of small on main or master in " in ended.output


def test_an_interrupted_run_names_the_command_that_completes_it(folder: Path) -> None:
    plan = SimpleNamespace(suite=SimpleNamespace(name="small", gates=()))
    outcome = SimpleNamespace(interrupted=True, run=SimpleNamespace(name="RUN", path=folder / "RUN", damages=()))
    summary = Summary()
    summary.suites.append(
        SimpleNamespace(
            outcome=outcome, plan=plan, path=folder / "small.toml", overrides=("train.epochs=1",), trust=True,
            base=None, store=SimpleNamespace(damages=()),
        )
    )  # fmt: skip
    lines: list[str] = []
    summary.pytest_terminal_summary(SimpleNamespace(section=lines.append, write_line=lines.append))
    command = f"bench run {folder}/small.toml --set train.epochs=1 --trust --resume RUN"
    assert lines[-1] == f"next: {command}   run the missing cells"
