"""Breast cancer: the numbers that scikit-learn loads, split by content."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import breast_cancer


@pytest.fixture(scope="module")
def data() -> Data:
    return breast_cancer.load(breast_cancer.Options(), Sources(offline=True))


def test_diagnoses_are_those_that_scikit_learn_loads(data: Data) -> None:
    parts = [split.take(np.arange(len(split))) for split in data.splits.values()]
    rows = np.concatenate([np.column_stack([part["table"], part["target"]]) for part in parts])
    oracle = load_breast_cancer()
    expected = np.column_stack([oracle.data, oracle.target])
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert data.spec["columns"] == tuple(oracle.feature_names)
    assert data.spec["classes"] == tuple(oracle.target_names)


def test_569_diagnoses_are_dealt_four_to_one_by_outcome(data: Data) -> None:
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 455, "test": 114}
    assert np.bincount(column(data.splits["test"], "target")).tolist() == [42, 72]  # of 212 and 357
    assert breast_cancer.load(breast_cancer.Options(data="sample"), Sources()).source == data.source
    assert data.source.origin == f"package:scikit-learn {importlib.metadata.version('scikit-learn')}"


@pytest.mark.parametrize(
    ("content", "error"), [("2,1,a,b\n1.0,x\n", "cannot be read"), ("2,1,a,b\n1,0\n", "rows have 2 numbers")]
)
def test_a_damaged_file_is_named_with_what_mends_it(
    content: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file.csv").write_text(content)
    monkeypatch.setattr(Sources, "package", lambda self, *_: (tmp_path / "file.csv", "9.9"))
    with pytest.raises(DataInvalid, match=error) as raised:
        breast_cancer.load(breast_cancer.Options(), Sources())
    assert "package:scikit-learn 9.9" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)
