"""A suite under pytest: its tests, and the one run that all of them are about."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench_suite.cli.arguments import run_arguments
from bench_suite.contracts import BenchError
from bench_suite.execution.component_checks import check_trust
from bench_suite.pytest_plugin import tests
from bench_suite.pytest_plugin.selection import Group, groups_of, narrow
from bench_suite.store.commands import display_path
from bench_suite.store.runs import Run, Store
from bench_suite.suite.cell import words_of
from bench_suite.suite.option_checks import check_plan_options
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.comparison.compare import Comparison
    from bench_suite.execution.callbacks import RunCallback
    from bench_suite.execution.session import Outcome, Request

SUMMARY = "bench-suite summary"
"Name of the plugin that prints where the runs are."


class SuiteFile(pytest.File):
    """A suite. Its setup, before its first test, runs the cells of all selected tests as `bench run` does."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        option = self.config.getoption
        self.trust: bool = option("bench_trust")
        self.overrides: tuple[str, ...] = tuple(option("bench_set"))
        self.against: str | None = option("bench_against")
        self.store = Store(Path(option("bench_results")))
        self.plan: Plan
        self.base: Run | LastRuns | None = None
        self.outcome: Outcome | None = None
        self.comparison: Comparison | None = None
        self.comparison_error = ""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each cell, for each gate and group of cells, and for what else makes `bench run` fail.

        Raises:
            CollectError: the suite is invalid, is not trusted, or has nothing to be compared with.
        """
        try:
            suite = read_suite(display_path(self.path), self.overrides)
            self.plan = make_plan(suite)
            check_trust(self.plan, trust=self.trust, flag="--bench-trust")
            check_plan_options(self.plan)
            self.base = self._base_run()
        except BenchError as error:
            raise self.CollectError(str(error)) from None
        _summary_of(self.config).suites.append(self)
        words = words_of({cell.id: cell.labels for cell in self.plan.cells})
        for cell in self.plan.cells:
            yield tests.CellTest.from_parent(self, name=words[cell.id], cell=cell)
        yield from self._gate_tests("gate", tests.GateTest, groups_of(self.plan, ("min", "max")))
        if self.base is not None:
            gates = {(group.gate.name, group.where): group for group in groups_of(self.plan)}
            yield from self._gate_tests("against", tests.AgainstTest, gates.values())
            yield tests.ComparedTest.from_parent(self, name="against-compared", compared_in_tests=frozenset(gates))
        for code in suite.fail_on:
            yield tests.FindingTest.from_parent(self, name=f"data-{code}", code=code)
        if any("summarise" in probe.component.functions for probe in suite.probes):
            yield tests.SummariesTest.from_parent(self, name="summaries")

    def setup(self) -> None:
        """Run the cells that the selected tests of this suite are about; each of them fails if that is impossible."""
        try:
            self.outcome = self._run()
            if self.base is not None and not self.outcome.interrupted:
                self._compare(self.base, self.outcome.run)
        except BenchError as error:
            pytest.fail(str(error), pytrace=False)
        if self.outcome.interrupted:
            raise KeyboardInterrupt

    def _run(self) -> Outcome:
        from bench_suite.execution.session import Request, execute
        from bench_suite.reports.markdown import write_report

        wanted = [item for item in self.session.items if item.parent is self and not item.get_closest_marker("skip")]
        ids = {id for item in wanted if isinstance(item, tests.SuiteTest) for id in item.cells}
        plan, expression = narrow(self.plan, ids)
        arguments = run_arguments(self.path.name, self.overrides, (), keyword=expression, trust=self.trust)
        request = Request(trust=self.trust, command=("bench", "run", *shlex.split(arguments)))
        with usual_warnings(), self._showing(plan) as callback:
            outcome = execute(plan, self.store, request, callback)
        if self.base is not None and not expression:  # of a part of the suite, the gates are not all judged
            outcome = self._decide(outcome, self.base, request)
        write_report([outcome.run], outcome.run.path / "report.md")
        return outcome

    def _decide(self, outcome: Outcome, base: Run | LastRuns, request: Request) -> Outcome:
        """Add seeds on both sides while a gate is undecided, if the suite states `[gate] seeds`."""
        from bench_suite.cli.output import say
        from bench_suite.comparison.decide_gates import decide_gates
        from bench_suite.execution.session import execute

        def again(plan: Plan, resume: str | None) -> Outcome:
            with usual_warnings(), self._showing(plan) as callback:
                return execute(plan, self.store, replace(request, resume=resume), callback)

        decided = decide_gates(
            self.plan, outcome, base, self.path, self.store, make_plan, again, partial(say, err=True)
        )
        self.base = decided.base
        return decided.outcome

    @contextmanager
    def _showing(self, plan: Plan) -> Iterator[RunCallback]:
        """Show the progress below pytest's line, uncaptured: the lines of `bench run`, or nothing with `-q`."""
        from bench_suite.cli.progress import Plain
        from bench_suite.cli.run_state import RunState
        from bench_suite.execution.callbacks import RunCallback

        terminal: Any = self.config.pluginmanager.getplugin("terminalreporter")
        capture: Any = self.config.pluginmanager.getplugin("capturemanager")
        verbosity: int = self.config.getoption("verbose")
        if terminal is None or verbosity < 0:
            yield RunCallback()
            return
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            terminal.ensure_newline()
            terminal.flush()  # before the progress, which goes to standard error
            one_thread = all(cell.threads == 1 for cell in plan.cells)
            with Plain(RunState(len(plan.cells), plan.cells), one_thread=one_thread) as callback:
                yield callback
            if verbosity == 0:
                terminal.write_fspath_result(self.nodeid, "")  # the letters of the tests follow on this line
                terminal.flush()

    def _base_run(self) -> Run | LastRuns | None:
        """Return what to compare with, before anything is trained."""
        if self.against is None:
            return None
        from bench_suite.comparison.baselines import base_run
        from bench_suite.comparison.preconditions import check_common

        suite = self.plan.suite
        base = base_run(self.store, self.against, suite.name, overrides=suite.overrides)
        check_common(base, (cell.id for cell in self.plan.cells), "--bench-against")
        return base

    def _compare(self, base: Run | LastRuns, head: Run) -> None:
        from bench_suite.comparison.compare import compare

        try:
            self.comparison = compare(base, head, trust=True)  # the run has just run the files that its suite names
        except BenchError as error:
            self.comparison_error = f"not compared: {error}"

    def _gate_tests(self, prefix: str, kind: Any, groups: Iterable[Group]) -> Iterator[pytest.Item]:
        taken: dict[str, int] = {}
        for group in groups:
            name = f"{prefix}-{group.gate.metric}-{group.word}"
            taken[name] = taken.get(name, 0) + 1
            number = f"-{taken[name]}" if taken[name] > 1 else ""
            yield kind.from_parent(self, name=name + number, group=group)


