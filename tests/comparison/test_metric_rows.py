"""A metric without a value on either side is noted, and never counts as fine if it has no value at all."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.metric_rows import keys_of
from bench_suite.comparison.verdicts import Row as VerdictRow
from bench_suite.contracts import Interval, MetricRow
from bench_suite.reports.comparison import as_markdown, as_text
from bench_suite.store.columns import Columns, positions_of
from bench_suite.store.environments import Environments
from bench_suite.store.record_files import RecordFiles
from bench_suite.store.runs import Run


def test_a_group_without_a_value_on_either_side_for_one_reason_is_told_and_does_not_keep_a_gate_from_passing(
    runs,
) -> None:
    rates = [
        MetricRow("fairness/accuracy", 0.5, "fraction", "higher", at={"group": "many"}, of_predictions=True),
        MetricRow("fairness/accuracy", None, "fraction", "higher", "too few: 2 of 10", at={"group": "few"}),
    ]
    gate = {"fairness/accuracy": {"tolerance": 0.05}}
    two = [runs.make([(runs.cell(metrics=tuple(rates)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    comparison = compare(*two)
    assert comparison.status == 0
    assert "no value on either side: fairness/accuracy (group few) in loans, mlp: too few: 2 of 10" in comparison.notes
    none = [replace(rate, value=None, reason="no finite scores") for rate in rates]
    twice = [runs.make([(runs.cell(metrics=tuple(none)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    assert compare(*twice).status == 4, "a metric without any value is never fine"
    gone = replace(rates[0], value=None, reason="damaged")
    comparison = compare(two[0], runs.make([(runs.cell(metrics=(gone, rates[1])), runs.predictions(0.9))], gate=gate))
    assert comparison.status == 4


def test_a_comparison_makes_each_metric_once_and_keeps_none(runs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def counted(owner: type, name: str) -> None:
        function = getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            calls[name] += 1
            return function(*arguments)

        monkeypatch.setattr(owner, name, counting)

    def run(value: float) -> Run:
        rows = [
            MetricRow("quality/a", value, "", "higher", interval=Interval(0.1, 0.9), n=50),
            MetricRow("quality/b", value, "", "higher", at={"group": "few"}, interval=Interval(0.1, 0.9), n=50),
        ]
        cells = [
            (runs.cell(seed, f"model{model}", metrics=tuple(rows)), None) for model in range(12) for seed in (0, 1)
        ]
        return runs.make(cells, gate={"quality/a": {"tolerance": 0.01}})

    monkeypatch.setattr("bench_suite.store.record_files.INDEXED_BYTES", 0)
    base, head = run(0.5), run(0.6)
    for owner, name in (
        (Columns, "metric"),
        (Environments, "read"),
        (RecordFiles, "_read_large"),
        (VerdictRow, "__eq__"),
    ):
        counted(owner, name)
    comparison = compare(base, head)
    assert len(comparison.rows) == 12 * 2
    as_text(comparison)
    as_markdown(comparison)
    assert calls["metric"] == 12 * 2 * 2 * 2, "models, seeds, metrics and runs"
    assert calls["_read_large"] == 2
    assert calls["read"] <= 6, "once for each environment, not for each cell"
    assert not calls["__eq__"], "rows that are searched for in other rows cost the square of their number"
    held = [row for row in gc.get_objects() if type(row) is MetricRow and row.value in (0.5, 0.6)]
    assert len(held) < 12, "no exception or record keeps the rows of all cells"


def test_the_keys_of_metrics_are_the_same_with_and_without_an_index(runs, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [MetricRow("q/b", 1.0, "", "higher", at={"z": 1, "a": 2}), MetricRow("q/a", 2.0, "", "lower")]
    run = runs.make([(runs.cell(metrics=tuple(rows)), None)])
    plain = keys_of(run.records())
    monkeypatch.setattr("bench_suite.store.record_files.INDEXED_BYTES", 0)
    indexed = Run(run.path).records()
    assert list(plain) == list(keys_of(indexed)) == [("q/b", (("a", 2), ("z", 1))), ("q/a", ())]
    assert positions_of(indexed[0]) is positions_of(indexed[0])
