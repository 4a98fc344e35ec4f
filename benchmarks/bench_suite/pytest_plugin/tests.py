"""The tests of a suite: a cell, a gate, a comparison, a finding, the summaries; each reads the run of its suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from bench_suite.contracts import Record
from bench_suite.pytest_plugin import timings
from bench_suite.pytest_plugin.selection import Group
from bench_suite.suite.cell import Cell, name
from bench_suite.suite.spec import judged_name
from bench_suite.suite.toml_positions import Path as KeyPath

if TYPE_CHECKING:
    from bench_suite.comparison.compare import Comparison
    from bench_suite.comparison.gates import Judgement
    from bench_suite.comparison.verdicts import Row
    from bench_suite.execution.session import Outcome
    from bench_suite.pytest_plugin.collection import SuiteFile


class SuiteTest(pytest.Item):
    """A test that needs some cells of its suite."""

    def __init__(self, *, cells: Sequence[str] = (), key: KeyPath = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.cells = tuple(cells)
        self.key = key
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(0))  # the first test contains the whole run

    @property
    def suite(self) -> SuiteFile:
        """The suite."""
        return self.parent  # type: ignore[return-value]  # `from_parent` is called with it only

    @property
    def outcome(self) -> Outcome:
        """The run, which the setup of the suite has made."""
        assert self.suite.outcome is not None
        return self.suite.outcome

    def records(self) -> list[Record]:
        """Return the records of the cells that the test is about."""
        return [record for record in self.outcome.records if record.id in self.cells]

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return the line of the suite that states the test, counted from 0, and its name."""
        return self.path, self.suite.plan.suite.document.lines.get(self.key, 1) - 1, self.name


class CellTest(SuiteTest):
    """A cell: it fails as the cell or one of its probes does, and is skipped if the cell is unavailable."""

    def __init__(self, *, cell: Cell, **settings: Any) -> None:
        super().__init__(cells=(cell.id,), key=cell.model.key, **settings)
        self.cell = cell
        self.extra_keyword_matches.update(str(cell.labels[axis]) for axis in ("task", "model"))
        self.fixturenames = timings.fixture_names(self.config, cell, self.suite.plan)

    def runtest(self) -> None:
        """Check the record, and report its timings to pytest-benchmark."""
        from bench_suite.cli.run_screen import failure_reasons
        from bench_suite.store.commands import display_path

        records = self.records()
        if not records:
            _fail(f"{name(self.cell)}: the run has no record of this cell")
        (record,) = records
        if record.status == "unavailable":
            pytest.skip(f"unavailable: {record.reason}")
        if reasons := [f"{name(self.cell)}: {reason}" for reason in failure_reasons(record)]:
            folder = self.outcome.run.path
            traces = sorted(folder.glob(f"cells/{record.id}/traceback-*"))
            _fail("\n".join([*reasons, *(f"traceback: {display_path(path)}" for path in traces)]))
        timings.report(self.config, record, self.name)


class GroupTest(SuiteTest):
    """A gate in a group of cells."""

    def __init__(self, *, group: Group, **settings: Any) -> None:
        super().__init__(cells=group.cells, key=group.gate.key, **settings)
        self.group = group


class GateTest(GroupTest):
    """The `min` and `max` of a gate, by the mean over the seeds and folds of a group."""

    def runtest(self) -> None:
        """Fail with the lines of `bench run`; skip if no cell of the group is available."""
        from bench_suite.cli.run_screen import gate_line

        records = self.records()
        if records and all(record.status == "unavailable" for record in records):
            pytest.skip(f"no cell is available: {records[0].reason}")
        judgements = self._judgements(records)
        if wrong := [gate_line(one) for one in judgements if one.status]:
            _fail("\n".join(wrong))
        for one in judgements:
            if one.verdict == "cannot tell":  # `undecided = "warn"`
                self.warn(pytest.PytestWarning(gate_line(one)))

    def _judgements(self, records: Sequence[Record]) -> list[Judgement]:
        from bench_suite.comparison.gates import judge, judge_group
        from bench_suite.comparison.ratios.gates import judge_ratio

        gate = self.group.gate
        undecided = self.suite.plan.suite.gate_options["undecided"]
        if gate.ratio_to:
            return judge_ratio(gate, self.outcome.run, records, undecided, trust=True)
        summaries = [row for row in self.outcome.run.summaries()[0] if row.name == gate.metric]
        if not (summaries and not gate.only) and (own := judge_group(gate, self.group.where, records, undecided)):
            return own
        whole = judge([gate], self.outcome.records, summaries, undecided)
        if summaries or not self.group.cells or all(one.verdict == "absent" for one in whole):
            return whole
        return pytest.skip(f"{gate.metric} does not apply to {self.group.where}")


