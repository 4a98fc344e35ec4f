"""Cases of a comparison that are of ratios: did a metric, divided by that of a reference model, get worse?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench_suite.comparison.cases import (
    as_share,
    evidence_notes,
    is_measured,
    margin_of,
    not_measured_reason,
)
from bench_suite.comparison.changed_examples import changed_probes
from bench_suite.comparison.gates import scope_text
from bench_suite.comparison.judged_cells import Part, pairs_of, parts_of
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, Rows, by_key, coordinates_text, rows_of, without_value
from bench_suite.comparison.pairing import Pair, Pairing
from bench_suite.comparison.ratios.evidence import evidence_of_ratio
from bench_suite.comparison.ratios.examples import Ratio
from bench_suite.comparison.ratios.gates import References, location_in_run, missing_value, paired_metric
from bench_suite.comparison.rescoring import MIN_EXAMPLES
from bench_suite.comparison.seed_looks import case_of_looks, is_sequential, seed_range_of, some_pairs
from bench_suite.comparison.strategies import Location
from bench_suite.comparison.verdicts import UNIT_NAMES, Case, Row
from bench_suite.contracts import Record
from bench_suite.stats.paired import SLACK
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate, SeedRange


def ratio_cases(pairing: Pairing, base: Run, head: Run, gates: Sequence[Gate], *, trust: bool = False) -> list[Case]:
    """Return the gates of ratios with their evidence, from the cells that are compared; those of values are left out.

    Args:
        pairing: how the cells of the two runs pair.
        base: the earlier run.
        head: the later run.
        gates: the gates of head.
        trust: run the files of metrics that head's suite names by path.
    """
    files, seed_range = MetricFiles.of(head, trust=trust), seed_range_of(head)
    cases: list[Case] = []
    for model in dict.fromkeys(gate.ratio_to for gate in gates if gate.ratio_to):
        own = [gate for gate in gates if gate.ratio_to == model]
        pairs = {pair.head.id: pair for group in pairing.groups for pair in group.pairs}
        references = References.of((pair.head for pair in pairs.values()), model, "no such cell is compared")
        of_model = [
            case
            for group in pairing.groups
            for part in parts_of(group, own)
            for case in _cases_of_part(part, references, pairs, (base, head), files, seed_range)
        ]
        seen = {case.row.metric for case in of_model}
        for gate in own:
            cells = pairs_of(gate, pairing)
            # As in `cases_of`: cells of a gate with `only` that are not compared are listed as such.
            if bool(cells) and not is_measured(gate, cells) if gate.only else gate.metric not in seen:
                seen.add(gate.metric)
                note = not_measured_reason(gate.metric, cells)
                of_model.append(Case(Row(gate.metric, scope_text(gate), True, note=note, ratio_to=model)))
        cases += of_model
    return cases


def ratio_notes(pairing: Pairing, cases: Sequence[Case]) -> Iterator[str]:
    """Yield a note if timings are compared as ratios although the hardware differs."""
    models = dict.fromkeys(case.row.ratio_to for case in cases if case.row.ratio_to and case.row.method == "processes")
    if models and not all(group.same_hardware for group in pairing.groups):
        yield (
            f"timings as ratios to {', '.join(models)} are compared all the same: in each run both models had "
            "one machine; one that suits a model better changes its ratio"
        )


def _cases_of_part(
    part: Part, references: References, pairs: dict[str, Pair], runs: tuple[Run, Run], files: MetricFiles,
    seed_range: SeedRange | None,
) -> Iterator[Case]:  # fmt: skip
    """Yield the ratios of some cells that differ only in their seed and fold."""
    metrics = rows_of(part)
    noted = without_value(metrics)
    judged_metrics = [
        (key, rows, gate)
        for key, rows in metrics.items()
        for gate in part.gates[key[0]]
        if gate is not None and key not in noted
    ]
    if not judged_metrics:
        return
    twins: list[Pair] = []
    reason = ""
    for pair in part.group.pairs:
        twin = references.twin_of(pair.head)
        if isinstance(twin, str):
            reason = twin
            break
        twins.append(pairs[twin.id])
    locations: tuple[Location, ...] = ()
    for key, rows, gate in judged_metrics:
        first = next(row for pair in rows for row in reversed(pair) if row is not None)
        row = Row(
            key[0], part.group.where, True, coordinates_text(key), "", first.better, seeds=len(rows),
            ratio_to=gate.ratio_to,
        )  # fmt: skip
        if first.better == "none":
            if "tolerance" in gate.rules:
                yield Case(replace(row, note="it has no better direction, so no change is worse"))
            continue  # `min` and `max` judge each run by itself
        if reason:
            yield Case(replace(row, note=f"{gate.ratio_to}: {reason}"))
            continue
        locations = locations or _locations(part, twins, gate.ratio_to, runs, files)
        judge = partial(_case_of_some, key, rows, row, gate, part, twins, locations)
        if seed_range is not None and is_sequential(gate, seed_range):
            case = case_of_looks(judge, part.group.pairs, seed_range)
        else:
            case = judge(range(len(rows)))
        if case is not None:
            yield case


def _case_of_some(
    key: Key, rows: Rows, row: Row, gate: Gate, part: Part, twins: Sequence[Pair], locations: tuple[Location, ...],
    chosen: Sequence[int],
) -> Case:  # fmt: skip
    """Return the case of one ratio in some of its pairs, given their positions."""
    group = replace(part.group, pairs=tuple(part.group.pairs[index] for index in chosen))
    return _case(
        key, [rows[index] for index in chosen], replace(row, seeds=len(chosen)), gate, replace(part, group=group),
        [twins[index] for index in chosen], tuple(some_pairs(location, chosen) for location in locations),
    )  # fmt: skip


def _locations(
    part: Part, twins: Sequence[Pair], model: str, runs: tuple[Run, Run], files: MetricFiles
) -> tuple[Location, Location]:
    """Return the cells of reference and model in base, and those in head."""
    names = (model, str(part.group.pairs[0].head.cell.get("model")))
    base, head = (_records(part, twins, side) for side in (0, 1))
    return (
        location_in_run(part.group.where, base, runs[0], files, names),
        location_in_run(part.group.where, head, runs[1], files, names),
    )


def _records(part: Part, twins: Sequence[Pair], side: int) -> list[tuple[Record, Record]]:
    """Return the cells of reference and model in one run, one pair a seed."""
    return [((twin.base, twin.head)[side], (pair.base, pair.head)[side]) for twin, pair in zip(twins, part.group.pairs)]


def _case(
    key: Key, rows: Rows, row: Row, gate: Gate, part: Part, twins: Sequence[Pair], locations: tuple[Location, ...]
) -> Case:
    """Return the case of one ratio, with its evidence or with the reason why there is none."""
    ratios: list[Ratio] = []
    for side, word in ((1, "head"), (0, "base")):
        records = _records(part, twins, side)
        listed = [(by_key(twin.metrics).get(key), pair[side]) for (twin, _), pair in zip(records, rows, strict=True)]
        if missing := missing_value(listed, locations[side].names, key[0], records):
            return Case(replace(row, note=f"{word}: {missing}"))
        values = [(mine, theirs) for mine, theirs in listed if mine is not None and theirs is not None]
        ratios.append(Ratio(paired_metric(key, values, locations[side])))
    head, base = ratios
    sign = head.metric.sign
    ratios = [replace(head, weight=sign), replace(base, weight=-sign)]
    try:
        means = [statistics.fmean(ratio.logarithms()) for ratio in (base, head)]
        if abs(means[1] - means[0]) < SLACK:
            means[1] = means[0]
        row = replace(row, base=math.exp(means[0]), head=math.exp(means[1]))
        timing = any(ratio.metric.is_timing for ratio in ratios)
        exact = all(ratio.metric.is_exact for ratio in ratios)
        changed = dict.fromkeys(split for pair in part.group.pairs for split in pair.changed_splits)
        if changed and not timing and not exact:
            raise ValueError(f"the examples of {' and '.join(changed)} differ, so the ratios are not of the same data")
        probes = changed_probes(part.group)
        evidence = evidence_of_ratio(ratios, probe_changed=label_of(key[0]) in probes)
    except (ValueError, OverflowError) as error:
        return Case(replace(row, note=str(error)))
    main = evidence.main
    change = 0.0 if abs(main.value) < SLACK else sign * main.value
    if 0 < main.n < MIN_EXAMPLES and evidence.method != "same predictions":
        unit = UNIT_NAMES[main.sample_unit]
        return Case(replace(row, note=f"{main.n} {unit} are too few; at least {MIN_EXAMPLES} are needed"))
    tolerance = gate.rules.get("tolerance")
    margin = margin_of(tolerance, row, relative=True)
    row = replace(
        row, difference=math.expm1(change), relative=True, examples=main.n, sample_unit=main.sample_unit,
        method=evidence.method, tolerance=margin and as_share(margin, row.better),
        note="; ".join(evidence_notes(evidence, tolerance, margin)),
    )  # fmt: skip
    return Case(row, evidence, margin or 0.0)
