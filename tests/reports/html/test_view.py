"""The values of a page: they are read and never changed."""

import dataclasses

import pytest

from bench_suite.reports.html import view

TYPES = [one for one in vars(view).values() if isinstance(one, type) and dataclasses.is_dataclass(one)]


@pytest.mark.parametrize("kind", TYPES, ids=lambda one: one.__name__)
def test_values_of_a_page_cannot_be_changed(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # dataclasses have it


def test_a_table_has_no_notes_by_default() -> None:
    assert view.Grid(["Name"], [["a"]]).notes == ()
