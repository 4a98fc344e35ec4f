"""Progress messages of a run if standard error is not a terminal."""

import pytest

from bench_suite.cli.progress import Live, Plain, make_progress, progress_for
from bench_suite.cli.run_state import RunState
from bench_suite.contracts import Finding, Record, Window
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


def test_a_silent_run_is_given_a_heartbeat_that_grows_rarer(capsys):
    from bench_suite.cli.progress import silence

    now = [0.0]
    plain = Plain(RunState(2, clock=lambda: now[0]))
    plain.cell(CELL)
    plain.state.training(CELL, 3, 300)
    plain.window(CELL, Window(10, 640, 0.1, 0.0, 2.0))
    now[0] = 29.0
    plain.beat()
    assert capsys.readouterr().err == ""
    plain.window(CELL, Window(150, 640, 0.1, 0.0, 1.5))
    now[0] = 31.0
    plain.beat()
    plain.beat()
    text = "      0 of 2 cells after 31 s: mnist, mlp, seed 0: training, 50 %, epoch 2 of 3, loss 1.5000"
    assert capsys.readouterr().err.splitlines() == [text]
    assert [silence(seconds) for seconds in (60, 600, 3600, 36_000)] == [30.0, 30.0, 180.0, 300.0]


@pytest.mark.parametrize("name", ["CI", "TERM"])
def test_a_terminal_without_a_cursor_gets_plain_lines(monkeypatch, name):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert isinstance(make_progress(1), Live)
    monkeypatch.setenv(name, "dumb")
    assert isinstance(make_progress(1), Plain)


def test_only_failed_cells_have_a_colour_and_only_if_it_is_asked_for(monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    records = [
        Record("r", "s", CELL.id, "", dict(CELL.labels), {}, status, reason="no memory")
        for status in ("ok", "failed", "interrupted", "unavailable")
    ]
    for forced in ("", "1"):
        monkeypatch.setenv("FORCE_COLOR", forced)
        plain = Plain(RunState(4))
        for record in records:
            plain.record(CELL, record)
        starts = [line.partition("[")[0] + line.partition("[")[2][:3] for line in capsys.readouterr().err.splitlines()]
        assert starts == (["1/4", "2/4", "3/4", "4/4"] if not forced else ["1/4", "\x1b31m", "\x1b33m", "\x1b31m"])
