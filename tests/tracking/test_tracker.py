"""Claims about the interface of trackers: what a cell is called, and what is said of a folder."""

from __future__ import annotations

import errno

from bench_suite.tracking.tracker import TrackedCell, unwritable


def test_a_cell_has_the_name_that_people_know(stored):
    assert TrackedCell("id", stored.records()[1].cell).name == "digits, mlp, seed 1"


def test_a_full_disk_is_named_with_what_to_do(tmp_path):
    error = unwritable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert str(error) == f"{tmp_path} cannot be written (No space left on device): choose another folder, or make room"
