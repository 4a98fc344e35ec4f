"""Strategies: the evidence chosen for a metric, and the reasons for none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.rescoring import Examples, Unpaired
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence, with_seeds
from bench_suite.comparison.verdicts import LEVEL, Row
from bench_suite.components import discovery
from bench_suite.contracts import History, Interval, MetricRow, Predictions, ProbeRow
from bench_suite.probes import target
from bench_suite.reports.comparison import as_text
from bench_suite.stats.paired import (
    Difference,
    nested_difference,
    seeds_only_difference,
    unpaired_difference,
    welch_difference,
)
from bench_suite.store.runs import Run
from bench_suite.suite.spec import ComponentUse, metrics_of

NONE = Unpaired("base has no stored predictions")


def metric(
    *values: tuple[float, float], name: str = "q/x", better: Any = "higher", examples: Examples | Unpaired = NONE,
    same_hardware: bool = True, changed: str = "", coordinates: str = "", **facts: Any,
) -> PairedMetric:  # fmt: skip
    """Return a metric with these values of base and head, one pair for each seed, and the same facts in each row."""
    rows = [
        (MetricRow(name, base, "u", better, **facts), MetricRow(name, head, "u", better, **facts))
        for base, head in values
    ]
    location = Location("loans, mlp", same_hardware, examples, frozenset({changed} - {""}))
    return PairedMetric(Row(name, "loans, mlp", True, coordinates, better=better), rows, location)


def predictions(*correct: int) -> Predictions:
    """Return predictions of one class, correct if `correct` is 1."""
    return Predictions("test", np.arange(len(correct)), {"targets": np.ones(len(correct), int),
                                                         "predictions": np.array(correct)})  # fmt: skip


# ── timings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "timing"),
    [
        (MetricRow("t/x", 1.0, "s", "lower"), True),
        (MetricRow("t/x", 1.0, "ms", "lower"), True),
        (MetricRow("t/x", 1.0, "samples/s", "higher"), True),
        (MetricRow("t/x", 1.0, "MiB", "lower", samples=(1.0,)), True),
        (MetricRow("t/x", 1.0, "MiB", "lower"), False),
        (MetricRow("t/x", 1.0, "fraction", "lower"), False),
        (MetricRow("t/x", 1.0, "s", "lower", interval=Interval(0.9, 1.1), samples=(1.0,)), False),
        (MetricRow("t/x", 1.0, "", "lower", interval=Interval(0.9, 1.1, over="processes")), True),
        # What a row states goes before its unit, its samples and its interval.
        (MetricRow("t/x", 1.0, "s", "lower", timing=False), False),
        (MetricRow("t/x", 1.0, "MiB", "lower", samples=(1.0,), timing=False), False),
        (MetricRow("t/x", 1.0, "fraction", "lower", timing=True), True),
        (MetricRow("t/x", 1.0, "s", "lower", interval=Interval(0.9, 1.1), timing=True), True),
        (MetricRow("t/x", 1.0, "", "lower", interval=Interval(0.9, 1.1, over="processes"), timing=False), True),
    ],
)
def test_a_timing_is_a_time_a_rate_or_what_several_processes_measured(row: MetricRow, timing: bool) -> None:
    other = MetricRow("t/x", 1.0, "", "lower")
    location = Location("loans, mlp", True, NONE, frozenset())
    for pair in ((row, other), (other, row)):
        assert PairedMetric(Row("t/x", "", True), [(other, other), pair], location).is_timing is timing


def timing(base: tuple[float, ...], head: tuple[float, ...], better: Any = "lower", **changes: Any) -> PairedMetric:
    paired_metric = metric((1.0, 1.0), (1.0, 1.0), name="t/x", better=better, **changes)
    interval = Interval(0.0, 9.0, over="processes")
    values = [
        (replace(one, samples=base, interval=interval), replace(other, samples=head, interval=interval))
        for one, other in paired_metric.values
    ]
    return replace(paired_metric, values=values)


@pytest.mark.parametrize(("better", "sign"), [("lower", -1.0), ("higher", 1.0)])
def test_logarithms_of_the_processes_of_all_seeds_are_compared_by_welchs_test(better: str, sign: float) -> None:
    """The times include some below a second, whose logarithms are negative."""
    base, head = (0.10, 0.11, 0.12), (0.2, 0.21, 0.25, 0.24)
    evidence = find_evidence(timing(base, head, better))
    logs = [[sign * math.log(value) for value in side * 2] for side in (base, head)]
    assert evidence.main == welch_difference(*logs)
    assert (evidence.method, evidence.seeds, evidence.flips) == ("processes", (), ())
    assert evidence.main.count == 6


@pytest.mark.parametrize(
    ("paired_metric", "message"),
    [
        (timing((1.0,) * 5, (1.0,) * 5, same_hardware=False), "the hardware differs or is not known"),
        (timing((1.0,) * 5, (1.0,) * 2), "a side has 4 processes; at least 5 are needed"),
        (timing((1.0,) * 2, (1.0,) * 5), "a side has 4 processes; at least 5 are needed"),
        (timing((1.0,) * 5, (1.0, 1.0, 0.0)), "a timing is not a positive number"),
        (timing((1.0, 1.0, -1.0), (1.0,) * 5), "a timing is not a positive number"),
        (timing((1.0,) * 5, (1.0,) * 5, changed="t"), "the options of its probe differ"),
    ],
)
def test_timings_that_cannot_be_compared_say_why(paired_metric: PairedMetric, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        find_evidence(paired_metric)


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def test_without_predictions_the_intervals_of_both_sides_are_compared() -> None:
    one = metric((0.8, 0.7), (0.9, 0.85))
    intervals = (Interval(0.7, 0.9, 0.95), Interval(0.6, 0.8, 0.9))
    rows = [tuple(replace(row, interval=i, n=n) for row, i, n in zip(pair, intervals, (50, 40))) for pair in one.values]
    evidence = find_evidence(replace(one, values=rows))
    error = math.hypot(0.1 / 1.959964, 0.1 / 1.644854)
    expected = unpaired_difference([-0.1, -0.05], [error, error], 40)
    assert (evidence.main.value, evidence.main.variance) == pytest.approx((expected.value, expected.variance))
    assert (evidence.main.n, evidence.main.df) == (40, pytest.approx(expected.df))
    assert (evidence.method, evidence.unpaired_reason) == ("intervals", str(NONE))
    assert evidence.seeds == with_seeds(expected, one.numbers, 1.0).seeds
    for side in (0, 1):
        half = [tuple(replace(row, interval=None) if number == side else row for number, row in enumerate(pair))
                for pair in rows]  # fmt: skip
        assert find_evidence(replace(one, values=half)).method == "seeds"
    assert find_evidence(replace(one, values=[rows[0], one.values[1]])).method == "seeds", "each value needs one"
    lower = metric((0.8, 0.7), (0.9, 0.85), better="lower", interval=Interval(0.0, 1.0))
    assert find_evidence(lower).main.value == pytest.approx(0.075)
    assert [seeds.value for seeds in find_evidence(lower).seeds] == pytest.approx([0.075, 0.075])
    assert find_evidence(lower).main.n == 0, "a number of examples that is not stated is not known"


@pytest.mark.parametrize(
    ("values", "kind", "method"),
    [
        ([(3.0, 4.0)], "exact", "exact values"),
        ([(3.0, 4.0), (5.0, 6.0)], "exact", "exact values"),
        ([(3.0, 4.0), (5.0, 5.0)], "exact", "seeds"),
        ([(3.0, 3.0), (5.0, 5.0)], "single", "same values"),
        ([(3.0, 4.0), (5.0, 6.0)], "single", "seeds"),
        ([(3.0, 3.0), (5.0, 5.0)], "estimate", "seeds"),
    ],
)
def test_counts_and_equal_single_observations_need_no_interval(values, kind: str, method: str) -> None:
    paired_metric = metric(*values, kind=kind)
    evidence = find_evidence(paired_metric)
    differences = [head - base for base, head in values]
    assert (evidence.method, evidence.main) == (method, seeds_only_difference(differences))
    assert evidence.flips == (tuple(differences) if method == "seeds" else ())


def test_one_observation_or_other_options_are_no_evidence() -> None:
    for paired_metric, message in (
        (metric((3.0, 4.0)), "one observation on each side, without an interval"),
        (metric((3.0, 4.0), kind="single"), "one observation on each side, without an interval"),
        (metric((3.0, 4.0), (3.0, 5.0), same_hardware=False), "the hardware differs or is not known"),
        (metric((3.0, 4.0), changed="q"), "the options of its probe differ"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            find_evidence(paired_metric)
    assert find_evidence(metric((3.0, 4.0), (3.0, 5.0), changed="other")).method == "seeds"


# ── stored predictions ──────────────────────────────────────────────────────────────────────────


def test_predictions_that_make_the_metric_are_compared_one_by_one_and_with_the_seeds() -> None:
    base = (predictions(1, 1, 0, 0), predictions(1, 0, 0, 0))
    head = (predictions(0, 1, 0, 1), predictions(0, 0, 0, 0))
    values = [(0.5, 0.5), (0.25, 0.0)]
    examples = Examples(base, head)
    evidence = find_evidence(metric(*values, name="q/accuracy", examples=examples, of_predictions=True))
    d = np.array([[-1, 0, 0, 1], [-1, 0, 0, 0]])
    assert (evidence.method, evidence.main) == ("examples", nested_difference(d))
    assert evidence.seeds == with_seeds(evidence.main, values, 1.0).seeds
    assert len(evidence.seeds) == 2
    for changes in (
        {"of_predictions": False, "name": "q/accuracy"},
        {"of_predictions": True, "name": "q/easy/accuracy"},
        {"of_predictions": True, "name": "q/accuracy", "coordinates": "group a"},
    ):
        assert find_evidence(metric(*values, examples=examples, **changes)).method == "seeds"
    other = metric(*values, name="q/easy/accuracy", examples=examples, of_predictions=True)
    assert find_evidence(other).unpaired_reason == "easy/accuracy is no metric of single predictions"


def test_the_same_predictions_are_no_difference_if_the_values_agree() -> None:
    side = (predictions(1, 1, 0, 0),)
    same, flipped = Examples(side, side), Examples(side, (predictions(1, 0, 1, 0),))
    facts: dict[str, Any] = {"name": "fairness/gap", "coordinates": "group a", "interval": Interval(0.0, 1.0), "n": 4}
    evidence = find_evidence(metric((0.5, 0.5), examples=same, of_predictions=True, **facts))
    assert (evidence.method, evidence.main) == ("same predictions", Difference(0.0, 0.0, 0.0, 0.0, math.inf, 4, 1))
    for values, examples, stated in (
        ((0.5, 0.6), same, True),
        ((0.5, 0.5), flipped, True),
        ((0.5, 0.5), same, False),
        ((0.5, 0.5), NONE, True),
    ):
        paired_metric = metric(values, examples=examples, of_predictions=stated, **facts)
        assert find_evidence(paired_metric).method == "intervals"


def test_several_seeds_are_compared_paired_and_as_two_samples() -> None:
    numbers = [(0.8, 0.7), (0.9, 0.85)]
    main = Difference(-0.075, 1e-4, 0.0, 1e-4, 9.0, 10, 2)
    evidence = with_seeds(main, numbers, -1.0)
    assert evidence.main == main
    paired, welch = evidence.seeds
    assert paired == seeds_only_difference([-0.7 + 0.8, -0.85 + 0.9])
    assert welch == welch_difference([-0.8, -0.9], [-0.7, -0.85])
    assert with_seeds(main, numbers[:1], 1.0).seeds == ()


# ── stored runs ─────────────────────────────────────────────────────────────────────────────────


def test_the_same_predictions_are_not_worse_whatever_their_number(runs) -> None:
    few = [(runs.cell(), runs.predictions(0.8, n=20))]
    row = runs.gated_row(compare(runs.make(few), runs.make(few)))
    assert (row.verdict, row.method, row.difference) == ("not worse than the tolerance", "same predictions", 0.0)


def test_a_metric_that_predictions_do_not_give_is_compared_by_its_intervals(runs) -> None:
    """For example, a metric of another file with the name of a built-in metric."""
    other = (MetricRow("quality/accuracy", 0.5, "fraction", "higher", interval=Interval(0.48, 0.52), n=runs.n),)
    both = [[(runs.cell(metrics=other), runs.predictions(0.9, seed))] for seed in (0, 1)]
    row = runs.gated_row(compare(*map(runs.make, both)))
    assert row.method == "intervals"
    assert row.interval is not None
    assert row.interval[1] == pytest.approx(0.02 * math.sqrt(2) * 2.3263 / 1.96, rel=0.01), "at the level of the gate"
    assert row.levels == (LEVEL, LEVEL)


def test_a_probes_own_metric_is_not_taken_for_that_of_the_test_split(runs) -> None:
    """Its name and almost its value equal the accuracy, but of other examples; an edited number is also rejected."""

    def run(value: float, *, stated: bool) -> Run:
        interval = Interval(value - 0.01, value + 0.01)
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=interval, of_predictions=stated)
        return runs.make([(runs.cell(metrics=(row,)), runs.predictions(0.95))])

    for stated, why in (
        (False, "its probe does not state that the predictions of the test split alone make it"),
        (True, "the record has 0.95"),
    ):
        row = runs.gated_row(compare(run(0.95, stated=stated), run(0.935, stated=stated)))
        assert row.difference == pytest.approx(-0.015)
        assert row.method == "intervals"
        assert why in row.note


def test_equal_values_alone_prove_nothing_but_of_exact_counts(runs) -> None:
    """All resamples give an accuracy of 1, so there is no interval."""
    both = [runs.predictions_of(np.ones(100, dtype=bool)) for _ in range(2)]
    row = MetricRow("quality/accuracy", 1.0, "fraction", "higher", "all resamples agree", of_predictions=True, n=100)
    base, head = (runs.make([(runs.cell(metrics=(row,)), predictions)]) for predictions in both)
    next(base.path.glob("cells/*/*.parquet")).unlink()
    compared_row = runs.gated_row(compare(base, head))
    assert (compared_row.verdict, compared_row.note.split(";")[0]) == (
        "cannot tell",
        "one observation on each side, without an interval",
    )


PARITY = {"fairness/demographic_parity_difference": {"tolerance": 0.02}}


def parity(
    runs, predictions: Predictions, *, value=0.1, of_predictions: bool = True, key: str = "k", gate=PARITY
) -> Run:
    """Write a run of two seeds whose gate is on a metric with a coordinate that no built-in file computes."""
    rows = [
        MetricRow(
            "fairness/demographic_parity_difference", value, "fraction", "lower", at={"attribute": "sex"},
            interval=Interval(0.0, 0.2), n=runs.n, of_predictions=of_predictions,
        )
    ]  # fmt: skip
    probes = {"fairness": ProbeRow("ok", key)}
    return runs.make([(runs.cell(s, metrics=tuple(rows), probes=probes), predictions) for s in (0, 1)], gate=gate)


def grouped(runs) -> Predictions:
    return replace(runs.predictions(0.9), groups={"sex": np.array(["f", "m"])[np.arange(runs.n) // 7 % 2]})


@pytest.mark.parametrize(("gate", "verdict"), [
    (PARITY, "not worse than the tolerance"),
    ({name: {"max": 0.3} for name in PARITY}, "no regression found"),
])  # fmt: skip
def test_what_is_made_of_the_same_predictions_alone_is_not_worse_and_that_is_said(runs, gate, verdict) -> None:
    shuffled = np.random.default_rng(0).permutation(runs.n)
    other = grouped(runs)
    other = replace(
        other, ids=other.ids[shuffled], columns={name: values[shuffled] for name, values in other.columns.items()},
        groups={"sex": other.groups["sex"][shuffled]},
    )  # fmt: skip
    comparison = compare(parity(runs, grouped(runs), gate=gate), parity(runs, other, gate=gate))
    row = runs.gated_row(comparison)
    assert (row.verdict, row.method, row.difference, comparison.status) == (verdict, "same predictions", 0.0, 0)
    assert "the same predictions, one by one" in row.note
    assert row.smallest is None
    assert "finds" not in as_text(comparison)


def test_a_difference_of_0_proves_nothing_where_predictions_differ_or_are_not_all_that_it_is_made_of(
    runs,
) -> None:
    one, flipped = grouped(runs), grouped(runs)
    flipped["predictions"][0] ^= 1
    moved = replace(one, groups={"sex": one.groups["sex"][::-1].copy()})
    rounded = replace(one, columns={**one.columns, "scores": one["scores"] * np.float32(0.99)})
    for head in (flipped, moved, rounded):
        assert runs.gated_row(compare(parity(runs, one), parity(runs, head))).verdict == "cannot tell"
    changed = runs.gated_row(compare(parity(runs, one), parity(runs, one, value=0.101)))
    assert (changed.verdict, changed.difference) == ("cannot tell", pytest.approx(0.001))
    alike = [parity(runs, one, of_predictions=False) for _ in "12"]
    assert runs.gated_row(compare(*alike)).verdict == "cannot tell"
    bare = compare(
        parity(runs, one), runs.make([(record, None) for record in parity(runs, one).records()], gate=PARITY)
    )
    assert runs.gated_row(bare).method != "same predictions"
    other = compare(parity(runs, one), parity(runs, one, key="other options"))
    assert (runs.gated_row(other).verdict, runs.gated_row(other).note) == (
        "cannot tell",
        "the options of its probe differ",
    )


def test_probes_state_which_of_their_metrics_stored_predictions_make() -> None:
    def stated(probe: str) -> set[str]:
        choice = ComponentUse(discovery.find("probes", probe, Path()), probe, {})
        problem = discovery.find("problems", "classification", Path())
        return {name for name, facts in metrics_of(choice, [problem]).items() if facts.get("of_predictions")}

    assert "accuracy" in stated("quality")
    assert {"demographic_parity_difference", "class_recall"} <= stated("fairness")
    assert not {"flip_rate", "score_shift"} & stated("fairness"), "they are of texts whose words were swapped"
    assert not any(map(stated, ("attribution", "throughput", "compute", "generalization")))


def test_one_observation_a_side_tells_nothing_and_an_exact_count_everything(runs) -> None:
    def run(memory: float, parameters: float) -> Run:
        rows = (
            MetricRow("throughput/peak_memory", memory, "MiB", "lower", kind="single"),
            MetricRow("compute/parameters", parameters, "", "lower", kind="exact"),
        )
        gate = {"throughput/peak_memory": {"tolerance": 5}, "compute/parameters": {"tolerance": "10%"}}
        return runs.make([(runs.cell(metrics=rows), None)], gate=gate)

    verdicts = {row.metric: (row.verdict, row.note) for row in compare(run(100, 1000), run(101, 1200)).rows}
    assert verdicts["throughput/peak_memory"] == ("cannot tell", "one observation on each side, without an interval")
    assert verdicts["compute/parameters"][0] == "regressed"
    assert {row.verdict for row in compare(run(100, 1000), run(100, 1050)).rows} == {"not worse than the tolerance"}


def test_the_kind_of_a_metric_makes_a_value_exact_and_no_wording_of_a_reason_does(runs) -> None:
    """Both reasons name an exact number and both values changed; only the metric of kind `exact` can be judged."""

    def run(value: float, kind: str) -> Run:
        reason = "exactly one example was positive"
        row = MetricRow("quality/recall", value, "fraction", "higher", reason, kind=kind)
        return runs.make([(runs.cell(metrics=(row,)), None)], gate={row.name: {"tolerance": 0.01}})

    for kind in ("estimate", "single"):
        row = runs.gated_row(compare(run(0.9, kind), run(0.8, kind)))
        assert (row.verdict, row.method, row.note) == (
            "cannot tell", None, "one observation on each side, without an interval",
        )  # fmt: skip
    assert runs.gated_row(compare(run(0.9, "exact"), run(0.9, "estimate"))).verdict == "cannot tell", "of both sides"
    exact = runs.gated_row(compare(run(0.9, "exact"), run(0.8, "exact")))
    assert (exact.verdict, exact.method) == ("regressed", "exact values")


def test_intervals_of_sides_of_different_size_count_the_smaller_one(runs) -> None:
    """The same holds for each seed: 40 examples are the minimum of 2,000 and 40, 300 and 500."""
    sizes = ((2000, 300), (40, 500))

    def run(side: int) -> Run:
        rows = [MetricRow("q/x", 0.8, "fraction", "higher", interval=Interval(0.7, 0.9), n=n) for n in sizes[side]]
        gate = {"q/x": {"tolerance": 0.01}}
        return runs.make([(runs.cell(seed, metrics=(row,)), None) for seed, row in enumerate(rows)], gate=gate)

    for base, head in ((0, 1), (1, 0)):
        row = runs.gated_row(compare(run(base), run(head)))
        assert (row.method, row.examples) == ("intervals", 40)


def test_what_a_training_took_to_its_target_is_no_exact_count(runs) -> None:
    """Another random order takes another number of epochs, so one training for each side proves nothing."""
    reached_target = {"metric": "quality/accuracy", "wanted": 0.9, "reached": True, "seconds": 1.0}
    network = SimpleNamespace()

    def run(epochs: int) -> Run:
        history = History(
            epochs=({"epoch": 1.0},), target={**reached_target, "epochs": epochs, "samples": 100 * epochs}
        )
        rows = [
            MetricRow(f"target/{metric.name}", metric.value, "", "lower", metric.reason, kind=metric.kind)
            for metric in target.probe(SimpleNamespace(history=history, network=network), None)
            if metric.name != "seconds"
        ]
        return runs.make([(runs.cell(metrics=tuple(rows)), None)], gate={row.name: {"tolerance": "5%"} for row in rows})

    assert {row.verdict for row in compare(run(7), run(10)).rows} == {"cannot tell"}
    assert {row.verdict for row in compare(run(7), run(7)).rows} == {"not worse than the tolerance"}


def test_values_without_intervals_are_judged_by_their_seeds_if_there_are_enough(runs) -> None:
    def run(shift: float, seeds: int) -> Run:
        rows = [(MetricRow("q/x", 0.1 * s + shift * (1 + s / 10), "", "higher", "nothing"),) for s in range(seeds)]
        return runs.make(
            [(runs.cell(s, metrics=row), None) for s, row in enumerate(rows)], gate={"q/x": {"tolerance": 0.1}}
        )

    few, many = (runs.gated_row(compare(run(0.0, seeds), run(-1.0, seeds))) for seeds in (3, 8))
    assert (few.verdict, few.smallest) == ("cannot tell", None)
    assert "7 or more seeds would decide, not 3" in few.note
    assert (many.verdict, many.method) == ("regressed", "seeds")


def test_an_interval_at_a_coordinate_is_compared_without_a_word_on_predictions(runs) -> None:
    row = MetricRow("q/x", 0.5, "u", "higher", at={"group": "a", "by": 3}, interval=Interval(0.4, 0.6), n=50)
    head = replace(row, value=0.7, interval=Interval(0.6, 0.8), of_predictions=True)
    one = runs.predictions(0.9)
    probes = {"q": ProbeRow("ok", "k"), "other": ProbeRow("ok", "k")}
    base = runs.make([(runs.cell(metrics=(row,), probes={"q": ProbeRow("ok", "k")}), one)], gate={})
    (compared_row,) = compare(base, runs.make([(runs.cell(metrics=(head,), probes=probes), one)], gate={})).rows
    assert (compared_row.metric, compared_row.coordinates, compared_row.unit, compared_row.method) == (
        "q/x",
        "by 3, group a",
        "u",
        "intervals",
    )
    assert compared_row.note == "one seed: this describes these trained models, not the method"
    assert (compared_row.base, compared_row.head, compared_row.difference) == (0.5, 0.7, pytest.approx(0.2))
    assert compared_row.interval is not None
    assert sum(compared_row.interval) == pytest.approx(0.4)
    assert (compared_row.examples, compared_row.tolerance, compared_row.relative, compared_row.seeds) == (
        50,
        None,
        False,
        1,
    )


def test_the_same_predictions_of_a_handful_of_examples_are_enough(runs) -> None:
    few = [(runs.cell(), runs.predictions(0.8, n=5))]
    row = runs.gated_row(compare(runs.make(few), runs.make(few)))
    assert (row.verdict, row.method, row.examples) == ("not worse than the tolerance", "same predictions", 5)


# ── timings of stored runs ──────────────────────────────────────────────────────────────────────


def timed(runs, samples: tuple[float, ...], over: str | None = "processes", environment=None, better="higher") -> Run:
    interval = Interval(min(samples), max(samples), 0.95, "processes") if over else None
    row = MetricRow(
        "throughput/train", float(np.median(samples)), "samples/s", better, interval=interval, samples=samples
    )
    gate = {"throughput/train": {"tolerance": "5%"}}
    return runs.make([(runs.cell(metrics=(row,)), None)], environment or runs.environment, gate=gate)


FIVE = (100.0, 101.0, 99.0, 100.5, 99.5)


@pytest.mark.parametrize(
    ("factor", "better", "verdict", "change"),
    [
        (0.8, "higher", "regressed", -0.2),
        (1.0, "higher", "not worse than the tolerance", 0.0),
        (1.2, "lower", "regressed", 0.2),
        (0.95, "higher", "cannot tell", -0.05),
    ],
)
def test_timings_are_compared_by_ratio_over_processes(runs, factor, better, verdict, change) -> None:
    slower = tuple(factor * sample for sample in FIVE)
    row = runs.gated_row(compare(timed(runs, FIVE, better=better), timed(runs, slower, better=better)))
    assert (row.verdict, row.method) == (verdict, "processes")
    assert row.difference == pytest.approx(change)
    assert row.tolerance == pytest.approx(0.05)
    if verdict == "cannot tell":
        assert "processes a side would decide" in row.note


@pytest.mark.parametrize("tolerance", [10, 10.0, "10%", "10 %"])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_tolerance_of_a_timing_in_its_unit_is_a_share_of_base_too(runs, tolerance: Any, better: Any) -> None:
    interval = Interval(99.0, 101.0, 0.95, "processes")
    row = MetricRow("t/x", 100.0, "samples/s", better, interval=interval, samples=FIVE)
    gate = {"t/x": {"tolerance": tolerance}}
    one, other = (runs.make([(runs.cell(metrics=(row,)), None)], gate=gate) for _ in "12")
    compared_row = runs.gated_row(compare(one, other))
    assert (compared_row.verdict, compared_row.relative, compared_row.tolerance) == (
        "not worse than the tolerance", True, pytest.approx(0.1),
    )  # fmt: skip
    assert compared_row.smallest is not None
    assert 0.1 < compared_row.smallest < 0.15
    gate["t/x"]["tolerance"] = 1000 if better == "higher" else 0
    wide = runs.gated_row(compare(one, runs.make([(runs.cell(metrics=(row,)), None)], gate=gate)))
    assert wide.tolerance == (pytest.approx(0.999) if better == "higher" else None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"environment": {"hardware": {"cpu": "another", "usable_cores": 2}}}, "the hardware differs or is not known"),
        ({"over": None}, "no interval over processes"),
        ({"samples": FIVE[:4]}, "a side has 4 processes; at least 5 are needed"),
        ({"samples": (*FIVE[:4], 0.0)}, "not a positive number"),
    ],
)
def test_timings_that_cannot_be_compared_say_why_and_are_never_fine(runs, change, reason: str) -> None:
    comparison = compare(timed(runs, FIVE), timed(runs, **{"samples": FIVE, **change}))
    assert runs.gated_row(comparison).verdict == "cannot tell"
    assert reason in runs.gated_row(comparison).note
    assert comparison.status == 4


def test_each_pair_of_cells_is_asked_for_its_hardware_and_an_unknown_one_is_never_the_same(runs) -> None:
    elsewhere = {"hardware": {"cpu": "another", "usable_cores": 2}}
    rows = timed(runs, FIVE).records()[0].metrics
    gate = {"throughput/train": {"tolerance": "5%"}}

    def run(first: dict[str, Any], second: dict[str, Any]) -> Run:
        new_run = runs.make([], gate=gate)
        with new_run.writer() as writer:
            for model, where in (("mlp", first), ("cnn", second)):
                writer.write(replace(runs.cell(model=model, metrics=rows), environment=new_run.add_environment(where)))
        return new_run

    swapped = (
        (runs.environment, elsewhere),
        (elsewhere, runs.environment),
        "differs or is not known for loans, mlp; loans, cnn",
    )
    for base, there, text in (swapped, (({}, {}), ({}, {}), "not known")):
        comparison = compare(run(*base), run(*there))
        assert [row.verdict for row in comparison.rows] == ["cannot tell"] * 2
        assert any(note.startswith("hardware") and text in note for note in comparison.notes)
    assert {
        row.verdict for row in compare(run(runs.environment, elsewhere), run(runs.environment, elsewhere)).rows
    } == {"not worse than the tolerance"}


def test_other_options_of_a_probe_bar_all_that_predictions_do_not_give(runs) -> None:
    def run(key: str) -> Run:
        rows = (
            *runs.accuracy_of(runs.predictions(0.9)),
            MetricRow("quality/x", 1.0, "", "higher", interval=Interval(0.9, 1.1)),
        )
        return runs.make([(runs.cell(metrics=rows, probes={"quality": ProbeRow("ok", key)}), runs.predictions(0.9))])

    rows = {row.metric: row for row in compare(run("k"), run("other")).rows}
    assert rows["quality/accuracy"].verdict == "not worse than the tolerance"
    assert (rows["quality/x"].verdict, rows["quality/x"].note) == ("not compared", "the options of its probe differ")
    text = as_text(compare(run("k"), run("other")))
    assert "not gated: 1 not compared\n    quality/x, loans, mlp: the options of its probe differ\n" in text
