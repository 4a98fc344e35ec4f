"""Cases: each metric of the paired cells with its values, and its evidence or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench_suite.comparison.changed_examples import (
    change_notes,
    changes_text,
    common_values,
    examples_in_words,
    location_of,
    splits_in_words,
)
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gates import scope_text, tolerance_number, unmeasured
from bench_suite.comparison.judged_cells import Part, deciding, pairs_of, parts_of
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, Rows, by_key, coordinates_text, rows_of, without_value
from bench_suite.comparison.model_pairs import pair_models
from bench_suite.comparison.pairing import FAILED, Pair, Pairing, pair_runs
from bench_suite.comparison.preconditions import ComparisonError, check_no_smoke, judged_gates
from bench_suite.comparison.rescoring import MIN_EXAMPLES, Unpaired, Values
from bench_suite.comparison.seed_looks import case_of_looks, is_sequential, seed_range_of, some_pairs
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence
from bench_suite.comparison.verdicts import UNIT_NAMES, Case, Row
from bench_suite.store.columns import heads_of
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate, SeedRange

FindEvidence = Callable[[PairedMetric], Evidence]
"Finds the evidence for a metric; raises ValueError with the reason if there is none."
DRIFT = "what changed on the machine between the two runs is not covered: compare with last:5, or use bench ab"
"The note of a timing that is compared with one run."
MAX_VALUE = 1e150
"Values stay below this, so that their squares are finite."


def cases_of(
    base: Run, head: Run, *, trust: bool = False, models: tuple[str, str] | None = None
) -> tuple[Pairing, list[Case]]:
    """Return how the cells of two runs pair, and each metric with its evidence; arguments as of `compare`.

    Raises:
        ComparisonError: The runs have no `id` in common and nothing has failed: they are of different suites.
    """
    check_no_smoke(base, head)
    pairing = pair_runs(base, head) if models is None else pair_models(base, head, models)
    common = {record.id for record in base.planned_records()} & {record.id for record in head.planned_records()}
    if not (common or pairing.groups) and not any(cell.reason_code in FAILED for cell in pairing.uncompared):
        reasons = "".join(f"\n  {cell.where}: {cell.reason_code}: {cell.detail}" for cell in pairing.uncompared[:8])
        raise ComparisonError(f"{base.name} and {head.name} have no cell in common{reasons}")
    gates = [gate for gate in judged_gates(head) if not gate.ratio_to]
    changes: dict[str, str] = {}
    files, seed_range = MetricFiles.of(head, trust=trust), seed_range_of(head) if models is None else None
    cases = list(_cases_of_cells(pairing, base, head, gates, files, changes, seed_range))
    pairing = replace(pairing, notes=(*pairing.notes, *change_notes(pairing, changes)))
    if pairing.groups and models is None:
        cases += _cases_of_summaries(pairing, base, head, gates, changed=bool(changes))
    if base.path != head.path:
        cases = [with_drift_note(case) for case in cases]
    return pairing, [*cases, *unmeasured_gates(gates, pairing, cases)]


def with_drift_note(case: Case) -> Case:
    """Return the case of a timing of two runs with the note that their processes do not show what changed between."""
    if case.evidence is None or case.evidence.method != "processes":
        return case
    return replace(case, row=case.row.having(note="; ".join(filter(None, (case.row.note, DRIFT)))))


def unmeasured_gates(gates: Sequence[Gate], pairing: Pairing, cases: Sequence[Case]) -> Iterator[Case]:
    """Yield a case without evidence for each gate on a metric that none of the other cases is of."""
    seen = {case.row.metric for case in cases}
    for gate in gates:
        pairs = pairs_of(gate, pairing)
        # Cells of a gate with `only` that are not compared are listed as such, so the gate needs no row of its own.
        if bool(pairs) and not is_measured(gate, pairs) if gate.only else gate.metric not in seen:
            seen.add(gate.metric)
            note = not_measured_reason(gate.metric, pairs)
            yield Case(Row(gate.metric, scope_text(gate), True, note=note))


def is_measured(gate: Gate, pairs: Sequence[Pair]) -> bool:
    """Return whether any of these cells has the metric of a gate, on any side."""
    return any(row.name == gate.metric for pair in pairs for side in (pair.base, pair.head) for row in heads_of(side))


def _cases_of_cells(
    pairing: Pairing, base: Run, head: Run, gates: Sequence[Gate], files: MetricFiles, changes: dict[str, str],
    seed_range: SeedRange | None,
) -> Iterator[Case]:  # fmt: skip
    """Yield the metrics of all cells; and add to `changes`, by group, how its test examples differ."""
    for group in pairing.groups:
        for part in parts_of(group, gates):
            location = location_of(part.group, base, head, files)
            if location.changed_splits:
                changes[group.where] = changes_text(location)
            yield from _cases_of_part(part, location, seed_range)


def _cases_of_part(part: Part, location: Location, seed_range: SeedRange | None) -> Iterator[Case]:
    metrics = rows_of(part)
    noted = without_value(metrics)
    for key, rows in metrics.items():
        for gate in part.gates[key[0]] if key not in noted else ():
            if seed_range is not None and is_sequential(gate, seed_range):
                case = case_of_looks(partial(_case_of_some, key, gate, rows, location), location.pairs, seed_range)
            else:
                case = case_of(key, rows, location, gate)
            if case is not None:
                yield case


def _case_of_some(key: Key, gate: Gate | None, rows: Rows, location: Location, chosen: Sequence[int]) -> Case | None:
    """Return the case of one metric in some of its pairs, given their positions; in all of them if these have none."""
    if all(row is None for index in chosen for row in rows[index]):
        return case_of(key, rows, location, gate)  # it names the pairs without a value
    return case_of(key, [rows[index] for index in chosen], some_pairs(location, chosen), gate)


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
            case = case_of(key, [(mine.get(key), theirs.get(key))], location, gate)
            if case is None:
                continue
            if case.evidence is not None and (incomplete or changed):
                rest = "not all of its cells are compared" if incomplete else "test examples of its cells differ"
                note = f"it summarises the whole run, and {rest}"
                case = Case(replace(case.row, difference=None, tolerance=None, note=note))
            yield case


def case_of(
    key: Key, rows: Rows, location: Location, gate: Gate | None, find: FindEvidence = find_evidence
) -> Case | None:
    """Return the case of one metric; None if it is not gated and only one side has it, which the notes report.

    Args:
        key: the metric.
        rows: its rows of base and head, one pair a cell.
        location: the cells.
        gate: the gate that judges it; None without one.
        find: returns the evidence, or raises ValueError with the reason why there is none.
    """
    # Without a direction `min` and `max` apply, which judge each run by itself, and no change is worse.
    gated = gate is not None and ("tolerance" in gate.rules or _is_directed(rows))
    common = [(base, head) for base, head in rows if base is not None and head is not None]
    if not gated and all(base.value is None and head.value is None for base, head in common):
        return None
    values = [pair for pair in common if pair[0].value is not None and pair[1].value is not None]
    first = next(row for pair in rows for row in reversed(pair) if row is not None)
    base, head = (_mean(values, 0), _mean(values, 1)) if values else (None, None)
    row = Row(
        key[0], location.where, gated, coordinates_text(key), first.unit, first.better, base=base, head=head,
        seeds=len(rows),
    )  # fmt: skip
    if obstacle := _obstacle(row, rows, values, location):
        return Case(row.having(note=obstacle))
    metric, tolerance = PairedMetric(row, values, location), gate.rules.get("tolerance") if gate is not None else None
    if location.changed_splits and not metric.is_timing:
        return _weigh_common(metric, tolerance)
    return _weigh(metric, tolerance, find)


def _is_directed(rows: Rows) -> bool:
    return any(row.better != "none" for pair in rows for row in pair if row is not None)


def _obstacle(row: Row, rows: Rows, values: Values, location: Location) -> str:
    """Return why a metric cannot be compared whatever its values' evidence; empty if nothing is in the way."""
    if len(values) < len(rows):
        return _missing_value_reason(row.metric, rows, location)
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


