"""The processors of a comparison."""

from __future__ import annotations

from bench_suite.ab import cores
from bench_suite.environment import usable_cores


def test_no_more_cores_than_there_are():
    assert cores.choose_cores(10_000) == usable_cores()


def test_the_least_busy_core_is_chosen(monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: (0, 1, 2))
    monkeypatch.setattr(cores, "WATCHED_SECONDS", 0)
    looks = iter([{0: 0, 1: 0, 2: 0}, {0: 9, 1: 1, 2: 5}])
    monkeypatch.setattr(cores, "_busy", lambda: next(looks))
    assert cores.choose_cores(2) == (1, 2)


def test_other_cores_are_disjoint_if_there_are_enough(monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: (0, 1, 2))
    assert cores.other_cores((1,)) == (0,)
    assert cores.other_cores((0, 1)) == (0, 1)


def test_a_machine_without_statistics(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "STAT", tmp_path / "nothing")
    assert len(cores.choose_cores(1)) == 1
