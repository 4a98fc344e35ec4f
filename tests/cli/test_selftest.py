"""`bench selftest`: all checks pass here, and what is outside is named; `test_selftest_*.py` break instruments."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.metrics import mae
from bench_suite.probes.fairness import words
from bench_suite.selftest import runner

LINE = "planted_line"


@pytest.mark.slow
def test_the_whole_of_it_finds_what_is_known(bench):
    ended = bench("selftest")
    assert ended.status == 0, ended.out
    rows = [line for line in ended.out.splitlines() if line.startswith("  ") and line.endswith(" ok")]
    plan, checks, _ = runner.plan_checks()
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
    monkeypatch.setitem(runner.EXTRAS, "fairness", ("no_such_package", runner.EXTRAS["fairness"][1]))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 0
    assert "not checked, since it is not installed: fairness   pip install 'bench-suite[fairness]'" in ended.out
    assert not any(check.instrument.startswith("fairness") for check in runner.plan_checks()[1])


def off_by(function: Callable[..., float], error: float) -> Callable[..., float]:
    """Return the same metric with this offset; it needs the same columns."""

    def wrong(targets: Any, predictions: Any) -> float:
        return function(targets, predictions) + error

    return wrong


def of_the_other_class(swap: Any, test: Any, after: Any, positive: int) -> Any:
    return with_predictions(swap, test, after, 1 - positive)


with_predictions = words._with_predictions


def test_what_is_outside_is_named_in_the_last_lines_with_the_way_to_look_into_it(bench, monkeypatch):
    monkeypatch.setattr(mae, "mae", off_by(mae.mae, 0.001))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 1
    holds, checks = re.search(r"(\d+) of (\d+) as known", ended.out).groups()
    assert int(holds) == int(checks) - 1 > 1
    assert "quality/mae" in next(line for line in ended.out.splitlines() if line.endswith("OUTSIDE"))
    assert ended.out.rstrip().splitlines()[-2:] == [
        "OUTSIDE: quality/mae",
        "next: bench run planted -k 'planted_line and planted_rule'   the cell of the first, with a report",
    ]


def test_the_way_to_look_into_a_cell_adds_the_probes_of_extras_that_it_has(bench, monkeypatch):
    monkeypatch.setattr(words, "_with_predictions", of_the_other_class)
    ended = bench("selftest", "-k", "score_shift")
    assert ended.status == 1
    command = ended.out.rstrip().splitlines()[-1].removeprefix("next: bench run ").partition("   ")[0]
    planned = bench("plan", *shlex.split(command))
    assert planned.status == 0, planned.err
    assert "probes.fairness=" in command
    assert "planted_words" in planned.out
