"""Claims about trainings on several devices: they resume, an error of a rank ends them, and no process is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from bench_suite.contracts import Placement
from bench_suite.execution.trained import Trained, build, fit

PLACEMENT = Placement("cpu", 1, "32-true", devices=2)


class InMemory:
    """Checkpoints in memory, of which a resume may take any."""

    def __init__(self, content: bytes | None = None) -> None:
        self.contents: list[bytes] = []
        self.content = content

    def save(self, content: bytes) -> None:
        self.contents.append(content)

    def load(self) -> bytes | None:
        return self.content


def trained(context, checkpoints: InMemory, **train) -> Trained:
    cell = context.plan.cells[0]
    options = {**cell.options["train"], "epochs": 3, "checkpoint": "0.000001s", **train}
    result = build(cell, context.load(cell), PLACEMENT, 0, options)
    fit(result, lambda window: True, checkpoints=checkpoints)
    return result


def test_a_training_on_two_devices_resumes_bit_for_bit_and_leaves_no_process(context):
    saved = InMemory()
    whole = trained(context, saved)
    assert len(saved.contents) == 3, "one after each epoch"
    resumed = trained(context, InMemory(saved.contents[0]))
    assert whole.network is not None
    assert resumed.network is not None
    for name, weight in whole.network.module.state_dict().items():
        assert torch.equal(weight, resumed.network.module.state_dict()[name]), name
    assert whole.history.epochs == resumed.history.epochs
    assert not torch.distributed.is_initialized()
    assert multiprocessing.active_children() == []


MODEL = '''
"""A network whose rank 1 ends in a stated way, at its fifth step."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from bench_suite.contracts import BenchError, Network
from bench_suite.models import mlp

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


@dataclass(frozen=True)
class Options:
    end: Literal["raise", "refuse", "kill", "none"] = "raise"
    "How it ends."


class Ends(torch.nn.Module):
    def __init__(self, inner, end):
        super().__init__()
        self.inner, self.end, self.steps = inner, end, 0

    def forward(self, **inputs):
        self.steps += self.training
        if self.steps == 5 and torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
            Path("began").touch()
            if self.end == "none":
                return self.inner(**inputs)
            if self.end == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise BenchError("too hot") if self.end == "refuse" else ZeroDivisionError("by hand")
        return self.inner(**inputs)


def build(data, options):
    network = mlp.build(data, mlp.Options(hidden=(8,)))
    network.module = Ends(network.module, options.end)
    return network
'''
SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "./ends.py"
[train]
epochs = {epochs}
batch_size = 16
[matrix]
threads = 1
device = "cpu"
devices = 2
{matrix}
[probes.quality]
resamples = 100
"""


@pytest.mark.slow
def test_the_error_of_a_rank_is_that_of_its_cell(program):
    (program.folder / "ends.py").write_text(MODEL)
    ends = '"models.ends.end" = ["raise", "refuse", "kill"]'
    (program.folder / "suite.toml").write_text(SUITE.format(epochs=3, matrix=ends))
    done = program.run("run", "suite.toml", "--trust")
    assert done.returncode == 3, done.stderr
    assert "ZeroDivisionError: by hand" in done.stderr
    assert "failed (too hot)" in done.stderr
    assert "was ended by SIGKILL" in done.stderr


def processes_in(folder: Path) -> list[int]:
    """Return the ids of the processes whose working folder this is."""
    ids = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.resolve() == folder and (entry.parent / "cmdline").read_bytes():
                ids.append(int(entry.parent.name))
        except OSError:
            continue
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("engine", ["native", "lightning"])
def test_no_rank_outlives_the_run(program, end: signal.Signals, engine: str):
    (program.folder / "ends.py").write_text(MODEL)
    matrix = f"engine = '{engine}'\n'models.ends.end' = 'none'"
    (program.folder / "suite.toml").write_text(SUITE.format(epochs=10_000, matrix=matrix))
    process = program.start("run", "suite.toml", "--trust", start_new_session=True)
    while not (program.folder / "began").exists() and process.poll() is None:
        time.sleep(0.02)  # only pytest's timeout limits the wait
    os.killpg(process.pid, end)
    _, errors = process.communicate()
    assert process.returncode == (130 if end is signal.SIGINT else -signal.SIGKILL), errors
    while processes_in(program.folder):
        time.sleep(0.02)
