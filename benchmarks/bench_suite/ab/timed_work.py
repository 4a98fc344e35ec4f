"""The work that is timed: the training and the prediction of a cell, as a worker of one side does them.

The module is run by its path in the environment of a side, and imports `bench_suite` as that side has it, in functions.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

SLICES = 7
"Parts of the work of a timing in a process, about; the two sides take turns."
FIRST_ROWS = 256
"Examples of the first, untimed training."
MAX_CALLS = 100_000


def is_installed(path: Path) -> bool:
    """Return whether a path belongs to Python or to installed packages, which may lie inside a repository."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts) or any(
        path.is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix)
    )


class Worker:
    """A suite as one side has it, and the cell that is prepared."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._toplevel = Path(settings["toplevel"]) if settings["toplevel"] else None
        self._folder = Path(settings["folder"])
        self._suite = settings["suite"]
        self._overrides = settings["overrides"]
        self._plan: Any = None
        self._context: Any = None
        self._work: dict[str, Callable[[], Any]] = {}
        self._device = "cpu"
        self._instructions = Instructions()

    def plan(self, only: list[str], keyword: str) -> dict[str, Any]:
        """Return the cells of the suite; nothing of the suite's own files is run."""
        from bench_suite._version import __version__
        from bench_suite.execution.selection import select
        from bench_suite.execution.sharing import timed_units
        from bench_suite.suite.cell import name
        from bench_suite.suite.parser import read_suite
        from bench_suite.suite.plan import make_plan

        plan = select(make_plan(read_suite(self._suite, self._overrides), only), keyword)
        self._plan = plan
        timed = timed_units(plan)
        throughput = {probe.label for probe in plan.suite.probes if probe.component.use == "throughput"}
        cells = [
            {
                "id": cell.id, "unit": cell.unit, "name": name(cell), "threads": cell.threads, "devices": cell.devices,
                "labels": {axis: str(value) for axis, value in cell.labels.items()},
                "throughput": any(cell.probes.get(label, "") is None for label in throughput),
                "timed": cell.unit in timed, "trained": bool(cell.options["train"]["epochs"]) or cell.engine is None,
            }
            for cell in plan.cells
        ]  # fmt: skip
        sources = {component.use: component.source_hash for component in plan.suite.external}
        return {"cells": cells, "external": sources, "version": __version__, "suite": plan.suite.name}

    def prepare(
        self, cell: str, threads: int, seconds: float, work: dict[str, Any] | None, timings: list[str]
    ) -> dict[str, Any]:
        """Load data, build the model, and do everything once that is to be timed.

        Args:
            cell: id of the cell.
            threads: number of threads.
            seconds: of a timing, about, if `work` is None.
            work: how much each timing does, as an earlier process returned it; None to find out.
            timings: those that will be measured.
        """
        import numpy as np
        import torch

        if self._plan is None:
            self.plan([], "")
        chosen = next(one for one in self._plan.cells if one.id == cell)
        context = self._run_context()
        placement = self._placement(chosen, threads, None if work is None else work["precision"])
        self._device = placement.device
        data = context.load(chosen)
        train = {**chosen.options["train"], "target": None, "patience": None, "checkpoint": None, "keep": False}
        epochs = max(1, int(train["epochs"]))
        budget = seconds / SLICES
        self._work = {}
        amounts: dict[str, Any] = dict(work) if work else {"precision": placement.precision}
        if "train" in timings and work is None:
            amounts["train"] = self._find_training(chosen, data, placement, train, epochs, budget)
        plan = amounts.get("train") or {"rows": min(FIRST_ROWS, len(data.splits["train"])), "epochs": 1, "fits": 1}
        trained, fit = self._training(chosen, data, placement, train, plan)
        fit() if trained.network is None or train["epochs"] else None  # warm, and trained, for what follows
        if "train" in timings:
            self._work["train"] = partial(_repeat, fit, plan["fits"])
        tested = len(data.splits["test"])
        if "predict" in timings:
            rows = min(tested, int(chosen.options["evaluate"]["batch_size"]))
            call = trained.inference("test", np.arange(rows))
            call()
            if work is None:
                amounts["predict"] = {"rows": rows, "calls": self._count(call, budget)}
            self._work["predict"] = partial(_repeat, call, amounts["predict"]["calls"])
        torch.set_num_threads(placement.threads)
        self._placed = placement
        return {
            "work": amounts, "device": placement.device, "threads": placement.threads,
            "rows": {name: len(split) for name, split in data.splits.items()}, "strays": self._strays(),
        }  # fmt: skip

    def measure(self, timing: str) -> dict[str, Any]:
        """Return how long one part of the work of a timing takes, in seconds, and instructions if they are counted."""
        from bench_suite.training.precision import computing

        work = self._work[timing]
        with computing(self._placed):
            first, counted = self._event(), self._instructions.read()
            began, now = self._clocks()
            work()
            last = self._event()
            ended, later = self._clocks()
            after = self._instructions.read()
        return {
            "cpu": max(1e-9, ended - began), "wall": later - now,
            "event": None if first is None else first.elapsed_time(last) / 1000,
            "instructions": None if counted is None or after is None else after - counted,
        }  # fmt: skip

    def modules(self, packages: list[str]) -> dict[str, Any]:
        """Return the loaded modules of these packages, without those that are files of the repository or of a suite."""
        names = [
            name
            for name, module in sorted(sys.modules.items())
            if name.partition(".")[0] in packages
            and not name.startswith("bench_suite.components.external.")
            and not self._is_inside(module)
        ]
        return {"modules": names}

    def _is_inside(self, module: Any) -> bool:
        file = getattr(module, "__file__", None)
        if not file or self._toplevel is None:
            return False
        path = Path(file).resolve()
        return path.is_relative_to(self._folder) or (path.is_relative_to(self._toplevel) and not is_installed(path))

    def _strays(self) -> list[str]:
        """Return the modules that came from the working tree although this side has a folder of its own."""
        if self._toplevel is None or self._toplevel == self._folder:
            return []
        inside = [name for name, module in [*sys.modules.items()] if self._is_inside(module)]
        files = {name: Path(str(sys.modules[name].__file__)).resolve() for name in inside}
        own = Path(__file__).resolve().parent
        return sorted(
            name for name, file in files.items() if file.parent != own and not file.is_relative_to(self._folder)
        )

    def _run_context(self) -> Any:
        if self._context is None:
            from bench_suite.data.cache import Cache
            from bench_suite.data.sources import Sources
            from bench_suite.execution.callbacks import RunCallback
            from bench_suite.execution.context import RunContext

            cache = Cache()
            offline = bool(os.environ.get("HF_HUB_OFFLINE"))
            no_run: Any = None
            self._context = RunContext(
                self._plan, no_run, Sources(offline=offline, cache=cache), RunCallback(), "", "", cache=cache
            )
        return self._context

    def _placement(self, cell: Any, threads: int, precision: str | None) -> Any:
        from bench_suite.execution.context import placement_of

        changed = replace(cell, threads=threads, **({} if precision is None else {"precision": precision}))
        return placement_of(changed, 1)

    def _training(self, cell: Any, data: Any, placement: Any, train: dict[str, Any], plan: dict[str, Any]) -> Any:
        """Return the cell with a model to train on so many rows, and a function that trains it."""
        from bench_suite.data.splits import Subset
        from bench_suite.execution.model_training import build, fit
        from bench_suite.training.inputs import spread_rows

        split = data.splits["train"]
        if plan["rows"] < len(split):
            source = replace(data.source, fingerprint=f"{data.source.fingerprint}/rows")
            rows = spread_rows(split, plan["rows"])
            data = replace(data, source=source, splits={**data.splits, "train": Subset(split, rows)})
        options = {**train, "epochs": plan["epochs"]}

        def built() -> Any:
            trained = build(cell, data, placement, cell.seed, options, cache=self._context.cache)
            trained.sources = self._context.sources
            if trained.network is not None:
                for name in ("train", "validation"):
                    if name in data.splits:
                        trained.encoded(name)
            return trained

        trained = built()
        private = train.get("privacy") is not None  # which changes the module that it trains
        return trained, lambda: fit(built() if private else trained, lambda window: True)

    def _find_training(
        self, cell: Any, data: Any, placement: Any, train: dict[str, Any], epochs: int, seconds: float
    ) -> dict[str, Any]:
        """Return the rows, epochs and number of trainings that take about so long."""
        total = len(data.splits["train"])
        network = cell.engine is not None
        plan = {"rows": min(FIRST_ROWS, total) if network else total, "epochs": 1 if network else epochs, "fits": 1}
        for _ in range(3):
            _, fit = self._training(cell, data, placement, train, plan)
            fit()
            taken = self._seconds(fit) / plan["epochs"] if network else self._seconds(fit)
            each_row = taken / plan["rows"]
            if network:
                plan["rows"] = max(min(total, 2 * int(train["batch_size"])), min(total, int(seconds / each_row)))
                plan["epochs"] = max(1, min(epochs, int(seconds / (each_row * plan["rows"]))))
                taken = each_row * plan["rows"] * plan["epochs"]
            elif taken > 2 * seconds:
                plan["rows"] = max(min(total, FIRST_ROWS), int(plan["rows"] * seconds / taken))
                taken = each_row * plan["rows"]
            plan["fits"] = max(1, min(MAX_CALLS, round(seconds / taken)))
        return plan

    def _count(self, call: Callable[[], Any], seconds: float) -> int:
        """Return how many calls take about so long."""
        calls = 1
        while (taken := self._seconds(partial(_repeat, call, calls))) < seconds / 4 and calls < MAX_CALLS:
            calls *= 4
        return max(1, min(MAX_CALLS, round(calls * seconds / taken)))

    def _seconds(self, work: Callable[[], Any]) -> float:
        """Return how long work takes: CPU time, which other programs change little; wall time on an accelerator."""
        before = self._clocks()
        work()
        after = self._clocks()
        return max(1e-6, after[0] - before[0] if self._device == "cpu" else after[1] - before[1])

    def _clocks(self) -> tuple[float, float]:
        """Return the CPU time of this process and of its children that have ended, and the wall time, in seconds.

        The device has then done all work that was queued before.
        """
        clock = time.perf_counter
        if self._device != "cpu":
            from bench_suite.training import devices

            devices.synchronize(self._device)
            clock = devices.perf_counter
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime, clock()

    def _event(self) -> Any:
        if self._device == "cpu":
            return None
        from bench_suite.training import devices

        event = devices.new_event(self._device)
        if event is not None:
            event.record()
        return event


