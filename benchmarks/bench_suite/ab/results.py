"""A comparison as a document: what `--json` prints and `results/ab/` keeps."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench_suite.ab.session import Result
from bench_suite.ab.trial import Timing
from bench_suite.store.atomic import StoreError, replace_file

SCHEMA = 1
FOLDER = "ab"
"Folder of the comparisons in the folder of the results."


def document(result: Result) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    outcome, settings = result.outcome, result.settings
    contents: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "ab",
        "status": outcome.status,
        "suite": Path(result.request.suite).stem,
        "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "base": _side(result, "base"),
        "head": _side(result, "head"),
        "margin": settings.margin,
        "level": settings.level,
        "budget_seconds": settings.budget,
        "seconds": outcome.seconds,
        "blocks": outcome.blocks,
        "block_seconds": outcome.block_seconds,
        "cores": list(outcome.cores),
        "device": outcome.device,
        "addresses_fixed": outcome.addresses_fixed,
        "interrupted": outcome.interrupted,
        "notes": [*result.sides.notes, *outcome.notes],
        "only_base": list(result.pairing.only_base),
        "only_head": list(result.pairing.only_head),
        "timings": [_timing(timing) for timing in outcome.timings],
    }
    if result.bisection is not None:
        contents["bisection"] = {
            "suspects": list(result.bisection.suspects),
            "subjects": list(result.subjects),
            "steps": [asdict(step) for step in result.bisection.steps],
        }
    return contents


def store(contents: Mapping[str, Any], results: Path) -> Path:
    """Write a comparison to `results/ab/`, and return its path. Raises StoreError if that fails."""
    folder = results / FOLDER
    stamp = contents["started"].replace("-", "").replace(":", "")
    path = folder / f"{stamp}-{contents['suite'][:40]}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(contents, indent=2) + "\n").encode())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return path


def stored(results: Path) -> Iterator[dict[str, Any]]:
    """Yield the stored comparisons, newest first; a damaged file is left out."""
    for path in sorted((results / FOLDER).glob("*.json"), reverse=True):
        with suppress(OSError, ValueError, TypeError, KeyError):
            contents = json.loads(path.read_text(encoding="utf-8"))
            if contents["schema"] == SCHEMA and contents["kind"] == "ab":
                yield contents


def deviations(contents: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """Return by timing the deviations of its blocks from their mean: the noise of that machine."""
    noises = []
    for timing in contents["timings"]:
        values = [float(value) for value in timing["log_ratios"]]
        if len(values) > 2:
            average = statistics.fmean(values)
            noises.append((str(timing["name"]), [value - average for value in values]))
    return noises


def _side(result: Result, label: str) -> dict[str, Any]:
    side, revision = result.sides.by_label()[label], result.sides.revisions[label]
    return {"name": side.name, "ref": revision.ref, "commit": revision.commit, "overrides": list(side.overrides)}


def _timing(timing: Timing) -> dict[str, Any]:
    decision = timing.decision
    return {
        "name": timing.name,
        "cell": timing.pair.name,
        "timing": timing.kind,
        "verdict": "failed" if timing.failed_side is not None else decision.verdict,
        "failed_side": timing.failed_side,
        "reason": timing.failure,
        "clock": timing.clock,
        "ratio": decision.ratio,
        "low": decision.low,
        "high": decision.high,
        "level": timing.level,
        "noise": decision.spread,
        "blocks": decision.blocks,
        "autocorrelation": decision.autocorrelation,
        "dependent": decision.dependent,
        "required_blocks": decision.required_blocks,
        "wall_ratio": timing.wall.ratio,
        "instruction_ratio": _median_ratio(timing.instruction_ratios),
        "seconds": {label: statistics.median(values) for label, values in timing.seconds.items() if values},
        "log_ratios": timing.log_ratios,
        "wall_log_ratios": timing.wall_ratios,
    }


def _median_ratio(logs: Sequence[float]) -> float | None:
    import math

    return math.exp(statistics.median(logs)) if logs else None
