"""The tests of `on_device/` on a simulated accelerator, which is registered for a process: each file has its own.

To run them by hand: BENCH_TEST_DEVICE=sim pytest tests/devices
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this PyTorch has no devices that are written in Python", allow_module_level=True)

HERE = Path(__file__).parent
FILES = sorted(file.name for file in (HERE / "on_device").glob("test_*.py"))


def run_on_simulation(folder: Path, *arguments: str) -> None:
    """Run pytest with these arguments in a process that has the simulated device, and check that all tests pass."""
    command = [sys.executable, "-m", "pytest", f"--basetemp={folder / 'pytest'}", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "BENCH_TEST_DEVICE": "sim"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run(
        [*command, *arguments], cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(1800)  # it is many tests
@pytest.mark.parametrize("file", FILES)
def test_a_simulated_accelerator_passes_what_a_real_one_does(file, tmp_path):
    run_on_simulation(tmp_path, str(HERE / "on_device" / file))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_passes_the_slow_ones_too(tmp_path):
    run_on_simulation(tmp_path, "-m", "slow", str(HERE / "on_device"))
