"""How long cells may take: what earlier records of this machine say, and nothing where there are none."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite import environment
from bench_suite.contracts import Record
from bench_suite.store.records import dumps, plain
from bench_suite.store.runs import Run, Store
from bench_suite.suite.plan import Cell, Plan, digest
from bench_suite.suite.spec import train_options

MAX_RECORDS = 5
"The newest so many of a cell are asked: older ones are of another program."
MAX_RUNS = 200
"The newest so many runs are looked into, so that the answer comes at once however many there are."
MAX_LOOKED = 300
"After so many records of other cells that cost something else the search for one that costs the same ends."
_HEAD = 600
"Bytes of a record's line within which its identity and its cell stand."
_ID = re.compile(rb'"id":"([0-9a-f]+)"')
_LEARNING = ("learning_rate", "weight_decay", "momentum", "nesterov", "schedule", "warmup", "label_smoothing")
"Training options that change what is learnt, and not what a step costs."


Basis = Literal["cell", "like", "training"]


@dataclass(frozen=True)
class Expected:
    """What earlier records say of a cell's time."""

    seconds: float | None = None
    "Median of what they took; None where there are none."
    records: int = 0
    basis: Basis | None = None
    """What they are records of: the very cell; others that cost the same, such as of other seeds; or the cell with
    other probes, of which only the training is known, so that `seconds` is the least that it takes."""


def expected(plan: Plan, store: Store) -> dict[str, Expected]:
    """By the id of each cell of a plan, what to expect of it.

    Records count whose cell ended well on a machine like this one; smoke runs do not. The first of these that there is:
    records of the cell with the same probes; of cells that differ only in what costs no time, the seed, the learning
    rate and its like; of the cell with other probes. Nothing is scaled and nothing guessed.
    """
    cells = {cell.id: cell for cell in plan.cells}
    first = {unit.cells[0].id for unit in plan.units}
    runs = [Run(info.path) for info in store.runs()[:MAX_RUNS] if not info.smoke]
    here = _machine(environment.describe()) if runs else {}

    looked = 0

    def records(run: Run, wanted: Callable[[bytes], bool]) -> list[Record]:
        """Newest first."""
        nonlocal looked
        read = list(run.written(wanted))
        looked += len(read)
        same = {name: _machine(run.environment(name)) == here for name in {record.environment for record in read}}
        return [record for record in reversed(read) if same[record.environment] and _ended_well(record)]

    whole: dict[str, list[float]] = {}
    trained: dict[str, list[float]] = {}
    for run in runs:
        lacking = {id.encode() for id in cells if len(whole.get(id, trained.get(id, ()))) < MAX_RECORDS}
        if not lacking:
            break
        for record in records(run, lambda line: _id(line) in lacking):  # noqa: B023 - called before the next round
            if _trains(record) is not (record.id in first):
                continue
            if _keys(record) == _probe_keys(cells[record.id], plan):
                whole.setdefault(record.id, []).append(record.seconds["total"])
            elif "train" in record.seconds:
                parts = (time for part, time in record.seconds.items() if part not in ("total", "probes"))
                trained.setdefault(record.id, []).append(sum(parts))
    unknown = {id: (_cost(cell, plan), id in first) for id, cell in cells.items() if id not in whole}
    heads = {_head(cells[id]) for id in unknown}
    like: dict[tuple[str, bool], list[float]] = {cost: [] for cost in unknown.values()}
    looked = 0
    for run in runs:
        if looked > MAX_LOOKED or all(len(seconds) >= MAX_RECORDS for seconds in like.values()):
            break
        for record in records(run, lambda line: any(line.find(head, 0, _HEAD) >= 0 for head in heads)):
            if (cost := (_cost_of(record), _trains(record))) in like:
                like[cost].append(record.seconds["total"])
    alike = {id: like[cost] for id, cost in unknown.items()}
    return {
        id: _median(whole.get(id), "cell") or _median(alike.get(id), "like") or _median(trained.get(id), "training")
        or Expected()
        for id in cells
    }  # fmt: skip


def _trains(record: Record) -> bool:
    """Whether the record's time holds a training: of the cells that share one, that of the first does."""
    return not record.shared_training


def _median(seconds: Sequence[float] | None, basis: Basis) -> Expected | None:
    newest = (seconds or ())[:MAX_RECORDS]
    return Expected(statistics.median(newest), len(newest), basis) if newest else None


def _id(line: bytes) -> bytes | None:
    match = _ID.search(line, 0, _HEAD)
    return match[1] if match else None


def _head(cell: Cell) -> bytes:
    """How the cell begins in the line of a record."""
    return f'"cell":{dumps({"task": cell.task.label, "model": cell.model.label})[:-1]}'.encode()


def _ended_well(record: Record) -> bool:
    """Whether the record tells what the whole cell costs: one that a resume added to, or weights kept, do not."""
    whole = record.status == "ok" and all(row.status in ("ok", "not applicable") for row in record.probes.values())
    return whole and "total" in record.seconds and not record.weights_reused


def _machine(described: Mapping[str, Any]) -> dict[str, Any]:
    """What of an environment decides how long things take. Not the GPU: it is known only once torch is imported."""
    hardware = described.get("hardware", {})
    return {key: hardware.get(key) for key in ("cpu", "usable_cores")}


def _keys(record: Record) -> dict[str, str]:
    return {label: row.key for label, row in record.probes.items()}


def _probe_keys(cell: Cell, plan: Plan) -> dict[str, str]:
    return {label: plan.probe_keys[label] for label in cell.probes}


def _cost(cell: Cell, plan: Plan) -> str:
    return _hashed(cell.labels, cell.options, _probe_keys(cell, plan))


def _cost_of(record: Record) -> str:
    return _hashed(record.cell, record.options, _keys(record))


def _hashed(labels: Mapping[str, Any], options: Mapping[str, Any], probes: Mapping[str, str]) -> str:
    """Of all that a cell's time depends on. Usual training options are left out: a record may be older than one."""
    usual = {key: plain(option.default) for key, option in train_options().items()}
    stated = plain(options.get("train", {}))
    train = {key: value for key, value in stated.items() if key not in _LEARNING and value != usual.get(key)}
    axes = {key: value for key, value in labels.items() if "." not in key and key != "seed" and value is not None}
    parts = [axes, options.get("task"), options.get("model"), train, options.get("evaluate"), probes]
    return digest(plain(parts))


def format_duration(seconds: float) -> str:
    """A time as people say it: `0.8 s`, `51 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
