"""Claims about the comparison at the end of a run: the verdicts against the run first, in one screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench_suite.cli.comparison_screen import comparison_sections
from bench_suite.cli.screen import Entry, fit
from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.gate_changes import GateChange
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row

ROW = Row(
    "quality/accuracy", "imdb, minilm", True, "", "fraction", "higher", "regressed", 0.9, 0.85, -0.05, (-0.06, -0.04),
    tolerance=0.01, smallest=0.02, p=0.001, note="two seeds are few",
)  # fmt: skip
GOOD = replace(ROW, verdict="not worse than the tolerance")
FINDINGS = [replace(ROW, gated=False, verdict="worse", metric=f"m{number}", note="") for number in range(9)]
MISSING = UncomparedCell("missing", "mnist, mlp, seed 0", "head lacks it")
OPTIONS = {"undecided": "exit 4", "new": "pass"}


def shown(*rows: Row, height: int | None = 24, **changes: object) -> list[Entry]:
    comparison = replace(Comparison("BASE", "HEAD", rows, (), (), True, 1, OPTIONS), **changes)  # type: ignore[arg-type]  # fields of a comparison
    return fit(comparison_sections(comparison, Path("runs")), 80, height)


def test_the_result_and_the_regressions_come_first_and_the_command_for_all_is_last():
    texts = [entry.text for entry in shown(*[GOOD] * 40, ROW, uncompared=(MISSING,))]
    assert texts[0].startswith("against BASE: 41 gated metrics: 1 regressed, 40 not worse than the tolerance; 1 kind")
    assert texts[1].startswith("regressed: quality/accuracy, imdb, minilm: 0.900 → 0.850, difference −0.050 [")
    assert texts[2] == "not compared: mnist, mlp, seed 0: missing: head lacks it"
    assert texts[-2].startswith("… ")
    assert texts[-2].endswith(" more not worse than the tolerance")
    assert texts[-1] == "all metrics and notes: bench compare BASE HEAD --results runs"


def test_each_note_is_said_once_and_at_most_three_findings_without_a_gate_are_shown():
    texts = [entry.text for entry in shown(ROW, *[GOOD] * 20, *FINDINGS, notes=("other versions: torch",))]
    assert "\n".join(texts).replace("\n      ", " ").count("two seeds are few") == 1
    assert sum("(not gated)" in text for text in texts) <= 3
    assert any(text.endswith(" more findings without a gate") for text in texts)


def test_verdicts_against_a_run_stay_in_a_small_screen_and_in_their_colour():
    entries = shown(*[GOOD] * 9, ROW, ROW, height=5)
    assert [entry.style for entry in entries if entry.text.startswith("regressed")] == ["red", "red"]
    weaker = GateChange("wider", "quality/accuracy", "tolerance 0.01", "tolerance 0.05")
    entries = shown(GOOD, height=5, gate_changes=(weaker,))
    assert any(str(weaker) in entry.text and entry.style == "red" for entry in entries)
