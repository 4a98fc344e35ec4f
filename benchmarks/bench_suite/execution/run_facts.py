"""Facts of a run: what `run.json` contains about the suite, its plan, and the commands that ran it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_suite import environment
from bench_suite.store.runs import Run
from bench_suite.suite.credentials import mask_text, mask_words
from bench_suite.suite.identity import component_identity
from bench_suite.suite.plan import Plan, name
from bench_suite.suite.spec import gates_to_json


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Return what `run.json` contains about the suite and its plan; after a resume, about the newest ones."""
    suite = plan.suite
    return {
        "title": suite.title,
        "description": suite.description,
        "text": mask_text(suite.document.text),
        "overrides": list(suite.overrides),
        "cells": len(plan.cells),
        "components": {
            family: {use.label: component_identity(use.component) for use in uses}
            for family, uses in (("task", suite.tasks), ("model", suite.models))
        },
        "planned": {cell.id: name(cell) for cell in plan.cells},
        "only": list(plan.only),
        "passed": list(plan.passed),
        "left_out": [list(pair) for pair in plan.left_out],
        "report": asdict(suite.report) | {"columns": list(suite.report.columns)},
        "gate": gates_to_json(suite.gates),
        "gate_options": dict(suite.gate_options),
        **({} if suite.gate_seeds is None else {"gate_seeds": suite.gate_seeds.to_json()}),
        "executor": {"name": "inline"} if suite.executor is None else suite.executor.to_json(),
        **({"log": [component_identity(tracker) for tracker in suite.log]} if suite.log else {}),
    }


def metric_files(plan: Plan, results: Path) -> dict[str, Any]:
    """Return the entry of `run.json` on the metrics that the suite names by path, by `probe/metric`; empty without any.

    A later comparison computes them again from the stored predictions. The paths are relative to the results' folder.
    """
    files = {
        f"{probe.label}/{part.name}": {
            "file": os.path.relpath(part.path, results.resolve()), "hash": part.source_hash,
        }
        for probe in plan.suite.probes
        for part in probe.named
        if part.kind == "metrics" and part.external and part.path.is_file()
    }  # fmt: skip
    return {"metric_files": files} if files else {}


def resume_facts(plan: Plan, run: Run, command: Sequence[str]) -> dict[str, Any]:
    """Return the entries of `run.json` that a resume changes.

    A resume of a part of the suite changes the planned cells of that part only.

    Args:
        plan: the plan that is resumed.
        run: the run as it is.
        command: words of the command line.
    """
    facts = plan_facts(plan)
    if plan.only:
        del facts["cells"], facts["only"], facts["passed"]
        others = {id: name for id, name in run.planned.items() if name not in facts["planned"].values()}
        facts["planned"] = {**others, **facts["planned"]} if run.planned else {}
    first_state = run.info.get("git")
    states = [*run.info.get("resumed_git", ()), environment.git_state(plan.suite.folder.resolve())]
    by_code = {_code_of(state): state for state in reversed(states)}
    states = [state for code, state in reversed(by_code.items()) if code != _code_of(first_state)]
    commands = [*run.info.get("resumed", ()), shlex.join(mask_words(command))]
    return {**facts, **metric_files(plan, run.path.parent), "resumed": commands, "resumed_git": states}


def _code_of(state: dict[str, Any] | None) -> tuple[Any, ...]:
    """Return what the files of a repository depend on: not its branch, which a worktree of the same commit lacks."""
    return () if state is None else (state.get("commit"), state.get("dirty"), state.get("changes"))
