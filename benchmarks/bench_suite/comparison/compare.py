"""Compare two runs metric by metric: values, difference with interval, and a verdict against the suite's gates.

Nothing is left out silently. The result lists cells that only one run has, that failed, or whose data, options or
placement differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.comparison.changed_examples import (
    change_notes,
    changes_text,
    common_values,
    examples_in_words,
    location_of,
    splits_in_words,
)  # fmt: skip
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gate_changes import GateChange, gate_changes
from bench_suite.comparison.gates import (
    UNDECIDED_STATUSES,
    DamagedGate,
    applies,
    scope_text,
    stated_gates,
    tolerance_number,
    unmeasured,
)
from bench_suite.comparison.judged_cells import Part, deciding, parts_of
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.pairing import Pair, Pairing, ReasonCode, UncomparedCell, pair_runs
from bench_suite.comparison.rescoring import MIN_EXAMPLES, Unpaired, Values
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence
from bench_suite.comparison.verdicts import UNIT_NAMES, Case, Row, classify_gated, classify_ungated, sort_worst_first
from bench_suite.contracts import BenchError, MetricRow
from bench_suite.store.runs import Run
from bench_suite.suite.spec import GATE_OPTIONS, Gate

Key = tuple[str, tuple[tuple[str, Any], ...]]
"A metric's name and coordinates."
Rows = Sequence[tuple[MetricRow | None, MetricRow | None]]
"A metric's rows of base and head, one pair a cell; None if a side has none."

FAILED: tuple[ReasonCode, ...] = ("failed", "failed probe")
"Reason codes of what failed in head."
MAX_VALUE = 1e150
"Values stay below this, so that their squares are finite."


class ComparisonError(BenchError):
    """Runs that cannot be compared."""


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two runs."""

    base: str
    head: str
    rows: tuple[Row, ...]
    "Worst first."
    uncompared: tuple[UncomparedCell, ...]
    "Cells that are not compared, and probes that failed in head."
    notes: tuple[str, ...]
    "What differs between the runs as a whole."
    gated: bool
    "Whether the suite has any gate."
    status: int
    "Exit status: 1 regressed, 3 cells or probes failed, 4 cannot tell or nothing is compared, else 0."
    options: Mapping[str, str]
    "`undecided` and `new` of the section `[gate]` of head."
    gate_changes: tuple[GateChange, ...] = ()
    "What differs between the gates of the two suites; those by which a loss may pass come first."

    def is_ignored(self, cell: UncomparedCell) -> bool:
        """Return whether a cell that is not compared leaves the exit status as it is."""
        if cell.reason_code in FAILED:
            return False
        if not self.gated:
            return cell.reason_code == "left out" or self.status != 4  # 4: nothing is compared
        accepted = cell.reason_code == "new" and self.options["new"] == "pass" and bool(self.rows)
        return cell.reason_code == "left out" or accepted


def compare(base: Run, head: Run, *, trust: bool = False) -> Comparison:
    """Compare two runs by the gates of `head`, with cells paired by `id`.

    Args:
        base: the earlier run.
        head: the later run.
        trust: run the files of metrics that head's suite names by path.

    Raises:
        ComparisonError: A run is a smoke run, both are the same run, or they have no cell in common and none failed.
    """
    _check_different(base, head)
    pairing, cases = cases_of(base, head, trust=trust)
    gates = _gates(head)
    gated = [case for case in cases if case.row.gated]
    rows = classify_gated(gated) + classify_ungated([case for case in cases if not case.row.gated])
    # The same predictions have no variance, so the smallest loss that would be found is not known.
    rows = [replace(row, smallest=None) if row.method == "same predictions" else row for row in rows]
    notes = [*_reversed(base, head), *pairing.notes, *_one_sided(pairing), *_without_value(pairing, gates)]
    notes += _without_cells(pairing, gates)
    changes: tuple[GateChange, ...] = ()
    try:
        options = (_gate_options(base), _gate_options(head))
        changes = gate_changes(stated_gates(base.info.get("gate", {})), gates, *options)
    except DamagedGate as error:  # the gates of base decide nothing
        notes.append(f"{error} in base: what changed in the gates is not known")
    return Comparison(
        base.name, head.name, tuple(sort_worst_first(rows)), pairing.uncompared, tuple(notes), bool(gates),
        _status(rows, pairing, _gate_options(head), gated=bool(gates)), _gate_options(head), changes,
    )  # fmt: skip


