"""The command line, called in this process: exit status, output and errors as a user would see them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


@pytest.fixture
def found_and_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that breaks an instrument and checks what the self-test says.

    The self-test of the chosen cells must exit with 1 and list exactly `outside` as outside. The probe `calibration`
    simulates less than it does for users, which takes most of the time of other cells; None leaves it as it is.
    """
    from bench_suite.selftest import runner

    def check(
        choice: str, module: Any, name: str, wrong: Any, outside: set[str], *, simulations: int | None = 99
    ) -> None:
        if simulations is not None:
            fewer = ("numpy", {"calibration": f"probes.calibration.simulations={simulations}"})
            monkeypatch.setattr(runner, "EXTRAS", {**runner.EXTRAS, "fewer simulations": fewer})
        monkeypatch.setattr(module, name, wrong)
        ended = bench("selftest", *choice.split(" ", 1), "--json")
        assert ended.status == 1, ended.out
        failed = {check["instrument"] for check in json.loads(ended.out)["checks"] if not check["holds"]}
        assert failed == outside

    return check
