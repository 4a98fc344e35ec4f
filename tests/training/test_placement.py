"""Claims about placements: the value that `auto` resolves to, given the settings that an engine honours."""

from __future__ import annotations

import pytest
import torch

from bench_suite.contracts import BenchError, Placement
from bench_suite.training import precision
from bench_suite.training.placement import resolve_placement


def test_auto_stands_for_what_the_engine_honours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest_precision", lambda device, threads: "bf16-mixed")
    assert resolve_placement("cpu", "auto", 1).precision == "bf16-mixed"
    assert resolve_placement("cpu", "auto", 1, precisions=("32-true",)).precision == "32-true"
    assert resolve_placement("cpu", "auto", 1, precisions=("bf16-mixed", "64-true")).precision == "bf16-mixed"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_placement("auto", "32-true", 1, honoured=("cpu",)) == Placement("cpu", 1, "32-true")
    assert resolve_placement("auto", "32-true", 1).device == "cuda"


def test_an_engine_whose_devices_are_not_there_is_an_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BenchError, match="the engine computes on cuda only, and this machine has no such device"):
        resolve_placement("auto", "32-true", 1, honoured=("cuda",))


def test_several_devices_are_of_a_kind_that_has_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_placement("auto", "32-true", 1, devices=2).device == "cuda"
    assert resolve_placement("auto", "32-true", 1, devices=3).device == "cpu"
    with pytest.raises(BenchError, match="devices = 3, and this process sees 2 of cuda"):
        resolve_placement("cuda", "32-true", 1, devices=3)
