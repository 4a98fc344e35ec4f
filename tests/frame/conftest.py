"""The walk of every frame test: run the real commands on a folder with one suite and its component files.

Each folder beside this file is a suite as a user would write it: `suite.toml`, and at most one small file a component.
The walk copies it, then plans it, runs it without and with `--trust`, resumes it and reports it, once a session.
The tests check the results.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench_suite.cli import main
from bench_suite.contracts import Record
from bench_suite.store.runs import Run, Store

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """The exit status and output of a command."""

    status: int
    out: str
    err: str


@dataclass
class Walk:
    """A copy of a frame's folder, and the result of each command."""

    folder: Path
    ended: dict[str, Ended] = field(default_factory=dict)
    "By step: `plan`, `untrusted`, `run`, `resume`, `report`."
    lines: dict[str, int] = field(default_factory=dict)
    "Record lines on disk after `run` and after `resume`."
    records_after_run: tuple[Record, ...] = ()

    def bench(self, *arguments: str) -> Ended:
        """Run one command of the program in the folder."""
        out, err = io.StringIO(), io.StringIO()
        status: Any = 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setenv("BENCH_CACHE", str(self.folder / "cache"))
            patch.setattr(sys, "argv", ["bench", *arguments])
            try:
                main()
            except SystemExit as end:
                status = end.code
        return Ended(int(status), out.getvalue(), err.getvalue())

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan, as `bench plan --json` printed it."""
        document: Mapping[str, Any] = json.loads(self.ended["plan"].out)
        return document

    @property
    def run(self) -> Run:
        """The run of the walk."""
        return Store(self.folder / "results").open("latest")

    @property
    def records(self) -> list[Record]:
        """The current records of the cells."""
        return self.run.records()

    def record(self, **labels: Any) -> Record:
        """Return the only record whose cell has these labels."""
        (record,) = [r for r in self.records if all(r.cell.get(axis) == value for axis, value in labels.items())]
        return record

    def count_lines(self) -> int:
        """Return the number of record lines on disk."""
        return sum(path.read_bytes().count(b"\n") for path in (self.run.path / "records").glob("*.jsonl"))

    def through(self) -> Walk:
        """Run all steps; the tests check the results."""
        trust = ["--trust"] if (self.step("plan", "plan", "suite.toml", "--json").out and self.plan["trust"]) else []
        if trust:
            self.step("untrusted", "run", "suite.toml")
            assert not (self.folder / "results").exists()
        self.step("run", "run", "suite.toml", *trust)
        self.lines["run"] = self.count_lines()
        self.records_after_run = tuple(self.records)
        self.step("resume", "run", "suite.toml", "--resume", *trust)
        self.lines["resume"] = self.count_lines()
        self.step("report", "report", "--full")
        return self

    def step(self, name: str, *arguments: str) -> Ended:
        """Run a command and keep its result under `name`."""
        self.ended[name] = self.bench(*arguments)
        return self.ended[name]


def value(record: Record, name: str, **at: Any) -> float:
    """Return the value of the record's only metric with this name and these coordinates."""
    (number,) = [row.value for row in record.metrics if row.name == name and all(row.at[a] == v for a, v in at.items())]
    assert number is not None
    return number


Prepare = Callable[[str], Walk]


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Return a fresh copy of a frame's folder, before any step."""

    def copy(name: str) -> Walk:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(HERE / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        return Walk(folder)

    return copy


@pytest.fixture(scope="session")
def walk(prepare: Prepare) -> Callable[[str], Walk]:
    """A frame's walk, run once a session."""
    walks: dict[str, Walk] = {}

    def once(name: str) -> Walk:
        if name not in walks:
            walks[name] = prepare(name).through()
        return walks[name]

    return once


@pytest.fixture
def metric() -> Callable[..., float]:
    """Return `value` for the tests: test files do not import each other."""
    return value
