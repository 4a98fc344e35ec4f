"""A probe that raises: its cell keeps all other results, and a resume repeats only that probe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def test_its_cell_keeps_everything_else(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("raising_probe")
    record = walked.records_after_run[0]
    assert record.status == "ok"
    assert record.probes["quality"].status == "ok"
    assert metric(record, "quality/accuracy") > 0.5
    assert {row.name for row in record.artifacts} >= {"predictions/test", "quality/confusion"}


def test_its_own_metrics_are_gone_and_the_cause_is_told(walk: Any) -> None:
    walked = walk("raising_probe")
    record = walked.records_after_run[0]
    assert record.probes["broken"].status == "failed"
    assert record.probes["broken"].reason == "LookupError: the other half is not here"
    assert not [row for row in record.metrics if row.name.startswith("broken/")]
    assert "the other half is not here" in walked.ended["run"].err
    (traceback,) = (walked.run.path / "cells").glob("*/traceback-broken.txt")
    assert "raise LookupError" in traceback.read_text()


def _lines(walked: Any) -> list[dict[str, Any]]:
    files = sorted((walked.run.path / "records").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_resume_tries_that_probe_again_and_only_that_one(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("raising_probe")
    first, second = _lines(walked)
    assert set(first["probes"]) == {"broken", "quality"}
    assert set(second["probes"]) == {"broken"}
    assert "train" not in second["seconds"]
    assert metric(walked.records[0], "quality/accuracy") == metric(walked.records_after_run[0], "quality/accuracy")


def test_mended_it_is_done_by_a_resume_and_all_is_well(prepare: Any, metric: Callable[..., float]) -> None:
    walked = prepare("raising_probe")
    assert walked.bench("run", "suite.toml", "--trust").status == 3
    file = walked.folder / "probe.py"
    file.write_text(file.read_text().replace('    raise LookupError("the other half is not here")\n', ""))
    ended = walked.bench("run", "suite.toml", "--trust", "--resume")
    assert ended.status == 0, ended.err
    record = walked.records[0]
    assert metric(record, "broken/half") == record.data["test"] // 2
    assert metric(record, "quality/accuracy") > 0.5
    assert "train" not in _lines(walked)[1]["seconds"]
