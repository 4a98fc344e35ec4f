"""Splits of published data sets in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.data.hub import Fetched
from bench_suite.data.published import folder_split

TABLE = pa.table({"text": ["a", "b"], "label": [0, 1]})


@pytest.mark.parametrize("parent", ["plain", "data", ""])
def test_parquet_files_with_the_hubs_names_are_read_without_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / parent).mkdir(exist_ok=True)
    pq.write_table(TABLE, tmp_path / parent / "train-00000-of-00001.parquet")
    fetched = folder_split(tmp_path, "owner/name", "plain", "train")
    assert isinstance(fetched, Fetched)
    assert fetched.table.to_pydict() == TABLE.to_pydict()
    assert fetched.origin == "folder:owner/name"


def test_other_files_are_read_too_and_a_missing_split_lists_the_others(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,0\nb,1\n")
    fetched = folder_split(tmp_path, "owner/name", "plain", "train")
    assert isinstance(fetched, Fetched)
    assert fetched.table["label"].to_pylist() == [0, 1]
    assert folder_split(tmp_path, "owner/name", "plain", "test") == ("train",)
    assert folder_split(tmp_path / "nothing", "owner/name", None, "test") == ()
