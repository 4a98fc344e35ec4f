"""Progress messages of a run if standard error is not a terminal."""

import pytest

from bench_suite.cli.progress import Plain, make_progress, progress_for
from bench_suite.cli.run_state import RunState
from bench_suite.contracts import Finding
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

CELL = make_plan(read_suite("quickstart")).cells[0]


def test_a_step_that_takes_long_gives_a_sign_of_life(capsys):
    plain = Plain(RunState(2))
    plain.step(CELL, "encoding train, 4,096 of 20,000")
    assert capsys.readouterr().err == ""
    plain.since -= 31
    plain.step(CELL, "encoding train, 8,192 of 20,000")
    plain.step(CELL, "encoding train, 12,288 of 20,000")
    assert capsys.readouterr().err.splitlines() == [
        "      0 of 2 cells after 0.0 s: mnist, mlp, seed 0: encoding train, 8,192 of 20,000"
    ]


LEAK = Finding("D001", "warning", "churn", "rows are shared", "split = {}")


@pytest.mark.parametrize(
    ("arguments", "shown"), [("my.toml --set a=1", "bench data check my.toml --set a=1"), (None, "see the report")]
)
def test_the_command_that_shows_findings_names_the_suite_as_it_was_typed(capsys, arguments, shown):
    make_progress(1, arguments=arguments).findings("churn", [LEAK])
    assert capsys.readouterr().err.splitlines() == [
        "D001 churn: rows are shared", f"      the rows and lines that mend: {shown}",
    ]  # fmt: skip


BUSY = "the machine was busy when the run began"


def start(callback: Plain, capsys: pytest.CaptureFixture[str], *, notes: tuple[str, ...] = (), busy: bool) -> str:
    """Return the messages at the start of a new run."""
    callback.begin("r", resumed=False, wanted=False, done=0, notes=notes, busy=busy)
    return capsys.readouterr().err


@pytest.mark.parametrize(("threads", "advised"), [("1", False), ("2", True), ('"auto"', True), ("[1, 2]", True)])
def test_fewer_threads_are_advised_on_a_busy_machine_only_where_there_are_more(capsys, threads, advised):
    cells = make_plan(read_suite("quickstart", [f"matrix.threads={threads}"])).cells
    text = start(progress_for(cells), capsys, notes=(BUSY,), busy=True)
    assert f"note: {BUSY}" in text
    assert "timings will be noisy" in text
    assert ("training can take many times as long" in text) == advised
    assert ("--set matrix.threads=1" in text) == advised


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("note", [BUSY, "something else"])
def test_the_flag_and_no_note_decides_whether_timings_are_called_noisy(capsys, note, busy):
    assert ("timings will be noisy" in start(Plain(RunState(2)), capsys, notes=(note,), busy=busy)) == busy
