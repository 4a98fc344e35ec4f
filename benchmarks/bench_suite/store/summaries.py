"""The metrics and artifacts of a run as a whole, in `summaries.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench_suite.contracts import ArtifactRow, MetricRow
from bench_suite.store import forms
from bench_suite.store.atomic import write_file
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.records import (
    SCHEMA,
    artifact_from_json,
    artifact_to_json,
    dumps,
    metric_from_json,
    metric_to_json,
)
from bench_suite.store.run_info import message_of

FILE = "summaries.json"
"Name of the file in the folder of a run."


def write_summaries(folder: Path, metrics: Sequence[MetricRow], artifacts: Sequence[ArtifactRow]) -> None:
    """Write the metrics and artifacts of the whole run; they replace earlier ones."""
    entry = {
        "schema": SCHEMA,
        "metrics": [metric_to_json(row) for row in metrics],
        "artifacts": [artifact_to_json(row) for row in artifacts],
    }
    write_file(folder / FILE, dumps(entry, indent=2).encode())


def read_summaries(folder: Path, on_damage: Callable[[object], None]) -> tuple[list[MetricRow], list[ArtifactRow]]:
    """Return what `write_summaries` wrote; empty if nothing was written.

    A row that is damaged is left out, and so are all if the file is; `on_damage` is called with what is damaged.
    """
    metrics: list[MetricRow] = []
    artifacts: list[ArtifactRow] = []
    try:
        entry = read_json((folder / FILE).read_bytes(), forms.SUMMARIES, FILE)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        on_damage(f"{FILE}: {message_of(error)}")
        return [], []
    except Damage as damage:
        on_damage(damage)
        return [], []
    schema = entry.get("schema") or 1
    for name, add in (
        ("metrics", lambda row: metrics.append(metric_from_json(row, schema))),
        ("artifacts", lambda row: artifacts.append(artifact_from_json(row))),
    ):
        for index, row in enumerate(entry[name]):
            try:
                add(row)
            except Damage as damage:
                damage.file, damage.field = FILE, (name, index, *damage.field)
                on_damage(damage)
    return metrics, artifacts
