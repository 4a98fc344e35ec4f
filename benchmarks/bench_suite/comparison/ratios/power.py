"""What gates could find, with those of ratios to a reference model, from the spread in one run of the suite."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

from bench_suite.comparison.cases import as_share, margin_of
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gate_power import (
    MAX_LOGARITHM,
    MAX_SECONDS,
    GatePower,
    Powers,
    gate_powers,
    pairs_of_seeds,
    questions_of,
    share_not_worse,
    with_all_seeds,
)
from bench_suite.comparison.gates import scope_text
from bench_suite.comparison.judged_cells import Part
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, by_key, coordinates_text
from bench_suite.comparison.ratios.evidence import evidence_of_ratio
from bench_suite.comparison.ratios.examples import Ratio
from bench_suite.comparison.ratios.gates import References, location_in_run, paired_metric
from bench_suite.comparison.seed_looks import is_sequential
from bench_suite.comparison.sequential_power import sequential_power, spread_of
from bench_suite.comparison.verdicts import LEVEL
from bench_suite.contracts import Record
from bench_suite.stats.paired import Difference, seeds_only_difference
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate, SeedRange


def powers_of_all(
    gates: Sequence[Gate], run: Run, ids: Sequence[str], seconds: float = MAX_SECONDS,
    seed_range: SeedRange | None = None,
) -> list[GatePower]:  # fmt: skip
    """Return what each gate with a tolerance could find, in the order of the gates; arguments as of `gate_powers`."""
    plain = [gate for gate in gates if not gate.ratio_to]
    records = run.planned_records()
    references = {gate.ratio_to: References.of(records, gate.ratio_to) for gate in gates if gate.ratio_to}
    asked = [
        (references[model], question)
        for model in references
        for question in questions_of([gate for gate in gates if gate.ratio_to == model], run, ids)
    ]
    powers = iter(gate_powers(plain, run, ids, seconds, len(asked), seed_range))
    level = LEVEL / max(1, len(asked) + len(questions_of(plain, run, ids)))
    of_ratios = [(gate, Powers()) for gate in gates if gate.ratio_to and "tolerance" in gate.rules]
    deadline = math.inf
    for cells, (question, part, key) in asked:
        for of_gate in (known for gate, known in of_ratios if gate is question):
            if time.process_time() > deadline and of_gate.known:
                of_gate.left += 1
            elif power := _power(question, part, key, cells, run, level, seed_range):
                of_gate.known.append(power)
            if math.isinf(deadline):  # the first one also imports what reads predictions
                deadline = time.process_time() + seconds
    ratios = iter([known.worst(gate) for gate, known in of_ratios])
    return [next(ratios if gate.ratio_to else powers) for gate in gates if "tolerance" in gate.rules]


def _power(
    gate: Gate, part: Part, key: Key, references: References, run: Run, level: float, seed_range: SeedRange | None
) -> GatePower | None:
    """Return what a gate of a ratio finds in cells that differ only in their seed; None without a known spread."""
    pairs: list[tuple[Record, Record]] = []
    for pair in part.group.pairs:
        if isinstance(twin := references.twin_of(pair.head), str):
            return None
        pairs.append((twin, pair.head))
    rows = [[by_key(record.metrics).get(key) for record in pair] for pair in pairs]
    values = [(mine, theirs) for mine, theirs in rows if mine is not None and theirs is not None]
    if len(values) < len(rows) or any(row.value is None for pair in values for row in pair):
        return None
    names = (gate.ratio_to, str(pairs[0][1].cell.get("model")))
    location = location_in_run(part.group.where, pairs, run, MetricFiles(), names)
    ratio = Ratio(paired_metric(key, values, location))
    try:
        evidence = _without_change(key, ratio, pairs, run)
        mean = statistics.fmean(ratio.logarithms())
    except (ValueError, OverflowError):
        return None
    row = replace(ratio.metric.row, base=math.exp(mean))
    margin = margin_of(gate.rules["tolerance"], row, relative=True) or 0.0
    where = part.group.where + (f" ({coordinates_text(key)})" if key[1] else "")
    if seed_range is not None and is_sequential(gate, seed_range) and margin:
        if (spread := spread_of(evidence, len(rows))) is None:
            return None
        looked = sequential_power(spread, seed_range, margin, level)
        return GatePower(
            key[0], scope_text(gate), gate.rules["tolerance"], where, len(rows), relative=True, ratio_to=gate.ratio_to,
            undecided=looked.undecided, seed_range=seed_range, expected_seeds=looked.seeds,
            smallest=as_share(looked.smallest, row.better) if looked.smallest else None,
            seeds_by_group={part.group.where: looked.seeds},
        )  # fmt: skip
    smallest = evidence.min_detectable_loss(margin, level)
    power = GatePower(
        key[0], scope_text(gate), gate.rules["tolerance"], where, len(rows), relative=True, ratio_to=gate.ratio_to,
        undecided=1.0 - share_not_worse(evidence, margin, level),
    )  # fmt: skip
    if not math.isfinite(smallest) or smallest > MAX_LOGARITHM:
        return power
    return replace(power, smallest=as_share(smallest, row.better))


def _without_change(key: Key, ratio: Ratio, pairs: Sequence[tuple[Record, Record]], run: Run) -> Evidence:
    """Return the evidence that runs of equally good models would give: two seeds stand for the two runs.

    Raises:
        ValueError: The spread of the ratio is not known, or it is one of folds.
    """
    metric = ratio.metric
    if metric.is_timing:
        return evidence_of_ratio([ratio, replace(ratio, weight=-1.0)])
    if metric.is_exact:
        return Evidence(seeds_only_difference([0.0]), method="exact values")
    if metric.location.folds:
        raise ValueError("folds")
    mains: list[Difference] = []
    for numbers in pairs_of_seeds(len(pairs)):
        seeds = []
        for number, weight in zip(numbers, (1.0, -1.0), strict=True):
            location = location_in_run(
                metric.location.where, [pairs[number]], run, MetricFiles(), metric.location.names
            )
            seeds.append(Ratio(paired_metric(key, [metric.values[number]], location), weight))
        evidence = evidence_of_ratio(seeds)
        if evidence.method in ("examples", "resampling"):
            mains.append(evidence.main)
    if not mains:
        raise ValueError("one seed, or no stored predictions")
    mean = statistics.fmean(ratio.logarithms())
    return with_all_seeds(mains, [logarithm - mean for logarithm in ratio.logarithms()])
