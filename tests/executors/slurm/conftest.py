"""A Slurm of scripts."""

from __future__ import annotations

import os
import sys
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
