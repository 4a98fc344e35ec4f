"""Folders `$BENCH_DATA/<hub id>` and the commit of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.data.places import data_folder, downloaded_commit


def test_no_folder_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_DATA", raising=False)
    assert data_folder("owner/name") is None
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert data_folder("owner/name") is None
    assert data_folder("owner/" + "n" * 300) is None
    (tmp_path / "owner/name").mkdir(parents=True)
    assert data_folder("owner/name") == tmp_path / "owner/name"


@pytest.mark.parametrize(("text", "commit"), [("a" * 40 + "\netag\n", "a" * 40), ("main\n", None), ("", None)])
def test_the_commit_that_was_downloaded_is_known(tmp_path: Path, text: str, commit: str | None) -> None:
    file = tmp_path / "data" / "train.parquet"
    assert downloaded_commit(tmp_path, file) is None
    metadata = tmp_path / ".cache/huggingface/download/data/train.parquet.metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(text)
    assert downloaded_commit(tmp_path, file) == commit
