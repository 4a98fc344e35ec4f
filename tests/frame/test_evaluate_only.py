"""epochs = 0: no training, all measurements, and the record reports it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_suite.components import discovery
from bench_suite.data.sources import Sources


def test_the_rule_is_as_good_as_counting_says(walk: Any, metric: Callable[..., float]) -> None:
    task = discovery.find("tasks", "loans", Path())
    data = discovery.load(task).load(discovery.make_options(task, {}), Sources())
    test = data.splits["test"].take(np.arange(len(data.splits["test"])))
    record_against = test["table"][:, data.spec["columns"].index("pubrec")] == 1
    right = np.where(record_against, 0, 1) == test["target"]
    record = walk("evaluate_only").records[0]
    assert metric(record, "quality/accuracy") == pytest.approx(right.mean())
    # Logits differ by one, so the true class has a score of σ(1) if the rule is right, and σ(−1) if it is not.
    loss = np.where(right, np.log1p(np.exp(-1.0)), np.log1p(np.exp(1.0))).mean()
    assert metric(record, "quality/log_loss") == pytest.approx(loss, rel=1e-5)


def test_nothing_was_trained_and_the_record_says_so(walk: Any) -> None:
    record = walk("evaluate_only").records[0]
    assert "train" not in record.seconds
    assert any("evaluated only" in note for note in record.notes)
    gap = next(m for m in record.metrics if m.name == "generalization/accuracy_gap")
    assert gap.value is None
    assert "nothing was trained" in gap.reason
