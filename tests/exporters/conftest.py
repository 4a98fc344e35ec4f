"""A real run of the repository, its metrics as read without this program, and a run whose texts are hostile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import ArtifactRow, Interval, MetricRow
from bench_suite.store.runs import Run

RESULTS = Path(__file__).parents[2] / "results"
HOSTILE = (
    '=HYPERLINK("http://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", " \t=1", "'quoted", "a,b;c\"d",
    "first\r\n=second\n-third\rlast", "\ufeff=1", "＝1", "\\input{/etc/passwd}", "$x_{1}^2$ & 50 % # ~ {", "100%",
    "--flag ``x'' ?` [b]", "</testcase><b>\x00\x1b[31m", "漢字 Łódź ÿ", "half \ud800 of a pair", "", "| a | `b` <i>",
)  # fmt: skip
"Texts that formats must write as they are."


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a copy of the newest run of the suite `quickstart` that the repository contains."""
    paths = sorted(path.parent for path in RESULTS.glob("*-quickstart-*/run.json"))
    if not paths:
        pytest.skip("the repository's folder results/ has no run of the suite quickstart")
    target = tmp_path_factory.mktemp("results") / paths[-1].name
    shutil.copytree(paths[-1], target, ignore=shutil.ignore_patterns("report*", "index", "cells", "weights"))
    return Run(target)


@pytest.fixture(scope="session")
def stored_metrics(real_run: Run) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return record and metric of each metric in the files of records, read by `json` alone."""
    return [*_metrics_in(real_run.path)]


def _metrics_in(path: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    records = [json.loads(line) for file in sorted(path.glob("records/*.jsonl")) for line in file.open()]
    assert len({record["id"] for record in records}) == len(records), "the run was resumed: choose another one"
    for record in records:
        for metric in record["metrics"]:
            yield record, metric


@pytest.fixture
def hostile_texts() -> Sequence[str]:
    """Return texts that formats must write as they are."""
    return HOSTILE


@pytest.fixture
def hostile_run(history_runs: Any) -> Run:
    """Return a run with a cell for each of HOSTILE: in a label, a coordinate, a unit, a reason and a caption."""
    runs = []
    for number, text in enumerate(HOSTILE):
        value = 0.9 - number / 100
        metrics = (
            MetricRow("quality/accuracy", value, "fraction", "higher", interval=Interval(0.1, 0.95), n=100),
            MetricRow("quality/by", None, text, "none", reason=text, at={"group": text}),
        )
        cell = {"task": "digits", "model": f"m{number}", "seed": 0, "note": text, "n": 3, "layers": [1, 2]}
        artifacts = (ArtifactRow("quality/x", "text", "cells/x.txt", text),)
        changes = {"cell": cell, "artifacts": artifacts}
        runs.append(history_runs.add(metrics, record=changes, id=f"id{number}", title=text, planned={}))
    return joined(runs)


def joined(runs: Sequence[Run]) -> Run:
    """Return the first of some runs, with the records of all."""
    with (runs[0].path / "records" / "00001.jsonl").open("ab") as file:
        for run in runs[1:]:
            file.write((run.path / "records" / "00001.jsonl").read_bytes())
    return Run(runs[0].path)


@pytest.fixture
def run_of_models(history_runs: Any) -> Callable[..., Run]:
    """Return a function that writes a run with a cell for each model, from its metrics."""

    def write(models: Mapping[str, Sequence[MetricRow]], **facts: Any) -> Run:
        return joined([history_runs.add(rows, model=model, planned={}, **facts) for model, rows in models.items()])

    return write
