"""Suites whose models end their process in a stated way, and the program as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODEL = '''
"""A model without training, which does what its option says when it is fitted."""
import ctypes, os, signal, sys, time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    does: str = "pass"
    "Statements, run in `fit`."


class Model:
    def __init__(self, does):
        self.does = does

    def fit(self, data, options, report):
        exec(self.does)

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Model(options.does)
'''


class Program:
    """`bench` in a folder of its own, with a suite of models that do what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(folder / "cache")}
        (folder / "does.py").write_text(MODEL)

    def write(self, models: dict[str, str], *, seeds: int = 1, run: str = "", probes: str = "") -> None:
        """Write `suite.toml`: models by label, each with the statements that it executes in `fit`."""
        blocks = "".join(
            f"[[models]]\nuse = './does.py'\nname = {json.dumps(label)}\ndoes = {json.dumps(does)}\n"
            for label, does in models.items()
        )
        (self.folder / "suite.toml").write_text(
            f"[[tasks]]\nuse = 'loans'\n{blocks}[matrix]\nseed = {list(range(seeds))}\nthreads = 1\n"
            f"[probes.quality]\nresamples = 100\n{probes}\n[run]\n{run}\n"
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `bench run suite.toml --trust` with further arguments."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust", *arguments], cwd=self.folder,
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run `bench run suite.toml --trust` with further arguments; return status, output and errors."""
        process = self.start(*arguments)
        output, errors = process.communicate()
        return process.returncode, output, errors

    def entries(self) -> list[dict[str, Any]]:
        """Return all records that were written, as JSON values, in the order of the files."""
        return [
            json.loads(line)
            for path in sorted((self.folder / "results").glob("*/records/*.jsonl"))
            for line in path.read_text().splitlines()
        ]

    def unfinished(self) -> list[Path]:
        """Return what is left of cells that began and have no record, and of jobs."""
        results = self.folder / "results"
        return [*results.glob("*/unfinished/*"), *results.glob("*/job.pickle")]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