class AgainstTest(GroupTest):
    """The tolerances of a metric in a group of cells, against the baseline."""

    def runtest(self) -> None:
        """Fail with the verdict of each gated row that is worse or cannot be told."""
        comparison = _compared(self.suite)
        rows = [row for row in comparison.rows if row.gated and _key(row) == _key_of(self.group)]
        if not rows:
            pytest.skip(f"{self.group.gate.name}, {self.group.where}: not compared; see against-compared")
        if wrong := list(_wrong(rows, comparison)):
            _fail("\n".join(wrong))


class ComparedTest(SuiteTest):
    """What the comparison finds beside the gates of single groups: cells that are not compared, and failed probes."""

    def __init__(self, *, compared_in_tests: frozenset[tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self.compared_in_tests = compared_in_tests

    def runtest(self) -> None:
        """Fail if a cell that should be compared is not."""
        comparison = _compared(self.suite)
        lines = [
            f"{cell.where}: {f'probe {cell.probe} ' if cell.probe else ''}{cell.reason_code}: {cell.detail}"
            for cell in comparison.uncompared
            if not comparison.is_ignored(cell)
        ]
        lines += _wrong(
            [row for row in comparison.rows if row.gated and _key(row) not in self.compared_in_tests], comparison
        )
        if lines:
            _fail("\n".join([*lines, *(f"note: {note}" for note in comparison.notes)]))


class FindingTest(SuiteTest):
    """A finding that `[data] fail_on` forbids."""

    def __init__(self, *, code: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.code = code

    def runtest(self) -> None:
        """Fail if the run has such a finding."""
        from bench_suite.cli.run_screen import finding_line
        from bench_suite.comparison.exit_status import failing_codes

        if failing_codes(self.outcome, (self.code,)):
            own = [finding for finding in self.outcome.run.findings if finding.code == self.code]
            _fail("\n".join([finding_line(self.code), *(f"{finding.task}: {finding.summary}" for finding in own)]))


class SummariesTest(SuiteTest):
    """What probes say of the whole run."""

    def runtest(self) -> None:
        """Fail if a probe could not summarise the records."""
        if self.outcome.summary_errors:
            _fail("\n".join(self.outcome.summary_errors))


def _compared(suite: SuiteFile) -> Comparison:
    if suite.comparison is None:
        _fail(suite.comparison_error)
    return suite.comparison


def _wrong(rows: Sequence[Row], comparison: Comparison) -> Iterator[str]:
    """Yield a line for each row that `bench compare` does not end with 0 for."""
    from bench_suite.exporters.junit import UNDECIDED, row_message

    wrong = {"regressed"} | ({"cannot tell"} if UNDECIDED[comparison.options["undecided"]] else set())
    for row in rows:
        if row.verdict in wrong:
            at = f" ({row.coordinates})" if row.coordinates else ""
            yield f"{judged_name(row.metric, row.ratio_to)}, {row.where}{at}: {row_message(row)}"


def _key(row: Row) -> tuple[str, str]:
    return judged_name(row.metric, row.ratio_to), row.where


def _key_of(group: Group) -> tuple[str, str]:
    return group.gate.name, group.where


def _fail(message: str) -> NoReturn:
    from bench_suite.cli.output import printable

    pytest.fail(printable(message), pytrace=False)