def cases_of(base: Run, head: Run, *, trust: bool = False) -> tuple[Pairing, list[Case]]:
    """Return how the cells of two runs pair, and each metric with its evidence; arguments as of `compare`.

    Raises:
        ComparisonError: The runs have no `id` in common and nothing has failed: they are of different suites.
    """
    _check_no_smoke(base, head)
    pairing = pair_runs(base, head)
    common = {record.id for record in base.planned_records()} & {record.id for record in head.planned_records()}
    if not common and not any(cell.reason_code in FAILED for cell in pairing.uncompared):
        reasons = "".join(f"\n  {cell.where}: {cell.reason_code}: {cell.detail}" for cell in pairing.uncompared[:8])
        raise ComparisonError(f"{base.name} and {head.name} have no cell in common{reasons}")
    gates = _gates(head)
    changes: dict[str, str] = {}
    cases = list(_cases_of_cells(pairing, base, head, gates, MetricFiles.of(head, trust=trust), changes))
    pairing = replace(pairing, notes=(*pairing.notes, *change_notes(pairing, changes)))
    if pairing.groups:
        cases += _cases_of_summaries(pairing, base, head, gates, changed=bool(changes))
    seen = {case.row.metric for case in cases}
    for gate in gates:
        pairs = _pairs_of(gate, pairing)
        # Cells of a gate with `only` that are not compared are listed as such, so the gate needs no row of its own.
        if bool(pairs) and not _is_measured(gate, pairs) if gate.only else gate.metric not in seen:
            seen.add(gate.metric)
            note = _not_measured_reason(gate.metric, pairs)
            cases.append(Case(Row(gate.metric, scope_text(gate), True, note=note)))
    return pairing, cases


def _pairs_of(gate: Gate, pairing: Pairing) -> list[Pair]:
    """Return the compared cells that a gate is for, each in both runs."""
    return [pair for group in pairing.groups for pair in group.pairs if applies(gate, pair.head.cell)]


def _is_measured(gate: Gate, pairs: Sequence[Pair]) -> bool:
    """Return whether any of these cells has the metric of a gate, on any side."""
    return any(row.name == gate.metric for pair in pairs for side in (pair.base, pair.head) for row in side.metrics)


def check_common(base: Run, ids: Iterable[str]) -> None:
    """Check, before cells are run, that a base has at least one of them.

    Raises:
        ComparisonError: The base has none of these cells, or it is a smoke run.
    """
    _check_no_smoke(base)
    if not {record.id for record in base.records() if record.status == "ok"} & set(ids):
        raise ComparisonError(
            f"{base.name} has none of these cells: its suite, its options or a component's VERSION differ\n"
            "  leave out --against, or name another run: bench results"
        )


def _check_no_smoke(*runs: Run) -> None:
    for run in runs:
        if run.info.get("smoke"):
            raise ComparisonError(f"{run.name} is a smoke run, which is never compared\n  run it without --smoke")


def _check_different(base: Run, head: Run) -> None:
    """Refuse to compare a run with itself, which would never find anything worse.

    Raises:
        ComparisonError: Both are the same run, or head is the run that the baseline was made from.
    """
    if base.name != head.name:
        return
    if base.path == head.path:
        raise ComparisonError(
            f"BASE and HEAD are the same run, {head.name}: name two runs\n  list them with: bench results"
        )
    raise ComparisonError(
        "HEAD is the run that the baseline was made from: run the suite first, or name HEAD\n"
        f"  it is {head.name}; list others with: bench results"
    )


def _gates(head: Run) -> tuple[Gate, ...]:
    """Return the gates that are judged.

    Raises:
        ComparisonError: A gate in `run.json` is damaged.
    """
    try:
        return stated_gates(head.info.get("gate", {}))
    except DamagedGate as error:
        message = f"{head.path / 'run.json'} is damaged: {error}\n  run the suite again"
        raise ComparisonError(message) from None


def _gate_options(head: Run) -> dict[str, str]:
    """Return `undecided` and `new` of the section `[gate]`, with defaults for what an older run does not state."""
    stated = head.info.get("gate_options", {})
    return {name: stated.get(name, option.default) for name, option in GATE_OPTIONS.items()}


