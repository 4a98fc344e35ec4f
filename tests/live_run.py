"""A real run in a process of its own, whose first cell waits until the test lets it go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bench_suite

HOSTILE = "<script>alert(1)</script> \"quoted\" & 'so'"
SUITE = f"""
title = '''Run of {HOSTILE}'''

[[tasks]]
use = "loans"

[[models]]
use = "./model.py"
name = "waits"
does = "wait()"

[[models]]
use = "./model.py"
name = "fails"
does = "fail()"

[[models]]
use = "./model.py"
name = "ends"
does = "pass"

[matrix]
threads = 1
device = "cpu"

[probes.quality]
resamples = 100
"""
MODEL = f'''
"""A model without training, which does what its option says when it is fitted."""
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    does: str = "pass"
    "A statement, run in `fit`."


def wait():
    while not Path("go-on").exists():
        time.sleep(0.01)


def fail():
    raise ValueError("""the model says \\u202e{HOSTILE}""")


class Model:
    def __init__(self, does):
        self.does = does

    def fit(self, data, options, report):
        exec(self.does)

    def predict(self, split):
        return {{"predictions": np.zeros(len(split), dtype=int)}}


def build(data, options):
    return Model(options.does)
'''


class LiveRun:
    """`bench run` of three cells: one that waits, one that fails, and one that ends at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
        (folder / "model.py").write_text(MODEL, encoding="utf-8")
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "BENCH_CACHE": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join(
                [str(Path(bench_suite.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
            ),
        }
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust"],
                cwd=folder, env=environment, stdout=output, stderr=output,
            )  # fmt: skip

    @property
    def path(self) -> Path:
        """Return the folder of the run, as soon as there is one."""
        self.wait_for(lambda: [*self.folder.glob("results/*/run.json")])
        (info,) = self.folder.glob("results/*/run.json")
        return info.parent

    def wait_for(self, sign: Callable[[], object]) -> None:
        """Wait until `sign` holds; only pytest's timeout limits the wait, unless the process ends without it."""
        while not sign():
            if self.process.poll() is not None and not sign():
                raise AssertionError(f"the run ended with {self.process.returncode}: {self._output.read_text()}")
            time.sleep(0.05)

    def go_on(self) -> None:
        """Let the first cell end."""
        (self.folder / "go-on").touch()

    def end(self) -> int:
        """Let the run end, and return its exit status."""
        self.go_on()
        return self.process.wait()

    def kill(self) -> None:
        """Kill the run, if it goes on."""
        self.process.kill()
        self.process.wait()
