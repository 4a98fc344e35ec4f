"""Reports of a comparison: text, Markdown and JUnit show the worst first and hide nothing."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from bench_suite.comparison.compare import Comparison, compare
from bench_suite.contracts import MetricRow
from bench_suite.exporters.junit import export
from bench_suite.reports.comparison import as_markdown, as_text, title
from bench_suite.store.runs import Run


def mixed(runs) -> Comparison:
    good, bad = runs.predictions(0.9), runs.predictions(0.8, 5)
    base = [(runs.cell(model=name), good) for name in ("a|b", "fine", "gone")]
    return compare(runs.make(base), runs.make([(runs.cell(model="a|b"), bad), (runs.cell(model="fine"), good)]))


def test_differences_and_tolerances_are_in_the_unit_of_the_values(runs) -> None:
    def run(size: float) -> Run:
        row = MetricRow("compute/model_size", size, "MiB", "lower", kind="exact")
        return runs.make([(runs.cell(metrics=(row,)), None)], gate={"compute/model_size": {"tolerance": "5%"}})

    text = as_text(compare(run(16 / 1024), run(20 / 1024)))
    assert "16 → 20 KiB, difference 4, allowed 0.80, finds 0.80" in text


@pytest.mark.parametrize(("number", "text"), [(1, "1 kind of cell not"), (2, "2 kinds of cells not")])
def test_kinds_of_cells_are_counted_in_words(runs, number: int, text: str) -> None:
    comparison = mixed(runs)
    assert title(replace(comparison, uncompared=comparison.uncompared * number)).endswith(f"; {text} compared")


def test_the_markdown_is_one_table_worst_first_with_verdicts_in_words(runs) -> None:
    text = as_markdown(mixed(runs))
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    verdicts = [line.split("|")[1].strip() for line in lines if not line.startswith("| --")]
    assert verdicts == ["**regressed**", "not compared", "not worse than the tolerance"]
    assert r"a\|b" in text
    assert "missing: head lacks it" in text
    assert "False" not in text
    assert "nan" not in text


def test_junit_has_failures_for_regressions_and_errors_for_what_is_not_known(runs) -> None:
    suite = ElementTree.fromstring(export(mixed(runs)))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    kinds = {test.get("classname"): [child.tag for child in test] for test in suite}
    assert kinds == {"loans, a|b": ["failure"], "loans, fine": ["system-out"], "loans, gone, seed 0": ["error"]}


def test_junit_holds_whatever_a_name_holds(runs) -> None:
    hostile = "a\x00\x1b]0;<&>\ud800"
    odd = compare(runs.of(0.9), runs.of(0.9))
    row = replace(odd.rows[0], where=hostile, note=hostile)
    assert ElementTree.fromstring(export(replace(odd, rows=(row,)))) is not None
