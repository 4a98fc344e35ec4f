"""Estimate how long cells take, from the records of earlier runs on this machine; nothing is guessed."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench_suite.contracts import Record
from bench_suite.store.records import dumps, plain
from bench_suite.store.runs import Run, Store
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.plan import Cell, Plan, digest
from bench_suite.suite.spec import train_options
from bench_suite.training import machine

MAX_RECORDS = 5
"Number of newest records of a cell that are used: older ones are of an older program."
MAX_RUNS = 200
"Number of newest runs that are searched, so that the answer comes at once however many runs there are."
MAX_LOOKED = 300
"The search for cells of the same cost ends after this many records were read."
_HEAD = 600
"A record's line contains its id and the beginning of its cell within this many bytes."
_ID = re.compile(rb'"id":"([0-9a-f]+)"')
_LEARNING = (
    "learning_rate",
    "weight_decay",
    "momentum",
    "nesterov",
    "schedule",
    "warmup",
    "label_smoothing",
    "class_weights",
)
"Training options that change what is learnt, but not what a step costs."


Basis = Literal["cell", "like", "training"]


@dataclass(frozen=True)
class TimeEstimate:
    """The time that a cell probably takes."""

    seconds: float | None = None
    "Median over the records; None if there are none."
    records: int = 0
    "Number of records that the median is taken over."
    basis: Basis | None = None
    """What the records are of: `cell`, the very cell; `like`, cells of the same cost, such as other seeds; `training`,
    the cell with other probes, of which only the training is known: then `seconds` is a lower bound."""


def estimate_times(plan: Plan, store: Store) -> dict[str, TimeEstimate]:
    """Return a time estimate for each cell of a plan, by the cell's id.

    A record counts if its cell ended well on a machine like this one; smoke runs do not count. The first of these
    that exists is used: records of the cell with the same probes; records of cells that differ only in what costs no
    time (seed, learning rate and similar options); records of the cell with other probes. Nothing is scaled.

    Args:
        plan: the plan whose cells are estimated.
        store: the earlier runs.
    """
    records = _EarlierRecords.of(store)
    exact, training = _times_of_the_cells(plan, records)
    similar = _times_of_similar_cells(plan, records, without={*exact})
    return {
        cell.id: _median(exact.get(cell.id), "cell")
        or _median(similar.get(cell.id), "like")
        or _median(training.get(cell.id), "training")
        or TimeEstimate()
        for cell in plan.cells
    }


def expected_seconds(plan: Plan, store: Store) -> dict[str, float]:
    """Return the seconds that the cells of a plan probably take, by id, without the cells that nothing is known of."""
    estimates = estimate_times(plan, store)
    return {id: estimate.seconds for id, estimate in estimates.items() if estimate.seconds is not None}


@dataclass
class _EarlierRecords:
    """The records of earlier runs that ended well on a machine like this one."""

    runs: Sequence[Run]
    "Newest first."
    machine: Mapping[str, Any]
    "This machine, as `_machine` describes it."
    read: int = field(default=0)
    "Number of records that were read so far."

    @classmethod
    def of(cls, store: Store) -> _EarlierRecords:
        runs = [Run(info.path) for info in store.runs()[:MAX_RUNS] if not info.smoke]
        return cls(runs, _machine(machine.describe()) if runs else {})

    def select(self, run: Run, wanted: Callable[[bytes], bool]) -> list[Record]:
        """Return the records of one run, newest first; only lines that `wanted` accepts are parsed."""
        records = list(run.unmerged_records(wanted))
        self.read += len(records)
        environments = {record.environment for record in records}
        here = {name for name in environments if _machine(run.environment(name)) == self.machine}
        return [record for record in reversed(records) if record.environment in here and _ended_well(record)]


def _times_of_the_cells(plan: Plan, records: _EarlierRecords) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return by cell id the seconds of records with the same probes, and the seconds up to the probes of others."""
    cells = {cell.id: cell for cell in plan.cells}
    training_cells = _training_cells(plan)
    exact: dict[str, list[float]] = {}
    training: dict[str, list[float]] = {}
    for run in records.runs:
        lacking = {id.encode() for id in cells if len(exact.get(id, training.get(id, ()))) < MAX_RECORDS}
        if not lacking:
            break
        for record in records.select(run, lambda line: _id(line) in lacking):  # noqa: B023 - called before the next round
            if _trains(record) is not (record.id in training_cells):
                continue
            if _keys(record) == _probe_keys(cells[record.id], plan):
                exact.setdefault(record.id, []).append(record.seconds["total"])
            elif "train" in record.seconds:
                parts = (seconds for part, seconds in record.seconds.items() if part not in ("total", "probes"))
                training.setdefault(record.id, []).append(sum(parts))
    return exact, training


