"""A run whose every text tries to break out of its place in a report, or to hide what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench_suite.contracts import Artifact, Finding, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.runs import Run, Store

MARKUP = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
BREAKOUTS = f"\"'><svg onload=window.pwned=1>{MARKUP}</script>]]>--></style></title></textarea>"
INVISIBLE = "a\u202eb\u2066c\u200bd\x00e\x1b[31mf\x07g\u2028h"
SURROGATE = "half \udc80 a pair"
LINK = "javascript:window.pwned=1"
TEMPLATE = "{{7*7}}${7*7}{%raw%}"
LONG = "x" * 10_000
LONG_WORDS = "many words " * 900
HOSTILE = f"{MARKUP}{BREAKOUTS}{TEMPLATE}{LINK}{INVISIBLE}"
"What most texts of the run contain."


def write_hostile_run(store: Store) -> Run:
    """Write the run: two tasks, three models, artifacts of all kinds, failures and findings."""
    run = store.create(
        "hostile",
        {
            "title": f"T {HOSTILE}", "description": f"D {HOSTILE} {LONG}", "cells": 7, "command": f"bench {HOSTILE}",
            "text": f'# {HOSTILE}\n# {LONG}\n[probes.quality]\nuse = "{LINK}"\n', "overrides": [f"o={BREAKOUTS}"],
            "git": {"commit": f"c{BREAKOUTS}", "branch": HOSTILE, "dirty": True},
        },
    )  # fmt: skip
    environment = run.add_environment(
        {"hardware": {"cpu": f"CPU {HOSTILE}", "cores": 2}, "packages": {f"p{BREAKOUTS}": f"1{BREAKOUTS}"}}
    )
    with run.writer() as writer:
        number = 0
        for task in (f"task {BREAKOUTS}", f"long {LONG}"):
            for model in (f"model {HOSTILE}", LONG, LONG_WORDS):
                writer.write(replace(_record(run, task, model, number), environment=environment))
                number += 1
        failed = _record(run, f"task {BREAKOUTS}", "broken", number)
        run.write_traceback(failed.id, "cell", f"Traceback\n  {HOSTILE}\n  {SURROGATE}\n{LONG}\n")
        reason = f"failed {HOSTILE} {LONG}"
        writer.write(replace(failed, status="failed", reason=reason, metrics=(), artifacts=(), environment=environment))
    finding = Finding("one_class", "warning", f"task {BREAKOUTS}", f"finding {HOSTILE}", f"mend {BREAKOUTS}")
    run.update({"findings": [vars(finding)]})
    return run


def _record(run: Run, task: str, model: str, number: int) -> Record:
    id = f"{number:016x}"
    rows = tuple(run.write_artifact(id, "quality", artifact) for artifact in artifacts())
    value = 0.5 + number / 20
    metrics = (
        MetricRow("quality/accuracy", value, "fraction", "higher", interval=Interval(value - 0.1, value + 0.1), n=50),
        MetricRow(f"quality/{BREAKOUTS}", value, f"u{BREAKOUTS}", "higher", n=50),
        MetricRow("quality/recall", value, "fraction", "higher", at={f"class {BREAKOUTS}": f"c {HOSTILE}"}, n=50),
        MetricRow("quality/recall", value / 2, "fraction", "higher", at={f"class {BREAKOUTS}": LONG}, n=50),
        MetricRow("quality/none", None, "fraction", "higher", reason=f"reason {HOSTILE} {LONG}"),
        MetricRow("throughput/train", 100.0 + number, "samples/s", "higher"),
    )
    return Record(
        run.name, "hostile", id, f"k{number}",
        {"task": task, "model": model, "engine": f"e{BREAKOUTS}", "precision": "32-true", "seed": f"s{BREAKOUTS}"},
        {}, "ok",
        probes={
            "quality": ProbeRow("ok", "k"),
            "throughput": ProbeRow("ok", "k"),
            f"probe {BREAKOUTS}": ProbeRow("failed", "k", reason=f"probe failed {HOSTILE}"),
        },
        data={
            "name": f"data {HOSTILE}", "source": LINK, "licence": BREAKOUTS, "fingerprint": "f" * 8, "train": 10,
            "test": 50, "prominent": ["note"], "notes": {"note": f"note {HOSTILE} {LONG}"},
        },
        metrics=metrics, artifacts=rows, notes=(f"remark {HOSTILE}", LONG), started="2026-11-24T12:00:00Z",
        seconds={"total": 1.0},
    )  # fmt: skip


def artifacts() -> list[Artifact]:
    """Return an artifact of each kind whose texts are hostile."""
    name, short = f"n {HOSTILE}", f"n{BREAKOUTS}"
    matrix = {"rows": [short, LONG], "columns": [short, LONG], "values": [[3, 1], [0, 5]], "x": short, "y": short}
    table = {"columns": [short, LONG], "rows": [[name, LONG], [LINK, TEMPLATE]]}
    return [
        Artifact(
            "curve", "lines", {"x": short, "y": short, "series": {name: [[0, 1.0], [1, 0.5]], LONG: [[0, 2.0]]}}, name
        ),
        Artifact(
            "groups", "bars", {"y": name, "bars": {name: 0.8, LONG: 0.2, "none": None}, "reasons": {"none": name}}, LONG
        ),
        Artifact("confusion", "matrix", matrix, name),
        Artifact("picture", "image", np.zeros((8, 8), np.uint8), name),
        Artifact("sample", "text", f"{HOSTILE}\n{LONG}", name),
        Artifact("tokens", "text", [[name, 0.9], [LONG, -0.8], [LINK, 0.1]], LONG_WORDS),
        Artifact("worst", "table", table, name),
    ]