def _status(rows: Sequence[Row], pairing: Pairing, options: Mapping[str, str], *, gated: bool) -> int:
    """Return 1 if a gate regressed, 3 if something failed, 4 if a gate cannot tell or nothing is compared, else 0.

    `undecided` and `new` of the section `[gate]` decide what a gate that cannot tell and a new cell count as.
    """
    codes = {cell.reason_code for cell in pairing.uncompared}
    statuses = {1} if any(row.verdict == "regressed" for row in rows) else set()
    statuses |= {3} if codes & set(FAILED) else set()
    statuses |= set() if pairing.groups else {4}
    if gated:
        undecided = any(row.gated and row.verdict == "cannot tell" for row in rows)
        statuses |= {UNDECIDED_STATUSES[options["undecided"]]} if undecided else set()
        statuses |= {1} if "new" in codes and options["new"] == "fail" else set()
        statuses |= {4} if codes - {"left out", "new", *FAILED} else set()
    return next((status for status in (1, 3, 4) if status in statuses), 0)


# ── notes ───────────────────────────────────────────────────────────────────────────────────────


def _reversed(base: Run, head: Run) -> Iterator[str]:
    """Yield a note if head is the older run: then *regressed* is what the newer run mended."""
    if str(base.info.get("started", "")) > str(head.info.get("started", "")) > "":
        yield "HEAD is older than BASE: the verdicts say what a change back to the older run does; swap the two runs"


def _one_sided(pairing: Pairing) -> Iterator[str]:
    """Yield notes on metrics of compared cells that only one run has, everywhere or in some cells or coordinates."""
    base, head = (
        {group.where: {key for pair in group.pairs for key in by_key(side(pair).metrics)} for group in pairing.groups}
        for side in (lambda pair: pair.base, lambda pair: pair.head)
    )
    for word, mine, theirs in (("base", base, head), ("head", head, base)):
        shared = {key[0] for keys in theirs.values() for key in keys}
        names = sorted({key[0] for keys in mine.values() for key in keys} - shared)
        for where, keys in mine.items():
            missing = sorted((key for key in keys - theirs[where] if key[0] in shared), key=str)
            names += [f"{_key_text(key)} in {where}" for key in missing]
        if names:
            yield f"only {word} has {', '.join(names)}"


def _without_value(pairing: Pairing, gates: Sequence[Gate]) -> Iterator[str]:
    """Yield notes on gated metrics that have no value on either side at some coordinates."""
    for group in pairing.groups:
        for part in parts_of(group, gates):
            for key, reason in _valueless(_rows_of(part)).items():
                if any(gate is not None for gate in part.gates[key[0]]):
                    yield f"no value on either side: {_key_text(key)} in {part.group.where}: {reason}"


def _without_cells(pairing: Pairing, gates: Sequence[Gate]) -> Iterator[str]:
    """Yield notes on gates for some cells of which none is compared."""
    for gate in gates:
        if gate.only and pairing.groups and not _pairs_of(gate, pairing):
            yield f"the gate on {gate.metric} for {scope_text(gate)} judges nothing: no such cell is compared"


def _valueless(rows: Mapping[Key, Rows]) -> dict[Key, str]:
    """Return the metrics that neither side has a value of under any seed, with the reasons: a group too small, say.

    Both sides must have measured it, and the metric must have values at other coordinates: a metric without any value
    is never fine.
    """
    valueless = {}
    for key, pairs in rows.items():
        both = [row for pair in pairs for row in pair]
        if key[1] and all(row is not None and row.value is None for row in both):
            reasons = dict.fromkeys(row.reason for row in both if row is not None and row.reason)
            valueless[key] = " / ".join(reasons)
    elsewhere = {key[0] for key in rows.keys() - valueless.keys()}
    return {key: reason for key, reason in valueless.items() if key[0] in elsewhere}


# ── cases ───────────────────────────────────────────────────────────────────────────────────────


def _cases_of_cells(
    pairing: Pairing, base: Run, head: Run, gates: Sequence[Gate], files: MetricFiles, changes: dict[str, str]
) -> Iterator[Case]:
    """Yield the metrics of all cells; and add to `changes`, by group, how its test examples differ."""
    for group in pairing.groups:
        for part in parts_of(group, gates):
            location = location_of(part.group, base, head, files)
            if location.changed_splits:
                changes[group.where] = changes_text(location)
            yield from _cases_of_part(part, location)


def _cases_of_part(part: Part, location: Location) -> Iterator[Case]:
    metrics = _rows_of(part)
    noted = _valueless(metrics)
    for key, rows in metrics.items():
        for gate in part.gates[key[0]] if key not in noted else ():
            if (case := _case(key, rows, location, gate)) is not None:
                yield case


