"""The board as LaTeX: its values, ranks and ties, what is bold, any text escaped, and that it compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import BenchError, Interval, MetricRow
from bench_suite.exporters.latex import Options, escaped, export
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.store.runs import Run

PDFLATEX = shutil.which("pdflatex")


def text_of(run: Run, **options: Any) -> str:
    return export(run, Options(**options)).decode()


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the rows between the rules of all tables."""
    bodies = re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL)
    return [
        line.strip().removesuffix(r" \\").split(" & ") for body in bodies for line in body.splitlines() if line.strip()
    ]


def accuracy(value: float, half: float = 0.01) -> MetricRow:
    return MetricRow(
        "quality/accuracy", value, "fraction", "higher", interval=Interval(value - half, value + half), n=400
    )


def test_it_has_the_rows_and_values_of_the_leaderboard_and_the_same_ones_in_bold(real_run) -> None:
    text = text_of(real_run)
    board = leaderboard([real_run])
    marks = re.compile(r" ?[⁰¹²³⁴⁵⁶⁷⁸⁹]+$")
    lines = [line for line in board.split("### Across tasks")[0].splitlines() if line.startswith("| ")]
    rows = [
        [marks.sub("", cell.strip()) for cell in line.strip("|").split("|")]
        for line in lines
        if not line.startswith(("| Rank", "| ---"))
    ]
    written = [[re.sub(r"\\textsuperscript\{\d+\}", "", cell) for cell in row] for row in rows_of(text)]
    symbols = {r"$\pm$": "±", "$-$": "−", "--": "–"}
    plain = [[re.sub(r"\\textbf\{(.*)\}", r"**\1**", cell) for cell in row] for row in written]
    for symbol, character in symbols.items():
        plain = [[cell.replace(symbol, character) for cell in row] for row in plain]
    assert [[re.sub(r"[{}\\]", "", cell) for cell in row] for row in plain] == rows
    assert sum(cell.startswith("**") for row in rows for cell in row) > 3
    assert text.count(r"\begin{table}") == text.count(r"\toprule") == len({*re.findall(r"\\label\{(.*?)\}", text)}) == 3


def test_the_best_is_bold_and_so_are_its_ties(run_of_models) -> None:
    run = run_of_models(
        {"a": [accuracy(0.9)], "b": [accuracy(0.899)], "c": [accuracy(0.7)]},
        report={"columns": ["quality/accuracy"], "sort": "quality/accuracy"},
    )
    (first, second, third) = rows_of(text_of(run))
    assert first[0].startswith("1=")
    assert second[0].startswith("1=")
    assert (first[2], second[2], third[2]) == (
        r"\textbf{0.900 $\pm$ 0.010}", r"\textbf{0.899 $\pm$ 0.010}", r"0.700 $\pm$ 0.010",
    )  # fmt: skip


def test_in_other_columns_overlapping_intervals_are_ties_and_lower_may_be_better(run_of_models) -> None:
    def loss(value: float) -> MetricRow:
        return MetricRow("quality/loss", value, "", "lower", interval=Interval(value - 0.1, value + 0.1), n=400)

    models = {"a": [accuracy(0.9), loss(0.5)], "b": [accuracy(0.8), loss(0.35)], "c": [accuracy(0.7), loss(0.9)]}
    run = run_of_models(models, report={"columns": ["quality/accuracy", "quality/loss"]})
    assert [row[3].startswith(r"\textbf") for row in rows_of(text_of(run))] == [True, True, False]


def test_a_missing_value_has_its_reason_below_the_table(run_of_models) -> None:
    missing = MetricRow("quality/r2", None, "", "higher", reason="100% of the targets_are equal")
    run = run_of_models({"a": [accuracy(0.9), missing]}, report={"columns": ["quality/accuracy", "quality/r2"]})
    text = text_of(run)
    ((_, _, _, value, _),) = rows_of(text)
    assert value == r"--\textsuperscript{1}"
    assert r"\textsuperscript{1}~100\% of the targets\_are equal" in text


def test_options_choose_caption_label_columns_and_notes(run_of_models) -> None:
    run = run_of_models({"a": [accuracy(0.9), MetricRow("compute/flops", 5, "FLOP", "lower", kind="exact")]})
    text = text_of(run, caption="A & B", label="tab:main", columns=("compute/flops",), notes=False, size="scriptsize")
    assert r"\caption{A \& B: digits}" in text
    assert r"\label{tab:main}" in text
    assert r"\scriptsize" in text
    assert "accuracy" not in text
    assert "Data from" not in text
    with pytest.raises(BenchError, match="has no metric"):
        text_of(run, columns=("compute/flop",))
    with pytest.raises(BenchError, match="no such model"):
        text_of(run, reference="b")


def test_a_reference_has_its_column_of_differences(run_of_models) -> None:
    run = run_of_models({"a": [accuracy(0.9)], "b": [accuracy(0.7)]}, report={"columns": ["quality/accuracy"]})
    text = text_of(run, reference="b")
    assert "$-$ b" in text
    assert [row[3] for row in rows_of(text)][1] == "reference"


def test_a_smoke_run_and_a_run_without_results_are_refused(history_runs) -> None:
    with pytest.raises(BenchError, match="smoke run"):
        text_of(history_runs.add([accuracy(0.9)], smoke=True))
    failed = history_runs.add([], record={"status": "failed", "reason": "no"})
    with pytest.raises(BenchError, match="no cell with a result"):
        text_of(failed)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("$a_1^2 & 5% #~", r"\$a\_1\textasciicircum{}2 \& 5\% \#\textasciitilde{}"),
        ("a--b ''", "a-{}-b '{}'"),
        ("[x] <y|z>", r"{[}x{]} \textless{}y\textbar{}z\textgreater{}"),
        ("0.9 ± 0.1 −3 1–2 ↑", r"0.9 $\pm$ 0.1 $-$3 1--2 $\uparrow$"),
        ("one\n\ntwo\x00\x1b\u202e", "one two"),
        ("é 漢", r"é \benchchar{漢}{6F22}"),
    ],
)
def test_a_text_is_printed_as_it_is(text: str, written: str) -> None:
    assert escaped(text) == written


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed: apt-get install texlive-latex-recommended")
def test_it_compiles_also_with_hostile_texts(real_run, run_of_models, hostile_texts, tmp_path: Path) -> None:
    def missing(text: str) -> MetricRow:
        return MetricRow("quality/r2", None, "", "higher", reason=text)

    hostile_run = run_of_models(
        {text: [accuracy(0.9), missing(text)] for text in hostile_texts},
        title="".join(hostile_texts), report={"columns": ["quality/accuracy", "quality/r2"]},
    )  # fmt: skip
    for name, run in (("real", real_run), ("hostile", hostile_run)):
        (tmp_path / f"{name}.tex").write_bytes(export(run, Options(document=True)))
        ended = subprocess.run(
            [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"{name}.tex"],
            cwd=tmp_path, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        log = ended.stdout.decode(errors="replace")
        assert ended.returncode == 0, log[-3000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 10_000
        assert "Missing character" not in log
