"""Claims about the peak memory of a process: it holds what was allocated, and can begin anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench_suite.training import process_memory
from bench_suite.training.process_memory import available_memory, current_memory, peak_memory, reset_peak


def test_the_peak_holds_what_was_allocated_and_begins_anew() -> None:
    if not reset_peak():
        pytest.skip("this system does not reset the peak")
    before = peak_memory()
    block = np.ones(64 << 20, dtype=np.uint8)
    assert peak_memory() >= before + 60
    del block
    assert peak_memory() >= before + 60, "a peak stays"
    assert reset_peak()
    assert peak_memory() < before + 60


def test_what_is_available_is_less_than_the_machine_has() -> None:
    available = available_memory()
    if available is None:
        pytest.skip("this system does not state its available memory")
    assert 0 < available < 1 << 30
    assert 0 < current_memory() <= peak_memory() + 1


@pytest.mark.parametrize(
    ("folder", "limit", "used", "inactive"),
    [
        (".", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_has_what_its_group_has_left(
    folder: str, limit: str, used: str, inactive: str, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / limit).write_text(f"{100 << 20}\n")
    (tmp_path / folder / used).write_text(f"{70 << 20}\n")
    (tmp_path / folder / "memory.stat").write_text(f"anon 5\n{inactive} {20 << 20}\n")
    assert process_memory._left_in_group(tmp_path) == 50.0


def test_a_group_without_a_limit_has_all_of_the_machine(tmp_path: Path) -> None:
    assert process_memory._left_in_group(tmp_path) == float("inf")
    (tmp_path / "memory.max").write_text("max\n")
    assert process_memory._left_in_group(tmp_path) == float("inf")
