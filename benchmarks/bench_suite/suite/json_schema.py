"""The JSON Schema of suite files, made from the components of this installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_suite.components import discovery
from bench_suite.components.options import MISSING, Option, json_schema
from bench_suite.contracts import Kind
from bench_suite.suite.seed_range import MAX_SEEDS, MIN_SEEDS
from bench_suite.suite.spec import (
    AXES,
    COMMON,
    DATA,
    EVALUATE,
    GATE_ONLY,
    GATE_OPTIONS,
    GATE_RATIO,
    GATE_SEEDS,
    LOG,
    REPORT,
    RULES,
    RUN,
    train_options,
)
from bench_suite.suite.trackers import trackers


def suite_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12; a component that a suite names by file may have any options."""
    train = _table(train_options())
    evaluate = dict(EVALUATE)
    for name in discovery.builtin("problems"):
        evaluate |= discovery.find("problems", name, Path()).options
    probes = {
        name: _table(discovery.find("probes", name, Path()).options, extra=_PROBE)
        for name in discovery.builtin("probes")
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A suite of bench-suite",
        "type": "object",
        "required": ["tasks", "models", "probes"],
        "additionalProperties": False,
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string"},
            "tasks": {"type": "array", "minItems": 1, "items": _entry("tasks")},
            "models": {"type": "array", "minItems": 1, "items": _entry("models", {"train": train})},
            "train": train,
            "evaluate": {**_table(evaluate), "additionalProperties": True},
            "matrix": _matrix(),
            "probes": {
                "type": "object",
                "minProperties": 1,
                "properties": probes,
                "additionalProperties": {"type": "object"},
            },
            "gate": {**_table(GATE_OPTIONS, {GATE_SEEDS: _gate_seeds()}), "additionalProperties": _gate()},
            "data": _table(DATA),
            "run": _run(),
            "report": _table(REPORT),
        },
    }


def _run() -> dict[str, Any]:
    """Return the schema of `[run]`: the executor and its options, and the trackers."""
    names = discovery.builtin("executors")
    options: dict[str, Option] = {}
    for name in names:
        options |= discovery.find("executors", name, Path()).options
    executor = {"type": "string", "description": f"One of {', '.join(names)}, or a file."}
    log = {**json_schema(RUN[LOG]), "description": f"{RUN[LOG].help} Here: {', '.join(trackers())}."}
    return _table(options, {"executor": executor, LOG: log})


_PROBE = {"use": {"type": "string"}, "only": {"type": "object"}}


def _table(options: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of a table with these options, and with the keys of `extra`."""
    properties = {name: json_schema(option) for name, option in options.items()}
    required = [name for name, option in options.items() if option.default is MISSING and option.name not in RULES]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {**(extra or {}), **properties},
        **({"required": required} if required else {}),
    }


def _gate_seeds() -> dict[str, Any]:
    """Return the schema of `[gate] seeds`."""
    number = {"type": "integer", "minimum": MIN_SEEDS, "maximum": MAX_SEEDS}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["from", "to"],
        "properties": {"from": number, "to": number},
        "description": "How many seeds a run begins with, and up to how many a comparison adds on both sides while a "
        "tolerance is undecided.",
    }


def _gate() -> dict[str, Any]:
    """Return the schema of the rules of a metric: a table, or a list of tables."""
    only = {"type": "object", "minProperties": 1, "description": GATE_ONLY.help}
    rules = _table(RULES, {"ratio_to": json_schema(GATE_RATIO), "only": only})
    stated = {**rules, "anyOf": [{"required": [name]} for name in RULES]}
    return {"anyOf": [stated, {"type": "array", "minItems": 1, "items": stated}]}


def _entry(kind: Kind, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of one block of tasks or models; its `use` decides which options it may have."""
    names = discovery.builtin(kind)
    common = {
        "use": {"type": "string", "description": f"One of {', '.join(names)}, an installed {kind[:-1]}, or a file."},
        "name": {"type": "string"},
    }
    conditions = []
    for name in names:
        options: dict[str, Option] = {**COMMON.get(kind, {}), **discovery.find(kind, name, Path()).options}
        then = _table(options, {**common, **(extra or {})})
        conditions.append({"if": {"properties": {"use": {"const": name}}}, "then": then})
    return {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"type": "string", "anyOf": [{"enum": names}, {}]}},
        "allOf": conditions,
    }


def _matrix() -> dict[str, Any]:
    """Return the schema of `[matrix]`; an axis has one value or a list."""

    def axis(option: Option) -> dict[str, Any]:
        value = json_schema(option)
        return {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}

    axes = {name: axis(option) for name, option in AXES.items()} | {
        f"train.{name}": axis(option) for name, option in train_options().items()
    }
    axes |= {f"evaluate.{name}": axis(option) for name, option in EVALUATE.items()}
    cells = {"type": "array", "items": {"type": "object", "minProperties": 1}}
    dotted: dict[str, Any] = {"^(train|evaluate|tasks|models)\\.": {}}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {**axes, "include": cells, "exclude": cells},
        "patternProperties": dotted,
    }
