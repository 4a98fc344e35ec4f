"""Metrics and artifacts of the whole run come back, except what is damaged, which is named."""

import json

from bench_suite.contracts import Artifact, MetricRow
from bench_suite.store.runs import Run


def test_summaries_of_the_first_schema_are_upgraded_and_damaged_ones_are_left_out_and_named(run: Run) -> None:
    metric = {"name": "q/x", "value": 3, "unit": "", "better": "lower", "reason": "exact count"}
    path = run.path / "summaries.json"
    for schema, kind in (({}, "exact"), ({"schema": 1}, "exact"), ({"schema": 2}, "estimate")):
        path.write_text(json.dumps({**schema, "metrics": [metric], "artifacts": []}))
        assert [row.kind for row in run.summaries()[0]] == [kind]
    for damaged in ("[]", "{", '{"metrics": []}', '{"metrics": 3, "artifacts": []}'):
        path.write_text(damaged)
        assert Run(run.path).summaries() == ([], [])
    damages = []
    for damaged in ("[]", '{"metrics": []}', json.dumps({"metrics": [3, metric], "artifacts": [{}]}, indent=1)):
        path.write_text(damaged)
        reader = Run(run.path)
        reader.summaries()
        damages += reader.damages
    assert damages == [
        f"{run.name}: summaries.json: it must be an object, and is []",
        f"{run.name}: summaries.json, line 1, field artifacts: it is missing",
        f"{run.name}: summaries.json, line 3, field metrics[0]: it must be an object, and is 3",
    ]


def test_summaries_come_back(run: Run) -> None:
    assert run.summaries() == ([], [])
    metric = MetricRow("rank/agreement", 0.5, "correlation", "none", kind="single")
    row = run.write_artifact(None, "rank", Artifact("curve", "lines", {"x": "n", "y": "a", "series": {}}, "c"))
    run.write_summaries([metric], [row])
    assert run.summaries() == ([metric], [row])