def _weigh(metric: PairedMetric, tolerance: float | str | None, find: FindEvidence = find_evidence) -> Case:
    """Return the case with its evidence, or with the reason why there is none."""
    row, sign, relative = metric.row, metric.sign, metric.is_timing
    try:
        evidence = find(metric)
    except ValueError as error:
        return Case(row.having(note=str(error)))
    main = evidence.main
    if 0 < main.n < MIN_EXAMPLES and evidence.method != "same predictions":
        unit = UNIT_NAMES[main.sample_unit]
        return Case(row.having(note=f"{main.n} {unit} are too few; at least {MIN_EXAMPLES} are needed"))
    margin = margin_of(tolerance, row, relative=relative)
    value = math.expm1(sign * main.value) if relative else sign * main.value
    row = row.having(
        difference=value, relative=relative, examples=main.n, sample_unit=main.sample_unit, method=evidence.method,
        tolerance=margin if not relative else (margin and as_share(margin, row.better)),
        note="; ".join(evidence_notes(evidence, tolerance, margin)),
    )  # fmt: skip
    return Case(row, evidence, margin or 0.0)


def evidence_notes(evidence: Evidence, tolerance: float | str | None, margin: float | None) -> Iterator[str]:
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


def _mean(values: Values, side: int) -> float:
    count = len(values)
    return math.fsum([float(pair[side].value or 0.0) / count for pair in values])


def _missing_value_reason(metric: str, rows: Rows, location: Location) -> str:
    """Return which side has no value, under how many seeds, and why."""
    pairs = location.pairs
    for word, side in ((location.names[1], 1), (location.names[0], 0)):
        missing = [seed for seed, pair in enumerate(rows) if (row := pair[side]) is None or row.value is None]
        if missing:
            stated = [row.reason for seed in missing if (row := rows[seed][side]) is not None]
            records = [(pairs[seed].base, pairs[seed].head)[side] for seed in missing if pairs]
            reasons = [*stated, *(unmeasured(metric, record) for record in records), "it was not measured"]
            reason = next(filter(None, reasons))
            cells = "seeds and folds" if any("fold" in pair.head.cell for pair in pairs) else "seeds"
            return f"{word} has no value under {len(missing)} of {len(rows)} {cells}: {reason}"
    return ""


def not_measured_reason(metric: str, pairs: Sequence[Pair]) -> str:
    """Return why no pair of cells has a metric."""
    records = [record for pair in pairs for record in (pair.head, pair.base)]
    reason = next(filter(None, (unmeasured(metric, record) for record in records)), "")
    return "no cell that both runs have measures it" + (f": {reason}" if reason else "")
