"""Claims about the parts of a batch that ranks compute: all examples once, and the mean of the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Placement
from bench_suite.training.distributed import parts_of
from bench_suite.training.fresh_process import FreshProcess

PLACEMENT = Placement("cpu", 1, "32-true")


@given(count=st.integers(1, 70), ranks=st.integers(1, 9), smallest=st.integers(1, 2))
def test_ranks_compute_each_example_once_and_their_mean_is_that_of_the_batch(
    count: int, ranks: int, smallest: int
) -> None:
    rows = torch.arange(100, 100 + count)
    losses = torch.arange(float(count)).pow(1.5)
    parts = [parts_of([rows], replace(PLACEMENT, devices=ranks, rank=rank), smallest)[0] for rank in range(ranks)]
    computed = [row for part in parts for row in part.rows[: part.own].tolist()]
    assert sorted(computed) == rows.tolist()
    means = [losses[part.rows - 100].mean() * part.share(ranks) for part in parts]
    assert float(torch.stack(means).mean()) == pytest.approx(float(losses.mean()), rel=1e-5)
    assert all(len(part.rows) >= min(smallest, count) for part in parts), "no rank is without examples"
    assert max(part.own for part in parts) - min(part.own for part in parts if part.own) <= 1
    assert {part.samples for part in parts} == {count}


PROGRAM = """
import os
from pathlib import Path

import torch

from bench_suite.contracts import Placement
from bench_suite.training.distributed import add_up, from_first, group

value = torch.tensor(float(RANK + 1))
with group(Placement("cpu", 1, "32-true", devices=2, rank=RANK), f"{FOLDER}/group"):
    add_up(value)
    message = from_first({"stop": True} if RANK == 0 else None)
Path(FOLDER, f"rank-{RANK}").write_text(str((float(value), message, os.environ.get("GLOO_SOCKET_IFNAME"))))
"""


def test_ranks_add_up_and_hear_what_the_first_one_says(tmp_path) -> None:
    programs = [f"RANK, FOLDER = {rank}, {str(tmp_path)!r}\n{PROGRAM}" for rank in range(2)]
    with FreshProcess(exec, programs[0], {}) as first, FreshProcess(exec, programs[1], {}) as second:
        first.result()
        second.result()
    for rank in range(2):
        assert (tmp_path / f"rank-{rank}").read_text() == "(3.0, {'stop': True}, None)"