def _cases_of_summaries(
    pairing: Pairing, base: Run, head: Run, gates: Sequence[Gate], *, changed: bool
) -> Iterator[Case]:
    """Yield the metrics of the runs as a whole, as of one cell with one seed.

    They are not compared if the runs summarise different cells, or cells that were tested on different examples.
    """
    mine, theirs = by_key(base.summaries()[0]), by_key(head.summaries()[0])
    same_hardware = all(group.same_hardware for group in pairing.groups)
    incomplete = any(cell.reason_code != "failed probe" for cell in pairing.uncompared)
    location = Location("all cells", same_hardware, Unpaired("it is a metric of the whole run"), frozenset())
    for key in dict.fromkeys((*mine, *theirs)):
        judges: Sequence[Gate | None] = deciding(gate for gate in gates if gate.metric == key[0] and not gate.only)
        for gate in judges or [None]:
            case = _case(key, [(mine.get(key), theirs.get(key))], location, gate)
            if case is None:
                continue
            if case.evidence is not None and (incomplete or changed):
                rest = "not all of its cells are compared" if incomplete else "test examples of its cells differ"
                note = f"it summarises the whole run, and {rest}"
                case = Case(replace(case.row, difference=None, tolerance=None, note=note))
            yield case


def _case(key: Key, rows: Rows, location: Location, gate: Gate | None) -> Case | None:
    """Return the case of one metric; None if it is not gated and only one side has it, which the notes report."""
    directed = any(row.better != "none" for pair in rows for row in pair if row is not None)
    # Without a direction `min` and `max` apply, which judge each run by itself, and no change is worse.
    gated = gate is not None and (directed or "tolerance" in gate.rules)
    common = [(base, head) for base, head in rows if base is not None and head is not None]
    if not gated and all(base.value is None and head.value is None for base, head in common):
        return None
    values = [pair for pair in common if pair[0].value is not None and pair[1].value is not None]
    first = next(row for pair in rows for row in reversed(pair) if row is not None)
    row = Row(key[0], location.where, gated, coordinates_text(key), first.unit, first.better, seeds=len(rows))
    if values:
        row = replace(row, base=_mean(values, 0), head=_mean(values, 1))
    if obstacle := _obstacle(row, rows, values, location):
        return Case(replace(row, note=obstacle))
    metric, tolerance = PairedMetric(row, values, location), gate.rules.get("tolerance") if gate is not None else None
    if location.changed_splits and not metric.is_timing:
        return _weigh_common(metric, tolerance)
    return _weigh(metric, tolerance)


def _obstacle(row: Row, rows: Rows, values: Values, location: Location) -> str:
    """Return why a metric cannot be compared whatever its values' evidence; empty if nothing is in the way."""
    if len(values) < len(rows):
        return _missing_value_reason(row.metric, rows, location.pairs)
    if row.better == "none" and row.gated:
        return "it has no better direction, so no change is worse"
    if max(abs(row.base or 0.0), abs(row.head or 0.0)) > MAX_VALUE:
        return "its values are too large to compute with"
    if any((base.unit, base.better) != (head.unit, head.better) for base, head in values):
        return "its unit or direction differs between the runs"
    return ""


def _weigh_common(metric: PairedMetric, tolerance: float | str | None) -> Case:
    """Return the case of a metric on the examples that both sides have, because other examples differ.

    A count that does not vary between runs is compared as it is; other metrics need the stored predictions.
    """
    note = splits_in_words(metric.location)
    if not metric.is_exact:
        try:
            values = common_values(metric)
        except Unpaired as error:
            return Case(replace(metric.row, note=f"{note}: {error}"))
        metric = replace(metric, values=values, row=replace(metric.row, base=_mean(values, 0), head=_mean(values, 1)))
        note = examples_in_words(metric.location)
    case = _weigh(metric, tolerance)
    return replace(case, row=replace(case.row, note="; ".join(filter(None, (note, case.row.note)))))


def _weigh(metric: PairedMetric, tolerance: float | str | None) -> Case:
    """Return the case with its evidence, or with the reason why there is none."""
    row, sign, relative = metric.row, metric.sign, metric.is_timing
    try:
        evidence = find_evidence(metric)
    except ValueError as error:
        return Case(replace(row, note=str(error)))
    main = evidence.main
    if 0 < main.n < MIN_EXAMPLES and evidence.method != "same predictions":
        unit = UNIT_NAMES[main.sample_unit]
        return Case(replace(row, note=f"{main.n} {unit} are too few; at least {MIN_EXAMPLES} are needed"))
    margin = margin_of(tolerance, row, relative=relative)
    value = math.expm1(sign * main.value) if relative else sign * main.value
    row = replace(
        row, difference=value, relative=relative, examples=main.n, sample_unit=main.sample_unit, method=evidence.method,
        tolerance=margin if not relative else (margin and as_share(margin, row.better)),
        note="; ".join(_evidence_notes(evidence, tolerance, margin)),
    )  # fmt: skip
    return Case(row, evidence, margin or 0.0)


