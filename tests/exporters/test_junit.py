"""A comparison and a run as JUnit XML: a test for each gated metric, each cell, and each cell that is not compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.exporters.junit import export, export_run
from bench_suite.store.runs import Run

REGRESSED = Row(
    "quality/accuracy", "imdb, minilm", True, verdict="regressed", base=0.9, head=0.85, difference=-0.05,
    interval=(-0.06, -0.04), note="one seed",
)  # fmt: skip
FINE = Row("quality/accuracy", "imdb, mlp", True, "part a", verdict="no regression found", base=0.5, head=0.5)
UNKNOWN = Row("throughput/train", "imdb, mlp", True, verdict="cannot tell", note="not measured in base")
NOT_GATED = Row("quality/log_loss", "imdb, mlp", False, verdict="worse", base=0.5, head=0.6)
LEFT_OUT = UncomparedCell("left out", "imdb, bert", "head was asked for --only model=mlp")
MISSING = UncomparedCell("missing", "imdb, cnn", "head lacks it")
FAILED_PROBE = UncomparedCell("failed probe", "imdb, mlp", "an error", "speed")


def suite_of(*rows: Row, gated: bool = True, status: int = 0, **changes: Any) -> ElementTree.Element:
    options = {"undecided": "exit 4", "new": "pass"}
    comparison = replace(Comparison("BASE", "HEAD", rows, (), (), gated, status, options), **changes)
    (suite,) = ElementTree.fromstring(export(comparison))
    return suite


def counts(suite: ElementTree.Element) -> tuple[str | None, ...]:
    return tuple(suite.get(name) for name in ("tests", "failures", "errors", "skipped"))


def contents(suite: ElementTree.Element) -> dict[tuple[str | None, str | None], list[tuple[str, dict[str, str]]]]:
    return {
        (test.get("classname"), test.get("name")): [(child.tag, dict(child.attrib)) for child in test] for test in suite
    }


def test_a_regression_is_a_failure_and_what_cannot_be_told_is_an_error() -> None:
    suite = suite_of(REGRESSED, UNKNOWN, FINE, NOT_GATED, status=1)
    assert counts(suite) == ("3", "1", "1", "0")
    message = "regressed; 0.9 to 0.85; difference -0.05 [-0.06, -0.04]; one seed"
    assert contents(suite) == {
        ("imdb, minilm", "quality/accuracy"): [("failure", {"message": message, "type": "regressed"})],
        ("imdb, mlp", "throughput/train"): [
            ("error", {"message": "cannot tell; not measured in base", "type": "cannot tell"})
        ],
        ("imdb, mlp", "quality/accuracy (part a)"): [("system-out", {})],
    }
    assert [text.text for text in suite.iter("system-out")] == ["no regression found; 0.5 to 0.5"]


def test_cells_that_are_not_compared_are_errors_unless_they_were_left_out_on_purpose() -> None:
    suite = suite_of(FINE, uncompared=(LEFT_OUT, MISSING, FAILED_PROBE), status=3)
    assert counts(suite) == ("4", "0", "2", "1")
    tests = contents(suite)
    assert tests["imdb, bert", "compared"] == [
        ("skipped", {"message": "left out: head was asked for --only model=mlp"})
    ]
    assert tests["imdb, cnn", "compared"] == [("error", {"message": "head lacks it", "type": "missing"})]
    assert tests["imdb, mlp", "probe speed"] == [("error", {"message": "an error", "type": "failed probe"})]


@pytest.mark.parametrize(("status", "skipped"), [(0, "1"), (4, "0")])
def test_without_a_gate_a_missing_cell_is_an_error_only_if_no_cell_is_compared(status: int, skipped: str) -> None:
    suite = suite_of(gated=False, uncompared=(MISSING, FAILED_PROBE), status=status)
    assert counts(suite) == ("2", "0", str(2 - int(skipped)), skipped)


@pytest.mark.parametrize(("undecided", "element"), [("exit 4", "error"), ("fail", "failure"), ("warn", "system-out")])
def test_the_suite_decides_what_a_gate_that_cannot_tell_is(undecided: str, element: str) -> None:
    suite = suite_of(UNKNOWN, options={"undecided": undecided, "new": "pass"})
    assert [child.tag for child in suite[0]] == [element]
    assert counts(suite) == ("1", str(int(element == "failure")), str(int(element == "error")), "0")


@pytest.mark.parametrize(("new", "skipped"), [("pass", "1"), ("fail", "0")])
def test_the_suite_decides_what_a_new_cell_is(new: str, skipped: str) -> None:
    cell = UncomparedCell("new", "imdb, cnn", "base has no such cell")
    suite = suite_of(FINE, uncompared=(cell,), options={"undecided": "exit 4", "new": new})
    assert counts(suite) == ("2", "0", str(1 - int(skipped)), skipped)


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    hostile = "a\x00\x1b]0;<&>\ud800"
    suite = suite_of(replace(FINE, where=hostile, coordinates="", note=hostile))
    (test,) = suite
    assert test.get("classname") == "a\ufffd\ufffd]0;<&>\ufffd"


# ── of a run ────────────────────────────────────────────────────────────────────────────────────

ACCURACY = MetricRow("quality/accuracy", 0.9, "fraction", "higher", interval=Interval(0.88, 0.92), n=1000)


def suites_of(run: Run, *arguments: Any) -> tuple[ElementTree.Element, ElementTree.Element]:
    cells, gates = ElementTree.fromstring(export_run(run, *arguments))
    return cells, gates


def test_each_cell_of_a_run_is_a_test_with_its_seconds(real_run) -> None:
    records = real_run.records()
    cells, gates = suites_of(real_run)
    assert counts(cells) == (str(len(records)), "0", "0", "0")
    assert counts(gates) == ("0", "0", "0", "0")
    assert [float(test.get("time", "nan")) for test in cells] == pytest.approx(
        [record.seconds["total"] for record in records], abs=1e-3
    )
    assert len({(test.get("classname"), test.get("name")) for test in cells}) == len(records)
    assert ("mnist, mlp", "mnist, mlp, seed 0") in contents(cells)


@pytest.mark.parametrize(
    ("status", "element"), [("failed", "failure"), ("unavailable", "error"), ("interrupted", "error")]
)
def test_a_cell_that_did_not_end_well_says_why(history_runs, status: str, element: str) -> None:
    run = history_runs.add([], record={"status": status, "reason": "ValueError: <b>no"})
    run.write_traceback("mlp-0", "cell", "Traceback …\nValueError: <b>no")
    (test,) = suites_of(Run(run.path))[0]
    assert [(child.tag, dict(child.attrib)) for child in test] == [
        (element, {"message": "ValueError: <b>no", "type": status})
    ]
    assert test[0].text == ("Traceback …\nValueError: <b>no" if status == "failed" else None)


def test_a_failed_probe_is_a_failure_and_a_cell_that_did_not_run_is_an_error(history_runs) -> None:
    probes = {
        "quality": ProbeRow("ok", "k"),
        "speed": ProbeRow("failed", "k", "no clock"),
        "x": ProbeRow("skipped", "k"),
    }
    planned = {"mlp-0": "digits, mlp, seed 0", "later": "digits, cnn, seed 0"}
    run = history_runs.add([ACCURACY], record={"probes": probes}, planned=planned)
    cells = suites_of(run)[0]
    assert counts(cells) == ("3", "1", "1", "0")
    assert contents(cells)["digits, mlp", "digits, mlp, seed 0, probe speed"] == [
        ("failure", {"message": "no clock", "type": "failed probe"})
    ]
    assert contents(cells)["digits, cnn, seed 0", "digits, cnn, seed 0, later"] == [
        ("error", {"message": "the run ended before this cell", "type": "not run"})
    ]


def test_bounds_are_judged_by_the_run_and_tolerances_are_skipped_without_a_base(history_runs) -> None:
    gate = {"quality/accuracy": [{"min": 0.95}, {"min": 0.5}, {"tolerance": 0.01}], "quality/r2": {"max": 1}}
    run = history_runs.add([ACCURACY], gate=gate)
    gates = suites_of(run, None, "ci has no baseline")[1]
    assert counts(gates) == ("4", "1", "1", "1")
    assert [(child.tag, child.get("type")) for test in gates for child in test] == [
        ("failure", "failed"), ("system-out", None), ("skipped", None), ("error", "absent"),
    ]  # fmt: skip
    (skipped,) = gates.iter("skipped")
    assert "ci has no baseline" in str(skipped.get("message"))


def test_tolerances_are_judged_against_a_base(history_runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.01}}
    base = history_runs.add([ACCURACY], gate=gate)
    worse = MetricRow("quality/accuracy", 0.7, "fraction", "higher", interval=Interval(0.68, 0.72), n=1000)
    head = history_runs.add([worse], gate=gate)
    gates = suites_of(head, compare(base, head))[1]
    assert gates.get("name") == f"ci: gates against {base.name}"
    assert [(child.tag, child.get("type")) for test in gates for child in test] == [("failure", "regressed")]


def test_gates_of_a_smoke_run_are_skipped(history_runs) -> None:
    run = history_runs.add([ACCURACY], smoke=True, gate={"quality/accuracy": {"min": 0.95}})
    assert counts(suites_of(run)[1]) == ("1", "0", "0", "1")


def test_a_gate_for_cells_that_were_not_asked_for_is_skipped(history_runs) -> None:
    gate = {"quality/accuracy": {"min": 0.5, "only": {"model": ["cnn"]}}}
    assert counts(suites_of(history_runs.add([ACCURACY], gate=gate))[1]) == ("1", "0", "1", "0")
    run = history_runs.add([ACCURACY], gate=gate, only=["model=mlp"])
    assert counts(suites_of(run)[1]) == ("1", "0", "0", "1")


def test_hostile_texts_of_a_run_are_xml(hostile_run) -> None:
    cells = suites_of(hostile_run)[0]
    assert counts(cells) == (str(len(hostile_run.records())), "0", "0", "0")
