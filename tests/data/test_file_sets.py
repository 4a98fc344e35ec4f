"""What messages call the files of a data set."""

from __future__ import annotations

from pathlib import Path

from bench_suite.data.file_sets import FileSet, relative_name


def test_a_file_is_named_below_the_data_set() -> None:
    files = FileSet("photos", Path("/x/photos"), "pictures", {})
    assert files.name(Path("/x/photos/train/1.png")) == "train/1.png"
    assert files.label(Path("/x/photos/train/1.png")) == "photos/train/1.png"


def test_a_file_that_is_the_data_set_is_named_once() -> None:
    assert FileSet("a.csv", Path("/x"), "csv", {}).label(Path("/x/a.csv")) == "a.csv"
    assert FileSet("*.csv", Path("/x"), "csv", {}).label(Path("/x/b.csv")) == "b.csv"


def test_a_file_outside_is_named_by_the_way_to_it() -> None:
    assert relative_name(Path("/y/a.csv"), Path("/x")) == "../y/a.csv"
