"""Claims about stored histories: what comes back, what is thinned, and that damage is no error."""

from __future__ import annotations

import math
from itertools import pairwise

from bench_suite.contracts import History, Window
from bench_suite.store.histories import MAX_WINDOWS, read_history, write_history

EPOCHS = ({"epoch": 1.0, "loss": 2.0, "learning_rate": 1e-3}, {"epoch": 2.0, "loss": 1.0, "learning_rate": 5e-4})


def windows(number: int) -> tuple[Window, ...]:
    return tuple(Window(step, 64, 0.05, 0.01, 1.0 / step, 1e-3) for step in range(1, number + 1))


def test_a_history_comes_back_as_it_was_written(tmp_path):
    history = History(EPOCHS, windows(3), steps=3, samples=192, seconds=0.15, best_epoch=2)
    write_history(tmp_path, "cell", history)
    assert read_history(tmp_path, "cell") == history


def test_a_long_history_is_thinned_evenly_and_keeps_its_last_window(tmp_path):
    write_history(tmp_path, "cell", History(EPOCHS, windows(5 * MAX_WINDOWS + 3)))
    steps = [window.step for window in read_history(tmp_path, "cell").windows]
    assert len(steps) <= MAX_WINDOWS
    assert steps[-1] == 5 * MAX_WINDOWS + 3
    assert {later - step for step, later in pairwise(steps)} == {6}


def test_a_value_that_is_not_finite_is_a_gap(tmp_path):
    write_history(tmp_path, "cell", History(({"epoch": 1.0, "loss": 2.0, "validation_f1": math.nan},)))
    assert read_history(tmp_path, "cell").epochs == ({"epoch": 1.0, "loss": 2.0},)


def test_nothing_and_damage_are_no_history(tmp_path):
    assert read_history(tmp_path, "cell") is None
    write_history(tmp_path, "cell", History(EPOCHS))
    (path,) = tmp_path.glob("cells/*/history.json")
    for content in ("", "{", '{"windows": 3, "epochs": []}', '{"windows": [{"unknown": 1}], "epochs": []}', "[[[["):
        path.write_text(content)
        assert read_history(tmp_path, "cell") is None
