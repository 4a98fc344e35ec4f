"""What a run says where standard error is no terminal."""

import pytest

from bench_suite.cli.progress import Plain, progress_of
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

CELL = make_plan(read_suite("quickstart")).cells[0]


def test_a_step_that_takes_long_gives_a_sign_of_life(capsys):
    plain = Plain(2)
    plain.step(CELL, "encoding train, 4,096 of 20,000")
    assert capsys.readouterr().err == ""
    plain.since -= 31
    plain.step(CELL, "encoding train, 8,192 of 20,000")
    plain.step(CELL, "encoding train, 12,288 of 20,000")
    assert capsys.readouterr().err.splitlines() == ["      mnist, mlp, seed 0: encoding train, 8,192 of 20,000"]


@pytest.mark.parametrize(("threads", "advised"), [("1", False), ("2", True), ('"auto"', True), ("[1, 2]", True)])
def test_fewer_threads_are_advised_on_a_busy_machine_only_where_there_are_more(capsys, threads, advised):
    cells = make_plan(read_suite("quickstart", [f"matrix.threads={threads}"])).cells
    progress_of(cells).begin(
        "r", resumed=False, wanted=False, done=0, notes=("the machine was busy when the run began",)
    )
    said = capsys.readouterr().err
    assert "timings will be noisy" in said
    assert ("training can take many times as long" in said) == advised
    assert ("--set matrix.threads=1" in said) == advised
