"""The forms of the JSON files of a run: the types that each field must have to be read."""

from __future__ import annotations

from typing import get_args

from bench_suite.contracts import Better, ProbeStatus, Severity, Status
from bench_suite.store import json_reader as checks

# ── run.json, environments/HASH.json, driver.json, summaries.json ───────────────────────────────

_TEXTS = checks.list_of(checks.text)
_GIT = checks.optional(
    checks.record(
        {}, {**dict.fromkeys(("commit", "branch", "changes"), checks.optional(checks.text)), "dirty": checks.flag}
    )
)
_INTEGERS = checks.list_of(checks.integer)
FINDING = checks.record(
    {
        **dict.fromkeys(("code", "task", "summary", "mend"), checks.text),
        "severity": checks.one_of(get_args(Severity)),
    },
    {
        "subject": checks.text,
        "subjects": _TEXTS,
        "values": checks.map_of(checks.number),
        "evidence": checks.list_of(
            checks.record({"split": checks.text, "count": checks.integer}, {"rows": _INTEGERS, "ids": _INTEGERS})
        ),
    },
)
RUN = checks.record(
    {"run": checks.name, "suite": checks.text, "started": checks.text},
    {
        **dict.fromkeys(("title", "description", "text", "command", "version"), checks.text),
        **dict.fromkeys(("overrides", "only", "passed", "resumed", "merged", "log"), _TEXTS),
        **dict.fromkeys(("smoke", "trust"), checks.flag),
        **dict.fromkeys(("schema", "cells"), checks.integer),
        "planned": checks.map_of(checks.text),
        "left_out": checks.list_of(_TEXTS),
        "report": checks.record(
            {},
            {
                "columns": checks.list_of(checks.anything),
                **dict.fromkeys(("sort", "reference", "select"), checks.optional(checks.text)),
            },
        ),
        "metric_files": checks.map_of(checks.record({"file": checks.text, "hash": checks.text})),
        "gate": checks.map_of(checks.anything),  # the comparison checks the rules
        "gate_options": checks.record(
            {}, {"undecided": checks.one_of(("exit 4", "fail", "warn")), "new": checks.one_of(("pass", "fail"))}
        ),
        "gate_seeds": checks.record({"from": checks.integer, "to": checks.integer}),
        "git": _GIT,
        "resumed_git": checks.list_of(_GIT),
        "findings": checks.list_of(FINDING),
        "imported": checks.record(
            {"format": checks.text, "files": checks.list_of(checks.record({"name": checks.text}))},
            {"absent": checks.map_of(checks.text), "started": checks.text},
        ),
    },
)
_GPU = checks.record({}, {"name": checks.text, "memory_bytes": checks.integer})
ENVIRONMENT = checks.record(
    {},
    {
        "hardware": checks.record(
            {},
            {
                "cpu": checks.text,
                **dict.fromkeys(("cores", "usable_cores", "memory_bytes"), checks.integer),
                "gpu": checks.list_of(_GPU),
            },
        ),
        **dict.fromkeys(("system", "python", "packages", "threads"), checks.map_of(checks.text)),
    },
)
DRIVER = checks.record({"process": checks.integer, "since": checks.text}, {"host": checks.text})
_ROWS = checks.list_of(checks.map_of(checks.anything))
SUMMARIES = checks.record({"metrics": _ROWS, "artifacts": _ROWS}, {"schema": checks.integer})

# ── a line of records/NUMBER.jsonl, of which it is known that it is not nested too deeply ───────

PROBE_ROW = checks.record(
    {"status": checks.one_of(get_args(ProbeStatus)), "key": checks.text},
    {"reason": checks.optional(checks.text), "unrestored": checks.optional(checks.map_of(checks.text))},
)
ARTIFACT_ROW = checks.record({"name": checks.text, "kind": checks.text, "file": checks.text}, {"caption": checks.text})
METRIC_ROW = checks.record(
    {"name": checks.text, "unit": checks.text, "better": checks.one_of(get_args(Better))},
    {
        "reason": checks.optional(checks.text),
        "at": checks.map_of(checks.coordinate),
        "samples": checks.list_of(checks.scalar),
        "marks": checks.map_of(checks.text),
        **dict.fromkeys(("of_predictions", "timing"), checks.flag),
    },
)
OLD_RECORD = checks.record({}, {"notes": checks.list_of(checks.text), "metrics": checks.list_of(checks.mapping)})
_FAMILIES = ("task", "model", "train", "evaluate", "placement")
_REQUIRED: dict[str, checks.Check] = {
    **dict.fromkeys(("run", "suite", "id", "weights_key"), checks.text),
    "cell": checks.record({}, dict.fromkeys(("task", "model", "engine", "precision", "device", "seed"), checks.scalar)),
    "options": checks.record({}, dict.fromkeys(_FAMILIES, checks.mapping)),
    "status": checks.one_of(get_args(Status)),
}
_OTHERS: dict[str, checks.Check] = {
    "reason": checks.optional(checks.text),
    "probes": checks.map_of(PROBE_ROW),
    "data": checks.record(
        {},
        {
            **dict.fromkeys(("source", "name", "fingerprint", "revision", "licence", "problem"), checks.scalar),
            "fingerprints": checks.map_of(checks.map_of(checks.text)),
            "notes": checks.mapping,
            "prominent": checks.list_of(checks.text),
        },
    ),
    "metrics": checks.list_of(checks.mapping),
    "artifacts": checks.list_of(checks.mapping),
    "environment": checks.text,
    "started": checks.text,
    "sources": checks.map_of(checks.text),
    "unrestored": checks.map_of(checks.text),
    "seconds": checks.map_of(checks.number),
    "notes": checks.list_of(checks.text),
    **dict.fromkeys(("smoke", "weights_reused", "shared_training", "machine_busy"), checks.flag),
    "schema": checks.integer,
}
RECORD_FIELDS = {**_REQUIRED, **_OTHERS}
RECORD = checks.record(_REQUIRED, _OTHERS)

# ── artifacts and the header of weights ─────────────────────────────────────────────────────────

ARTIFACT_KINDS = ("lines", "bars", "matrix", "table", "text", "examples")
ARTIFACT = checks.record({"kind": checks.one_of(ARTIFACT_KINDS), "data": checks.anything})
WEIGHTS_HEADER = checks.record({}, {"__metadata__": checks.map_of(checks.text)})
HISTORY = checks.record(
    {
        "windows": checks.list_of(checks.map_of(checks.scalar)),
        "epochs": checks.list_of(checks.map_of(checks.scalar)),
    },
    {
        **dict.fromkeys(("steps", "samples"), checks.integer),
        "seconds": checks.number,
        "best_epoch": checks.optional(checks.integer),
        "compile_seconds": checks.optional(checks.number),
        "loss_of": checks.one_of(("problem", "model")),
        "first_step_seconds": checks.optional(checks.number),
        "stopped": checks.optional(checks.text),
        "target": checks.optional(checks.map_of(checks.anything)),
        "privacy": checks.optional(checks.map_of(checks.scalar)),
    },
)