@contextmanager
def usual_warnings() -> Iterator[None]:
    """Treat warnings as `bench run` does, so that a project's `filterwarnings = error` does not make cells fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
        yield


class Summary:
    """Prints at the end of pytest where the runs are."""

    def __init__(self) -> None:
        self.suites: list[SuiteFile] = []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the folder of each run, and what was not judged."""
        from bench_suite.cli.output import printable

        for suite in self.suites:
            if suite.outcome is None:
                continue
            run = suite.outcome.run
            terminalreporter.section(f"bench {suite.plan.suite.name}")
            lines = [f"records  {display_path(run.path)}/records/", f"report   {display_path(run.path / 'report.md')}"]
            if suite.outcome.interrupted:
                arguments = run_arguments(display_path(suite.path), suite.overrides, (), trust=suite.trust)
                lines.append(f"next: bench run {arguments} --resume {run.name}   run the missing cells")
            if suite.base is None and any("tolerance" in gate.rules for gate in suite.plan.suite.gates):
                lines.append("note: tolerances in [gate] are tested with --bench-against BASE only")
            lines += [f"note: damaged and left out: {damage}" for damage in (*suite.store.damages, *run.damages)]
            for line in lines:
                terminalreporter.write_line(printable(line))


def _summary_of(config: pytest.Config) -> Summary:
    summary = config.pluginmanager.getplugin(SUMMARY)
    if summary is None:
        summary = Summary()
        config.pluginmanager.register(summary, SUMMARY)
    return summary
