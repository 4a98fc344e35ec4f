"""A Slurm of scripts, and the processes that tests wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_slurm.py")
COMMANDS = ("sbatch", "srun", "squeue", "sacct", "scancel")


class FakeSlurm:
    """The commands of Slurm on a path of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cluster"
        self.folder.mkdir()
        commands = folder / "commands"
        commands.mkdir()
        for name in COMMANDS:
            path = commands / name
            path.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} {name} "$@"\n')
            path.chmod(0o755)
        self.environment = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "FAKE_SLURM": str(self.folder)}

    def scripts(self) -> list[str]:
        """Return the scripts that were submitted."""
        return [path.read_text() for path in sorted(self.folder.glob("*.sh"))]

    def calls(self, command: str) -> list[str]:
        """Return the arguments of each call of a command."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{command} ")]


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    return FakeSlurm(tmp_path)


class Processes:
    """Processes of this machine, as tests of executors look at them."""

    @staticmethod
    def wait_for(holds: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
        """Wait until something holds, as long as the process runs."""
        deadline = time.monotonic() + 120
        while not holds():
            assert process is None or process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "waited for two minutes"
            time.sleep(0.05)

    @staticmethod
    def naming(word: str) -> list[int]:
        """Return the processes that run and whose command line or environment names a word."""
        ids = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
                text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            except OSError:
                continue
            if state != "Z" and word.encode() in text and int(path.name) != os.getpid():
                ids.append(int(path.name))
        return ids


@pytest.fixture
def processes() -> type[Processes]:
    return Processes
