"""Export a run, or a comparison of two runs, as JUnit XML, which CI services show as tests.

`bench export RUN --format junit` writes two groups of tests. In `cells` there is a test for each cell, with its
seconds: a cell that failed is a failure, and one that was unavailable, interrupted or not run is an error; and a test
for each probe that failed, which is a failure. In `gates` there is a test for each gate and cell: `min` and `max` are
judged by the run itself, and a tolerance against `--against BASE`, by default the baseline of the suite. Without a
base, and in a smoke run, such gates are skipped, with the reason.

`bench compare --junit` writes the tests of the comparison: one for each gated metric, cell that is not compared, and
failed probe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.gates import Verdict as GateVerdict
from bench_suite.comparison.gates import applies, scope_text
from bench_suite.comparison.pairing import FAILED
from bench_suite.comparison.preconditions import gate_options, judged_gates
from bench_suite.comparison.ratios.gates import judge_run
from bench_suite.comparison.verdicts import Row, Verdict
from bench_suite.contracts import Record, Status
from bench_suite.store.runs import Run
from bench_suite.suite.cell import group_name, name_of

SUFFIXES = (".xml",)
UNDECIDED: dict[str, str | None] = {"exit 4": "error", "fail": "failure", "warn": None}
"Element of *cannot tell* by the option `undecided` of the section `[gate]`; None: it passes."
OF_STATUS: Mapping[Status, str | None] = {
    "ok": None, "failed": "failure", "unavailable": "error", "interrupted": "error",
}  # fmt: skip
"Element of a cell by its status."
TRACEBACK_CHARACTERS = 20_000
"Length of a traceback at most; the end of it is kept."


@dataclass(frozen=True)
class Case:
    """A test."""

    where: str
    name: str
    element: str | None = None
    "`failure`, `error` or `skipped`; None: it passes."
    message: str = ""
    kind: str = ""
    "The word for the result, such as `regressed`."
    body: str = ""
    seconds: float | None = None


# ── of a comparison ─────────────────────────────────────────────────────────────────────────────


def export(comparison: Comparison) -> bytes:
    """Return the XML: `regressed` is a failure; `cannot tell` and cells that failed or are not compared are errors.

    The option `undecided` of `[gate]` can make `cannot tell` a failure or a test that passes. Cells that do not change
    the exit status are skipped: cells that head was to leave out, new cells unless `new = "fail"`, and, in a suite
    without a gate, all that have not failed, unless no cell is compared. All other tests pass.
    """
    return _xml({"bench compare": [*_compared(comparison)]})


def _compared(comparison: Comparison) -> Iterator[Case]:
    elements: dict[Verdict, str | None] = {
        "regressed": "failure", "cannot tell": UNDECIDED[comparison.options["undecided"]],
    }  # fmt: skip
    rows = [row for row in comparison.rows if row.gated]
    tests = Counter((row.where, row.name) for row in rows)
    for row in rows:
        name = row.name
        if tests[row.where, name] > 1:  # a list of rules; a CI service may keep one test of each name
            name += f", tolerance {row.tolerance or 0:.4g}"
        yield Case(row.where, name, elements.get(row.verdict), row_message(row), row.verdict)
    for cell in comparison.uncompared:
        name = f"probe {cell.probe}" if cell.probe else "compared"
        if comparison.is_ignored(cell):
            yield Case(cell.where, name, "skipped", f"{cell.reason_code}: {cell.detail}")
        else:
            yield Case(cell.where, name, "error", cell.detail, cell.reason_code)


def row_message(row: Row) -> str:
    """Return the verdict of a metric in one line: values of both sides, difference, interval and note."""
    words: list[str] = [row.verdict]
    if row.base is not None and row.head is not None:
        pairs = ((f"{row.base:.{digits}g}", f"{row.head:.{digits}g}") for digits in range(5, 18))
        base, head = next((pair for pair in pairs if pair[0] != pair[1]), (f"{row.base:.5g}", f"{row.head:.5g}"))
        words.append(f"{base} to {head}")
    if row.interval is not None:
        words.append(f"difference {(row.difference or 0.0) + 0.0:.4g} [{row.interval[0]:.4g}, {row.interval[1]:.4g}]")
    return "; ".join([*words, *([row.note] if row.note else [])])


# ── of a run ────────────────────────────────────────────────────────────────────────────────────


def export_run(run: Run, comparison: Comparison | None = None, not_compared: str = "") -> bytes:
    """Return the XML of a run.

    Args:
        run: the run.
        comparison: its comparison with a base, which judges tolerances.
        not_compared: why there is no comparison.

    Raises:
        ComparisonError: a gate in `run.json` is damaged.
    """
    records = run.planned_records()
    cells = [*_cells(run, records)]
    gates = [*_gates(run, records, comparison, not_compared)]
    suite = str(run.info["suite"])
    against = "" if comparison is None else f" against {comparison.base}"
    return _xml({f"{suite}: cells": cells, f"{suite}: gates{against}": gates}, str(run.info["started"]))


def _cells(run: Run, records: Sequence[Record]) -> Iterator[Case]:
    """Yield a test for each cell, and for each probe that failed."""
    names = Counter(name_of(record.cell) for record in records)
    for record in records:
        where, name = group_name(record.cell), name_of(record.cell)
        if names[name] > 1:
            name += f", {record.id[:8]}"
        seconds = record.seconds.get("total")
        body = _traceback(run, record, "cell") if record.status == "failed" else ""
        yield Case(where, name, OF_STATUS[record.status], record.reason or "", record.status, body, seconds)
        for label, probe in record.probes.items():
            if probe.status == "failed":
                body = _traceback(run, record, label)
                yield Case(where, f"{name}, probe {label}", "failure", probe.reason or "", "failed probe", body)
    known = {record.id for record in records}
    for id, name in run.planned.items():
        if id not in known:
            yield Case(name, f"{name}, {id[:8]}", "error", "the run ended before this cell", "not run")


def _traceback(run: Run, record: Record, part: str) -> str:
    text = run.read_traceback(record.id, part) or ""
    return text if len(text) <= TRACEBACK_CHARACTERS else f"…{text[-TRACEBACK_CHARACTERS:]}"


def _gates(run: Run, records: Sequence[Record], comparison: Comparison | None, not_compared: str) -> Iterator[Case]:
    """Yield a test for each gate and group of cells."""
    gates = judged_gates(run)
    if run.info.get("smoke"):
        for gate in gates:
            yield Case(scope_text(gate), gate.name, "skipped", "the numbers of a smoke run mean nothing")
        return
    asked = [gate for gate in gates if not run.info.get("only") or any(applies(gate, one.cell) for one in records)]
    for gate in gates:
        if gate not in asked:
            yield Case(scope_text(gate), gate.name, "skipped", "the run was not asked for these cells")
    undecided = gate_options(run)["undecided"]
    elements: dict[GateVerdict, str | None] = {
        "failed": "failure", "absent": "error", "not judged": "error", "cannot tell": UNDECIDED[undecided],
    }  # fmt: skip
    for judgement in judge_run(asked, run, records, run.summaries()[0], undecided):
        if not judgement.needs_baseline:
            name = f"{judgement.name}, bounds"
            yield Case(judgement.where, name, elements.get(judgement.verdict), judgement.message, judgement.verdict)
        elif comparison is None:
            yield Case(judgement.where, judgement.name, "skipped", f"{judgement.message}: {not_compared}")
    if comparison is not None:
        # What failed in this run is among its cells.
        others = tuple(cell for cell in comparison.uncompared if cell.reason_code not in FAILED)
        yield from _compared(replace(comparison, uncompared=others))


# ── XML ─────────────────────────────────────────────────────────────────────────────────────────


def _xml(suites: Mapping[str, Sequence[Case]], timestamp: str = "") -> bytes:
    root = ElementTree.Element("testsuites")
    for name, cases in suites.items():
        counts = Counter(case.element for case in cases)
        facts = {"tests": len(cases), "failures": counts["failure"], "errors": counts["error"]}
        numbers = {key: str(number) for key, number in {**facts, "skipped": counts["skipped"]}.items()}
        times = [case.seconds for case in cases if case.seconds is not None]
        numbers |= {"time": f"{sum(times):.3f}"} if times else {}
        numbers |= {"timestamp": timestamp.removesuffix("Z")} if timestamp else {}
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(name), **numbers})
        for case in cases:
            _add(suite, case)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(suite: ElementTree.Element, case: Case) -> None:
    facts = {"classname": _clean(case.where), "name": _clean(case.name)}
    facts |= {} if case.seconds is None else {"time": f"{case.seconds:.3f}"}
    test = ElementTree.SubElement(suite, "testcase", facts)
    if case.element is None:
        if case.message:
            ElementTree.SubElement(test, "system-out").text = _clean(case.message)
        return
    kind = {} if case.element == "skipped" else {"type": case.kind}
    element = ElementTree.SubElement(test, case.element, {"message": _clean(case.message), **kind})
    element.text = _clean(case.body) or None


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold: control characters, surrogates and non-characters."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)
