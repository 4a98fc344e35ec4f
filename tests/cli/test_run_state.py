"""Claims about the state of a run: how far each cell is, and how long the rest will take."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.cli.run_state import MAX_GROUPS, RunState
from bench_suite.contracts import Record, Window
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Cell, make_plan

CELLS = make_plan(read_suite("quickstart", ["matrix.seed=[0,1,2]"]), ("task=mnist", "model=mlp,cnn")).cells


class Clock:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> RunState:
    return RunState(len(CELLS), CELLS, clock)


def ended(cell: Cell, seconds: float, status: Any = "ok", **parts: float) -> Record:
    return Record("r", "s", cell.id, "", dict(cell.labels), {}, status, seconds={**parts, "total": seconds})


def run_cell(state: RunState, clock: Clock, cell: Cell, seconds: float, status: str = "ok") -> None:
    state.start(cell)
    clock.now += seconds
    state.end(cell, ended(cell, seconds, status))


def test_a_training_knows_its_share_its_epoch_and_its_time_left(state, clock):
    cell = CELLS[0]
    state.start(cell)
    state.step(cell, "training")
    state.training(cell, 4, 400)
    assert (state.of(cell).fraction, state.of(cell).current_epoch) == (0.0, 1)
    state.window(cell, Window(20, 1280, 0.5, 0.0, 2.0))
    assert state.of(cell).training_left(clock.now) is None, "nothing is known from one window"
    clock.now += 10
    state.window(cell, Window(120, 6400, 10.0, 0.0, 1.0))
    one = state.of(cell)
    assert (one.fraction, one.current_epoch, one.samples_per_second, one.loss) == (0.3, 2, 640.0, 1.0)
    assert one.training_left(clock.now) == pytest.approx(28.0), "280 steps at 10 a second"
    state.step(cell, "quality")
    assert not one.trains


def test_a_resumed_training_is_not_taken_for_a_fast_one(state, clock):
    state.training(CELLS[0], 1, 1000)
    state.window(CELLS[0], Window(900, 64, 0.1, 0.0, 1.0))
    clock.now += 10
    state.window(CELLS[0], Window(950, 64, 0.1, 0.0, 1.0))
    assert state.of(CELLS[0]).training_left(clock.now) == pytest.approx(10.0)


def test_nothing_is_said_of_the_rest_before_a_cell_has_ended_or_is_known(state, clock):
    state.start(CELLS[0])
    assert state.left() is None


def test_the_rest_is_what_cells_like_the_ended_ones_take(state, clock):
    run_cell(state, clock, CELLS[0], 10.0)
    assert (state.done, state.failed) == (1, 0)
    assert state.left() == pytest.approx(50.0), "five cells, and the mean is known of two of them only"
    other = next(cell for cell in CELLS if cell.model.label != CELLS[0].model.label)
    run_cell(state, clock, other, 40.0)
    assert state.left() == pytest.approx(2 * 10.0 + 2 * 40.0)
    state.start(CELLS[1])
    clock.now += 4
    assert state.left() == pytest.approx(6.0 + 10.0 + 2 * 40.0)


def test_earlier_runs_are_believed_until_this_one_is_slower(state, clock):
    state.expect({cell.id: 20.0 if cell.model.label == "cnn" else 5.0 for cell in CELLS})
    assert state.left() == pytest.approx(75.0)
    run_cell(state, clock, next(cell for cell in CELLS if cell.model.label == "mlp"), 10.0)
    assert state.left() == pytest.approx(2 * 10.0 + 3 * 40.0), "this machine takes twice as long"


def test_cells_that_run_at_once_share_the_time(state, clock):
    for cell in CELLS[:2]:
        state.start(cell)
    clock.now += 10
    for cell in CELLS[:2]:
        state.end(cell, ended(cell, 10.0))
    assert state.left() == pytest.approx(20.0), "four cells, two at a time"


def test_cells_that_fail_are_counted_and_teach_nothing(state, clock):
    run_cell(state, clock, CELLS[0], 0.1, "failed")
    assert (state.done, state.failed, state.left()) == (1, 1, None)


def test_a_cell_that_begins_again_in_another_process_counts_once(state, clock):
    state.start(CELLS[0])
    clock.now += 50
    state.start(CELLS[0])
    assert [one.began for one in state.longest_running] == [clock.now]
    state.end(CELLS[0], ended(CELLS[0], 10.0))
    assert state.left() == pytest.approx(50.0)


def test_a_suite_with_many_axes_is_estimated_by_model():
    suite = read_suite("quickstart", [f"matrix.'train.weight_decay'={[rate / 1000 for rate in range(MAX_GROUPS + 1)]}"])
    cells = make_plan(suite, ("task=mnist", "model=mlp", "seed=0")).cells
    state = RunState(len(cells), cells)
    state.start(cells[0])
    assert len(cells) > MAX_GROUPS
    assert state.of(cells[0]).group == ("mnist", "mlp")
