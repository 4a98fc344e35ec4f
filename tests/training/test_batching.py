"""Batches: every row once, rows of similar length together, and the same order for the same generator."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged
from bench_suite.training.batching import batch_count, needs_several_rows, prediction_batches, shuffled


def texts(lengths: list[int]) -> Encoded:
    offsets = torch.tensor([0, *torch.tensor(lengths, dtype=torch.int64).cumsum(0).tolist()], dtype=torch.int64)
    tokens = Ragged(torch.arange(int(offsets[-1])), offsets)
    return Encoded({"tokens": tokens, "target": torch.zeros(len(lengths))})


LENGTHS = st.lists(st.integers(0, 50), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.booleans())
@settings(max_examples=50)
def test_an_epoch_shows_every_row_exactly_once(lengths: list[int], batch_size: int, buckets: bool) -> None:
    order = torch.Generator().manual_seed(0)
    batches = shuffled(texts(lengths), batch_size, order, "tokens" if buckets else None)
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(lengths) // batch_size)


@given(LENGTHS, st.integers(1, 40), st.booleans())
@settings(max_examples=50)
def test_a_last_batch_of_one_row_is_joined_to_the_one_before_it(
    lengths: list[int], batch_size: int, buckets: bool
) -> None:
    order = torch.Generator().manual_seed(0)
    batches = shuffled(texts(lengths), batch_size, order, "tokens" if buckets else None, join_last=True)
    sizes = [len(batch) for batch in batches]
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert len(sizes) == batch_count(len(lengths), batch_size, join_last=True)
    assert max(sizes) <= batch_size + 1
    assert min(sizes) > 1 or batch_size == 1 or len(lengths) == 1


def test_batch_normalisation_of_any_kind_needs_several_rows() -> None:
    nn = torch.nn
    assert needs_several_rows(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2))))
    assert needs_several_rows(nn.LazyBatchNorm2d())
    assert not needs_several_rows(nn.Sequential(nn.LayerNorm(2), nn.InstanceNorm1d(2), nn.GroupNorm(1, 2)))


def test_without_padding_the_order_is_the_drawn_one() -> None:
    drawn = torch.randperm(10, generator=torch.Generator().manual_seed(3))
    batches = shuffled(texts([1] * 10), 4, torch.Generator().manual_seed(3))
    assert torch.cat(batches).tolist() == drawn.tolist()


def test_buckets_leave_little_padding_and_two_epochs_differ() -> None:
    lengths = torch.randint(1, 257, (4096,), generator=torch.Generator().manual_seed(1))
    examples, order = texts(lengths.tolist()), torch.Generator().manual_seed(2)
    tokens = float(lengths.sum())

    def padded(batches: list[torch.Tensor]) -> float:
        return float(sum(int(lengths[rows].max()) * len(rows) for rows in batches))

    first, second = (shuffled(examples, 32, order, "tokens") for _ in range(2))
    assert padded(first) < 1.1 * tokens
    assert padded(shuffled(examples, 32, order)) > 1.7 * tokens, "the comparison would show nothing"
    assert torch.cat(first).tolist() != torch.cat(second).tolist()
    # The longest batches are not all at one end: the order of batches is random too.
    longest = [int(lengths[rows].max()) for rows in first]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@given(LENGTHS, st.integers(1, 40), st.booleans())
@settings(max_examples=50)
def test_predictions_find_back_to_their_rows(lengths: list[int], batch_size: int, buckets: bool) -> None:
    rows = torch.arange(len(lengths)).flip(0)
    batches, back = prediction_batches(texts(lengths), rows, batch_size, "tokens" if buckets else None)
    positions = torch.cat(batches)
    assert (positions if back is None else positions[back]).tolist() == rows.tolist()
    if buckets:
        assert lengths[int(positions[0])] == max(lengths), "what does not fit in memory is found at once"
