"""Claims about gates: which pass, which fail, and which never count as passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest

from bench_suite.comparison import gates
from bench_suite.comparison.gates import (
    DamagedGate,
    Judgement,
    applies,
    by_seed,
    is_not_asked,
    scope_text,
    seeds_text,
    stated_gates,
    unmeasured,
)
from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.suite.spec import Gate


def record(
    seed: int = 0, value: float | None = 0.8, low: float = 0.75, high: float = 0.85, status: str = "ok", at=None, **cell
) -> Record:
    """Return a record of one cell with one metric, `quality/accuracy`, and its interval over examples."""
    rows = (
        MetricRow(
            "quality/accuracy",
            value,
            "fraction",
            "higher",
            None if value is not None else "no scores",
            at or {},
            Interval(low, high) if value is not None else None,
        ),
    )
    labels = {"task": "loans", "model": "mlp", "engine": "native", "precision": "32-true", "seed": seed, **cell}
    return Record(
        "run",
        "s",
        f"id{seed}",
        "",
        labels,
        {},
        "ok",
        None,
        {"quality": ProbeRow(status, "k")},
        metrics=rows if status == "ok" else (),
    )


def broken(seed: int, status: Literal["ok", "failed"] = "ok") -> Record:
    """Return a record without the metric: its probe failed, or the whole cell."""
    probes = {"quality": ProbeRow("failed", "k", "3 scores are not finite numbers")}
    return replace(
        record(seed, status="failed"), probes=probes, status=status, reason=None if status == "ok" else "no memory"
    )


def judge(
    section: Mapping[str, Any], records: Iterable[Record], summaries: Iterable[MetricRow] = (),
    undecided: str = "exit 4",
) -> list[Judgement]:  # fmt: skip
    """Judge the gates as `run.json` states them."""
    return gates.judge(stated_gates(section), records, summaries, undecided)


def verdicts(rules: dict[str, float], *records: Record) -> list[str]:
    """Return the result of `judge` for one gate."""
    return [judgement.verdict for judgement in judge({"quality/accuracy": rules}, records)]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ({"min": 0.7}, "passed"),
        ({"min": 0.8}, "passed"),
        ({"min": 0.82}, "cannot tell"),
        ({"min": 0.86}, "failed"),
        ({"max": 0.9}, "passed"),
        ({"max": 0.8}, "passed"),
        ({"max": 0.78}, "cannot tell"),
        ({"max": 0.7}, "failed"),
        ({"min": 0.7, "max": 0.9}, "passed"),
        ({"min": 0.7, "max": 0.74}, "failed"),
        ({"min": 0.85}, "cannot tell"),
        ({"max": 0.75}, "cannot tell"),
        ({"min": 0}, "passed"),
        ({"tolerance": 0.1}, "not judged"),
        ({"tolerance": "5%", "min": 0.9}, "failed"),
        ({}, "not judged"),
    ],
)
def test_a_gate_fails_only_where_the_interval_lies_wholly_outside(rules, verdict):
    assert verdicts(rules, record()) == [verdict]


def test_the_mean_over_seeds_is_judged_and_not_each_seed():
    records = [record(0, 0.7, 0.69, 0.71), record(1, 0.9, 0.89, 0.91)]
    assert verdicts({"min": 0.8}, *records) == ["passed"]
    assert verdicts({"min": 0.81}, *records) == ["cannot tell"], "two seeds that far apart leave a wide interval"
    (judgement,) = judge({"quality/accuracy": {"min": 0.8}}, records)
    assert judgement.where == "loans, mlp"
    assert judgement.message.startswith("0.8 [")


def test_an_accuracy_over_seeds_is_told_with_an_interval_of_what_it_can_be():
    (judgement,) = judge({"quality/accuracy": {"min": 0.9}}, [record(0, 0.9, 0.8, 1.0), record(1, 0.98, 0.94, 1.0)])
    assert (judgement.verdict, judgement.message) == ("passed", "0.94 [0.7815, 1]; the interval crosses min 0.9")


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([record(value=None)], "0 of 1 seeds have it: no scores"),
        ([record(0), record(1, value=None)], "1 of 2 seeds have it: no scores"),
        ([record(0), broken(1)], "1 of 2 seeds have it: probe failed: 3 scores are not finite numbers"),
        ([broken(0)], "no cell has measured it: probe failed: 3 scores are not finite numbers"),
        ([record(0), broken(1, "failed")], "1 of 2 seeds have it: no memory"),
        ([broken(0, "failed")], "no cell has measured it: no memory"),
    ],
)
def test_a_metric_that_should_be_there_and_is_not_is_absent_and_says_why(records, reason):
    (judgement,) = judge({"quality/accuracy": {"min": 0.1}}, records)
    assert (judgement.verdict, judgement.message) == ("absent", reason)


def test_a_metric_of_a_probe_that_does_not_apply_is_not_missed():
    other = record(status="not applicable", model="cnn")
    assert verdicts({"min": 0.1}, record(), other) == ["passed"]


def test_a_metric_that_the_problem_of_a_cell_has_not_is_not_asked_of_it():
    regression = replace(record(task="diabetes"), metrics=(replace(record().metrics[0], name="quality/r2"),))
    assert verdicts({"min": 0.1}, record(), regression) == ["passed"]
    failed = replace(record(task="imdb"), metrics=(), status="failed", probes={"quality": ProbeRow("skipped", "k")})
    assert verdicts({"min": 0.1}, record(), failed) == ["passed", "absent"]


def test_a_gate_that_no_cell_can_be_judged_by_is_never_counted_as_fine():
    assert verdicts({"min": 0.1}, record(status="not applicable")) == ["absent"]


def test_cells_that_differ_in_more_than_their_seed_are_judged_apart():
    records = [
        record(0),
        record(1),
        record(0, precision="bf16-mixed"),
        record(0, model="cnn"),
        record(0, **{"train.epochs": 3}),
    ]
    assert {where: len(group) for where, group in by_seed(records).items()} == {
        "loans, mlp": 2,
        'loans, mlp, precision "bf16-mixed"': 1,
        "loans, cnn": 1,
        "loans, mlp, train.epochs 3": 1,
    }


def test_each_set_of_coordinates_is_judged_apart():
    judgements = judge(
        {"quality/accuracy": {"min": 0.5}}, [record(at={"group": "a"}), record(1, 0.2, 0.1, 0.3, at={"group": "b"})]
    )
    assert {judgement.where: judgement.verdict for judgement in judgements} == {
        "loans, mlp (group a)": "absent",
        "loans, mlp (group b)": "absent",
    }


def test_a_metric_of_the_run_as_a_whole_is_judged_once():
    row = MetricRow("agreement/tau", 0.4, "fraction", "higher", interval=Interval(0.3, 0.5, over="seeds"))
    (judgement,) = judge({"agreement/tau": {"min": 0.6}}, [record(0), record(1)], [row])
    assert (judgement.verdict, judgement.where) == ("failed", "all cells")


def test_a_judgement_names_its_metric_its_cells_and_the_numbers():
    name, where = "quality/accuracy", "loans, mlp"
    for rules, verdict, message in (
        ({"min": 0.5}, "passed", "0.8 [0.75, 0.85]"),
        ({"min": 0.78}, "passed", "0.8 [0.75, 0.85]; the interval crosses min 0.78"),
        ({"max": 0.82}, "passed", "0.8 [0.75, 0.85]; the interval crosses max 0.82"),
        ({"min": 0.82}, "cannot tell", "0.8 [0.75, 0.85]: the mean is outside min 0.82, and its interval crosses it"),
        ({"max": 0.78}, "cannot tell", "0.8 [0.75, 0.85]: the mean is outside max 0.78, and its interval crosses it"),
        ({"min": 0.9}, "failed", "0.8 [0.75, 0.85] lies outside min 0.9"),
        ({"max": 0.7}, "failed", "0.8 [0.75, 0.85] lies outside max 0.7"),
    ):
        status = {"passed": 0, "failed": 1, "cannot tell": 4}[verdict]
        assert judge({name: rules}, [record()]) == [Judgement(name, where, verdict, message, status)]
    bare = replace(record(), metrics=(replace(record().metrics[0], interval=None),))
    assert judge({name: {"min": 0.9}}, [bare]) == [
        Judgement(name, where, "failed", "0.8 (no interval) lies outside min 0.9", 1)
    ]
    assert judge({name: {"tolerance": 0.1}}, [record()]) == [
        Judgement(name, "all cells", "not judged", "a tolerance is judged against a baseline", needs_baseline=True)
    ]
    assert judge({name: {"min": 0.1}}, []) == [Judgement(name, "all cells", "absent", "no cell has measured it", 3)]
    assert judge({name: {"min": 0.1}}, [broken(0, "failed")]) == [
        Judgement(name, where, "absent", "no cell has measured it: no memory", 3)
    ]


@pytest.mark.parametrize(("undecided", "status"), [("exit 4", 4), ("fail", 1), ("warn", 0)])
def test_a_mean_outside_its_bound_ends_with_0_only_if_the_suite_says_so(undecided, status):
    """One catastrophic prediction: R² falls from 0.73 to −16.4, and its interval reaches up to the bound again."""
    bad = record(0, -16.4, -60.0, 0.76)
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [bad], undecided=undecided)
    assert (judgement.verdict, judgement.status) == ("cannot tell", status)
    assert judgement.message == "-16.4 [-60, 0.76]: the mean is outside min 0.5, and its interval crosses it"
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [record(0, -16.4, -60.0, 0.49)], undecided=undecided)
    assert (judgement.verdict, judgement.status) == ("failed", 1)
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [record(0, 0.51, 0.1, 0.76)], undecided=undecided)
    assert (judgement.verdict, judgement.status) == ("passed", 0)


def test_a_metric_that_some_seeds_lack_asks_for_status_3():
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [record(0), record(1, value=None)])
    assert (judgement.verdict, judgement.status) == ("absent", 3)


def test_the_interval_of_a_metric_of_the_whole_run_counts():
    row = MetricRow("agreement/tau", 0.4, "fraction", "higher", interval=Interval(0.3, 0.5, over="seeds"))
    for minimum, verdict in ((0.35, "passed"), (0.45, "cannot tell"), (0.55, "failed")):
        (judgement,) = judge({"agreement/tau": {"min": minimum}}, [record()], [row])
        assert judgement.verdict == verdict


def test_each_gate_is_judged_whatever_became_of_another():
    rules = {"quality/x": {"tolerance": 0.1}, "agreement/tau": {"min": 0.6}, "quality/accuracy": {"min": 0.5}}
    row = MetricRow("agreement/tau", 0.4, "fraction", "higher")
    other = MetricRow("agreement/other", 0.9, "fraction", "higher")
    judgements = judge(rules, iter([record()]), iter([other, row]))
    assert [(judgement.metric, judgement.where, judgement.verdict) for judgement in judgements] == [
        ("quality/x", "all cells", "not judged"),
        ("agreement/tau", "all cells", "failed"),
        ("quality/accuracy", "loans, mlp", "passed"),
    ]


def test_a_metric_of_the_whole_run_is_judged_at_each_of_its_coordinates():
    rows = [
        MetricRow("agreement/tau", 0.4, "fraction", "higher", at={"task": "b", "by": "a"}),
        MetricRow("agreement/tau", None, "fraction", "higher", "one model", at={"by": "b", "task": "b"}),
        MetricRow("agreement/tau", None, "fraction", "higher"),
    ]
    assert judge({"agreement/tau": {"min": 0.3}}, [record()], rows) == [
        Judgement("agreement/tau", "all cells (by a, task b)", "passed", "0.4 (no interval)"),
        Judgement("agreement/tau", "all cells (by b, task b)", "absent", "one model", 3),
        Judgement("agreement/tau", "all cells", "absent", "it has no value", 3),
    ]


def test_coordinates_are_named_in_alphabetical_order_and_shared_by_seeds():
    at = {"group": "a", "attribute": "sex"}
    records = [record(0, at=at), record(1, at=dict(reversed(at.items())))]
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, records)
    assert (judgement.metric, judgement.where, judgement.verdict) == (
        "quality/accuracy", "loans, mlp (attribute sex, group a)", "passed",
    )  # fmt: skip
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [record(0, at=at), record(1, None, at=at)])
    assert (judgement.where, judgement.message) == (
        "loans, mlp (attribute sex, group a)",
        "1 of 2 seeds have it: no scores",
    )
    silent = replace(record(1), metrics=(replace(record(1, None).metrics[0], reason=None),))
    (judgement,) = judge({"quality/accuracy": {"min": 0.5}}, [record(0), silent])
    assert judgement.message == "1 of 2 seeds have it: a cell failed"


def test_why_a_metric_was_not_measured_is_what_became_of_its_probe():
    assert unmeasured("quality/accuracy", broken(0)) == "probe failed: 3 scores are not finite numbers"
    assert unmeasured("quality/accuracy/top_5", broken(0)) == "probe failed: 3 scores are not finite numbers"
    assert unmeasured("quality/accuracy", record()) == ""
    assert unmeasured("other/accuracy", broken(0)) == ""
    assert unmeasured("quality/x", record(status="skipped")) == "probe skipped: no reason given"
    (judgement,) = judge({"quality/accuracy": {"min": 0.1}}, [replace(broken(0, "failed"), reason=None)])
    assert judgement.message == "no cell has measured it: a cell failed"


def test_cells_are_named_by_what_they_have():
    other = replace(record(), cell={"seed": 0, "task": "loans", "model": "mlp", "fold": None, "engine": "lightning"})
    assert list(by_seed([other])) == ['loans, mlp, engine "lightning"']
    assert list(by_seed([replace(record(), cell={"seed": 3, "device": "cpu"})])) == ['?, ?, device "cpu"']
    assert by_seed([record(0), record(1)]) == {"loans, mlp": [record(0), record(1)]}


# ── gates for some cells ────────────────────────────────────────────────────────────────────────


def outcomes(section: Mapping[str, Any], *records: Record) -> list[tuple[str, str]]:
    """Return where each gate was judged, and its verdict."""
    return [(judgement.where, judgement.verdict) for judgement in judge(section, records)]


def test_a_gate_judges_the_cells_that_it_is_for_and_no_other():
    cells = [record(0), record(0, 0.3, 0.2, 0.4, model="cnn"), record(1, model="cnn")]
    assert outcomes({"quality/accuracy": {"min": 0.7, "only": {"model": ["mlp"]}}}, *cells) == [
        ("loans, mlp", "passed")
    ]
    assert outcomes({"quality/accuracy": {"min": 0.7, "only": {"model": ["cnn"], "seed": [1]}}}, *cells) == [
        ("loans, cnn, seed 1", "passed")
    ]
    assert outcomes({"quality/accuracy": {"min": 0.7, "only": {"model": ["vit"]}}}, *cells) == [("model vit", "absent")]


def test_each_rule_of_a_list_is_judged_by_itself_even_if_they_contradict_each_other():
    rules = [{"min": 0.9}, {"max": 0.1, "only": {"model": ["mlp"]}}, {"tolerance": 0.1, "only": {"seed": [0, 1]}}]
    assert outcomes({"quality/accuracy": rules}, record(0)) == [
        ("loans, mlp", "failed"), ("loans, mlp", "failed"), ("seed 0 or 1", "not judged"),
    ]  # fmt: skip


def test_a_value_of_an_axis_is_the_same_in_a_suite_and_in_a_record():
    wide = Gate("quality/accuracy", {"min": 0.1}, only={"models.mlp.hidden": ((64, 64),)})
    assert applies(wide, {"models.mlp.hidden": [64, 64]})
    assert applies(wide, {"models.mlp.hidden": (64, 64)})
    assert not applies(wide, {"models.mlp.hidden": [64]})
    assert not applies(wide, {"model": "mlp"}), "a cell that the axis does not concern"
    assert applies(Gate("quality/accuracy", {}), {})


def test_the_cells_of_a_gate_are_named():
    assert scope_text(Gate("quality/accuracy", {})) == "all cells"
    assert scope_text(Gate("quality/accuracy", {}, only={"model": ("mlp", "cnn"), "seed": (0,)})) == (
        "model mlp or cnn, seed 0"
    )
    assert (seeds_text([{"seed": 0}]), seeds_text([{"seed": 0}, {"seed": 3}])) == ("seed 0", "seeds 0, 3")
    assert seeds_text({"seed": seed, "fold": 2} for seed in (0, 1)) == "seeds 0, 1, fold 2"


def of_fold(fold: int, value: float) -> Record:
    """Return a record of a fold of five, whose own interval is narrow."""
    one = record(value=value, low=value - 0.001, high=value + 0.001, fold=fold)
    facts = {"fold": fold, "folds": 5, "repeats": 1, "fingerprint": "f", "examples": 100}
    return replace(one, id=f"fold{fold}", data={"train": 64, "validation": 16, "test": 20, "folds": facts})


def test_folds_are_judged_together_by_an_interval_that_knows_what_they_share() -> None:
    values = [0.80, 0.81, 0.79, 0.82, 0.78]
    records = [of_fold(fold, value) for fold, value in enumerate(values)]
    assert list(by_seed(records)) == ["loans, mlp"]
    # mean 0.8, S² = 0.00025, V = (1/5 + 1/4) S²: half the interval is 2.776 √V = 0.0294; the naive one is 0.0196.
    (undecided,) = judge({"quality/accuracy": {"min": 0.825}}, records)
    assert (undecided.verdict, undecided.where) == ("cannot tell", "loans, mlp")
    (failed,) = judge({"quality/accuracy": {"min": 0.83}}, records)
    assert failed.verdict == "failed"


def test_a_gate_for_one_fold_names_it() -> None:
    records = [of_fold(fold, 0.8) for fold in range(5)]
    (judgement,) = judge({"quality/accuracy": {"min": 0.7, "only": {"fold": [2]}}}, records)
    assert (judgement.verdict, judgement.where) == ("passed", "loans, mlp, seed 0, fold 2")


@pytest.mark.parametrize(
    "stated",
    [None, 3, [3], {"tolerance": -1}, {"tolerance": "x"}, {"min": "x"}, {"only": 3}, {"only": {"model": 3}}],
)
def test_a_gate_that_cannot_be_read_is_named(stated):
    with pytest.raises(DamagedGate, match="the gate on quality/accuracy is "):
        stated_gates({"quality/accuracy": stated})


def test_a_metric_of_the_whole_run_has_no_cells_to_choose():
    row = MetricRow("agreement/tau", 0.4, "fraction", "higher")
    (judgement,) = judge({"agreement/tau": {"min": 0.1, "only": {"model": ["mlp"]}}}, [record()], [row])
    assert (judgement.verdict, judgement.status) == ("absent", 3)
    assert "metric of the whole run" in judgement.message


def test_a_cell_that_a_probe_is_not_asked_of_does_not_lack_its_metrics():
    elsewhere = replace(record(1), probes={"throughput": ProbeRow("ok", "k")}, metrics=())
    rules = {"quality/accuracy": {"min": 0.1}}
    assert verdicts({"min": 0.1}, record(0), elsewhere) == ["passed"]
    assert outcomes(rules, record(0), replace(elsewhere, cell={**elsewhere.cell, "model": "cnn"})) == [
        ("loans, mlp", "passed")
    ]
    assert verdicts({"min": 0.1}, elsewhere) == ["absent"], "no cell at all has measured it"
    failed = replace(elsewhere, status="failed", reason="no memory", probes={})
    assert verdicts({"min": 0.1}, record(0), failed) == ["absent"], "it is not known what was asked of it"
    assert [is_not_asked("quality", one) for one in (record(0), elsewhere, failed)] == [False, True, False]


@pytest.mark.parametrize(("value", "shown"), [(0.69996, "0.69996"), (0.7, "0.7"), (0.123456, "0.1235")])
def test_a_value_beside_its_bound_is_shown_with_the_digits_in_which_they_differ(value, shown):
    (judgement,) = judge({"quality/accuracy": {"min": 0.7}}, [record(0, value, value, value)])
    assert judgement.message.startswith(f"{shown} [")


def test_run_json_states_the_reference_of_a_ratio_and_it_is_none_of_the_cells():
    section = {"quality/accuracy": [{"min": 0.5}, {"ratio_to": "linear", "min": 0.9, "only": {"seed": [0]}}]}
    value, ratio = stated_gates(section)
    assert (value.ratio_to, ratio.ratio_to, ratio.rules) == ("", "linear", {"min": 0.9})
    assert ratio.to_json() == section["quality/accuracy"][1]
    assert [applies(ratio, {"model": model, "seed": 0}) for model in ("mlp", "linear")] == [True, False]
    assert applies(value, {"model": "linear", "seed": 0})
    for damaged in (3, None, ["linear"]):
        with pytest.raises(DamagedGate, match="the gate on quality/accuracy"):
            stated_gates({"quality/accuracy": {"ratio_to": damaged, "min": 0.9}})
