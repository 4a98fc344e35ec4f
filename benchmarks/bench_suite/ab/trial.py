"""The comparison: blocks of one fresh process of each side, in random order, until every timing is decided."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from bench_suite.ab.cores import choose_cores, other_cores
from bench_suite.ab.pairing import Pair
from bench_suite.ab.processes import LIBRARIES, CellError, Scratch, Server, Side, SideError, WorkerProcess
from bench_suite.environment import usable_cores
from bench_suite.stats.anytime import Decision, decide

Clock = Literal["auto", "cpu", "wall"]
BLOCKS_OF_A_SERVER = 4
"Blocks whose processes are forked from one server; then a new one starts, since the layout of its memory is an effect."
MAX_SECONDS, MIN_SECONDS = 0.4, 0.3
"Of one timing in one process."
SECONDS_OF_A_PROCESS = 0.6
"Of all timings of one process together, about: less decides sooner, since six blocks or more are needed anyway."
ALWAYS_IMPORTED = ("numpy", "torch", "scipy.special", "pandas")
"Packages that every cell needs, and that start no thread."
ROUNDS, MIN_ROUNDS = 7, 3
"Parts of the work of a timing in a block: in each the two sides take turns."
MAX_OVERSPENT = 3.0
"Rounds end early if a timing has taken so many times the seconds that it was to take."
GRACE_SECONDS = 60.0
"How long an order may take beyond the budget before its process is ended."


@dataclass(frozen=True)
class Settings:
    """How to compare."""

    budget: float
    "Seconds."
    margin: float = 0.05
    "Slowdown that is allowed."
    level: float = 0.01
    "Chance that any timing of equal programs is called slower, and that any slowdown of the margin is called none."
    clock: Clock = "auto"
    "`auto`: CPU time on a processor, events on an accelerator."
    seed: int | None = None
    "Of the order within blocks; None draws one."


@dataclass
class Timing:
    """What is timed of a pair, and what the blocks say so far."""

    pair: Pair
    kind: str
    "`train` or `predict`."
    margin: float
    level: float
    "α of this timing alone."
    log_ratios: list[float] = field(default_factory=list)
    "By the deciding clock, one for each block."
    wall_ratios: list[float] = field(default_factory=list)
    instruction_ratios: list[float] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"base": [], "head": []})
    clock: str = "CPU time"
    failed_side: str | None = None
    failure: str | None = None
    "Why it could not be timed, in words."

    @property
    def name(self) -> str:
        """The cell and what is timed of it."""
        return f"{self.pair.name}: {self.kind}"

    @property
    def decision(self) -> Decision:
        """What the blocks so far say."""
        return decide(self.log_ratios, self.margin, self.level)

    @property
    def wall(self) -> Decision:
        """What the wall time would say."""
        return decide(self.wall_ratios, self.margin, self.level)

    @property
    def is_open(self) -> bool:
        """Whether more blocks could decide it."""
        return self.failed_side is None and self.decision.verdict == "cannot tell"

    def add(self, rounds: Sequence[Mapping[str, Mapping[str, Any]]], clock: Clock) -> None:
        """Add a block.

        In each round, one process of each side does the same part of the work, one directly after the other. The median
        over the rounds is the value of the block: what another program takes from both sides cancels out.

        Args:
            rounds: what `Worker.measure` returned, by side.
            clock: which time decides.
        """
        key = "wall" if clock == "wall" else "cpu"
        if clock == "auto" and all(side["event"] is not None for one in rounds for side in one.values()):
            key = "event"
        self.clock = {"wall": "wall time", "cpu": "CPU time", "event": "events of the device"}[key]
        self.log_ratios.append(_median_log_ratio(rounds, key))
        self.wall_ratios.append(_median_log_ratio(rounds, "wall"))
        if all(side["instructions"] for one in rounds for side in one.values()):
            self.instruction_ratios.append(_median_log_ratio(rounds, "instructions"))
        for label in ("base", "head"):
            self.seconds[label].append(statistics.median(one[label][key] for one in rounds))


def _median_log_ratio(rounds: Sequence[Mapping[str, Mapping[str, Any]]], key: str) -> float:
    return statistics.median(math.log(one["head"][key] / one["base"][key]) for one in rounds)


@dataclass
class Outcome:
    """The result of a comparison."""

    timings: list[Timing]
    blocks: int = 0
    seconds: float = 0.0
    block_seconds: float | None = None
    "Of a block with the timings that are still open, about; None before the first block."
    cores: tuple[int, ...] = ()
    addresses_fixed: bool = False
    "Whether address-space randomisation was off."
    device: str = "cpu"
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def status(self) -> int:
        """Exit status: 1 something is slower, 3 something failed, 4 cannot tell, 0 nothing is slower."""
        verdicts = [timing.decision.verdict for timing in self.timings if timing.failed_side is None]
        if self.interrupted:
            return 130
        if "slower" in verdicts:
            return 1
        if len(verdicts) < len(self.timings):
            return 3
        return 4 if "cannot tell" in verdicts or not verdicts else 0


class Progress:
    """Told about each step; its methods do nothing."""

    def step(self, text: str) -> None:
        """Something begins that takes seconds."""

    def block(self, outcome: Outcome, remaining: float) -> None:
        """A block has ended; `remaining` seconds are left."""


def timings_of(pairs: Sequence[Pair], settings: Settings, kinds: Sequence[str] = ("train", "predict")) -> list[Timing]:
    """Return the timings of pairs, which share the level."""
    chosen = [(pair, kind) for pair in pairs for kind in pair.timings if kind in kinds]
    return [Timing(pair, kind, settings.margin, settings.level / len(chosen)) for pair, kind in chosen]


class Comparison:
    """Measures two sides in blocks."""

    def __init__(
        self, sides: Mapping[str, Side], timings: Sequence[Timing], settings: Settings, progress: Progress,
        began: float | None = None,
    ) -> None:  # fmt: skip
        """Prepare it.

        Args:
            sides: `base` and `head`.
            timings: what to time.
            settings: how.
            progress: told about each step.
            began: time by `time.monotonic()` from which the budget counts; now by default.
        """
        self.sides, self.settings, self.progress = sides, settings, progress
        self.outcome = Outcome(list(timings))
        self._began = time.monotonic() if began is None else began
        self._end = self._began + settings.budget
        self._random = random.Random(settings.seed)
        counts = [threads for timing in timings for cell in (timing.pair.base, timing.pair.head)
                  for threads in [cell.threads] if threads != "auto"]  # fmt: skip
        auto = len(counts) < 2 * len(self.outcome.timings)
        self._threads = len(usable_cores()) if auto else max(map(int, counts), default=1)
        self.outcome.cores = choose_cores(self._threads)
        self._setup = {"base": self.outcome.cores, "head": other_cores(self.outcome.cores)}
        self._work: dict[Pair, Any] = {}
        self._modules: list[str] = []
        self._fork = sides["base"].python == sides["head"].python
        self._servers: dict[str, Server] = {}
        self._following: Server | None = None
        "The next server, which imports already."
        self._blocks_of_server = 0
        kinds = max(1, len(self.outcome.timings))
        self._seconds = min(MAX_SECONDS, max(MIN_SECONDS, SECONDS_OF_A_PROCESS / kinds))

    def run(self) -> Outcome:
        """Measure until every timing is decided or the budget is spent; Ctrl-C ends it with what is known.

        Raises:
            SideError: a side cannot be measured at all.
        """
        with Scratch() as scratch, ExitStack() as stack:
            self._scratch = scratch
            stack.callback(self._close_servers)
            try:
                self._pilot()
                lasted: list[float] = []
                while self._open_pairs():
                    began = time.monotonic()
                    if lasted and began + statistics.median(lasted[-3:]) > self._end:
                        break
                    if began >= self._end or not self._block():
                        break
                    lasted.append(time.monotonic() - began)
                    self.outcome.blocks += 1
                    self.outcome.block_seconds = statistics.fmean(lasted[-BLOCKS_OF_A_SERVER:])
                    self.progress.block(self.outcome, self._end - time.monotonic())
            except KeyboardInterrupt:
                self.outcome.interrupted = True
        self.outcome.seconds = time.monotonic() - self._began
        return self.outcome

    # ── one process of each side ────────────────────────────────────────────────────────────────

    def _pilot(self) -> None:
        """Run a process of each side that is not counted: it shows how much work to do, and what fails."""
        rows: dict[Pair, dict[str, Any]] = {}
        with ExitStack() as stack:
            servers = self._pilot_servers(stack)
            for label in ("base", "head"):
                worker = servers[label].start(self.sides[label])
                for pair in self._open_pairs():
                    self.progress.step(f"warm-up: {pair.name}")
                    self._give_preparation(worker, pair, self._lease)
                    answer = self._answer(worker, pair)
                    if answer is not None:
                        self._work.setdefault(pair, answer["work"])
                        self.outcome.device = answer["device"]
                        self._check_strays(self.sides[label], answer["strays"])
                        rows.setdefault(pair, {})[label] = answer["rows"]
                    elif not worker.alive:
                        worker = servers[label].start(self.sides[label])
                if label == "base" and self._fork and self.outcome.device == "cpu" and self._open_pairs():
                    self._modules = worker.ask("modules", 60.0, packages=list(LIBRARIES))["modules"]
                    self._following = self._new_server("base")  # imports while head warms up
            self.outcome.addresses_fixed = all(server.addresses_fixed for server in servers.values())
        for pair, counts in rows.items():
            if len(counts) == 2 and counts["base"] != counts["head"]:
                self.outcome.notes.append(f"{pair.name}: the data differ, so the work may: {_rows_text(counts)}")

    def _pilot_servers(self, stack: ExitStack) -> dict[str, Server]:
        """Return the server of each side for the pilot: one for both if they have the same interpreter."""
        if self._fork:
            self._modules = list(ALWAYS_IMPORTED)
            shared = stack.enter_context(self._new_server("base"))
            self._modules = []
            shared.wait()
            if shared.can_fork:
                return {"base": shared, "head": shared}
        return {label: stack.enter_context(self._new_server(label)) for label in ("base", "head")}

    def _block(self) -> bool:
        """Measure one block; return False if the budget was spent within it."""
        workers = self._start_workers()
        try:
            for pair in self._open_pairs():
                if not self._prepare(workers, pair):
                    return time.monotonic() < self._end + GRACE_SECONDS
                for timing in [one for one in self.outcome.timings if one.pair == pair and one.is_open]:
                    rounds = self._rounds(workers, timing)
                    if rounds is None:
                        return time.monotonic() < self._end + GRACE_SECONDS
                    timing.add(rounds, self.settings.clock)
        finally:
            for worker in workers.values():
                worker.close()
        return True

    def _rounds(self, workers: Mapping[str, WorkerProcess], timing: Timing) -> list[dict[str, dict[str, Any]]] | None:
        """Return what a timing took in each round, by side; None if that failed, which is noted."""
        rounds: list[dict[str, dict[str, Any]]] = []
        spent = 0.0
        while len(rounds) < ROUNDS and (len(rounds) < MIN_ROUNDS or spent < MAX_OVERSPENT * self._seconds):
            labels = ["base", "head"]
            self._random.shuffle(labels)
            measured = {}
            for label in labels:
                answer = self._ask(workers[label], timing.pair, "measure", timing=timing.kind, cores=self._lease)
                if answer is None:
                    return None
                measured[label] = answer
            rounds.append(measured)
            spent += measured["base"]["cpu"]
        return rounds

    def _give_preparation(self, worker: WorkerProcess, pair: Pair, cores: tuple[int, ...]) -> None:
        """Let a worker prepare a cell on these processors; the first one finds out how much work there is to do."""
        cell = getattr(pair, worker.side.label)
        worker.give(
            "prepare", cell=cell.id, threads=self._threads if cell.threads == "auto" else int(cell.threads),
            seconds=self._seconds, work=self._work.get(pair), cores=cores,
            timings=[timing.kind for timing in self.outcome.timings if timing.pair == pair and timing.is_open],
        )  # fmt: skip

    def _prepare(self, workers: Mapping[str, WorkerProcess], pair: Pair) -> bool:
        """Prepare a cell in both processes at the same time; return False if that failed, which is noted."""
        for label, worker in workers.items():
            self._give_preparation(worker, pair, self._setup[label])
        return None not in [self._answer(worker, pair) for worker in workers.values()]

    def _ask(self, worker: WorkerProcess, pair: Pair, order: str, **arguments: Any) -> dict[str, Any] | None:
        worker.give(order, **arguments)
        return self._answer(worker, pair)

    def _answer(self, worker: WorkerProcess, pair: Pair) -> dict[str, Any] | None:
        """Return an answer; None if there is none, which is noted as a failure of the cell unless time is up."""
        try:
            return worker.answer(self._end + GRACE_SECONDS - time.monotonic())
        except CellError as error:
            if time.monotonic() < self._end + GRACE_SECONDS:
                for timing in self.outcome.timings:
                    if timing.pair == pair and timing.failed_side is None:
                        timing.failed_side, timing.failure = worker.side.label, str(error)
            return None

    # ── servers ─────────────────────────────────────────────────────────────────────────────────

    def _start_workers(self) -> dict[str, WorkerProcess]:
        lifetime = BLOCKS_OF_A_SERVER if self._modules else 1
        if self._blocks_of_server >= lifetime or not self._servers:
            following, self._following = self._following, None
            self._close_servers()
            self._servers["base"] = following or self._new_server("base")
            self._servers["head"] = self._servers["base"] if self._modules else self._new_server("head")
            self._blocks_of_server = 0
            if self._modules:
                self._servers["base"].wait()
                if not self._servers["base"].can_fork:  # a library has started threads, which a fork would lose
                    self._modules = []
                    return self._start_workers()
        self._blocks_of_server += 1
        if self._modules and self._blocks_of_server == lifetime:
            self._following = self._new_server("base")  # imports while this block runs, on another processor
        labels = ["base", "head"]
        self._random.shuffle(labels)
        return {label: self._servers[label].start(self.sides[label]) for label in labels}

    def _new_server(self, label: str) -> Server:
        server = Server(self._scratch, self.sides[label].python, self._threads, self._modules, self.sides[label].cwd)
        server.pin(self._setup["head"])
        return server

    def _close_servers(self) -> None:
        for server in [*self._servers.values(), *([self._following] if self._following is not None else [])]:
            server.close()
        self._servers, self._following = {}, None

    # ── what is left to do ──────────────────────────────────────────────────────────────────────

    @property
    def _lease(self) -> tuple[int, ...]:
        return self.outcome.cores

    def _open_pairs(self) -> list[Pair]:
        return list(dict.fromkeys(timing.pair for timing in self.outcome.timings if timing.is_open))

    def _check_strays(self, side: Side, strays: Sequence[str]) -> None:
        if strays:
            raise SideError(
                f"{side.name} imports {', '.join(strays[:5])} from the working tree, so both sides would run the same "
                "files\n  a revision must import its own: install the package editable, or put its folder on PYTHONPATH"
            )


def _rows_text(rows: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(
        f"{label} has " + ", ".join(f"{n:,} {split}" for split, n in of.items()) for label, of in rows.items()
    )
