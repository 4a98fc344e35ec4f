"""Claims about devices: one module alone calls PyTorch's devices, and a kind that is not here is said to be missing."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench_suite.contracts import BenchError, Placement
from bench_suite.training import devices
from bench_suite.training.placement import resolve_placement
from bench_suite.training.precision import check

PACKAGE = Path(devices.__file__).parents[1]
OWN = ("cuda", "mps", "xpu", "mtia", "accelerator", "get_device_module")
FORBIDDEN = (*(f"torch.{name}" for name in OWN), "torch.backends.mps")


def device_calls(source: str) -> list[str]:
    """Return what a module names of `torch.cuda` and its like."""
    named = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN:
            named.append(ast.unparse(node))
        elif isinstance(node, ast.Import):
            named += [a.name for a in node.names if a.name.startswith(FORBIDDEN)]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "torch":
            whole = [f"{node.module}.{a.name}" for a in node.names]
            named += [name for name in whole if name.startswith(FORBIDDEN)]
    return named


def test_one_module_alone_names_the_devices_of_pytorch():
    named = {
        str(path.relative_to(PACKAGE)): device_calls(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
        if path != Path(devices.__file__)
    }
    assert {file: calls for file, calls in named.items() if calls} == {}
    assert device_calls(Path(devices.__file__).read_text(encoding="utf-8"))
    for source in ("import torch.cuda", "from torch import cuda", "from torch.cuda import Event", "torch.mps.empty()",
                   "torch.backends.mps.is_available()", "torch.accelerator.synchronize()"):  # fmt: skip
        assert device_calls(source), source


def test_whatever_runs_on_a_device_is_timed_by_the_clock_of_devices():
    """A simulated device replaces that clock, and a time of another one would be of another world."""
    timed = {}
    for room in ("training", "engines", "probes"):
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                imported = isinstance(node, ast.ImportFrom) and node.module == "time"
                if imported or (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "time"):
                    timed.setdefault(str(path.relative_to(PACKAGE)), []).append(ast.unparse(node))
    assert timed == {"training/devices.py": ["time.perf_counter", "time.sleep"]}


def test_a_kind_that_is_not_here_is_refused_with_what_to_write(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for kind, message in (
        ("cuda", "no CUDA device: this PyTorch is .*; set device = 'auto' or 'cpu'"),
        ("npu", "no device 'npu': choose cpu, .*cuda, mps, or auto, which picks one"),
        ("no such", "no device 'no such'"),
    ):
        with pytest.raises(BenchError, match=message):
            check(Placement(kind, 1, "32-true"))
    assert devices.kinds()[-1] == "cpu"
    assert "cuda" not in devices.kinds()


class Accelerator:
    """What a registered backend may have at least, and what this one has of the rest."""

    calls: list = []  # noqa: RUF012 - emptied by the fixture

    def is_available(self):
        return True

    def synchronize(self):
        self.calls.append("synchronize")

    def manual_seed_all(self, seed):
        self.calls.append(seed)


@pytest.fixture
def registered(monkeypatch):
    """A kind `npu` that PyTorch knows by its module alone, as a registered backend is known."""
    module = Accelerator()
    module.calls.clear()
    monkeypatch.setattr(torch, "npu", module, raising=False)
    monkeypatch.setattr(torch._C, "_get_privateuse1_backend_name", lambda: "npu")
    known = torch.get_device_module
    monkeypatch.setattr(torch, "get_device_module", lambda kind: module if kind == "npu" else known(kind))
    for other in (torch.cuda, torch.backends.mps, torch.xpu):
        monkeypatch.setattr(other, "is_available", lambda: False)
    return module


def test_a_registered_kind_works_like_any_other(registered):
    assert devices.kinds() == ("npu", "cpu")
    assert devices.unavailable("npu") is None
    assert resolve_placement("auto", "32-true", 1) == Placement("npu", 1, "32-true")
    assert resolve_placement("auto", "32-true", 1, honoured=("any",)).device == "npu"
    assert resolve_placement("auto", "32-true", 1, honoured=("cuda", "cpu")).device == "cpu"
    devices.synchronize("npu")
    devices.synchronize("cpu")
    devices.seed(5)
    assert registered.calls == ["synchronize", 5]


def test_what_a_kind_lacks_is_said_and_not_guessed(registered):
    assert not devices.reset_peak_memory("npu")
    assert devices.free_memory("npu") is devices.total_memory("npu") is devices.new_event("npu") is None
    assert devices.capability("npu") is devices.uuid("npu") is None
    assert (devices.count("npu"), devices.current("npu"), devices.name("npu")) == (1, 0, "npu")
    assert not devices.has_several("npu")
    assert devices.supports_bfloat16("npu")
    assert devices.generator_states() == {}
    assert devices.new_generator("npu").device.type == "cpu"


def test_what_a_kind_has_is_used(registered, monkeypatch):
    state = torch.arange(3)
    monkeypatch.setattr(Accelerator, "max_memory_allocated", lambda self: 7, raising=False)
    monkeypatch.setattr(Accelerator, "reset_peak_memory_stats", lambda self: None, raising=False)
    monkeypatch.setattr(Accelerator, "mem_get_info", lambda self: (5, 9), raising=False)
    monkeypatch.setattr(
        Accelerator,
        "get_device_properties",
        lambda self, index: SimpleNamespace(total_memory=9, uuid="ab"),
        raising=False,
    )
    monkeypatch.setattr(Accelerator, "get_device_name", lambda self, index: f"card {index}", raising=False)
    monkeypatch.setattr(Accelerator, "get_rng_state", lambda self: state, raising=False)
    monkeypatch.setattr(Accelerator, "set_rng_state", lambda self, new: registered.calls.append(new), raising=False)
    monkeypatch.setattr(Accelerator, "get_amp_supported_dtype", lambda self: [torch.float16], raising=False)
    assert devices.reset_peak_memory("npu")
    assert (devices.peak_memory("npu"), devices.free_memory("npu"), devices.total_memory("npu")) == (7, 5, 9)
    assert devices.accelerators() == [{"name": "card 0", "memory_bytes": 9}]
    assert devices.uuid("npu") == "GPU-ab"
    with devices.fork_generators():
        pass
    assert registered.calls == [state]
    with pytest.raises(BenchError, match="card None has no bfloat16; set precision = '32-true'"):
        check(Placement("npu", 1, "bf16-mixed"))


def test_what_is_drawn_within_a_fork_is_drawn_again_after_it():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with devices.fork_generators():
        torch.rand(9)
    assert torch.equal(torch.rand(4), expected)
