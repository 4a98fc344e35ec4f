"""`bench selftest`: all is as known here, and an instrument that is broken on purpose is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bench_suite import trained
from bench_suite.attribution import faithfulness
from bench_suite.contracts import Interval
from bench_suite.fairness import groups
from bench_suite.metrics import accuracy, mae, roc_auc
from bench_suite.probes import generalization, quality, throughput
from bench_suite.selftest import running
from bench_suite.training import flops

LINE = "planted_line"


@pytest.mark.slow
def test_the_whole_of_it_finds_what_is_known(bench):
    ended = bench("selftest")
    assert ended.status == 0, ended.out
    rows = [line for line in ended.out.splitlines() if line.startswith("  ") and line.endswith(" ok")]
    plan, checks, _ = running.planned()
    assert len(rows) == len(checks)
    assert f"{len(rows)} of {len(rows)} as known" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert ended.out.rstrip().splitlines()[-1].startswith("next: bench ")
    assert f"[{len(plan.cells)}/{len(plan.cells)}]" in ended.err


def test_nothing_of_it_is_kept(bench, tmp_path):
    assert bench("selftest", "-k", LINE).status == 0
    assert not list(tmp_path.iterdir())


def test_the_json_has_each_number_with_what_is_allowed(bench):
    document = json.loads(bench("selftest", "-k", "quality/mae or quality/rmse", "--json").out)
    assert (document["schema"], document["status"]) == (1, 0)
    assert [check["instrument"] for check in document["checks"]] == ["quality/mae", "quality/rmse"]
    for check in document["checks"]:
        assert check["holds"]
        assert check["least"] <= check["measured"] <= check["most"]
        assert check["error"] == check["measured"] - check["known"]
        assert check["basis"] == "exact"
    assert document["environment"]["packages"]["torch"]


def test_a_word_that_matches_no_check_is_told(bench):
    ended = bench("selftest", "-k", "planted_lime")
    assert ended.status == 2
    assert 'did you mean "planted_line"?' in ended.err


def test_an_extra_that_is_not_installed_is_told_and_costs_nothing_else(bench, monkeypatch):
    monkeypatch.setitem(running.EXTRAS, "fairness", ("no_such_package", running.EXTRAS["fairness"][1]))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 0
    assert "not checked, since it is not installed: fairness   pip install 'bench-suite[fairness]'" in ended.out
    assert not any(check.instrument.startswith("fairness") for check in running.planned()[1])


# ── broken on purpose ───────────────────────────────────────────────────────────────────────────


def off_by(function: Callable[..., float], error: float) -> Callable[..., float]:
    """The same metric, wrong by so much; it asks for the same columns."""

    def wrong(targets: Any, predictions: Any) -> float:
        return function(targets, predictions) + error

    return wrong


def narrow(*arguments: Any, **options: Any) -> Any:
    return Interval(0.795, 0.805), None


def failing(*arguments: Any) -> Any:
    raise RuntimeError("no such kernel")
    yield


def confused(targets: Any, predictions: Any, classes: int | None = None) -> Any:
    return confusion(predictions, targets, classes)


def turned(targets: Any, predictions: Any, positive: int, columns: Any) -> Any:
    return counted(targets, predictions, 1 - positive, columns)


confusion = quality.confusion_matrix
counted = groups.counted
gap = generalization._gap
windows = throughput._windows
backward = flops.training
auroc = faithfulness.auroc

BREAKS = {
    "a metric by one in a thousand": ("-k planted_line", mae, "mae", off_by(mae.mae, 0.001), {"quality/mae"}),
    "a metric by one example of 800": (
        "-k planted_groups", accuracy, "accuracy", off_by(accuracy.accuracy, 1 / 800), {"quality/accuracy"},
    ),
    "intervals that are too narrow": (
        "-k planted_groups", quality, "bootstrap_interval", narrow, {"accuracy, interval width"},
    ),
    "a matrix that is turned": (
        "-k planted_groups", quality, "confusion_matrix", confused, {"quality/confusion"},
    ),
    "rates of the other class": (
        "-k fairness/demographic_parity", groups, "counted", turned, {"fairness/demographic_parity_ratio"},
    ),
    "a gap with the wrong sign": (
        "-k generalization/accuracy", generalization, "_gap",
        lambda name, first, second, at=None: gap(name, second, first, at), {"generalization/accuracy_gap"},
    ),
    "a probe that fails": (
        "-k generalization/accuracy", generalization, "probe", failing, {"generalization/accuracy_gap"},
    ),
}  # fmt: skip

SLOW = {
    "ties that are counted wrongly": (
        "-k planted_groups", roc_auc, "roc_auc", lambda targets, scores: 0.82, {"quality/roc_auc"},
    ),
    "a rank that is turned": (
        "-k localisation", faithfulness, "auroc",
        lambda strength, relevant: 1 - auroc(strength, relevant), {"localisation of saliency"},
    ),
    "a seed that is not set": (
        "-k 'same seed'", trained, "seed_everything", lambda seed: None, {"same seed, other scores"},
    ),
    "a clock that is a tenth too fast": (
        "-k throughput", throughput, "_windows",
        lambda call, seconds: ((calls, 0.9 * spent) for calls, spent in windows(call, seconds)),
        {"throughput/inference"},
    ),
    "a backward pass that is counted twice": (
        "-k matmul and training_flops", flops, "training",
        lambda *arguments: flops.Count(2 * backward(*arguments).flops), {"compute/training_flops"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(bench, monkeypatch, broken):
    found_and_named(bench, monkeypatch, *BREAKS[broken])


@pytest.mark.slow
@pytest.mark.parametrize("broken", SLOW)
def test_a_broken_instrument_of_time_or_work_is_found_and_named(bench, monkeypatch, broken):
    found_and_named(bench, monkeypatch, *SLOW[broken])


def found_and_named(
    bench: Any, monkeypatch: pytest.MonkeyPatch, choice: str, module: Any, name: str, wrong: Any, outside: set[str]
) -> None:
    """The self-test of these cells ends with 1, and just these instruments are outside."""
    monkeypatch.setattr(module, name, wrong)
    ended = bench("selftest", *choice.split(" ", 1), "--json")
    assert ended.status == 1, ended.out
    found = {check["instrument"] for check in json.loads(ended.out)["checks"] if not check["holds"]}
    assert found == outside


def test_what_is_outside_is_named_in_the_last_lines_with_the_way_to_look_into_it(bench, monkeypatch):
    monkeypatch.setattr(mae, "mae", off_by(mae.mae, 0.001))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 1
    assert "2 of 3 as known" in ended.out
    assert "quality/mae" in next(line for line in ended.out.splitlines() if line.endswith("OUTSIDE"))
    assert ended.out.rstrip().splitlines()[-2:] == [
        "OUTSIDE: quality/mae",
        "next: bench run planted -k 'planted_line and planted_rule'   the cell of the first, with a report",
    ]
