"""Claims about verdicts: gates share one level, and what a row states that it finds is for that level."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.verdicts import LEVEL, Case, Row, classify_gated
from bench_suite.stats.paired import Difference, nested_difference, sign_flips

N = 2000
TOLERANCE = 0.01


def case(number: int = 0, lost: int = 0, n: int = N) -> Case:
    """A gate on answers of one seed: 30 examples differ either way, and `lost` more are lost."""
    d = np.zeros(n)
    d[:30], d[30:60], d[60 : 60 + lost] = 1, -1, -1
    return Case(Row("quality/accuracy", f"{number}", True), Evidence(nested_difference(d)), TOLERANCE)


def test_the_smallest_loss_that_is_found_is_that_of_a_level_shared_by_all_gates() -> None:
    """20 gates share the level, so that each finds only a larger loss than one gate alone."""
    evidence = case().evidence
    assert evidence is not None
    for gates in (1, 20):
        rows = classify_gated([case(number) for number in range(gates)])
        expected = evidence.min_detectable_loss(TOLERANCE, LEVEL / gates)
        assert {row.smallest for row in rows} == {expected}
    assert expected > 1.1 * evidence.min_detectable_loss(TOLERANCE, LEVEL)


def test_many_gates_need_more_examples_or_seeds_to_decide_than_one() -> None:
    def needed(gates: int) -> int:
        row = classify_gated([case(number, lost=12) for number in range(gates)])[0]
        assert row.verdict == "cannot tell"
        (examples,) = re.findall(r"about ([\d,]+) test examples and one seed would decide", row.note)
        return int(examples.replace(",", ""))

    assert needed(20) > 1.5 * needed(1)


def test_seeds_alone_that_are_enough_for_one_gate_are_too_few_for_many() -> None:
    """All of 7 seeds lost as much: p is 1/128, below 0.01, but not below a twentieth of it."""
    values = (-0.1,) * 7
    difference = Difference(-0.1, 0.0, 0.0, 0.0, 6.0, 0, 7)
    seeds = Case(Row("q/x", "0", True), Evidence(difference, flips=values, method="seeds"), 0.05)
    assert sign_flips([value + 0.05 for value in values]) <= LEVEL
    (alone,) = classify_gated([seeds])
    many = classify_gated([seeds] * 20)
    assert alone.verdict == "regressed"
    assert {row.verdict for row in many} == {"cannot tell"}
    assert {row.note for row in many} == {"11 or more seeds would decide, not 7"}


@pytest.mark.parametrize(("lost", "verdict"), [(0, "not worse than the tolerance"), (100, "regressed")])
def test_a_gate_that_nothing_can_be_known_of_takes_no_share_of_the_level(lost: int, verdict: str) -> None:
    unknown = replace(case(), evidence=None)
    (alone,) = classify_gated([case(lost=lost)])
    rows = [row for row in classify_gated([unknown] * 19 + [case(lost=lost)]) if row.p is not None]
    assert rows == [alone]
    assert alone.verdict == verdict


def test_clusters_are_named_in_what_would_decide() -> None:
    d = np.random.default_rng(0).normal(0.0, 0.1, 400)
    evidence = Evidence(nested_difference(d, np.arange(400) // 10))
    (row,) = classify_gated([Case(Row("q/x", "0", True), evidence, 0.005)])
    assert re.search(r"about [\d,]+ clusters of test examples and one seed would decide, not 40 and 1", row.note)
    assert evidence.main.sample_unit == "clusters"


@pytest.mark.parametrize(
    ("examples", "seeds", "missing"), [(1e-4, 0.0, "more test examples"), (0.0, 1e-4, "more seeds")]
)
def test_intervals_of_an_unknown_number_of_examples_name_what_varies(
    examples: float, seeds: float, missing: str
) -> None:
    difference = Difference(0.0, examples, seeds, examples + seeds, 4.0, 0, 3)
    evidence = Evidence(difference, method="intervals")
    (row,) = classify_gated([Case(Row("q/x", "0", True), evidence, 0.01)])
    assert row.note == f"{missing} would decide"
