"""Findings are the same after they were written to `run.json` and read."""

from __future__ import annotations

import json

from bench_suite.contracts import Evidence, Finding
from bench_suite.store import forms
from bench_suite.store.findings import finding_from_json, finding_to_json
from bench_suite.store.json_reader import read_json

FINDING = Finding(
    "D003", "warning", "mine", "column `x` alone predicts the target", 'inputs = ["y"]', "x", {"auc": 0.999},
    (Evidence("train", 12, (3, 4), (17, 2**43)),),
)  # fmt: skip


def test_a_finding_survives_json() -> None:
    content = json.dumps(finding_to_json(FINDING)).encode()
    assert finding_from_json(read_json(content, forms.FINDING)) == FINDING


def test_optional_fields_may_be_absent() -> None:
    entry = {name: getattr(FINDING, name) for name in ("code", "severity", "task", "summary", "mend")}
    assert finding_from_json(entry) == Finding("D003", "warning", "mine", FINDING.summary, FINDING.mend)
