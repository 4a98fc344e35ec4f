"""Tests of sequences whose items are made when somebody reads them."""

from __future__ import annotations

import copy
import pickle

from bench_suite.store.lazy import Lazy


class Squares(Lazy[int]):
    """The squares of the first numbers, which count how often they are made."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.times = 0

    def _make(self) -> tuple[int, ...]:
        self.times += 1
        return tuple(number * number for number in range(self.count))


def test_items_are_made_once_and_not_before_they_are_read() -> None:
    squares = Squares(4)
    assert squares.times == 0
    assert (squares[2], squares[1:], list(squares), len(squares)) == (4, (1, 4, 9), [0, 1, 4, 9], 4)
    assert squares.times == 1
    empty = Squares(0)
    assert (len(empty), len(empty), empty.times) == (0, 0, 1)


def test_it_is_equal_to_a_tuple_and_behaves_like_one() -> None:
    squares = Squares(3)
    assert squares == (0, 1, 4) == squares
    assert squares == Squares(3)
    assert squares != [0, 1, 4]
    assert hash(squares) == hash((0, 1, 4))
    assert repr(squares) == "(0, 1, 4)"
    more = (9,)
    assert squares + more == (0, 1, 4, 9)
    assert more + squares == (9, 0, 1, 4)


def test_a_copy_is_a_tuple() -> None:
    squares = Squares(3)
    assert type(pickle.loads(pickle.dumps(squares))) is tuple
    assert copy.deepcopy(squares) == (0, 1, 4)
