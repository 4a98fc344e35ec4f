"""A comparison from Python: short as an expression, a documented frame, and a table in a notebook."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row
from bench_suite.reports.compared import Compared

ROOT = Path(__file__).parents[2]
check = runpy.run_path(str(ROOT / "tests" / "frame_documentation.py"))["check"]
REGRESSED = Row(
    "quality/accuracy", "imdb, minilm", True, "", "fraction", "higher", "regressed", 0.9, 0.85, -0.05, (-0.06, -0.04),
    tolerance=0.01, smallest=0.02, p=0.001,
)  # fmt: skip
QUIET = Row("quality/log_loss", "imdb, minilm", False, verdict="no difference found", base=0.5, head=0.5, p=0.9)


def compared(*rows: Row, **changes: Any) -> Compared:
    options = {"undecided": "exit 4", "new": "pass"}
    return Compared.of(replace(Comparison("BASE", "HEAD", rows, (), (), True, 1, options), **changes))


def test_an_expression_is_one_line() -> None:
    assert repr(compared(REGRESSED)) == "<Compared BASE → HEAD: regressed>"


def test_the_columns_are_those_of_the_documentation() -> None:
    for comparison in (compared(), compared(REGRESSED), compared(REGRESSED, QUIET)):
        check(comparison.frame(), Compared.frame)


def test_the_columns_of_a_comparison_of_this_repository_are_too() -> None:
    comparison = bench_suite.compare("20261130T115054Z", "20261130T115417Z", results=ROOT / "results")
    assert len(comparison.frame()) > 20
    check(comparison.frame(), Compared.frame)


def test_a_notebook_shows_the_verdict_and_the_rows_worst_first(html_text) -> None:
    missing = UncomparedCell("missing", "mnist, mlp, seed 0", "head lacks it")
    text = html_text(compared(QUIET, REGRESSED, uncompared=(missing,), notes=("the code differs",))._repr_html_())
    lines = text.split("\n")
    assert lines[0] == "regressed: 1 gated metric: 1 regressed; 1 kind of cell not compared"
    order = [lines.index(word) for word in ("regressed", "not compared", "no difference found")]
    assert order == sorted(order)
    assert "−0.050 [−0.060, −0.040]" in lines
    assert "1 metrics that are not gated, without a finding" in lines
    assert "the code differs" in lines


def test_nothing_of_a_run_is_read_as_html(html_text, hostile) -> None:
    row = replace(REGRESSED, metric=hostile, where=hostile, note=hostile, unit=hostile)
    cell = UncomparedCell("missing", hostile, hostile)
    text = html_text(compared(row, base=hostile, uncompared=(cell,), notes=(hostile,))._repr_html_())
    assert text.count("<script>alert(2)</script>") >= 6
    assert "\x1b" not in str(compared(row)), "and no terminal is coloured"


@pytest.mark.parametrize("method", ["markdown", "_repr_markdown_"])
def test_the_markdown_is_that_of_the_command(method: str) -> None:
    assert getattr(compared(REGRESSED), method)().startswith("### 1 gated metric: 1 regressed")
