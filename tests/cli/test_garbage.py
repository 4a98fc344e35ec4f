"""Commands without searches for cycles."""

import gc

import pytest

from bench_suite.cli.garbage import without_collections


def test_no_search_runs_during_the_function_and_the_state_comes_back() -> None:
    assert without_collections(gc.isenabled)() is False
    assert gc.isenabled()


def test_the_state_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        without_collections(lambda: 1 / 0)()
    assert gc.isenabled()
