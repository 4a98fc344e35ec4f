"""Export a whole run as one JSON document: its facts, environments, cells with all metrics, and names of its files.

The document is an object with these keys. `format` is `bench-suite run`; `schema` is the version of the document, which
grows if a key changes its meaning or goes, and not if one is added. `program` is the version that wrote it. `run` is
the content of `run.json`: suite with its text, command, commit, gates. `environments` describes machines and packages
by the hash that a record's `environment` names. `summaries` has `metrics` and `artifacts` of the run as a whole.
`damages` lists what could not be read and is left out. `records` has one object for each cell, as `records/*.jsonl`
contains it after a resume is merged: `cell` (its labels), `status`, `reason`, `options`, `data`, `probes`, `metrics`
and `artifacts` (name, kind, and path of the file in the run's folder).

A metric has `name`, `at` (coordinates), `value`, `unit`, `better`, and if it has them `interval` (`low`, `high`,
`level`, `over`), `samples`, `n`, `reason`, `kind`, `ideal`, `range`, `timing`. Every number reads back as the same
number. JSON has no number that is not finite: such a value is null, with a `reason`; elsewhere it is the text `"nan"`
or `"inf"`. The text is ASCII, with one line for each cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bench_suite._version import __version__
from bench_suite.store.columns import metric_at
from bench_suite.store.records import artifact_to_json, dumps, metric_to_json, to_json
from bench_suite.store.runs import Run

SUFFIXES = (".json",)
FORMAT = "bench-suite run"
SCHEMA = 1
"Version of the document."
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def export(run: Run) -> Iterator[bytes]:
    """Yield the parts of the document, one for each cell."""
    records = run.records()
    names = dict.fromkeys(record.environment for record in records if record.environment)
    metrics, artifacts = run.summaries()
    head: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "program": f"bench-suite {__version__}",
        "run": run.info,
        "environments": {name: run.environment(name) for name in names},
        "summaries": {
            "metrics": [metric_to_json(row) for row in metrics],
            "artifacts": [artifact_to_json(row) for row in artifacts],
        },
        "damages": run.damages,
    }
    for key, value in head.items():
        yield f'{"{" if key == "format" else ","}\n"{key}": {dumps(value)}'.encode()
    yield b',\n"records": ['
    for number, record in enumerate(records):
        # The metrics of one cell at a time are in memory.
        metrics_of_cell = tuple(metric_at(record, position) for position in range(len(record.metrics)))
        entry = to_json(replace(record, metrics=metrics_of_cell))
        yield f"{',' if number else ''}\n{_ENCODER.encode(entry)}".encode()
    yield b"\n]\n}\n"
