"""A probe that measures during training: it sees the whole training and nothing after it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest


def test_it_counts_every_step_of_the_training_and_none_after(walk: Any, metric: Callable[..., float]) -> None:
    record = walk("during_probe").record(model="mlp")
    assert metric(record, "counter/steps") == 2 * math.ceil(record.data["train"] / 64)
    assert metric(record, "counter/steps_after") == 0


def test_an_estimator_takes_no_step_of_an_optimiser(walk: Any, metric: Callable[..., float]) -> None:
    assert metric(walk("during_probe").record(model="logistic_regression"), "counter/steps") == 0


def test_added_to_a_finished_run_it_trains_again_and_the_other_probes_stay_done(
    prepare: Any, metric: Callable[..., float]
) -> None:
    walked = prepare("during_probe")
    suite = walked.folder / "suite.toml"
    whole = suite.read_text()
    suite.write_text(whole.partition("[probes.counter]")[0])
    assert walked.bench("run", "suite.toml").status == 0
    suite.write_text(whole)
    ended = walked.bench("run", "suite.toml", "--trust", "--resume")
    assert ended.status == 0, ended.err
    assert walked.count_lines() == 4
    record = walked.record(model="mlp")
    assert metric(record, "counter/steps") > 0
    assert {label: row.status for label, row in record.probes.items()} == {"quality": "ok", "counter": "ok"}
    last = sorted((walked.run.path / "records").glob("*.jsonl"))[-1].read_text()
    assert "counter/steps" in last
    assert "quality/" not in last


@pytest.mark.parametrize("before", ["    count = Count()\n", "        hook.remove()\n"])
def test_one_that_raises_around_the_training_costs_its_own_metrics_only(
    before: str, prepare: Any, metric: Callable[..., float]
) -> None:
    walked = prepare("during_probe")
    file = walked.folder / "probe.py"
    source = file.read_text()
    indent = before[: len(before) - len(before.lstrip())]
    file.write_text(source.replace(before, f'{before}{indent}raise LookupError("no counter here")\n', 1))
    ended = walked.bench("run", "suite.toml", "--trust")
    assert ended.status == 3, ended.err
    for record in walked.records:
        assert record.status == "ok"
        assert metric(record, "quality/accuracy") > 0.5
        assert record.probes["counter"].status == "failed"
        assert record.probes["counter"].reason == "LookupError: no counter here"
    file.write_text(source)
    assert walked.bench("run", "suite.toml", "--trust", "--resume").status == 0
    assert metric(walked.record(model="mlp"), "counter/steps") > 0
