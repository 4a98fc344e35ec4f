"""Inputs: standardised from the train split, and never NaN."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench_suite.contracts import Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.training.inputs import MAX_ROWS, pixels_of, spread_rows, standardisation_of


def table(values: np.ndarray) -> Data:
    train = MemorySplit(np.arange(len(values)), {"table": values, "target": np.zeros(len(values), dtype=np.int64)})
    return Data("classification", {"classes": ["a", "b"]}, {"train": train}, Source("generated", "table", "0"))


def test_tables_come_out_as_from_scikit_learns_imputer_and_scaler() -> None:
    random = np.random.default_rng(0)
    values = random.normal(5.0, 3.0, (300, 4))
    values[random.random(values.shape) < 0.1] = np.nan
    expected = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit_transform(values)
    assert standardisation_of(table(values))({"table": values})["table"] == pytest.approx(expected, abs=1e-5)


def test_a_column_that_is_missing_or_constant_is_zero_and_never_nan() -> None:
    values = np.array([[np.nan, 3.0, 1.0], [np.nan, 3.0, 2.0]])
    encode = pickle.loads(pickle.dumps(standardisation_of(table(values))))  # an engine may send it to another process
    out = encode({"table": np.array([[np.nan, 3.0, np.nan]])})["table"]
    assert out.dtype == np.float32
    assert out.tolist() == [[0.0, 0.0, 0.0]]


def test_pixels_have_mean_zero_a_channel_and_deviation_one_also_as_floats() -> None:
    images = np.random.default_rng(0).integers(0, 200, (50, 6, 5, 3), dtype=np.uint8)
    images[..., 1] //= 2
    split = MemorySplit(np.arange(50), {"image": images, "target": np.zeros(50, dtype=np.int64)})
    pixels = pixels_of(Data("classification", {}, {"train": split}, Source("generated", "images", "0")))
    out = pixels(torch.from_numpy(images))
    assert out.dtype == torch.float32
    assert out.mean(dim=(0, 1, 2)).tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-5)
    assert float(out.std()) == pytest.approx(1.0, abs=1e-3)
    floats = torch.from_numpy(images).float().requires_grad_()
    assert torch.equal(pixels(floats), out)
    pixels(floats).sum().backward()
    assert floats.grad is not None


def test_statistics_look_at_a_bounded_number_of_rows() -> None:
    class Endless:
        ids = np.empty(0, dtype=np.int64)
        groups: ClassVar[dict[str, np.ndarray]] = {}
        in_memory = False

        def __len__(self) -> int:
            return 10**9

        def take(self, rows: np.ndarray) -> dict[str, Any]:
            raise AssertionError("nothing is read to choose rows")

    rows = spread_rows(Endless())
    assert len(rows) == MAX_ROWS
    assert (rows[0], rows[-1]) == (0, 10**9 - 1)
