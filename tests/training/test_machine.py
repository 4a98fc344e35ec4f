"""Claims about the description of a machine: accelerators are in it if PyTorch is imported, and it imports nothing."""

from __future__ import annotations

import subprocess
import sys

from bench_suite import environment
from bench_suite.training import devices, machine


def test_accelerators_are_described_if_pytorch_is_imported(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", lambda: [{"name": "a card", "memory_bytes": 8}])
    described = machine.describe()
    assert described["hardware"].pop("gpu") == [{"name": "a card", "memory_bytes": 8}]
    assert described == environment.describe()
    monkeypatch.setattr(devices, "accelerators", list)
    assert machine.describe() == environment.describe()


def test_describing_imports_no_pytorch():
    code = "import sys; from bench_suite.training import machine; machine.describe(); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
