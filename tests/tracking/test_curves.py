"""Claims about curves: the points of windows, epochs and stored histories."""

from __future__ import annotations

import math
from dataclasses import replace

from bench_suite.contracts import Window
from bench_suite.tracking.curves import (
    began_at,
    epoch_points,
    history_points,
    training_began,
    window_points,
    without_points,
)
from bench_suite.tracking.tracker import Point


def test_a_window_is_a_point_of_loss_learning_rate_rate_and_stalled_share():
    points = window_points(Window(10, 64, 0.5, 0.1, 2.0, 1e-3), 7.0)
    assert {(point.curve, point.value) for point in points} == {
        ("train/loss", 2.0), ("train/learning_rate", 1e-3), ("train/samples_per_second", 128.0), ("train/stalled", 0.2),
    }  # fmt: skip
    assert {(point.step, point.at) for point in points} == {(10, 7.0)}


def test_what_a_window_does_not_state_has_no_point():
    assert [point.curve for point in window_points(Window(10, 64, 0.0, 0.0, 2.0), 7.0)] == ["train/loss"]


def test_an_epoch_is_a_point_of_each_finite_value():
    row = {"epoch": 3.0, "loss": 1.0, "validation_loss": 2.0, "validation_f1": math.nan}
    assert epoch_points(row, 7.0) == [Point("epoch/loss", 3, 1.0, 7.0), Point("epoch/validation_loss", 3, 2.0, 7.0)]


def test_the_points_of_a_history_have_the_times_of_their_share_of_the_steps(stored):
    from bench_suite.store.histories import read_history

    points = [*history_points(read_history(stored.path, "1" * 16), 100.0)]
    losses = [(point.step, point.value, point.at) for point in points if point.curve == "train/loss"]
    assert losses == [(2, 0.5, 101.0), (4, 0.25, 102.0)]
    rates = [(point.step, point.value, point.at) for point in points if point.curve == "epoch/learning_rate"]
    assert rates == [(1, 0.1, 101.0), (2, 0.05, 102.0)]


def test_a_training_begins_after_data_building_and_encoding(stored):
    record = replace(stored.records()[0], seconds={"data": 1.0, "build": 0.5, "encode": 0.25, "train": 9.0})
    assert training_began(record) - began_at(record) == 1.75
    assert began_at(replace(record, started="")) == 0.0


def test_points_that_a_tracker_has_are_left_out():
    points = [Point("train/loss", step, 1.0, 0.0) for step in (1, 2, 3)] + [Point("epoch/loss", 1, 1.0, 0.0)]
    assert without_points(points, {"train/loss": 2}) == points[2:]
