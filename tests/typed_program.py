"""A program that uses the Python interface, for `mypy --strict`: what it gets has the types that are stated."""

from pathlib import Path
from typing import assert_type

import pandas as pd

import bench_suite
from bench_suite import BenchError, Compared, Leaderboard, MetricHistory, Run, RunOutcome, StoredRun


def worse_metrics(outcome: RunOutcome) -> list[str]:
    """Return the metrics that a run made worse, worst first."""
    if outcome.comparison is None:
        return []
    return [row.name for row in outcome.comparison.rows if row.verdict in ("regressed", "worse")]


def main() -> int:
    """Run a suite, compare it, and look at the results."""
    outcome = bench_suite.run("mine.toml", against="baseline", seeds="all", progress=False)
    assert_type(outcome, RunOutcome)
    assert_type(outcome.run, StoredRun)
    assert_type(outcome.comparison, Compared | None)
    assert_type(outcome.status, int)
    run = bench_suite.load(outcome.run.name, results=Path("results"))
    assert_type(run, StoredRun)
    for record in run.records():
        assert_type(record.metrics[0].value, float | None)
    assert_type(run.frame(), pd.DataFrame)
    base: Run = run
    assert_type(bench_suite.compare(base, run), Compared)
    board = bench_suite.leaderboard([run, "20261124"], reference="best", against="baseline")
    assert_type(board, Leaderboard)
    assert_type(board.tables[0].rows[0].rank, int | None)
    history = bench_suite.history("quality/accuracy", models=["mlp"], least=0.01)
    assert_type(history, MetricHistory)
    assert_type(bench_suite.report(run, "report.md"), Path)
    print(len(bench_suite.frame(run, base)), len(bench_suite.cells(run)), worse_metrics(outcome))
    print(len(bench_suite.predictions(run, split="train", model="mlp", seed=0)))
    return outcome.status


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except BenchError as error:
        raise SystemExit(error.exit_status) from error
