"""Claims about gates that add seeds: when they decide, what they ask for, and that a later look takes nothing back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.cases import cases_of
from bench_suite.comparison.compare import compare
from bench_suite.comparison.seed_looks import SequentialEvidence, seed_range_of
from bench_suite.contracts import MetricRow
from bench_suite.reports.comparison import as_text, what_next
from bench_suite.suite.spec import SeedRange

SEEDS = {"gate_seeds": {"from": 3, "to": 15}}
GATE = {"quality/accuracy": {"tolerance": 0.02}}


def noisy(runs, count: int, loss: float = 0.0, start: int = 0, *, spread: float = 0.004, n: int = 400, **info: Any):
    """Write a run of `count` seeds that are right on 90 % of the examples, less `loss`, with a spread between seeds."""
    cells = []
    for seed in range(count):
        random = np.random.default_rng(start + seed)
        share = 0.9 - loss + random.normal(0, spread)
        difficulty = np.random.default_rng(1).random(n)
        correct = difficulty + random.normal(0, 0.02, n) < share
        cells.append((runs.cell(seed), runs.predictions_of(correct)))
    return runs.make(cells, **{"gate": GATE, **SEEDS, **info})


def test_equally_good_models_are_decided_before_the_most_seeds(runs) -> None:
    comparison = compare(noisy(runs, 15), noisy(runs, 15, start=100))
    row = runs.gated_row(comparison)
    assert (row.verdict, comparison.status) == ("not worse than the tolerance", 0)
    assert row.looks == (3, 5, 8, 12, 15)
    assert 3 < row.decided_at < 15
    assert f"decided with {row.decided_at} seeds" in as_text(comparison)


def test_a_large_loss_needs_few_seeds(runs) -> None:
    row = runs.gated_row(compare(noisy(runs, 15), noisy(runs, 15, 0.1, start=100)))
    assert row.verdict == "regressed"
    assert row.decided_at <= 5


def test_an_undecided_gate_asks_for_the_seeds_of_the_next_look(runs) -> None:
    comparison = compare(noisy(runs, 3), noisy(runs, 3, start=100))
    row = runs.gated_row(comparison)
    assert (row.verdict, row.next_seeds, row.looks, comparison.status) == ("cannot tell", 5, (3,), 4)
    assert row.note.startswith("judged again with 5 seeds")
    assert what_next(comparison).startswith("next: bench run … --resume --against BASE")


def test_with_the_most_seeds_no_more_are_asked_for(runs) -> None:
    row = runs.gated_row(compare(noisy(runs, 15, spread=0.05), noisy(runs, 15, start=100, spread=0.05)))
    assert (row.verdict, row.next_seeds, row.decided_at) == ("cannot tell", 0, 0)
    assert "would decide" in row.note


def test_too_few_seeds_are_not_judged(runs) -> None:
    row = runs.gated_row(compare(noisy(runs, 2), noisy(runs, 2, start=100)))
    assert (row.verdict, row.next_seeds, row.p) == ("cannot tell", 3, None)
    assert row.note == "the gate is judged from 3 seeds on, and both runs have 2"


def test_a_verdict_of_an_earlier_look_stays_when_later_seeds_are_unclear(runs) -> None:
    base = noisy(runs, 8)
    head = noisy(runs, 5, start=100)
    early = runs.gated_row(compare(base, head))
    cells = [(record, head.read_predictions(record.artifacts[0])) for record in head.records()]
    cells = [(replace(record, artifacts=(), metrics=()), predictions) for record, predictions in cells]
    wild = [(runs.cell(seed), runs.predictions_of(np.random.default_rng(seed).random(400) < 0.8)) for seed in (5, 6, 7)]
    later = runs.gated_row(compare(base, runs.make([*cells, *wild], gate=GATE, **SEEDS)))
    assert early.verdict == later.verdict == "not worse than the tolerance"
    assert early.decided_at == later.decided_at == 5


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05, 0.1])
def test_the_interval_decides_as_the_verdict_does(runs, loss: float) -> None:
    for start in (100, 200, 300):
        row = runs.gated_row(compare(noisy(runs, 8), noisy(runs, 8, loss, start)))
        assert row.interval is not None
        low, high = row.interval
        assert (row.verdict == "regressed") == (high < -0.02)
        assert (row.verdict == "not worse than the tolerance") == (low > -0.02)


def test_the_order_of_the_records_does_not_matter(runs) -> None:
    base, head = noisy(runs, 8), noisy(runs, 8, start=100)
    cells = [(replace(r, artifacts=(), metrics=()), head.read_predictions(r.artifacts[0])) for r in head.records()]
    mixed = runs.make(cells[::-1], gate=GATE, **SEEDS)
    rows = [runs.gated_row(compare(base, run)) for run in (head, mixed)]
    assert rows[0].p == rows[1].p
    assert rows[0].decided_at == rows[1].decided_at


def test_seeds_that_do_not_differ_are_not_added(runs) -> None:
    """A model without random numbers: head differs from base in the same way under every seed."""
    random = np.random.default_rng(0)
    right = random.random(400) < 0.9
    other = right ^ (random.random(400) < 0.06)
    sides = [
        runs.make([(runs.cell(seed), runs.predictions_of(side)) for seed in range(3)], gate=GATE, **SEEDS)
        for side in (right, other)
    ]
    row = runs.gated_row(compare(*sides))
    assert (row.verdict, row.next_seeds) == ("cannot tell", 0)
    assert "the seeds do not differ" in row.note


def without_random_numbers(runs, seeds: int, better: int, worse: int, n: int = 400) -> list[Any]:
    """Write two runs whose models say the same under each seed; head is better on some examples, and worse on some."""
    right = np.arange(n) >= n // 10
    other = right.copy()
    other[:better], other[n - worse :] = True, False
    sides = ([(runs.cell(seed), runs.predictions_of(side)) for seed in range(seeds)] for side in (right, other))
    return [runs.make(cells, gate=GATE, **SEEDS) for cells in sides]


def test_more_seeds_that_do_not_differ_would_decide_nothing(runs) -> None:
    """The first look has a small part of the level, and the looks to come would say the same at theirs."""
    few, many = (runs.gated_row(compare(*without_random_numbers(runs, seeds, 4, 4))) for seeds in (3, 15))
    assert few.verdict == many.verdict == "not worse than the tolerance"
    assert (few.p, few.interval) == (pytest.approx(many.p), pytest.approx(many.interval))
    assert (few.looks, few.decided_at, few.next_seeds) == ((3,), 3, 0)


def test_seeds_that_differ_by_rounding_do_not_differ(runs) -> None:
    base, head = without_random_numbers(runs, 3, 35, 66, n=359)
    (evidence,) = [case.evidence for case in cases_of(base, head)[1] if isinstance(case.evidence, SequentialEvidence)]
    assert evidence.main.seeds > 0, "the mean of three equal numbers is another number"
    row = runs.gated_row(compare(base, head))
    assert (row.verdict, row.next_seeds) == ("cannot tell", 0)


def test_the_same_predictions_are_decided_at_the_first_look(runs) -> None:
    row = runs.gated_row(compare(noisy(runs, 3), noisy(runs, 3)))
    assert (row.verdict, row.decided_at, row.method) == ("not worse than the tolerance", 3, "same predictions")


@pytest.mark.parametrize(("base", "head"), [(8, 5), (5, 8)])
def test_further_seeds_of_one_side_are_left_out_and_nothing_is_missing(runs, base: int, head: int) -> None:
    comparison = compare(noisy(runs, base), noisy(runs, head, start=100))
    assert [cell.reason_code for cell in comparison.uncompared] == ["left out"]
    assert comparison.status in (0, 4)
    assert runs.gated_row(comparison).looks == (3, 5)
    assert comparison.status == (0 if runs.gated_row(comparison).verdict != "cannot tell" else 4)


def test_a_seed_that_failed_still_counts(runs) -> None:
    head = noisy(runs, 5, start=100)
    cells = [(replace(r, artifacts=(), metrics=()), head.read_predictions(r.artifacts[0])) for r in head.records()]
    broken = replace(runs.cell(4), status="failed", reason="it broke")
    comparison = compare(noisy(runs, 5), runs.make([*cells[:4], (broken, None)], gate=GATE, **SEEDS))
    assert comparison.status == 3
    assert [cell.reason_code for cell in comparison.uncompared] == ["failed"]


def test_a_gate_that_names_its_seeds_is_judged_once(runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.02, "only": {"seed": [0, 1, 2]}}}
    base, head = (noisy(runs, 5, start=start, gate=gate) for start in (0, 100))
    (row,) = [row for row in compare(base, head).rows if row.gated]
    assert (row.looks, row.next_seeds, row.seeds) == ((), 0, 3)


def test_only_the_suite_of_head_decides_whether_seeds_are_added(runs) -> None:
    base = noisy(runs, 5)
    plain = runs.make([(runs.cell(s), runs.predictions(0.9, s)) for s in range(5)], gate=GATE)
    assert runs.gated_row(compare(base, plain)).looks == ()


def test_a_damaged_range_in_run_json_adds_nothing(runs) -> None:
    assert seed_range_of(noisy(runs, 3, gate_seeds={"from": 5, "to": 3})) is None
    assert seed_range_of(noisy(runs, 3)) == SeedRange(3, 15)


def test_the_smallest_loss_is_that_of_the_last_look(runs) -> None:
    _, cases = cases_of(noisy(runs, 5), noisy(runs, 5, start=100))
    (evidence,) = [case.evidence for case in cases if isinstance(case.evidence, SequentialEvidence)]
    _, cases = cases_of(noisy(runs, 15), noisy(runs, 15, start=100))
    (later,) = [case.evidence for case in cases if isinstance(case.evidence, SequentialEvidence)]
    now, end = (one.min_detectable_loss(0.02, 0.01) for one in (evidence, later))
    assert now == pytest.approx(end, rel=0.3)
    assert evidence.looks[-1].min_detectable_loss(0.02, 1e-4) > now


def test_a_further_seed_that_failed_in_base_keeps_nothing_from_being_decided(runs) -> None:
    """Base got seeds for another comparison, and one of them failed; head needs none of them."""
    base = noisy(runs, 4)
    cells = [(replace(r, artifacts=(), metrics=()), base.read_predictions(r.artifacts[0])) for r in base.records()]
    broken = [(replace(runs.cell(seed), status="failed", reason="it broke"), None) for seed in (3, 4)]
    comparison = compare(runs.make([*cells[:3], *broken], gate=GATE, **SEEDS), noisy(runs, 3))
    assert runs.gated_row(comparison).decided_at == 3
    assert [cell.reason_code for cell in comparison.uncompared] == ["left out"]
    assert comparison.status == 0


@pytest.mark.parametrize(("count", "reason", "status"), [(1, "missing", 4), (3, "left out", 0)])
def test_a_suite_that_no_longer_adds_seeds_still_needs_those_that_base_began_with(
    runs, count: int, reason: str, status: int
) -> None:
    cells = [(runs.cell(seed), runs.predictions(0.9, seed)) for seed in range(5)]
    comparison = compare(runs.make(cells, gate=GATE, **SEEDS), runs.make(cells[:count], gate=GATE))
    assert [cell.reason_code for cell in comparison.uncompared] == [reason]
    assert comparison.status == status
    assert [str(change) for change in comparison.gate_changes] == ["seeds: removed: from 3 to 15"]
    assert comparison.gate_changes[0].weaker


def test_a_gated_metric_that_only_later_seeds_have_is_not_compared(runs) -> None:
    def run(start: int) -> Any:
        first = noisy(runs, 3, start=start)
        group = MetricRow("quality/accuracy", 0.9, "fraction", "higher", at={"group": "few"}, n=40)
        cells = []
        for record in first.records():
            more = (group,) if record.cell["seed"] == 2 else ()
            cells.append((replace(record, artifacts=(), metrics=(*record.metrics, *more)), None))
        return runs.make(cells, gate=GATE, gate_seeds={"from": 2, "to": 15})

    rows = compare(run(0), run(100)).rows
    (row,) = (row for row in rows if row.coordinates)
    assert (row.verdict, row.gated) == ("cannot tell", True)
    assert row.note == "head has no value under 2 of 3 seeds: it was not measured"
