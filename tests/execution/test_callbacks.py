"""Claims about the callback of a run: which method is called when."""

from __future__ import annotations

import math
from typing import Any

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Store
from bench_suite.store.unfinished import begun_cells
from bench_suite.training.clock import Clock

METHODS = [name for name in vars(RunCallback) if not name.startswith("_")]


class Recorder(RunCallback):
    """A callback that records the calls of its methods, without the windows and the progress of a training."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.arguments: dict[str, Any] = {}

    def __getattribute__(self, name: str) -> Any:
        if name not in METHODS:
            return super().__getattribute__(name)

        def record(*positional: Any, **named: Any) -> None:
            self.arguments[name] = (positional, named)
            step = positional[1] if name == "step" else ""
            if name not in ("window", "epoch") and not step.startswith("encoding "):
                self.calls.append((name, step) if step else (name,))

        return record


def test_the_methods_are_called_in_the_order_of_the_run(context, tmp_path):
    recorder = Recorder()
    store = Store(tmp_path / "executed")
    outcome = execute(context.plan, store, Request(), recorder)
    probes = [("step", "quality"), ("step", "generalization"), ("record",)]
    assert recorder.calls == [
        ("begin",),
        ("cell",), ("step", "data"), ("step", "checking the data"), ("findings",),
        ("step", "building"), ("step", "encoding"), ("step", "training"), ("training",), ("trained",),
        *probes,
        ("cell",), *probes,
        ("cell",), ("step", "data"), ("step", "building"), ("step", "training"), ("trained",), *probes,
        ("findings",),  # on the results
        ("end",),
    ]  # fmt: skip
    (name,), begin = recorder.arguments["begin"]
    assert name == outcome.run.name
    assert (begin["resumed"], begin["wanted"], begin["done"]) == (False, False, 0)
    assert recorder.arguments["end"] == ((), {"complete": True})
    (cell, record), _ = recorder.arguments["record"]
    assert record.id == cell.id == context.plan.cells[-1].id
    (trained, epochs, steps), _ = recorder.arguments["training"]
    (_, row), _ = recorder.arguments["epoch"]
    assert trained == context.plan.cells[0], "an estimator has no steps"
    examples = len(context.load(trained).splits["train"])
    assert (epochs, steps) == (row["epoch"], epochs * math.ceil(examples / trained.options["train"]["batch_size"]))

    resumed = Recorder()
    execute(context.plan, store, Request(resume="newest"), resumed)
    assert resumed.calls == [("begin",), ("end",)]
    _, begin = resumed.arguments["begin"]
    assert (begin["resumed"], begin["wanted"], begin["done"]) == (True, True, 3)


def test_the_folder_of_a_run_shows_how_far_a_training_is(context, tmp_path, monkeypatch):
    monkeypatch.setattr(Clock.__init__, "__defaults__", (0.0, None))  # each step is a window, however fast it is
    seen = []

    class Reader(RunCallback):
        def trained(self, cell, history):
            (begun,) = [one for path in (tmp_path / "executed").iterdir() for one in begun_cells(path)]
            advanced = 0 < begun.steps <= begun.planned_steps and begun.samples_per_second > 0
            seen.append((begun.cell == cell.id, begun.step, advanced))

    execute(context.plan, Store(tmp_path / "executed"), Request(), Reader())
    assert seen == [(True, "training", True), (True, "training", False)]  # a network, and an estimator


def test_the_methods_of_the_class_itself_do_nothing(context):
    cell = context.plan.cells[0]
    callback: Any = RunCallback()
    begin = callback.begin("run", resumed=False, wanted=False, done=0, notes=(), busy=False)
    others = [callback.cell(cell), callback.step(cell, "data"), callback.window(cell, None)]
    others += [callback.trained(cell, None), callback.record(cell, None), callback.findings("mine", [])]
    others += [callback.data_notes("mine", {}), callback.training(cell, 3, 30), callback.epoch(cell, {})]
    others += [callback.warning("text"), callback.end(complete=True)]
    assert [begin, *others] == [None] * len(METHODS)
