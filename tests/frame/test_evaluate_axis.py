"""An axis of the evaluation: its cells share one training and differ only in their predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

THRESHOLDS = (0.1, 0.5, 0.9)


def _records(walked: Any) -> list[Any]:
    return [walked.record(**{"evaluate.threshold": threshold}) for threshold in THRESHOLDS]


def test_three_cells_are_one_unit_and_one_training(walk: Any) -> None:
    walked = walk("evaluate_axis")
    assert len({cell["unit"] for cell in walked.plan["cells"]}) == 1
    records = _records(walked)
    assert len({record.id for record in records}) == 3
    assert len({record.weights_key for record in records}) == 1
    assert ["train" in record.seconds for record in records] == [True, False, False]
    assert sum(record.shared_training for record in records) == 2
    assert len(list((walked.run.path / "weights").glob("*.safetensors"))) == 1


def test_each_cell_decides_by_its_own_threshold_over_the_same_scores(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("evaluate_axis")
    by_threshold = []
    for threshold, record in zip(THRESHOLDS, _records(walked)):
        stored = walked.run.read_predictions(next(a for a in record.artifacts if a.name == "predictions/test"))
        assert ((stored["chances"] >= threshold) == (stored["predictions"] == 1)).all()
        by_threshold.append((stored["chances"], metric(record, "quality/sensitivity")))
    assert all((chances == by_threshold[0][0]).all() for chances, _ in by_threshold)
    sensitivities = [value for _, value in by_threshold]
    assert sensitivities == sorted(sensitivities, reverse=True)
    assert len(np.unique(sensitivities)) > 1


def test_a_threshold_added_later_costs_no_training(prepare: Any) -> None:
    walked = prepare("evaluate_axis")
    assert walked.bench("run", "suite.toml", "--trust", "--set", "matrix.'evaluate.threshold'=[0.5]").status == 0
    # A resume continues a run with another --set only if the command names that run.
    ended = walked.bench("run", "suite.toml", "--trust", "--resume", walked.run.name)
    assert ended.status == 0, ended.err
    assert walked.count_lines() == 3
    for threshold in (0.1, 0.9):
        record = walked.record(**{"evaluate.threshold": threshold})
        assert "train" not in record.seconds
        assert record.weights_reused
