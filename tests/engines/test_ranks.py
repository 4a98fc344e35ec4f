"""Several devices: two ranks take the steps of one device, whatever runs the loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rank_trainings import (
    CASES,
    KINDS,
    count_each_step,
    trained,
    trained_as_rank,
    trained_cases_as_rank,
    trained_of,
    whole_losses,
)

from bench_suite.training.clock import Clock
from bench_suite.training.fresh_process import FreshProcess


@pytest.mark.slow
def test_own_steps_and_ranks_that_begin_differently_take_the_steps_of_one_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [FreshProcess(trained_cases_as_rank, rank, str(tmp_path)) for rank in range(2)]
    with calls[0], calls[1]:
        monkeypatch.setattr(Clock, "step", count_each_step)
        expected = [trained_of(case) for case in CASES]
        results = [call.result() for call in calls]
    for case, alone, *parts in zip(CASES, expected, *results, strict=True):
        assert alone[1] == parts[0][1] == [*[15] * 7, 1] * 3, case
        whole = whole_losses([{"losses": losses, "sizes": sizes} for losses, sizes in parts])
        assert np.abs(whole - np.array(alone[0])).max() <= 1e-5, case


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (("mlp", "lstm"), 2),
        pytest.param(("mlp", "cnn"), 19, marks=pytest.mark.slow),
        pytest.param(("lstm", "bert"), 34, marks=pytest.mark.slow),
    ],
    ids=["few steps", "200 steps of mlp and cnn", "200 steps of lstm and bert"],
)
def test_two_ranks_have_the_losses_of_one_device(
    names: tuple[str, ...], epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [FreshProcess(trained_as_rank, rank, names, epochs, str(tmp_path)) for rank in range(2)]
    with calls[0], calls[1]:
        monkeypatch.setattr(Clock, "step", count_each_step)
        expected = [trained(name, epochs) for name in names for _ in KINDS]
        results = [call.result() for call in calls]
    cases = [(name, *kind) for name in names for kind in KINDS]
    for case, alone, *parts in zip(cases, expected, *results, strict=True):
        assert alone["sizes"] == parts[0]["sizes"], case
        assert np.abs(whole_losses(parts) - np.array(alone["losses"])).max() <= 1e-5, case
        for part in parts:
            for row, other in zip(part["epochs"], alone["epochs"], strict=True):
                assert row == pytest.approx(dict(other), abs=1e-5), case
        assert parts[0]["accuracy"] == alone["accuracy"], case