def _times_of_similar_cells(plan: Plan, records: _EarlierRecords, *, without: set[str]) -> dict[str, list[float]]:
    """Return by cell id the seconds of records of cells that cost the same; the ids in `without` are not searched."""
    training_cells = _training_cells(plan)
    unknown = [cell for cell in plan.cells if cell.id not in without]
    costs = {cell.id: (_cost(cell, plan), cell.id in training_cells) for cell in unknown}
    heads = {_head(cell) for cell in unknown}
    seconds: dict[tuple[str, bool], list[float]] = {cost: [] for cost in costs.values()}
    read_before = records.read
    for run in records.runs:
        enough = all(len(times) >= MAX_RECORDS for times in seconds.values())
        if enough or records.read - read_before > MAX_LOOKED:
            break
        for record in records.select(run, lambda line: any(line.find(head, 0, _HEAD) >= 0 for head in heads)):
            if (cost := (_cost_of(record), _trains(record))) in seconds:
                seconds[cost].append(record.seconds["total"])
    return {id: seconds[cost] for id, cost in costs.items()}


def _training_cells(plan: Plan) -> set[str]:
    """Return the id of the cell of each unit whose record contains the unit's training: the first one."""
    return {unit.cells[0].id for unit in plan.units}


def _trains(record: Record) -> bool:
    """Return whether the record's time contains a training."""
    return not record.shared_training


def _median(seconds: Sequence[float] | None, basis: Basis) -> TimeEstimate | None:
    newest = (seconds or ())[:MAX_RECORDS]
    return TimeEstimate(statistics.median(newest), len(newest), basis) if newest else None


def _id(line: bytes) -> bytes | None:
    """Return the id in a record's line, without parsing the line."""
    match = _ID.search(line, 0, _HEAD)
    return match[1] if match else None


def _head(cell: Cell) -> bytes:
    """Return the beginning of the cell in a record's line."""
    return f'"cell":{dumps({"task": cell.task.label, "model": cell.model.label})[:-1]}'.encode()


def _ended_well(record: Record) -> bool:
    """Return whether the record contains the time of the whole cell.

    A record that a resume added to, or of weights that were reused, does not.
    """
    whole = record.status == "ok" and all(row.status in ("ok", "not applicable") for row in record.probes.values())
    return whole and "total" in record.seconds and not record.weights_reused


def _machine(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an environment that decides how long things take.

    The GPU is not in it: it is known only after torch is imported.
    """
    hardware = described.get("hardware", {})
    return {key: hardware.get(key) for key in ("cpu", "usable_cores")}


def _keys(record: Record) -> dict[str, str]:
    return {label: row.key for label, row in record.probes.items()}


def _probe_keys(cell: Cell, plan: Plan) -> dict[str, str]:
    return {label: plan.probe_keys[label] for label in cell.probes}


def _cost(cell: Cell, plan: Plan) -> str:
    return _hash_of_cost(cell.labels, cell.options, _probe_keys(cell, plan))


def _cost_of(record: Record) -> str:
    return _hash_of_cost(record.cell, record.options, _keys(record))


def _hash_of_cost(labels: Mapping[str, Any], options: Mapping[str, Any], probes: Mapping[str, str]) -> str:
    """Return a hash of everything that a cell's time depends on; folds cost the same.

    Training options with their default are left out: a record may be older than an option.
    """
    defaults = {key: plain(option.default) for key, option in train_options().items()}
    stated = plain(options.get("train", {}))
    train = {key: value for key, value in stated.items() if key not in _LEARNING and value != defaults.get(key)}
    free = ("seed", FOLD)
    axes = {key: value for key, value in labels.items() if "." not in key and key not in free and value is not None}
    task = {key: value for key, value in (options.get("task") or {}).items() if key != FOLD}
    parts = [axes, task, options.get("model"), train, options.get("evaluate"), probes]
    return digest(plain(parts))
