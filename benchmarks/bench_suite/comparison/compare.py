"""Two runs, metric by metric: values, difference with interval, and a verdict against the suite's gates.

Whatever is not compared is said: cells that only one run has, that failed, or had other data, options or placement.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gates import unmeasured
from bench_suite.comparison.pairing import Group, Pair, Pairing, UncomparedCell, pair
from bench_suite.comparison.rescoring import SAME, Examples, TestSetMismatch, Unpaired, difference_of, examples_of
from bench_suite.comparison.verdicts import Case, Row, classify_gated, classify_ungated, sort_worst_first
from bench_suite.contracts import BenchError, MetricRow
from bench_suite.stats.paired import Difference, over_seeds_alone, unpaired, welch
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run
from bench_suite.suite.spec import TIMING_PROCESSES

Key = tuple[str, tuple[tuple[str, Any], ...]]
"A metric's name and coordinates."
Rows = Sequence[tuple[MetricRow | None, MetricRow | None]]
"A metric's rows of base and head, one pair a seed; None where a side has none."
Values = Sequence[tuple[MetricRow, MetricRow]]
"The same where both sides have one, with a value."

BY_INTERVALS, BY_SEEDS = "intervals, as of other examples", "seeds alone"
"How a metric is compared where its examples cannot be."
FAILED = ("failed", "failed probe")
"Why something is odd that has failed in head."
LARGEST = 1e150
"Values stay below this, so that their squares are numbers."
MIN_EXAMPLES = 10
"""Test examples, or clusters of them: with fewer, only the same predictions are judged. Where each of n answers got
worse their variance is 0, yet a share 2⁻ⁿ of comparisons shows that of equally good models that differ everywhere."""


class ComparisonError(BenchError):
    """Runs that cannot be compared."""


@dataclass(frozen=True)
class Comparison:
    """What two runs say of one another."""

    base: str
    head: str
    rows: tuple[Row, ...]
    "Worst first."
    odd: tuple[UncomparedCell, ...]
    "Cells that are not compared, and probes of head that failed."
    notes: tuple[str, ...]
    "What differs between the runs as a whole."
    gated: bool
    "Whether the suite gates anything."
    status: int
    "Exit status: 1 regressed, 3 cells or probes failed, 4 cannot tell or nothing is compared, else 0."


@dataclass(frozen=True)
class _Place:
    """Where a metric was measured, and what there is to compare it by."""

    where: str
    hardware: bool
    "Whether both runs had the same."
    examples: Examples | Unpaired
    probes: frozenset[str]
    "Labels of probes whose options differ."
    pairs: tuple[Pair, ...] = ()
    "The cells, one pair a seed; none of a metric of the whole run."


def compare(base: Run, head: Run) -> Comparison:
    """Compare two runs by the gates of `head`.

    Cells are paired by `id`. Raises ComparisonError where a run is a smoke run, the two are one run, or they have no
    cell in common and none has failed.
    """
    _check_two(base, head)
    pairing, cases = cases_of(base, head)
    gates = _gates(head)
    rows = classify_gated([case for case in cases if case.row.gated]) + classify_ungated(
        [c for c in cases if not c.row.gated]
    )
    # Of the same predictions nothing varies, so what a loss would have to be to be found is not known.
    rows = [replace(row, smallest=None) if row.how == SAME else row for row in rows]
    notes = (*pairing.notes, *_one_sided(pairing), *_without_value(pairing, gates))
    return Comparison(
        base.name, head.name, tuple(sort_worst_first(rows)), pairing.odd, notes, bool(gates),
        _status(rows, pairing, gated=bool(gates)),
    )  # fmt: skip


def cases_of(base: Run, head: Run) -> tuple[Pairing, list[Case]]:
    """How the cells of two runs stand together, and each metric with its evidence.

    Raises ComparisonError where they are runs of different suites: no `id` in common, and nothing has failed.
    """
    _check_whole(base, head)
    pairing = pair(base, head)
    common = {record.id for record in base.planned_records()} & {record.id for record in head.planned_records()}
    if not common and not any(each.why in FAILED for each in pairing.odd):
        reasons = "".join(f"\n  {each.where}: {each.why}: {each.detail}" for each in pairing.odd[:8])
        raise ComparisonError(f"{base.name} and {head.name} have no cell in common{reasons}")
    gates = _gates(head)
    cases = list(_of_cells(pairing, base, head, gates))
    if pairing.groups:
        cases += _of_summaries(pairing, base, head, gates)
    seen = {case.row.metric for case in cases}
    cases += [Case(Row(each, "all cells", True, note=_nowhere(each, pairing))) for each in gates if each not in seen]
    return pairing, cases


def check_common(base: Run, ids: Iterable[str]) -> None:
    """Raise ComparisonError where no cell to be run is one that a base can be compared in: before it is run."""
    _check_whole(base)
    if not {record.id for record in base.records() if record.status == "ok"} & set(ids):
        raise ComparisonError(
            f"{base.name} has none of these cells: its suite, its options or a component's VERSION were others\n"
            "  leave out --against, or name another run: bench results"
        )


def _check_whole(*runs: Run) -> None:
    for run in runs:
        if run.info.get("smoke"):
            raise ComparisonError(f"{run.name} is a smoke run, which is never compared\n  run it without --smoke")


def _gates(head: Run) -> Mapping[str, Mapping[str, Any]]:
    """The gates that are judged. Raises ComparisonError where they are damaged."""
    gates: Mapping[str, Mapping[str, Any]] = head.info.get("gate", {})
    for metric, rules in gates.items():
        try:
            _number(rules.get("tolerance", 0.0))
        except (AttributeError, TypeError, ValueError):
            raise ComparisonError(f"{head.path / 'run.json'} is damaged: a gate on {metric} of {rules}") from None
    return gates


def _check_two(base: Run, head: Run) -> None:
    """Raise ComparisonError where a run would be compared with itself, which finds nothing worse whatever happened."""
    if base.name != head.name:
        return
    if base.path == head.path:
        raise ComparisonError(f"BASE and HEAD are one run, {head.name}: name two\n  list them with: bench results")
    raise ComparisonError(
        "HEAD is the run that the baseline was made from: run the suite first, or name HEAD\n"
        f"  it is {head.name}; list others with: bench results"
    )


def _status(rows: Sequence[Row], pairing: Pairing, *, gated: bool) -> int:
    """1 where a gate regressed, 3 where something failed, 4 where a gate cannot tell or nothing is compared, else 0."""
    if any(row.verdict == "regressed" for row in rows):
        return 1
    if any(each.why in FAILED for each in pairing.odd):
        return 3
    untold = any(row.gated and row.verdict == "cannot tell" for row in rows)
    apart = any(each.why != "left out" for each in pairing.odd)
    return 4 if not pairing.groups or (gated and (untold or apart)) else 0


def _one_sided(pairing: Pairing) -> Iterator[str]:
    """Metrics of cells that are compared which only one run has, at all or in some cells or at some coordinates."""
    base, head = (
        {group.where: {key for each in group.pairs for key in _by_key(side(each).metrics)} for group in pairing.groups}
        for side in (lambda each: each.base, lambda each: each.head)
    )
    for word, mine, theirs in (("base", base, head), ("head", head, base)):
        foreign = {key[0] for keys in theirs.values() for key in keys}
        said = sorted({key[0] for keys in mine.values() for key in keys} - foreign)
        for where, keys in mine.items():
            lacking = sorted((key for key in keys - theirs[where] if key[0] in foreign), key=str)
            said += [f"{_named(key)} of {where}" for key in lacking]
        if said:
            yield f"only {word} has {', '.join(said)}"


def _without_value(pairing: Pairing, gates: Mapping[str, Any]) -> Iterator[str]:
    """Gated metrics that at some coordinates have no value on either side."""
    for group in pairing.groups:
        for key, reason in _valueless(_rows_of(group)).items():
            if key[0] in gates:
                yield f"no value on either side: {_named(key)} of {group.where}: {reason}"


def _valueless(rows: Mapping[Key, Rows]) -> dict[Key, str]:
    """Why neither side has a value under any seed, by metric and coordinates, as of a group too small to judge.

    Only where the reason is one, and the metric has values at other coordinates: one without any is never fine.
    """
    reasons = {
        key: {None if row is None or row.value is not None else row.reason for pair in pairs for row in pair}
        for key, pairs in rows.items()
    }
    lacks = {key: said.pop() or "" for key, said in reasons.items() if key[1] and len(said) == 1 and said != {None}}
    elsewhere = {key[0] for key in rows.keys() - lacks.keys()}
    return {key: reason for key, reason in lacks.items() if key[0] in elsewhere}


def _rows_of(group: Group) -> dict[Key, Rows]:
    """The metrics of paired cells, each with its rows of base and head, one pair a seed."""
    sides = [(_by_key(each.base.metrics), _by_key(each.head.metrics)) for each in group.pairs]
    keys = dict.fromkeys(key for pair in sides for side in pair for key in side)
    return {key: [(mine.get(key), theirs.get(key)) for mine, theirs in sides] for key in keys}


# ── cases ───────────────────────────────────────────────────────────────────────────────────────


def _of_cells(pairing: Pairing, base: Run, head: Run, gates: Mapping[str, Mapping[str, Any]]) -> Iterator[Case]:
    for group in pairing.groups:
        try:
            examples: Examples | Unpaired = examples_of(group, base, head)
        except Unpaired as error:
            examples = error
        except TestSetMismatch as error:
            for metric in dict.fromkeys(row.name for each in group.pairs for row in each.head.metrics):
                yield Case(Row(metric, group.where, metric in gates, note=str(error)))
            continue
        place = _Place(group.where, group.hardware, examples, _other_probes(group), group.pairs)
        rows = _rows_of(group)
        told = _valueless(rows)
        for key, pairs in rows.items():
            if key not in told:
                yield from _case(key, pairs, place, gates.get(key[0]))


def _of_summaries(pairing: Pairing, base: Run, head: Run, gates: Mapping[str, Mapping[str, Any]]) -> Iterator[Case]:
    """Metrics of the runs as a whole, as of one cell of one seed; made of other cells they are not compared."""
    mine, theirs = _by_key(base.summaries()[0]), _by_key(head.summaries()[0])
    hardware = all(group.hardware for group in pairing.groups)
    place = _Place("all cells", hardware, Unpaired("it is a metric of the whole run"), frozenset())
    for key in dict.fromkeys((*mine, *theirs)):
        for case in _case(key, [(mine.get(key), theirs.get(key))], place, gates.get(key[0])):
            if case.evidence is not None and any(each.why != "failed probe" for each in pairing.odd):
                note = "it is of the whole run, and not all of its cells are compared"
                case = Case(replace(case.row, difference=None, interval=None, tolerance=None, note=note))
            yield case


def _case(key: Key, rows: Rows, place: _Place, rules: Mapping[str, Any] | None) -> Iterator[Case]:
    """The case of one metric; none where only one side has it, which the notes tell, unless it is gated."""
    directed = any(row.better != "none" for pair in rows for row in pair if row is not None)
    # Without a direction `min` and `max` hold, which each run is judged by alone, and nothing is worse.
    gated = rules is not None and (directed or "tolerance" in rules)
    known = [(mine, theirs) for mine, theirs in rows if mine is not None and theirs is not None]
    valued = [pair for pair in known if pair[0].value is not None and pair[1].value is not None]
    if not gated and (not known or all(mine.value is None and theirs.value is None for mine, theirs in known)):
        return
    first = next(row for pair in rows for row in reversed(pair) if row is not None)
    row = Row(key[0], place.where, gated, _at(key), first.unit, first.better, seeds=len(rows))
    if valued:
        row = replace(row, base=_mean(valued, 0), head=_mean(valued, 1))
    if len(valued) < len(rows):
        yield Case(replace(row, note=_lacking(row.metric, rows, place.pairs)))
    elif first.better == "none" and gated:
        yield Case(replace(row, note="it has no better direction, so nothing is worse"))
    elif max(abs(row.base or 0.0), abs(row.head or 0.0)) > LARGEST:
        yield Case(replace(row, note="its values are too large to reckon with"))
    elif any((mine.unit, mine.better) != (theirs.unit, theirs.better) for mine, theirs in valued):
        yield Case(replace(row, note="its unit or direction is another"))
    else:
        yield _weighed(row, valued, place, (rules or {}).get("tolerance"))


def _weighed(row: Row, values: Values, place: _Place, tolerance: float | str | None) -> Case:
    """The case with its evidence, or with the reason why there is none."""
    timing = any(_is_timing(each) for pair in values for each in pair)
    sign = -1.0 if row.better == "lower" else 1.0
    try:
        if timing:
            evidence, how, unpaired_for = _of_processes(values, sign, place), "processes", ""
        else:
            evidence, how, unpaired_for = _of_values(row, values, sign, place)
    except ValueError as error:
        return Case(replace(row, note=str(error)))
    if 0 < evidence.main.n < MIN_EXAMPLES and how != SAME:
        return Case(replace(row, note=f"{evidence.main.n} test examples are too few: {MIN_EXAMPLES} at least"))
    margin = _margin(tolerance, row, relative=timing)
    low, high = sorted(sign * bound for bound in evidence.main.interval())
    value = sign * evidence.main.value
    if timing:
        value, low, high = math.expm1(value), math.expm1(low), math.expm1(high)
    counted = evidence.main
    few = {1: "of these trained models, not of the method: one seed", 2: "two seeds are few"}.get(counted.count, "")
    notes = [few] if few and counted.n else []
    if how == SAME:
        notes.insert(0, f"{SAME}, one by one")
    if tolerance is not None and not margin and _number(tolerance):
        notes.append(f"a tolerance of {tolerance} of base's 0 is none")
    if unpaired_for and how in (BY_INTERVALS, BY_SEEDS):
        word = "intervals" if how == BY_INTERVALS else "values"
        notes.append(f"compared by their {word}: {unpaired_for}")
    shown = replace(
        row, difference=value, relative=timing, examples=counted.n, how=how, note="; ".join(notes),
        interval=(low, high) if counted.variance and not evidence.flips else None,
        tolerance=margin if not timing else (margin and _share(margin, row.better)),
    )  # fmt: skip
    return Case(shown, evidence, margin or 0.0)


def _margin(tolerance: float | str | None, row: Row, *, relative: bool) -> float | None:
    """A gate's tolerance in the metric's unit, or of a timing as a difference of logarithms; None where it has none."""
    if tolerance is None or not (size := _number(tolerance)):
        return None
    base = abs(row.base or 0.0)
    is_share = isinstance(tolerance, str)
    if not relative:
        return size * base if is_share else size
    share = size if is_share else size / base if base else 0.0
    if row.better == "lower":
        return math.log1p(share)
    return -math.log1p(-min(share, 0.999))


def _number(tolerance: float | str) -> float:
    return float(tolerance.rstrip("% ")) / 100 if isinstance(tolerance, str) else float(tolerance)


def _share(margin: float, better: str) -> float:
    return math.expm1(margin) if better == "lower" else -math.expm1(-margin)


# ── evidence ────────────────────────────────────────────────────────────────────────────────────


def _of_values(row: Row, values: Values, sign: float, place: _Place) -> tuple[Evidence, str, str]:
    """The best there is: stored predictions, else intervals, else values. Raises ValueError where there is none.

    Gives the evidence, in words how it was found, and why not by example where that was tried in vain.
    """
    why = str(place.examples) if isinstance(place.examples, Unpaired) else ""
    numbers = [(float(mine.value or 0.0), float(theirs.value or 0.0)) for mine, theirs in values]
    of_seed = [sign * (theirs - mine) for mine, theirs in numbers]
    stated = all(theirs.of_predictions for _, theirs in values)
    if isinstance(place.examples, Examples) and not row.coordinates and not stated:
        why = "its probe does not say that the predictions of the test split alone make it"
    elif isinstance(place.examples, Examples) and not row.coordinates:
        try:
            found, how = difference_of(row.metric.partition("/")[2], place.examples, numbers, sign)
        except Unpaired as error:  # its intervals are next
            why = str(error)
        else:
            return with_seeds(found, numbers, sign) if found.variance or found.value else Evidence(found), how, ""
    if label_of(row.metric) in place.probes:
        raise ValueError("the options of its probe differ")
    if (same := _unchanged(values, of_seed, place)) is not None:
        return Evidence(same.unchanged()), SAME, ""
    errors = [_error(mine, theirs) for mine, theirs in values]
    if None not in errors:
        n = min(each.n or 0 for pair in values for each in pair)
        found = unpaired(of_seed, [error or 0.0 for error in errors], n)
        return with_seeds(found, numbers, sign), BY_INTERVALS, why
    kinds = {each.kind for pair in values for each in pair}
    exact, single = kinds == {"exact"}, kinds == {"single"}
    if len(set(of_seed)) == 1 and (exact or (single and of_seed[0] == 0.0)):
        return Evidence(over_seeds_alone(of_seed)), "exact values" if exact else "the same values", why
    if len(of_seed) == 1:
        raise ValueError("one observation a side, without an interval")
    if not place.hardware:
        raise ValueError("the hardware is another, or not known")
    return Evidence(over_seeds_alone(of_seed), flips=tuple(of_seed)), BY_SEEDS, why


def _unchanged(values: Values, of_seed: Sequence[float], place: _Place) -> Examples | None:
    """The stored predictions of which alone a metric is made, where neither they nor it differ under any seed.

    An equal metric proves nothing by itself: a coarse one, such as the accuracy of a small group, often is by chance.
    """
    made_of_them = all(theirs.of_predictions for _, theirs in values) and not any(of_seed)
    examples = place.examples
    return examples if made_of_them and isinstance(examples, Examples) and examples.identical else None


def with_seeds(main: Difference, numbers: Sequence[tuple[float, float]], sign: float) -> Evidence:
    """With several seeds, what their values alone say is asked too."""
    if len(numbers) < 2:
        return Evidence(main)
    sides = [[sign * number for number in side] for side in zip(*numbers)]
    paired = over_seeds_alone([theirs - mine for mine, theirs in zip(*sides)])
    return Evidence(main, (paired, welch(*sides)))


def _error(mine: MetricRow, theirs: MetricRow) -> float | None:
    """Standard error of the difference of two values, of independent examples, as their intervals imply it."""
    if mine.interval is None or theirs.interval is None:
        return None
    normal = NormalDist()
    each = [(row.high - row.low) / 2 / normal.inv_cdf((1 + row.level) / 2) for row in (mine.interval, theirs.interval)]
    return math.hypot(*each)


def _of_processes(values: Values, sign: float, place: _Place) -> Evidence:
    """Welch's test of the logarithms of the processes' medians, of all seeds. Raises ValueError where it cannot be."""
    if not place.hardware:
        raise ValueError("the hardware is another, or not known")
    if any(row.interval is None or row.interval.over != "processes" for pair in values for row in pair):
        raise ValueError("no interval over processes: restarts differ by more than one shows")
    sides = [[sample for pair in values for sample in pair[side].samples] for side in (0, 1)]
    if min(map(len, sides)) < TIMING_PROCESSES:
        raise ValueError(f"{min(map(len, sides))} processes a side; it takes {TIMING_PROCESSES}")
    if not all(sample > 0 for side in sides for sample in side):
        raise ValueError("a timing is not a positive number")
    if label_of(values[0][0].name) in place.probes:
        raise ValueError("the options of its probe differ")
    base, head = ([sign * math.log(sample) for sample in side] for side in sides)
    return Evidence(welch(base, head))


def _is_timing(row: MetricRow) -> bool:
    """Whether it was measured again and again on one machine, or is a time or a rate, and not over examples."""
    if row.interval is not None:
        return row.interval.over == "processes"
    return bool(row.samples) or row.unit in ("s", "ms") or row.unit.endswith("/s")


# ── small things ────────────────────────────────────────────────────────────────────────────────


def _by_key(rows: Sequence[MetricRow]) -> dict[Key, MetricRow]:
    return {(row.name, tuple(sorted(row.at.items()))): row for row in rows}


def _at(key: Key) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in key[1])


def _named(key: Key) -> str:
    return f"{key[0]} ({_at(key)})" if key[1] else key[0]


def _mean(values: Values, side: int) -> float:
    return math.fsum(float(pair[side].value or 0.0) / len(values) for pair in values)


def _lacking(metric: str, rows: Rows, pairs: Sequence[Pair]) -> str:
    """Which side lacks a value, under how many seeds, and why."""
    for word, side in (("head", 1), ("base", 0)):
        lacking = [at for at, pair in enumerate(rows) if (row := pair[side]) is None or row.value is None]
        if lacking:
            said = [row.reason for at in lacking if (row := rows[at][side]) is not None]
            records = [(pairs[at].base, pairs[at].head)[side] for at in lacking if pairs]
            reasons = [*said, *(unmeasured(metric, record) for record in records), "it was not measured"]
            reason = next(filter(None, reasons))
            return f"{word} has no value under {len(lacking)} of {len(rows)} seeds: {reason}"
    return ""


def _nowhere(metric: str, pairing: Pairing) -> str:
    """Why no pair of cells has a metric."""
    records = [record for group in pairing.groups for each in group.pairs for record in (each.head, each.base)]
    reason = next(filter(None, (unmeasured(metric, record) for record in records)), "")
    return "no cell that both runs have measures it" + (f": {reason}" if reason else "")


def _other_probes(group: Group) -> frozenset[str]:
    """Labels of probes that were applied under other options on the two sides."""
    return frozenset(
        label
        for each in group.pairs
        for label in each.base.probes.keys() & each.head.probes.keys()
        if each.base.probes[label].key != each.head.probes[label].key
    )
