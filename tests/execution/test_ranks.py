"""Claims about trainings on several devices: they resume, an error of a rank ends them, and no process is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench_suite.contracts import BenchError, Placement
from bench_suite.execution import model_training, ranks
from bench_suite.execution.model_training import build, fit
from bench_suite.execution.ranks import Saved, Watch
from bench_suite.execution.trained import Trained
from bench_suite.training import devices
from bench_suite.training.fresh_process import FreshProcess

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


def trained(context, checkpoints: InMemory, strategy: str, **train) -> Trained:
    cell = context.plan.cells[0]
    options = {**cell.options["train"], "epochs": 3, "checkpoint": "0.000001s", **train}
    result = build(cell, context.load(cell), replace(PLACEMENT, strategy=strategy), 0, options)
    fit(result, lambda window: True, checkpoints=checkpoints)
    return result


@pytest.mark.parametrize(
    ("strategy", "optimizer"),
    [("ddp", "adamw"), *(pytest.param("fsdp", name, marks=pytest.mark.slow) for name in ("adamw", "sgd"))],
)
def test_a_training_on_two_devices_resumes_bit_for_bit_and_leaves_no_process(context, strategy: str, optimizer: str):
    saved = InMemory()
    whole = trained(context, saved, strategy, optimizer=optimizer, momentum=0.9)
    assert len(saved.contents) == 3, "one after each epoch"
    resumed = trained(context, InMemory(saved.contents[0]), strategy, optimizer=optimizer, momentum=0.9)
    assert whole.network is not None
    assert resumed.network is not None
    for name, weight in whole.network.module.state_dict().items():
        assert torch.equal(weight, resumed.network.module.state_dict()[name]), name
    assert whole.history.epochs == resumed.history.epochs
    assert not torch.distributed.is_initialized()
    assert multiprocessing.active_children() == []


MODEL = '''
"""A network one of whose ranks ends in a stated way, at its fifth step."""

import multiprocessing
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
    end: Literal["raise", "refuse", "kill", "first", "encode", "none"] = "raise"
    "How it ends."


class Ends(torch.nn.Module):
    def __init__(self, inner, end):
        super().__init__()
        self.inner, self.end, self.steps = inner, end, 0

    def forward(self, **inputs):
        self.steps += self.training
        if self.steps == 5 and torch.distributed.is_initialized() and (
            torch.distributed.get_rank() == (self.end != "first")
        ):
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
    if options.end == "encode":
        inner = network.encode
        factor = 2 if multiprocessing.parent_process() else 1
        network.encode = lambda columns: {name: values * factor for name, values in inner(columns).items()}
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


def test_a_rank_that_fails_ends_what_the_first_one_waits_for():
    """NCCL notices no such end by itself, so that rank 0 would wait for the timeout of a collective."""
    aborted = threading.Event()
    program = "raise __import__('bench_suite.contracts').contracts.BenchError('no memory')"
    with FreshProcess(exec, program) as process:
        watch = Watch([process], aborted.set)
        watch.start()
        watch.wait(100)
    assert aborted.is_set()
    assert str(watch.error) == "no memory"


def test_a_rank_chooses_its_device_before_it_builds_the_model(monkeypatch: pytest.MonkeyPatch, context):
    """Frozen parts and encoded data are put on the current device."""
    order: list[object] = []
    monkeypatch.setattr(devices, "has_several", lambda kind: True)
    monkeypatch.setattr(devices, "set_current", lambda kind, index: order.append((kind, index)))

    def build_of(*arguments: object, **more: object) -> None:
        order.append("build")
        raise BenchError("enough")

    monkeypatch.setattr(model_training, "build", build_of)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    cell = context.plan.cells[0]
    placed = replace(PLACEMENT, device="cuda", rank=1)
    untrained = Trained(cell, None, None, placed, None, {}, 0)  # type: ignore[arg-type]  # as it is sent
    with pytest.raises(BenchError, match="enough"):
        ranks._train_part(untrained, Saved(None), "")
    assert order == [("cuda", 1), "build"]


@pytest.mark.slow
def test_the_error_of_a_rank_is_that_of_its_cell(program):
    (program.folder / "ends.py").write_text(MODEL)
    ends = '"models.ends.end" = ["raise", "refuse", "kill", "first", "encode"]'
    (program.folder / "suite.toml").write_text(SUITE.format(epochs=3, matrix=ends))
    done = program.run("run", "suite.toml", "--trust")
    assert done.returncode == 3, done.stderr
    raised, refused, killed, own, differs = (line for line in done.stderr.splitlines() if line.startswith("["))
    assert "in a further process: ZeroDivisionError: by hand" in raised
    assert "failed (too hot)" in refused
    assert "was ended by SIGKILL" in killed
    assert "failed (ZeroDivisionError: by hand)" in own, "of rank 0, and not that another one has lost it"
    assert "encode the same examples differently" in differs


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
