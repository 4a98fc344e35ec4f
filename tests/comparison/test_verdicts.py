"""Claims about verdicts: all gates share one level, and a row's detectable loss is for that level."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from bench_suite.comparison import verdicts
from bench_suite.comparison.compare import compare
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.strategies import with_seeds
from bench_suite.comparison.verdicts import LEVEL, Case, Row, classify_gated, classify_ungated, sort_worst_first
from bench_suite.contracts import Interval, MetricRow
from bench_suite.stats.paired import (
    Difference,
    holm,
    nested_difference,
    seeds_only_difference,
    sign_flips,
    welch_difference,
)
from bench_suite.stats.power import min_detectable_effect, required_sample_size, with_more_examples, with_more_seeds

N = 2000
TOLERANCE = 0.01


def case(number: int = 0, lost: int = 0, n: int = N) -> Case:
    """Return a gate on the answers of one seed: 30 examples differ in each direction, and `lost` more are lost."""
    d = np.zeros(n)
    d[:30], d[30:60], d[60 : 60 + lost] = 1, -1, -1
    return Case(Row("quality/accuracy", f"{number}", True), Evidence(nested_difference(d)), TOLERANCE)


def test_the_smallest_loss_that_is_found_is_that_of_a_level_shared_by_all_gates() -> None:
    """20 gates share the level, so each detects only a larger loss than one gate alone."""
    evidence = case().evidence
    assert evidence is not None
    for gates in (1, 20):
        rows = classify_gated([case(number) for number in range(gates)])
        expected = evidence.min_detectable_loss(TOLERANCE, LEVEL / gates)
        assert {row.smallest for row in rows} == {expected}
    assert expected > 1.1 * evidence.min_detectable_loss(TOLERANCE, LEVEL)


def test_many_gates_need_more_examples_or_seeds_to_decide_than_one() -> None:
    def required_examples(gates: int) -> int:
        row = classify_gated([case(number, lost=12) for number in range(gates)])[0]
        assert row.verdict == "cannot tell"
        (examples,) = re.findall(r"about ([\d,]+) test examples and one seed would decide", row.note)
        return int(examples.replace(",", ""))

    assert required_examples(20) > 1.5 * required_examples(1)


def test_seeds_alone_that_are_enough_for_one_gate_are_too_few_for_many() -> None:
    """All 7 seeds lost the same amount: p is 1/128, below 0.01 but not below a twentieth of it."""
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


def of(value: float, variance: float = 1e-6, **changes: float) -> Evidence:
    """Return evidence from 5,000 examples."""
    return Evidence(replace(Difference(value, variance, 0.0, variance, math.inf, 5000, 1), **changes))


def test_gates_get_the_worst_verdict_that_holms_rule_allows() -> None:
    row = Row("q/x", "0", True)
    cases = [Case(row, of(-0.1), 0.01), Case(row, of(0.0), 0.01), Case(row, of(0.0, 1e-2), 0.01), Case(row, of(0.0))]
    rows = classify_gated([Case(replace(row, note="no value")), *cases])
    assert [row.verdict for row in rows] == [
        "cannot tell", "regressed", "not worse than the tolerance", "cannot tell", "no regression found",
    ]  # fmt: skip
    assert rows[0] == replace(row, note="no value", verdict="cannot tell")
    assert [row.p for row in rows[1:]] == holm([case.evidence.p_regressed(case.margin) for case in cases])
    assert [row.note for row in rows[1:3]] == ["", ""]
    assert classify_gated([]) == []


def test_what_would_decide_comes_before_the_note_of_the_row() -> None:
    row = Row("q/x", "0", True, note="two seeds are few")
    (undecided,) = classify_gated([Case(row, of(0.0, 1e-2), 0.01)])
    assert re.fullmatch(r"about [\d,]+ test examples and one seed would decide, not 5,000 and 1; two seeds are few",
                        undecided.note)  # fmt: skip
    (decided,) = classify_gated([Case(row, of(0.0), 0.01)])
    assert decided.note == "two seeds are few"
    (bare,) = classify_gated([Case(replace(row, note=""), of(0.0, 1e-2), 0.01)])
    assert bare.note.endswith("not 5,000 and 1")


def test_the_smallest_loss_of_a_timing_is_a_share_of_base() -> None:
    evidence = of(0.0, 1e-4)
    loss = evidence.min_detectable_loss(0.05, LEVEL)
    for relative, better, expected in (
        (False, "higher", loss),
        (True, "higher", 1 - math.exp(-loss)),
        (True, "lower", math.exp(loss) - 1),
    ):
        (row,) = classify_gated([Case(Row("t/x", "0", True, relative=relative, better=better), evidence, 0.05)])
        assert row.smallest == pytest.approx(expected)


def test_findings_without_a_gate_are_better_or_worse_or_only_differ() -> None:
    gains, loses, same = of(0.1), of(-0.1), of(0.0)
    row = Row("q/x", "0", False, better="higher")
    rows = classify_ungated([
        Case(row, gains), Case(replace(row, better="lower"), loses), Case(replace(row, better="none"), loses),
        Case(row, same), Case(replace(row, note="why")),
    ])  # fmt: skip
    assert [row.verdict for row in rows] == ["not compared", "better", "worse", "differs", "no difference found"]
    assert rows[0] == replace(row, verdict="not compared", note="why")
    assert [row.p for row in rows[1:]] == [
        pytest.approx(4 / 3 * gains.p_differs()), pytest.approx(4 / 3 * loses.p_differs()),
        pytest.approx(4 / 3 * loses.p_differs()), 1.0,
    ]  # fmt: skip
    assert rows[1].better == "higher"


def test_one_finding_in_twenty_may_be_false() -> None:
    """Among 20 metrics the most significant one needs a p-value of 0.05 / 20."""
    null = of(0.0)
    for z, verdict in ((3.1, "better"), (2.9, "no difference found")):
        cases = [
            Case(Row("q/x", "0", False, better="higher"), of(z * 1e-3)),
            *[Case(Row("q/y", "0", False), null)] * 19,
        ]
        assert classify_ungated(cases)[0].verdict == verdict


def test_rows_are_sorted_by_verdict_then_gates_then_evidence() -> None:
    rows = [
        Row("a", "0", False, verdict="better", p=0.01),
        Row("b", "0", True, verdict="regressed", p=0.009),
        Row("c", "0", True, verdict="regressed", p=0.001),
        Row("d", "0", False, verdict="not compared"),
        Row("e", "0", True, verdict="cannot tell"),
        Row("f", "0", True, verdict="cannot tell", p=0.5),
        Row("g", "0", False, verdict="cannot tell", p=0.1),
        Row("h", "0", False, verdict="worse", p=0.01),
    ]
    assert [row.metric for row in sort_worst_first(rows)] == list("cbfegdha")


def test_processes_are_required_in_proportion_to_the_variance() -> None:
    """The processes detect twice the tolerance: four times as many would detect the tolerance."""
    evidence = replace(Evidence(welch_difference([0.0, 0.02, 0.01, 0.03, 0.0], [0.01, 0.0, 0.03, 0.02, 0.01])),
                       method="processes")  # fmt: skip
    for ratio in (1.99, 2.99):
        margin = evidence.min_detectable_effect(LEVEL) / ratio
        (row,) = classify_gated([Case(Row("t/x", "0", True), evidence, margin)])
        assert (row.verdict, row.note) == (
            "cannot tell", f"about {math.ceil(5 * ratio**2)} processes a side would decide",
        )  # fmt: skip


def test_examples_and_seeds_are_named_together_if_both_are_too_few() -> None:
    main = Difference(0.0, 4e-4, 2e-5, 4.2e-4, 300.0, 200, 3)
    (row,) = classify_gated([Case(Row("q/x", "0", True), Evidence(main), 0.02)])
    plan = required_sample_size(main, 0.02, LEVEL)
    assert plan is not None
    assert plan.seeds > 3
    assert plan.n > 200
    count = f"{verdicts._round_up(plan.n):,}"
    assert row.note == f"about {count} test examples and {plan.seeds} seeds would decide, not 200 and 3"


def test_the_stated_number_of_examples_is_the_least_that_decides() -> None:
    evidence = Evidence(Difference(0.0, 1e-4, 0.0, 1e-4, 99.0, 100, 1))

    def detectable_effect(n: int) -> float:
        return Evidence(with_more_examples(evidence.main, n)).min_detectable_effect(LEVEL)

    for margin in (detectable_effect(101), detectable_effect(150), 0.01):
        n = verdicts._examples_that_decide(evidence, margin, LEVEL)
        assert n is not None
        assert detectable_effect(n) <= margin
        assert n == 101 or detectable_effect(n - 1) > margin
    assert verdicts._examples_that_decide(evidence, detectable_effect(101), LEVEL) == 101


def test_enough_seeds_that_do_not_decide_are_told_to_be_more() -> None:
    flips = (-0.1, 0.1, -0.2, 0.2, -0.1, 0.1, 0.05)
    evidence = Evidence(seeds_only_difference(flips), flips=flips, method="seeds")
    (row,) = classify_gated([Case(Row("q/x", "0", True), evidence, 0.01)])
    assert row.note == "more seeds would decide"
    few = Evidence(seeds_only_difference(flips[:6]), flips=flips[:6], method="seeds")
    (row,) = classify_gated([Case(Row("q/x", "0", True), few, 0.01)])
    assert row.note == "7 or more seeds would decide, not 6"


@pytest.mark.parametrize("spread", [0.004, 0.006])
def test_the_stated_number_of_seeds_is_the_least_that_decides(spread: float) -> None:
    """That many seeds with the same spread detect the tolerance, and one seed less does not."""
    base, head = [0.9, 0.9 + spread, 0.9 - spread], [0.9 + spread, 0.9, 0.9 - spread]
    paired = seeds_only_difference([h - b for b, h in zip(base, head)])
    seeds = (paired, welch_difference(base, head))
    main = Difference(0.0, 0.0, paired.variance, paired.variance, 2.0, 10**6, 3)

    def detectable_effect(count: int) -> float:
        more = tuple(replace(test, variance=test.variance * 3 / count, df=test.df * (count - 1) / 2) for test in seeds)
        return Evidence(with_more_seeds(main, count), more).min_detectable_effect(LEVEL)

    (row,) = classify_gated([Case(Row("q/x", "0", True), Evidence(main, seeds), 0.01)])
    (seed_count,) = re.findall(r"^(\d+) seeds would decide, not 3$", row.note)
    assert detectable_effect(int(seed_count)) <= 0.01 < detectable_effect(int(seed_count) - 1)
    (row,) = classify_gated([Case(Row("q/x", "0", True), Evidence(main, seeds), 1e-4)])
    assert row.note == (
        "neither 100 seeds nor 10,000 times as many test examples would decide: the seeds differ too much for this "
        "tolerance"
    )


def test_one_seed_near_the_tolerance_names_the_examples_that_would_decide_and_no_number_of_seeds() -> None:
    """An unchanged metric could be decided on 10,000 examples, but the loss seen is 0.0035 of the allowed 0.005."""
    main = Difference(-0.0035, 1e-6, 0.0, 1e-6, 9_999.0, 10_000, 1)
    evidence = Evidence(main)
    assert evidence.min_detectable_effect(LEVEL) < 0.005
    (row,) = classify_gated([Case(Row("q/x", "0", True), evidence, 0.005)])
    # The distance of 0.0015 needs (z(0.99) + z(0.95))² · 0.01 / 0.0015² examples, if the variance of one is 0.01.
    expected = (2.3263 + 1.6449) ** 2 * 0.01 / 0.0015**2
    (examples,) = re.findall(r"^about ([\d,]+) test examples and one seed would decide, not 10,000 and 1$", row.note)
    assert int(examples.replace(",", "")) == pytest.approx(expected, rel=0.03)
    at_tolerance = Evidence(replace(main, value=-0.005))
    (row,) = classify_gated([Case(Row("q/x", "0", True), at_tolerance, 0.005)])
    assert row.note == (
        "neither 100 seeds nor 10,000 times as many test examples would decide: the loss of 0.005 is about the "
        "tolerance of 0.005"
    )


def test_no_number_of_seeds_above_the_largest_is_suggested() -> None:
    main = Difference(0.0, 1e-4, 0.05, 0.05, 2.0, 1_000, 3)
    (row,) = classify_gated([Case(Row("q/x", "0", True), Evidence(main), 0.005)])
    assert row.note == (
        "neither 100 seeds nor 10,000 times as many test examples would decide: the seeds differ too much for this "
        "tolerance"
    )


@pytest.mark.parametrize(
    ("count", "rounded"), [(7, 7), (99, 99), (100, 100), (101, 110), (1201, 1300), (98_000, 98_000), (99_001, 100_000)]
)
def test_numbers_of_examples_are_rounded_up_to_two_digits(count: int, rounded: int) -> None:
    assert verdicts._round_up(count) == rounded


# ── stored runs ─────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_told_says_what_would_decide_and_ends_with_4(runs) -> None:
    few = [[(runs.cell(), runs.predictions(0.8, seed, n=100))] for seed in (0, 1)]
    comparison = compare(*map(runs.make, few))
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("cannot tell", 4)
    assert "test examples and one seed would decide, not 100 and 1" in runs.gated_row(comparison).note


def test_where_seeds_are_what_is_lacking_it_says_how_many_would_decide(runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.03}}
    comparison = compare(runs.of(0.90, 0.88, 0.89, gate=gate), runs.of(0.88, 0.90, 0.90, noise=5, gate=gate))
    assert runs.gated_row(comparison).verdict == "cannot tell"
    many, few = map(int, re.findall(r"(\d+) seeds would decide, not (\d+)", runs.gated_row(comparison).note)[0])
    assert 3 == few < many < 20


def test_metrics_that_are_not_gated_are_findings_and_no_exit_status(runs) -> None:
    values = {"a": 0.9, "b": 0.5, "c": 0.7}

    def measured(shift: float) -> tuple[MetricRow, ...]:
        return tuple(
            MetricRow(f"quality/{name}", v + shift, "", "lower", interval=Interval(v + shift - 0.01, v + shift + 0.01))
            for name, v in values.items()
        )

    base = runs.make([(runs.cell(metrics=measured(0.0)), None)], gate={})
    head = runs.make([(runs.cell(metrics=measured(0.05)), None)], gate={})
    comparison = compare(base, head)
    assert {row.verdict for row in comparison.rows} == {"worse"}, "lower is better"
    assert {row.method for row in comparison.rows} == {"intervals"}
    assert comparison.status == 0


# ── intervals that decide ───────────────────────────────────────────────────────────────────────


def some_evidence(random: np.random.Generator, shift: float) -> Evidence:
    """Return evidence of a random kind around a difference: answers or numbers of one or more seeds, or seeds alone."""
    n, seeds = int(random.integers(30, 600)), int(random.integers(1, 6))
    kind = random.integers(4)
    if kind == 0:
        values = tuple(random.normal(shift, 0.01, int(random.integers(2, 12))))
        return Evidence(seeds_only_difference(values), flips=values, method="seeds")
    d = random.normal(shift, 0.1, (seeds, n)) + random.normal(0, 0.01, (seeds, 1))
    if kind == 1:
        d = np.sign(d) * (random.random((seeds, n)) < 0.1)
    if kind == 2:
        d = d[:1]
    base = random.normal(0.8, 0.01, len(d))
    return with_seeds(nested_difference(d), list(zip(base, base + d.mean(axis=1))), 1.0)


def read_off(row: Row) -> str:
    """Return the verdict of a gate that a reader of its interval and tolerance alone would give."""
    assert row.interval is not None
    sign = -1.0 if row.better == "lower" else 1.0
    worse, better = sorted(sign * bound for bound in row.interval)
    limit = -(row.tolerance or 0.0)
    if better < limit:
        return "regressed"
    if not row.tolerance:
        return "no regression found"
    return "not worse than the tolerance" if worse > limit else "cannot tell"


@pytest.mark.parametrize("seed", range(12))
def test_the_verdict_of_each_gate_is_read_off_its_interval(seed: int) -> None:
    random = np.random.default_rng(seed)
    verdicts_seen = set()
    for _ in range(10):
        cases = []
        for number in range(random.integers(1, 8)):
            tolerance = float(random.choice([0.0, 0.01, 0.03]))
            better = str(random.choice(["higher", "lower"]))
            row = Row("q/x", f"{number}", True, better=better, tolerance=tolerance or None)  # type: ignore[arg-type]  # a word
            cases.append(Case(row, some_evidence(random, float(random.choice([0.0, -0.06, 0.06]))), tolerance))
        for row in classify_gated(cases):
            if row.interval is not None:
                assert read_off(row) == row.verdict
                verdicts_seen.add(row.verdict)
            else:
                assert row.verdict in ("cannot tell", "no regression found"), "too few seeds for any bound"
    assert len(verdicts_seen) >= 3


@pytest.mark.parametrize("seed", range(6))
def test_a_finding_without_a_gate_is_read_off_its_interval(seed: int) -> None:
    random = np.random.default_rng(seed)
    verdicts_seen = set()
    for _ in range(20):
        cases = [
            Case(Row("q/x", f"{number}", False, better="higher"),
                 some_evidence(random, float(random.choice([0.0, 0.03, -0.03]))))
            for number in range(random.integers(1, 30))
        ]  # fmt: skip
        for row in classify_ungated(cases):
            low, high = row.interval or (0.0, 0.0)
            expected = "worse" if high < 0 else "better" if low > 0 else "no difference found"
            assert row.verdict == expected
            verdicts_seen.add(row.verdict)
    assert len(verdicts_seen) == 3


def test_all_intervals_of_gates_have_the_level_at_which_the_first_undecided_one_was_tested() -> None:
    """Holm tests the third of three gates at the whole level if the other two are decided."""
    rows = classify_gated([Case(Row("q/x", "0", True), of(0.0), TOLERANCE)] * 2 + [case(lost=12)])
    assert [row.verdict for row in rows] == ["not worse than the tolerance"] * 2 + ["cannot tell"]
    assert {row.levels for row in rows} == {(LEVEL, LEVEL / 3)}, "one is not shown not to be worse, none to be worse"
    one = case(lost=12)
    (lower,) = classify_gated([replace(one, row=replace(one.row, better="lower"))] * 2)[:1]
    assert lower.levels == (LEVEL / 2, LEVEL / 2)
    (lower, *_) = classify_gated([replace(one, row=replace(one.row, better="lower")), case(lost=300)])
    assert lower.levels == (LEVEL, LEVEL / 2), "the lower bound of a metric for which lower is better tests for a loss"
    assert lower.interval is not None
    assert lower.interval[1] > TOLERANCE > lower.interval[0]


def test_intervals_without_a_gate_are_narrower_the_more_findings_there_are() -> None:
    row = Row("q/x", "0", False, better="higher")
    null, finding = Case(row, of(0.0)), Case(row, of(0.1))
    for findings, level in ((0, 0.05 / 4), (1, 0.05 / 4), (3, 0.05 * 3 / 4), (4, 0.05)):
        rows = classify_ungated([finding] * findings + [null] * (4 - findings))
        assert [one.levels for one in rows] == [pytest.approx((level / 2, level / 2))] * 4
        low, high = rows[0].interval or (0.0, 0.0)
        assert high - low == pytest.approx(2 * NormalDist().inv_cdf(1 - level / 2) * 1e-3)


def test_two_seeds_that_differ_show_the_wide_interval_that_decides() -> None:
    """The narrow interval of examples and seeds together cleared the tolerance by eye, and seeds alone decided."""
    d = np.zeros((2, 4000))
    d[0, :24], d[1, 24:40] = -1, -1
    values = [(0.90, 0.90 + d[0].mean()), (0.91, 0.91 + d[1].mean())]
    evidence = with_seeds(nested_difference(d), values, 1.0)
    gate = Row("quality/accuracy", "0", True, better="higher", tolerance=0.02, base=0.905, head=0.9, difference=-0.005)
    assert evidence.main.interval(0.95)[0] > -0.02, "the interval that was shown"
    (row,) = classify_gated([Case(gate, evidence, 0.02)])
    assert row.verdict == "cannot tell"
    assert row.interval is not None
    assert row.interval[0] < -0.05


def test_more_examples_are_not_said_to_decide_where_the_seeds_alone_would_not_agree() -> None:
    random = np.random.default_rng(3)
    d = np.where(random.random((2, 400)) < 0.06, random.choice([-1.0, 1.0], (2, 400)), 0.0)
    values = [(0.90, 0.89), (0.92, 0.925)]
    evidence = with_seeds(nested_difference(d), values, 1.0)
    (row,) = classify_gated([Case(Row("q/x", "0", True, better="higher"), evidence, 0.02)])
    examples, seeds = re.findall(
        r"^about ([\d,]+) test examples and (\d+) seeds would decide, not 400 and 2", row.note
    )[0]
    assert required_sample_size(evidence.main, 0.02, LEVEL).seeds == 2, "examples and seeds together need no more seeds"
    for count, decides in ((int(seeds), True), (int(seeds) - 1, False)):
        effects = [
            min_detectable_effect(
                replace(test, variance=test.variance * 2 / count, df=test.df * (count - 1)), LEVEL / len(evidence.seeds)
            )
            for test in evidence.seeds
        ]
        assert (min(effects) <= 0.02) == decides
    assert int(examples.replace(",", "")) > 400


def test_a_ratio_too_large_for_a_number_has_an_infinite_bound() -> None:
    row = Row("t/x", "0", True, better="lower", relative=True, tolerance=0.05)
    wide = Evidence(Difference(-1.0, 0.0, 1e6, 1e6, 1.0, 0, 2), method="processes")
    (row,) = classify_gated([Case(row, wide, 0.05)])
    assert (row.interval, row.smallest) == ((-1.0, math.inf), None)


def test_too_few_seeds_for_any_bound_have_no_interval_and_enough_for_one_have_one_end() -> None:
    def gate(count: int) -> Case:
        values = tuple(-0.1 - 0.001 * number for number in range(count))
        return Case(
            Row("q/x", f"{count}", True, better="higher", tolerance=0.2),
            Evidence(seeds_only_difference(values), flips=values, method="seeds"),
            0.2,
        )

    (few,) = classify_gated([gate(5)])
    assert (few.interval, few.verdict) == (None, "cannot tell")
    rows = classify_gated([gate(7), case()])
    assert rows[0].interval is not None
    assert rows[0].interval[1] == math.inf, "both gates are undecided about a regression, so its level is 0.005"
    assert -0.2 < rows[0].interval[0] < -0.1
    assert rows[0].verdict == "not worse than the tolerance"
