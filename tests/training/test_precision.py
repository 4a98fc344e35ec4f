"""Placement in effect: threads, precision and memory format are set, and restored afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Placement
from bench_suite.training import precision as of_precision
from bench_suite.training.precision import autocast, check, computing, has_bfloat16_lstm, move_to_placement


def test_threads_and_determinism_hold_within_and_are_restored_after_a_fault() -> None:
    before = torch.get_num_threads()

    def faulty() -> None:
        with computing(Placement("cpu", 3, "32-true", deterministic=True)):
            assert torch.get_num_threads() == 3
            assert torch.are_deterministic_algorithms_enabled()
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        faulty()
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_precision_is_the_one_that_is_named(precision: str, dtype: torch.dtype) -> None:
    with autocast(Placement("cpu", 1, precision)):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (Placement("tpu", 1, "32-true"), "no device 'tpu'"),
        (Placement("cpu", 1, "16-true"), "no precision '16-true'"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(placement: Placement, message: str) -> None:
    with pytest.raises(BenchError, match=message), computing(placement):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_a_gpu_says_which_device_to_set() -> None:
    with pytest.raises(BenchError, match="device = 'auto'"), computing(Placement("cuda", 1, "32-true")):
        pass


def test_convolutions_are_laid_out_channels_last_and_say_the_same() -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(3, 8, 3)
    images = torch.randn(2, 3, 8, 8)
    expected = module(images)
    move_to_placement(module, Placement("cpu", 1, "32-true"))
    assert module.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(module(images), expected, atol=1e-6)


def test_auto_is_a_precision_of_this_machine_and_does_not_disturb_what_models_draw() -> None:
    from bench_suite.training.placement import resolve_placement
    from bench_suite.training.precision import _measure_fastest

    _measure_fastest.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    placement = resolve_placement("cpu", "auto", 1)
    assert placement.precision in ("32-true", "bf16-mixed")
    assert torch.equal(torch.rand(4), expected)
    assert resolve_placement("cpu", "auto", 1) == placement, "measured once a process, so that all cells of a run agree"


def test_cuda_graphs_on_another_device_are_refused_with_advice() -> None:
    with pytest.raises(BenchError, match="records CUDA graphs, and this cell runs on cpu, which has none; set compile"):
        check(Placement("cpu", 1, "32-true", compiled="cudagraphs"))


def test_compiling_without_a_compiler_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(BenchError, match=r"needs a C\+\+ compiler"):
        check(Placement("cpu", 1, "32-true", compiled=True))
    with pytest.raises(BenchError, match="compile = 'reduce-overhead' on a CPU needs"):
        check(Placement("cpu", 1, "32-true", compiled="reduce-overhead"))


def test_an_lstm_without_a_bfloat16_kernel_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_precision, "has_bfloat16_lstm", lambda: False)
    module = nn.Sequential(nn.LSTM(4, 4))
    with pytest.raises(BenchError, match="no bfloat16 kernel for an LSTM; set precision = '32-true' or 'auto'"):
        move_to_placement(module, Placement("cpu", 1, "bf16-mixed"))
    assert move_to_placement(module, Placement("cpu", 1, "32-true")) is module


def test_whether_an_lstm_has_a_bfloat16_kernel_is_what_one_finds_by_trying() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        try:
            nn.LSTM(4, 4)(torch.ones(3, 2, 4))
            available = True
        except RuntimeError:
            available = False
    assert has_bfloat16_lstm() == available
