"""Inputs that are not finite: the message names the columns and the share of missing values."""

from __future__ import annotations

import numpy as np
import torch

from bench_suite.contracts import Network
from bench_suite.data.encoded import Encoded, LazyEncoded, stack
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import MemorySplit
from bench_suite.training.input_checks import nonfinite_inputs


def test_a_column_of_a_table_is_named_with_its_share_the_greatest_first() -> None:
    table = torch.zeros(200, 3)
    table[:24, 1] = torch.nan
    table[:50, 2] = torch.inf
    message = nonfinite_inputs(
        Encoded({"table": table, "target": torch.zeros(200, dtype=torch.int64)}),
        "train",
        {"columns": ["a", "age", "b"]},
    )
    assert message is not None
    assert (
        'train contain numbers that are not finite: column "b" (25.0% infinite), column "age" (12.0% missing);'
        in message
    )
    assert '"a"' not in message


def test_columns_without_names_have_numbers_and_other_inputs_their_own_name() -> None:
    table = torch.zeros(4, 2)
    table[0, 1] = torch.nan
    image = torch.full((4, 2, 2, 1), torch.nan)
    ragged = Ragged(torch.tensor([1.0, torch.nan]), torch.tensor([0, 1, 2, 2, 2]))
    message = nonfinite_inputs(Encoded({"table": table, "image": image, "signal": ragged}), "test", {"columns": ["a"]})
    assert message is not None
    assert "`image` (100.0% missing), `signal` (50.0% missing), column 1 of `table` (25.0% missing);" in message


def test_a_split_on_disk_is_read_and_finite_inputs_give_no_message() -> None:
    table = np.zeros((20, 2))
    table[3, 0] = np.nan
    network = Network(torch.nn.Identity(), lambda raw: {"table": raw["table"]}, stack)
    split = MemorySplit(np.arange(20), {"table": table, "target": np.zeros(20, dtype=np.int64)})
    message = nonfinite_inputs(LazyEncoded(network, split), "train", {"columns": ["age", "sex"]})
    assert message is not None
    assert 'column "age" (5.0% missing)' in message
    assert nonfinite_inputs(Encoded({"table": torch.zeros(3, 2), "words": ["a", "b", "c"]}), "train", {}) is None