def _evidence_notes(evidence: Evidence, tolerance: float | str | None, margin: float | None) -> Iterator[str]:
    """Yield what a reader must know about the evidence."""
    if evidence.method == "same predictions":
        yield "the same predictions, one by one"
    if evidence.method == "folds":
        yield f"{evidence.folds} folds, which share training data"
    elif evidence.main.n and evidence.main.count == 1:
        yield "one seed: this describes these trained models, not the method"
    elif evidence.main.n and evidence.main.count == 2:
        yield "two seeds are few"
    if tolerance is not None and not margin and tolerance_number(tolerance):
        yield f"the baseline is 0, so the relative tolerance {tolerance} cannot be applied: state an absolute one"
    if evidence.unpaired_reason and evidence.method == "intervals":
        yield f"compared by their intervals: {evidence.unpaired_reason}"
    if evidence.unpaired_reason and evidence.method == "seeds":
        yield f"compared by their values: {evidence.unpaired_reason}"


def margin_of(tolerance: float | str | None, row: Row, *, relative: bool) -> float | None:
    """Return a gate's tolerance in the metric's unit, or as a difference of logarithms for a timing; None without."""
    if tolerance is None or not (size := tolerance_number(tolerance)):
        return None
    base = abs(row.base or 0.0)
    is_share = isinstance(tolerance, str)
    if not relative:
        return size * base if is_share else size
    share = size if is_share else size / base if base else 0.0
    if row.better == "lower":
        return math.log1p(share)
    return -math.log1p(-min(share, 0.999))


def as_share(margin: float, better: str) -> float:
    """Return a difference of logarithms as a share of base."""
    return math.expm1(margin) if better == "lower" else -math.expm1(-margin)


# ── rows of a metric ────────────────────────────────────────────────────────────────────────────


def _rows_of(part: Part) -> dict[Key, Rows]:
    """Return the metrics of paired cells, each with its rows of base and head, one pair a seed."""
    sides = [(by_key(pair.base.metrics), by_key(pair.head.metrics)) for pair in part.group.pairs]
    keys = dict.fromkeys(key for pair in sides for side in pair for key in side if key[0] in part.gates)
    return {key: [(mine.get(key), theirs.get(key)) for mine, theirs in sides] for key in keys}


def by_key(rows: Sequence[MetricRow]) -> dict[Key, MetricRow]:
    return {(row.name, tuple(sorted(row.at.items()))): row for row in rows}


def coordinates_text(key: Key) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in key[1])


def _key_text(key: Key) -> str:
    return f"{key[0]} ({coordinates_text(key)})" if key[1] else key[0]


def _mean(values: Values, side: int) -> float:
    return math.fsum(float(pair[side].value or 0.0) / len(values) for pair in values)


def _missing_value_reason(metric: str, rows: Rows, pairs: Sequence[Pair]) -> str:
    """Return which side has no value, under how many seeds, and why."""
    for word, side in (("head", 1), ("base", 0)):
        missing = [seed for seed, pair in enumerate(rows) if (row := pair[side]) is None or row.value is None]
        if missing:
            stated = [row.reason for seed in missing if (row := rows[seed][side]) is not None]
            records = [(pairs[seed].base, pairs[seed].head)[side] for seed in missing if pairs]
            reasons = [*stated, *(unmeasured(metric, record) for record in records), "it was not measured"]
            reason = next(filter(None, reasons))
            cells = "seeds and folds" if any("fold" in pair.head.cell for pair in pairs) else "seeds"
            return f"{word} has no value under {len(missing)} of {len(rows)} {cells}: {reason}"
    return ""


def _not_measured_reason(metric: str, pairs: Sequence[Pair]) -> str:
    """Return why no pair of cells has a metric."""
    records = [record for pair in pairs for record in (pair.head, pair.base)]
    reason = next(filter(None, (unmeasured(metric, record) for record in records)), "")
    return "no cell that both runs have measures it" + (f": {reason}" if reason else "")
