"""Each kind of test, with runs that stand for its cases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.pytest_plugin import tests
from bench_suite.pytest_plugin.selection import Group
from bench_suite.suite.spec import Gate

CELL = {"task": "digits", "model": "mlp", "seed": 0}


def record(value: float | None = 0.9, status: str = "ok", interval: Interval | None = None, **facts: Any) -> Record:
    row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=interval)
    metrics = (row,) if value is not None else ()
    probes = {"quality": ProbeRow("ok", "k")} if status == "ok" else {}
    return Record("RUN", "s", "id", "key", CELL, {}, status, **{"metrics": metrics, "probes": probes, **facts})


def call(kind: type, *records: Record, undecided: str = "exit 4", comparison: Any = None, **fields: Any) -> list[str]:
    """Run a test as it is run by pytest, but without its node; return its warnings."""
    run = SimpleNamespace(summaries=lambda: ([], []), findings=(), path=None)
    outcome = SimpleNamespace(records=records, run=run, summary_errors=fields.pop("errors", ()))
    plan = SimpleNamespace(suite=SimpleNamespace(gate_options={"undecided": undecided}))
    warnings: list[str] = []
    node = SimpleNamespace(
        suite=SimpleNamespace(plan=plan, comparison=comparison, comparison_error="not compared: x"),
        outcome=outcome, records=lambda: list(records), warn=lambda warning: warnings.append(str(warning)), **fields,
    )  # fmt: skip
    if hasattr(kind, "_judgements"):
        node._judgements = lambda own: kind._judgements(node, own)
    kind.runtest(node)
    return warnings


def group(**rules: float) -> Group:
    return Group(Gate("quality/accuracy", rules), "digits, mlp", "digits-mlp", ("id",))


def test_a_gate_fails_with_the_line_of_the_run() -> None:
    assert call(tests.GateTest, record(), group=group(min=0.5)) == []
    with pytest.raises(pytest.fail.Exception, match=r"gate failed: quality/accuracy, digits, mlp: 0\.9 .* min 0\.95"):
        call(tests.GateTest, record(), group=group(min=0.95))


def test_a_gate_that_cannot_tell_fails_unless_the_suite_says_warn() -> None:
    wide = record(interval=Interval(0.85, 0.97, 0.95, "test examples"))
    for undecided in ("exit 4", "fail"):
        with pytest.raises(pytest.fail.Exception, match="gate cannot tell: quality/accuracy"):
            call(tests.GateTest, wide, group=group(min=0.95), undecided=undecided)
    (warning,) = call(tests.GateTest, wide, group=group(min=0.95), undecided="warn")
    assert warning.startswith("gate cannot tell: quality/accuracy, digits, mlp: 0.9")


def test_a_gate_without_its_metric_fails_and_does_not_pass_unseen() -> None:
    failed = record(None, "failed", reason="out of memory")
    with pytest.raises(pytest.fail.Exception, match=r"gate absent: .*out of memory"):
        call(tests.GateTest, failed, group=group(min=0.5))
    with pytest.raises(pytest.fail.Exception, match="gate absent"):
        call(tests.GateTest, record(None), group=group(min=0.5))


def test_a_gate_of_unavailable_cells_is_skipped_but_not_of_some() -> None:
    away = record(None, "unavailable", reason="no data")
    with pytest.raises(pytest.skip.Exception, match="no cell is available: no data"):
        call(tests.GateTest, away, group=group(min=0.5))
    with pytest.raises(pytest.fail.Exception, match="1 of 2 seeds have it"):
        call(tests.GateTest, record(), away, group=group(min=0.5))


def comparison(*rows: Row, uncompared: tuple[UncomparedCell, ...] = (), undecided: str = "exit 4") -> Comparison:
    return Comparison("BASE", "HEAD", rows, uncompared, ("a note",), True, 0, {"undecided": undecided, "new": "pass"})


REGRESSED = Row("quality/accuracy", "digits, mlp", True, verdict="regressed", base=0.9, head=0.8)
UNKNOWN = Row("quality/accuracy", "digits, mlp", True, verdict="cannot tell", note="more seeds would decide")
FINE = Row("quality/accuracy", "digits, mlp", True, verdict="not worse than the tolerance")


def test_a_tolerance_fails_if_it_regressed_or_cannot_be_told() -> None:
    one = group(tolerance=0.02)
    assert call(tests.AgainstTest, group=one, comparison=comparison(FINE)) == []
    with pytest.raises(pytest.fail.Exception, match=r"quality/accuracy, digits, mlp: regressed; 0\.9 to 0\.8"):
        call(tests.AgainstTest, group=one, comparison=comparison(FINE, REGRESSED))
    with pytest.raises(pytest.fail.Exception, match="cannot tell; more seeds would decide"):
        call(tests.AgainstTest, group=one, comparison=comparison(UNKNOWN))
    assert call(tests.AgainstTest, group=one, comparison=comparison(UNKNOWN, undecided="warn")) == []
    with pytest.raises(pytest.fail.Exception, match="not compared: x"):
        call(tests.AgainstTest, group=one)


def test_cells_that_are_not_compared_fail_a_test_of_their_own() -> None:
    compared = frozenset({("quality/accuracy", "digits, mlp")})
    whole = comparison(REGRESSED)
    assert call(tests.ComparedTest, compared_in_tests=compared, comparison=whole) == []
    with pytest.raises(pytest.fail.Exception, match="regressed"):
        call(tests.ComparedTest, compared_in_tests=frozenset(), comparison=whole)
    missing = UncomparedCell("missing", "digits, cnn", "head lacks it")
    left_out = UncomparedCell("left out", "digits, bert", "head was asked for others")
    with pytest.raises(pytest.fail.Exception, match="digits, cnn: missing: head lacks it\nnote: a note"):
        call(
            tests.ComparedTest, compared_in_tests=compared, comparison=comparison(FINE, uncompared=(missing, left_out))
        )


def test_a_summary_that_failed_fails_a_test() -> None:
    assert call(tests.SummariesTest) == []
    with pytest.raises(pytest.fail.Exception, match="stability: no seeds"):
        call(tests.SummariesTest, errors=("stability: no seeds",))
