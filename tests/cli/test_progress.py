"""What a run says where standard error is no terminal."""

from bench_suite.cli.progress import Plain
from bench_suite.plan import make_plan
from bench_suite.reading import read_suite

CELL = make_plan(read_suite("quickstart")).cells[0]


def test_a_step_that_takes_long_gives_a_sign_of_life(capsys):
    plain = Plain(2)
    plain.step(CELL, "encoding train, 4,096 of 20,000")
    assert capsys.readouterr().err == ""
    plain.since -= 31
    plain.step(CELL, "encoding train, 8,192 of 20,000")
    plain.step(CELL, "encoding train, 12,288 of 20,000")
    assert capsys.readouterr().err.splitlines() == ["      mnist, mlp, seed 0: encoding train, 8,192 of 20,000"]
