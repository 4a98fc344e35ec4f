"""A comparison as JUnit XML: a test for each gated metric and each cell that is not compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row
from bench_suite.exporters.junit import export

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
