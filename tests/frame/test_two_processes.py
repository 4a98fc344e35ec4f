"""Two processes train a cell: the engine is a file, and the weights equal those of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_two_processes_trained_one_cell_and_one_the_other(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("two_processes")
    assert metric(walked.record(engine="./engine.py"), "workers/processes") == 2
    assert metric(walked.record(engine="native"), "workers/processes") == 1


def test_averaged_gradients_of_halves_are_the_gradient_of_the_batch(walk: Any) -> None:
    walked = walk("two_processes")
    scores = []
    for engine in ("native", "./engine.py"):
        record = walked.record(engine=engine)
        stored = walked.run.read_predictions(next(a for a in record.artifacts if a.name == "predictions/test"))
        scores.append(stored["scores"])
    # The order of the sums differs and values are stored as float16: three digits.
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-3)
    assert scores[0].std() > 0.05


def test_the_engine_is_part_of_what_a_cell_is(walk: Any) -> None:
    records = walk("two_processes").records
    assert len({record.id for record in records}) == 2
    assert len({record.weights_key for record in records}) == 2
