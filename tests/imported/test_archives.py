"""Entries of archives in every compression."""

import zipfile
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import archives
from bench_suite.imported.archives import ZSTD, open_archive, read_entry

EVAL = next((Path(__file__).parents[1] / "importers" / "data" / "inspect_ai").glob("*_sums_*"))


def test_entries_that_zstd_compressed_are_read_and_checked(tmp_path: Path) -> None:
    with open_archive(EVAL) as archive:
        entry = archive.getinfo("header.json")
        assert entry.compress_type == ZSTD
        assert read_entry(archive, entry, "log").startswith(b"{")
        entry.CRC += 1
        with pytest.raises(BenchError, match="checksum is wrong"):
            read_entry(archive, entry, "log")


def test_deflated_entries_are_read_and_large_ones_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", "content")
    with open_archive(path) as archive:
        assert read_entry(archive, archive.getinfo("x"), "log") == b"content"
        monkeypatch.setattr(archives, "MAX_ENTRY", 3)
        with pytest.raises(BenchError, match="7 bytes, and 3 are allowed"):
            read_entry(archive, archive.getinfo("x"), "log")


def test_a_file_that_is_cut_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(EVAL.read_bytes()[:999])
    with pytest.raises(BenchError, match="is it complete"):
        open_archive(tmp_path / "cut")
