"""Real trials of gates that add seeds: equally good models, and planted losses; resumable, with a table at the end.

    python tests/perf/gate_trials.py FOLDER               train what is missing (2,400 small models), judge, print
    python tests/perf/gate_trials.py FOLDER --pairs 10    10 pairs of runs instead of 40
    python tests/perf/gate_trials.py FOLDER --set train.epochs=5 --loss 0.04 --loss 0.06

A pair of runs has two tasks, digits (359 test examples) and loans (398), and up to 15 seeds a side; no seed of the 40
pairs is used twice. The trainings are those of `bench run`; each pair is judged by `bench_suite.comparison`, look by
look. A planted loss flips a share of the answers of head, other ones under each seed. On an idle machine with two
cores the trainings take 20 minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from bench_suite.comparison.compare import compare  # noqa: E402 - the checkout comes first on the path
from bench_suite.comparison.verdicts import Row  # noqa: E402 - likewise
from bench_suite.contracts import Predictions, Record  # noqa: E402 - likewise
from bench_suite.store.atomic import Writer  # noqa: E402 - likewise
from bench_suite.store.records import dumps  # noqa: E402 - likewise
from bench_suite.store.runs import Run, Store  # noqa: E402 - likewise

MAX_SEEDS = 15
FIRST = 3
TOLERANCE = 0.02
LOSSES = (0.0, 0.04, 0.06)
METRIC = "quality/accuracy"
SUITE = """
[[tasks]]
use = "digits"

[[tasks]]
use = "loans"

[[models]]
use = "mlp"

[train]
epochs = 15
batch_size = 128
learning_rate = 1e-2
schedule = "linear"

[matrix]
seed = {seeds}
threads = 1

[probes.quality]
"""


@dataclass(frozen=True)
class Side:
    """A run to be written: which trainings it consists of, by the seed that they stand for."""

    seeds: list[int]
    loss: float = 0.0


def main() -> int:
    """Train, judge, and print the table; the status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--loss", type=float, action="append", help="a planted loss; 0: equally good models")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    pool = train(folder, 2 * MAX_SEEDS * arguments.pairs, arguments.overrides)
    spread(pool)
    print(f"\ntolerance {arguments.tolerance:g}, {FIRST} to {MAX_SEEDS} seeds, {arguments.pairs} pairs of runs")
    print("loss   task    regressed  not worse  cannot tell  seeds  most")
    missed = False
    for loss in arguments.loss or LOSSES:
        missed = judge(folder, pool, arguments.pairs, loss, arguments.tolerance) or missed
    return int(missed)


