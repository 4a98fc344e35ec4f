"""The command line, called in this process: exit status, output and errors as a user would see them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bench_suite.cli import main


@dataclass(frozen=True)
class Ended:
    """The exit status and output of a command."""

    status: int
    out: str
    err: str


Bench = Callable[..., Ended]


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys) -> Bench:
    """Return `bench(*arguments)`, which runs in an empty folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run
