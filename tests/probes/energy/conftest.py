"""A tree of energy counters as Linux shows it, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.probes.energy import powercap
from bench_suite.training import devices

RANGE = 65_532_610_987
"Microjoules at which the counters of many processors begin again."


class Tree:
    """Folders of the kernel: `add` makes one, `spend` counts joules in one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ranges: dict[str, int] = {}

    def add(self, folder: str, name: str, microjoules: int = 1_000_000, wraps_at: int = RANGE) -> Path:
        path = self.root / folder
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{wraps_at}\n")
        (path / "energy_uj").write_text(f"{microjoules}\n")
        self.ranges[folder] = wraps_at
        return path

    def spend(self, folder: str, joules: float) -> None:
        """Count joules; a thread that reads meanwhile sees the old number or the new one, as in the kernel."""
        file = self.root / folder / "energy_uj"
        new = file.with_suffix(".new")
        new.write_text(f"{(int(file.read_text()) + round(joules * 1e6)) % self.ranges[folder]}\n")
        new.replace(file)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """An empty tree, which the program reads in place of that of the machine."""
    root = tmp_path / "powercap"
    root.mkdir()
    monkeypatch.setattr(powercap, "ROOT", root)
    return Tree(root)


class Clock:
    """A clock that stands until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(devices, "perf_counter", clock)
    return clock


@pytest.fixture
def laptop(tree: Tree) -> Callable[[], Tree]:
    """Return a function that adds the domains of a recent laptop, which overlap in every way."""

    def build() -> Tree:
        (tree.root / "intel-rapl").mkdir()
        (tree.root / "intel-rapl-mmio").mkdir()
        tree.add("intel-rapl:0", "package-0", 5_000_000)
        tree.add("intel-rapl:0:0", "core")
        tree.add("intel-rapl:0:1", "uncore")
        tree.add("intel-rapl:0:2", "dram", 2_000_000)
        tree.add("intel-rapl:1", "psys")
        tree.add("intel-rapl-mmio:0", "package-0", 77_000_000)
        return tree

    return build