def _repeat(call: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        call()


# ── instructions ────────────────────────────────────────────────────────────────────────────────


class Instructions:
    """A counter of the instructions that this process has retired in user mode; it may not be readable."""

    SYSTEM_CALLS: dict[str, int] = {"x86_64": 298, "aarch64": 241}  # noqa: RUF012 - a table that nobody changes

    def __init__(self) -> None:
        self._file = -1
        number = self.SYSTEM_CALLS.get(os.uname().machine) if sys.platform == "linux" else None
        if number is None:
            return
        attributes = bytearray(112)
        attributes[0:4] = (0).to_bytes(4, sys.byteorder)  # PERF_TYPE_HARDWARE
        attributes[4:8] = (112).to_bytes(4, sys.byteorder)
        attributes[8:16] = (1).to_bytes(8, sys.byteorder)  # PERF_COUNT_HW_INSTRUCTIONS
        attributes[40:48] = (0b1100010).to_bytes(8, sys.byteorder)  # inherit, exclude_kernel, exclude_hv
        buffer = (ctypes.c_char * 112).from_buffer(attributes)
        self._file = ctypes.CDLL(None).syscall(ctypes.c_long(number), buffer, 0, -1, -1, ctypes.c_ulong(0))

    def read(self) -> int | None:
        """Return the count; None if it cannot be read."""
        if self._file < 0:
            return None
        with contextlib.suppress(OSError):
            return int.from_bytes(os.read(self._file, 8), sys.byteorder)
        return None
