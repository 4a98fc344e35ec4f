"""Rows of different lengths behave like a list of lists."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.data.ragged import Ragged, padded

LISTS = st.lists(st.lists(st.integers(-1000, 1000), max_size=6), max_size=12)


@st.composite
def lists_and_rows(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    lists = draw(LISTS.filter(bool))
    return lists, draw(st.lists(st.integers(0, len(lists) - 1), max_size=20))


@given(LISTS)
def test_lists_survive_the_way_there_and_back(lists: list[list[int]]) -> None:
    ragged = Ragged.from_lists(lists, dtype=np.int32)
    assert ragged.lists() == lists
    assert len(ragged) == len(lists)
    assert ragged.lengths.tolist() == [len(row) for row in lists]
    assert ragged.values.dtype == np.int32


@given(lists_and_rows())
def test_rows_are_selected_in_any_order_and_as_often_as_asked(case: tuple[list[list[int]], list[int]]) -> None:
    lists, rows = case
    expected = [lists[row] for row in rows]
    ragged = Ragged.from_lists(lists, dtype=np.int64)
    assert ragged[np.array(rows, dtype=np.int64)].lists() == expected
    assert ragged.torch()[torch.tensor(rows, dtype=torch.int64)].lists() == expected


@given(LISTS, st.integers(0, 14), st.integers(0, 14))
def test_slices_are_those_of_a_list(lists: list[list[int]], start: int, stop: int) -> None:
    ragged = Ragged.from_lists(lists, dtype=np.int64)
    assert ragged[start:stop].lists() == lists[start:stop]
    assert ragged[::2].lists() == lists[::2]
    assert ragged.torch()[start:stop].lists() == lists[start:stop]


@given(LISTS, LISTS)
def test_parts_are_joined_end_to_end(first: list[list[int]], second: list[list[int]]) -> None:
    parts = [Ragged.from_lists(lists, dtype=np.int64) for lists in (first, second)]
    assert Ragged.concatenate(parts).lists() == first + second


@given(LISTS, st.one_of(st.none(), st.integers(0, 8)))
def test_padding_fills_short_rows_and_cuts_long_ones(lists: list[list[int]], length: int | None) -> None:
    ragged = Ragged.from_lists(lists, dtype=np.int64)
    width = length if length is not None else max((len(row) for row in lists), default=0)
    expected = [(row + [-7] * width)[:width] for row in lists]
    for filled in (ragged.padded(-7, length), ragged.torch().padded(-7, length)):
        assert tuple(filled.shape) == (len(lists), width)
        assert filled.tolist() == expected


@given(LISTS)
def test_a_batch_of_texts_is_padded_to_its_longest_and_knows_its_lengths(lists: list[list[int]]) -> None:
    width = max((len(row) for row in lists), default=0)
    ragged = Ragged.from_lists(lists, dtype=np.int32)
    for rows in (ragged, ragged.torch()):
        tokens, lengths = padded(rows, value=-7)
        assert (tokens.dtype, lengths.dtype) == (torch.int64, torch.int64)
        assert tuple(tokens.shape) == (len(lists), width)
        assert tokens.tolist() == [(row + [-7] * width)[:width] for row in lists]
        assert lengths.tolist() == [len(row) for row in lists]


def test_selected_slices_pad_like_whole_columns() -> None:
    part = Ragged.from_lists([[1], [2, 3], [4, 5, 6]])[1:]
    assert part.padded(0).tolist() == [[2, 3, 0], [4, 5, 6]]
    assert part[np.array([1])].lists() == [[4, 5, 6]]


def test_values_may_be_vectors() -> None:
    ragged = Ragged.from_lists([np.ones((2, 3)), np.zeros((1, 3))])
    assert ragged.padded(9.0).shape == (2, 2, 3)
    assert ragged[np.array([1])].values.shape == (1, 3)


def test_a_mask_and_negative_positions_select_as_in_numpy() -> None:
    ragged = Ragged.from_lists([[1], [2, 3], [4]])
    assert ragged[np.array([True, False, True])].lists() == [[1], [4]]
    assert ragged[np.array([-1])].lists() == [[4]]


def test_tensors_of_read_only_arrays_are_copies() -> None:
    values = np.arange(3)
    values.flags.writeable = False
    tensors = Ragged(values, np.array([0, 1, 3])).torch()
    tensors.values[0] = 9
    assert values[0] == 0


def test_it_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Ragged.from_lists([[1], [2, 3]]))).lists() == [[1], [2, 3]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_texts_are_padded_where_they_lie() -> None:
    tokens, lengths = padded(Ragged.from_lists([[1], [2, 3]]).to("cuda"))
    assert (tokens.device.type, lengths.device.type) == ("cuda", "cuda")
    assert tokens.tolist() == [[1, 0], [2, 3]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rows_are_selected_where_they_lie() -> None:
    ragged = Ragged.from_lists([[1], [2, 3]]).to("cuda")
    assert ragged[torch.tensor([1], device="cuda")].values.device.type == "cuda"