def train(folder: Path, count: int, overrides: list[str]) -> Run:
    """Return the run with all trainings; what is there already is not repeated."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pool.toml").write_text(SUITE.format(seeds=list(range(count))), encoding="utf-8")
    words = [word for text in overrides for word in ("--set", text)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "bench_suite", "run", "pool.toml", "--resume", "--json", *words]
    subprocess.run([*command, "--results", "pool"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    run = Store(folder / "pool").newest("pool", overrides)
    assert run is not None
    return run


def spread(pool: Run) -> None:
    """Print accuracy and its spread between seeds."""
    for task in ("digits", "loans"):
        values = [value_of(record) for record in pool.records() if record.cell["task"] == task]
        print(f"{task}: accuracy {statistics.fmean(values):.4f}, standard deviation between {len(values)} seeds "
              f"{statistics.stdev(values):.4f}")  # fmt: skip


def judge(folder: Path, pool: Run, pairs: int, loss: float, tolerance: float) -> bool:
    """Print what the gates say of all pairs; return whether a target is missed."""
    verdicts: dict[str, Counter[str]] = {}
    seeds: dict[str, list[int]] = {}
    alarms = 0
    for number in range(pairs):
        first = 2 * MAX_SEEDS * number
        base = write(folder / "pairs", pool, Side(list(range(first, first + MAX_SEEDS))), tolerance)
        head = write(
            folder / "pairs", pool, Side(list(range(first + MAX_SEEDS, first + 2 * MAX_SEEDS)), loss), tolerance
        )
        rows = [row for row in compare(base, head).rows if row.gated]
        alarms += any(row.verdict == "regressed" for row in rows)
        for row in rows:
            verdicts.setdefault(row.where, Counter())[row.verdict] += 1
            seeds.setdefault(row.where, []).append(seeds_used(row))
    for where in sorted(verdicts):
        count = verdicts[where]
        print(f"{loss:<6g} {where.split(',')[0]:7} {count['regressed']:9} {count['not worse than the tolerance']:10} "
              f"{count['cannot tell']:12} {statistics.fmean(seeds[where]):6.1f} {max(seeds[where]):5}")  # fmt: skip
    if loss == 0:
        undecided = sum(count["cannot tell"] for count in verdicts.values()) / (2 * pairs)
        print(
            f"       runs with a false alarm: {alarms} of {pairs}; gates that cannot tell: {undecided:.1%}", flush=True
        )
        return alarms > pairs / 100 or undecided > 0.10
    return False


def seeds_used(row: Row) -> int:
    """Return the number of seeds after which no more would have been run."""
    return row.decided_at or MAX_SEEDS


def value_of(record: Record) -> float:
    """Return the accuracy of a record."""
    return next(float(row.value or 0.0) for row in record.metrics if row.name == METRIC)


def write(root: Path, pool: Run, side: Side, tolerance: float) -> Run:
    """Write a run whose seeds 0, 1, … are some trainings of the pool, with a share of the answers flipped."""
    records = {(record.cell["task"], record.cell["seed"]): record for record in pool.records()}
    names = {"digits": 10, "loans": 2}
    planned = {records[task, seed].id: f"{task}, mlp, seed {seed}" for task in names for seed in range(MAX_SEEDS)}
    info = {
        **pool.info, "planned": planned, "cells": len(planned), "gate_seeds": {"from": FIRST, "to": MAX_SEEDS},
        "gate": {METRIC: {"tolerance": tolerance}},
    }  # fmt: skip
    name = f"{'head' if side.loss else 'run'}-{side.seeds[0]}-{side.loss:g}-{tolerance:g}"
    path = root / name
    if (path / "run.json").exists():
        return Run(path)
    (path / "records").mkdir(parents=True, exist_ok=True)
    (path / "records.tmp").write_text(dumps({**info, "run": name}, indent=2), encoding="utf-8")
    (path / "records.tmp").rename(path / "run.json")
    run = Run(path)
    for source in (pool.path / "environments").glob("*.json"):
        (path / "environments").mkdir(exist_ok=True)
        (path / "environments" / source.name).write_bytes(source.read_bytes())
    with Writer(path) as writer:
        for task, classes in names.items():
            for stands_for, seed in enumerate(side.seeds):
                twin, record = records[task, stands_for], records[task, seed]
                row = next(row for row in record.artifacts if row.name == "predictions/test")
                predictions = planted(pool.read_predictions(row), side.loss, seed, classes)
                right = float((predictions["predictions"] == predictions["targets"]).mean())
                metrics = tuple(
                    replace(row, value=right, interval=None) for row in record.metrics if row.name == METRIC
                )
                artifact = run.write_predictions(twin.id, "test", predictions)
                writer.write(replace(record, id=twin.id, cell=twin.cell, metrics=metrics, artifacts=(artifact,)))
    return run


def planted(predictions: Predictions, loss: float, seed: int, classes: int) -> Predictions:
    """Return predictions of which a share is another class, so that accuracy falls by `loss` on average."""
    if not loss:
        return predictions
    answers, targets = (np.array(predictions[name]) for name in ("predictions", "targets"))
    right = float((answers == targets).mean())
    # A flipped right answer is wrong; a flipped wrong one is right with chance 1 / (classes − 1).
    share = loss / (right - (1 - right) / (classes - 1))
    random = np.random.default_rng([seed, classes])
    flipped = random.random(len(answers)) < share
    answers[flipped] = (answers[flipped] + random.integers(1, classes, int(flipped.sum()))) % classes
    return replace(predictions, columns={**predictions.columns, "predictions": answers})


if __name__ == "__main__":
    sys.exit(main())
