"""Batches: every row once, rows of similar length together, and the same order for the same generator."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged
from bench_suite.training.batching import (
    batch_count,
    draw_balanced,
    needs_several_rows,
    poisson,
    prediction_batches,
    rows_by_class,
    shuffled,
)


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


# ── a balanced sampler ──────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(1, 40), st.booleans())
@settings(max_examples=50)
def test_a_balanced_epoch_draws_each_class_equally_often(labels: list[int], batch_size: int, buckets: bool) -> None:
    targets = np.array(labels) * 10  # class numbers need not be consecutive
    classes = rows_by_class(targets)
    order = torch.Generator().manual_seed(0)
    examples = texts([1 + label for label in labels])
    batches = shuffled(examples, batch_size, order, "tokens" if buckets else None, classes=classes)
    rows = torch.cat(batches).numpy()
    assert len(rows) == len(targets)
    assert len(batches) == batch_count(len(targets), batch_size)
    counts = np.unique(targets[rows], return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    assert len(counts) == min(len(classes), len(targets))


def test_balanced_draws_are_uniform_within_a_class_and_differ_between_epochs() -> None:
    targets = np.repeat([0, 1], [900, 100])
    classes = rows_by_class(targets)
    order = torch.Generator().manual_seed(0)
    epochs = [draw_balanced(classes, 1000, order).numpy() for _ in range(40)]
    assert not np.array_equal(epochs[0], epochs[1])
    often = np.bincount(np.concatenate(epochs), minlength=1000)
    # 20,000 draws of 100 rows: each row 200 ± 14 times; of 900 rows: 22.2 ± 4.7 times.
    assert abs(often[900:].mean() - 200) < 1e-9
    assert 140 < often[900:].min() < often[900:].max() < 270
    assert often[:900].max() < 50
    positions = np.concatenate([np.flatnonzero(targets[rows] == 1) for rows in epochs])
    assert abs(positions.mean() - 499.5) < 8  # the classes are mixed: 2 standard errors are 4.1


def test_the_same_generator_draws_the_same_balanced_rows() -> None:
    classes = rows_by_class(np.array([0, 0, 0, 1, 2]))
    first = draw_balanced(classes, 5, torch.Generator().manual_seed(7))
    assert torch.equal(first, draw_balanced(classes, 5, torch.Generator().manual_seed(7)))


def test_poisson_batches_contain_each_row_independently_with_the_same_probability() -> None:
    """400 epochs of 10 batches over 50 rows: sizes are binomial, and rows are together as often as chance has it."""
    order = torch.Generator().manual_seed(0)
    batches = [rows for _ in range(400) for rows in poisson(50, 10, order)]
    contains = np.zeros((4000, 50))
    for number, rows in enumerate(batches):
        assert rows.dtype == torch.int64
        contains[number, rows.numpy()] = 1.0
    sizes = contains.sum(axis=1)
    assert abs(sizes.mean() - 5.0) < 0.15
    assert abs(sizes.var() - 50 * 0.1 * 0.9) < 0.4
    assert abs(contains.mean(axis=0) - 0.1).max() < 0.02
    together = contains.T @ contains / 4000
    assert abs(together[~np.eye(50, dtype=bool)] - 0.01).max() < 0.01
    assert (sizes == 0).any()
