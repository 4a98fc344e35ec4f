"""Draws depend on the example and on the purpose, and on nothing else."""

from __future__ import annotations

import numpy as np

from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.robustness.draws import drawn_rows, generators


def test_the_same_content_draws_the_same_numbers_and_another_purpose_others():
    first, same, other = (
        [draw.random() for draw in generators([b"a", b"b", b"a"], name)] for name in ("noise", "noise", "blur")
    )
    assert first == same
    assert first[0] == first[2]
    assert len({*first, *other}) == 4


def test_examples_are_drawn_by_content_so_that_another_order_draws_the_same():
    values = np.arange(100.0)[:, None]
    ids, order = content_ids(values), np.random.default_rng(0).permutation(100)
    split, shuffled = (MemorySplit(of, {"target": np.zeros(100)}) for of in (ids, ids[order]))
    chosen = drawn_rows(split, 20)
    assert len(chosen) == 20
    assert (np.diff(chosen) > 0).all()
    assert {*order[drawn_rows(shuffled, 20)].tolist()} == {*chosen.tolist()}
    assert {*drawn_rows(split, 10).tolist()} < {*chosen.tolist()}
    assert len(drawn_rows(split, 1000)) == 100
